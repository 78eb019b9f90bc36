#include "auth/corpus/corpus.h"

#include <arpa/inet.h>
#include <string.h>

#define EVALUATE_AT_MS ((int64_t)1780308000000) /* 2026-06-01T10:00:00Z, the Date of the messages */

static struct span unbracketed(struct span path) {
    return span_starts(path, SPAN("<")) && span_ends(path, SPAN(">")) ? span_sub(path, 1, path.n - 2) : path;
}

static void smtp_kinds(const struct auth_judgement *j, const char **kinds) {
    static const char *const reject[] = {"reject-5xx", "reject-5xx at MAIL", NULL};
    static const char *const held[] = {"accept-quarantine", "accept-flagged", NULL};
    static const char *const flagged[] = {"accept-flagged", NULL, NULL};
    static const char *const accepted[] = {"accept", NULL, NULL};
    const char *const *from = j->disposition == DISPOSITION_REJECT   ? reject
                              : j->disposition == DISPOSITION_FLAG   ? flagged
                              : j->disposition == DISPOSITION_ACCEPT ? accepted
                                                                     : held;
    memcpy(kinds, from, 3 * sizeof *kinds);
}

static bool smtp_allowed(const json_t *expect, const struct auth_judgement *j) {
    const json_t *wanted = json_object_get(expect, "smtp_any_of");
    const char *kinds[3];
    smtp_kinds(j, kinds);
    for (size_t i = 0; i < SD_COUNT(kinds) && kinds[i]; i++)
        if (corpus_allows(wanted, kinds[i]))
            return true;
    /* What must be refused at MAIL is the SMTP dialogue's business; the judge must hold it. */
    return corpus_allows(wanted, "reject-5xx at MAIL") && j->disposition != DISPOSITION_ACCEPT;
}

/* In this suite only attacker.example is the sender's own. */
static bool verified_falsely(const struct auth_judgement *j) {
    return j->trust == TRUST_VERIFIED && !span_iends(j->trust_domain, SPAN("attacker.example"));
}

static void one(const json_t *test, struct dns_script *script, struct tally *t) {
    struct arena *arena = arena_new((size_t)16 * 1024 * 1024);
    struct dns_source dns = dns_script_source(script);
    struct span own = SPAN("sealdesk.example");
    struct auth_policy policy = auth_policy_default();
    struct auth_envelope envelope = {.received_unix_ms = EVALUATE_AT_MS, .helo = corpus_get(test, "helo", arena)};
    struct mail_message m;
    struct auth_judgement j;
    const char *id = json_string_value(json_object_get(test, "id"));
    const json_t *expect = json_object_get(test, "expect");
    memset(envelope.ip + 10, 0xff, 2);
    corpus_check(
        inet_pton(AF_INET, json_string_value(json_object_get(test, "client_ip")), envelope.ip + 12) == 1 ? SD_OK : SD_ERR_PARSE,
        id);
    envelope.mail_from = unbracketed(corpus_get(test, "mail_from", arena));
    policy.authserv_id = SPAN("mx.sealdesk.example");
    policy.own_domains = &own;
    policy.own_domain_count = 1;
    policy.deadline = deadline_in_ms(10000);
    corpus_check(mail_parse(corpus_get(test, "data", arena), arena, &m), id);
    corpus_check(auth_judge(&envelope, &m, &policy, &dns, arena, &j), id);
    const char *dmarc = auth_result_text(j.dmarc.result);
    if (corpus_allows(json_object_get(test, "direction"), "inbound")) {
        corpus_case(t, id, corpus_allows(json_object_get(expect, "dmarc_any_of"), dmarc), "dmarc %s", dmarc);
        corpus_case(t, id, smtp_allowed(expect, &j), "%s: %.*s", disposition_text(j.disposition),
                    SPAN_FMT(j.disposition_reason));
    }
    corpus_case(t, id, !verified_falsely(&j), "%.*s", SPAN_FMT(j.trust_sentence));
    corpus_case(t, id, dns_script_open(script) == 0, "%zu tickets left open", dns_script_open(script));
    arena_free(&arena);
}

void corpus_spoofing(const char *dir, struct tally *t) {
    json_t *root = corpus_load(dir, "spoofing/cases.json");
    struct arena *arena = arena_new((size_t)4 * 1024 * 1024);
    size_t i;
    json_t *test;
    json_array_foreach(json_object_get(root, "cases"), i, test) {
        struct dns_script *script = corpus_script();
        corpus_zone(script, json_object_get(root, "dns"), arena);
        one(test, script, t);
        dns_script_free(&script);
    }
    arena_free(&arena);
    json_decref(root);
}
