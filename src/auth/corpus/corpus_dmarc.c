#include "auth/corpus/corpus.h"

#include <string.h>

static enum auth_result result_of(const json_t *text) {
    for (enum auth_result r = AUTH_NONE; r <= AUTH_PERMERROR; r++)
        if (corpus_allows(text, auth_result_text(r)))
            return r;
    corpus_check(SD_ERR_PARSE, "result");
    return AUTH_NONE;
}

struct dmarc_case {
    struct tally *t;
    const char *id;
    const json_t *expect;
    struct arena *arena;
    struct dns_script *script;
    struct dmarc_verdict verdict;
};

/* The From fields of the case, read as the judge does; empty when there is no single author. */
static struct span author_of(const json_t *test, struct arena *arena) {
    struct buf header SD_CLEANUP(buf_free) = buf_new(65536);
    const json_t *fields = json_object_get(test, "from_headers");
    size_t i;
    json_t *field;
    struct mail_message m;
    struct mail_address from;
    if (!fields)
        return corpus_get(test, "author_domain", arena);
    json_array_foreach(fields, i, field) {
        buf_put(&header, corpus_octets(field, arena));
        buf_text(&header, "\r\n");
    }
    buf_text(&header, "\r\n");
    /* These fields stand for UTF-8 headers: the suite writes U-labels as characters, not as octets. */
    struct span text = arena_span(arena, buf_span(&header));
    if (!span_is_utf8(text))
        text = arena_printf(arena, "%s\r\n\r\n", json_string_value(json_array_get(fields, 0)));
    corpus_check(mail_parse(text, arena, &m), "mail_parse");
    return mail_from(&m, &from) ? SPAN_NONE : from.domain;
}

static void expect_text(struct dmarc_case *c, const char *key, struct span got) {
    const json_t *wanted = json_object_get(c->expect, key);
    if (json_is_string(wanted))
        corpus_case(c->t, c->id, span_eq(span_cstr(json_string_value(wanted)), got), "%s is %.*s, wanted %s", key,
                    SPAN_FMT(got), json_string_value(wanted));
}

static void expect_bool(struct dmarc_case *c, const char *key, bool got) {
    const json_t *wanted = json_object_get(c->expect, key);
    if (json_is_boolean(wanted))
        corpus_case(c->t, c->id, json_is_true(wanted) == got, "%s is %d", key, got);
}

static void expect_queries(struct dmarc_case *c) {
    const json_t *wanted = json_object_get(c->expect, "txt_queries");
    size_t i;
    json_t *name;
    json_array_foreach(wanted, i, name)
        corpus_case(c->t, c->id, dns_script_was_asked(c->script, span_cstr(json_string_value(name)), DNS_TXT),
                    "%s was not asked", json_string_value(name));
    if (wanted)
        corpus_case(c->t, c->id, dns_script_asked(c->script) == json_array_size(wanted), "%zu questions, wanted %zu",
                    dns_script_asked(c->script), json_array_size(wanted));
}

static void expect_all(struct dmarc_case *c) {
    const struct dmarc_verdict *v = &c->verdict;
    const char *got = auth_result_text(v->result);
    corpus_case(c->t, c->id, corpus_allows(json_object_get(c->expect, "dmarc"), got), "%s (%.*s)", got, SPAN_FMT(v->reason));
    expect_text(c, "policy", span_cstr(dmarc_policy_text(v->policy)));
    expect_text(c, "policy_domain", v->domain);
    expect_text(c, "org_domain", v->org_domain);
    if (v->result == AUTH_FAIL)
        expect_text(c, "applied", span_cstr(dmarc_policy_text(v->applied)));
    expect_bool(c, "spf_aligned", v->spf_aligned);
    expect_bool(c, "dkim_aligned", v->dkim_aligned);
    expect_queries(c);
}

static void one(const json_t *test, struct tally *t) {
    struct dmarc_case c = {.t = t, .id = json_string_value(json_object_get(test, "id")), .script = corpus_script()};
    struct dkim_verdict dkim[16] = {0};
    c.expect = json_object_get(test, "expect");
    c.arena = arena_new((size_t)16 * 1024 * 1024);
    struct dns_source dns = dns_script_source(c.script);
    const json_t *spf_json = json_object_get(test, "spf");
    struct spf_verdict spf = {.result = result_of(json_object_get(spf_json, "result")),
                              .domain = corpus_get(spf_json, "domain", c.arena),
                              .identity = SPF_MAILFROM};
    struct dmarc_question q = {.spf = &spf, .dkim = dkim};
    size_t i;
    json_t *one_dkim;
    corpus_zone(c.script, json_object_get(test, "zone"), c.arena);
    json_array_foreach(json_object_get(test, "dkim"), i, one_dkim) if (i < SD_COUNT(dkim)) {
        dkim[i].result = result_of(json_object_get(one_dkim, "result"));
        dkim[i].domain = corpus_get(one_dkim, "d", c.arena);
        q.dkim_count = i + 1;
    }
    q.from_domain = author_of(test, c.arena);
    corpus_check(dmarc_check(&q, &dns, deadline_in_ms(10000), c.arena, &c.verdict), c.id);
    expect_all(&c);
    dns_script_free(&c.script);
    arena_free(&c.arena);
}

void corpus_dmarc(const char *dir, struct tally *t) {
    json_t *root = corpus_load(dir, "dmarc-rfc9989/cases.json");
    size_t i;
    json_t *test;
    json_array_foreach(json_object_get(root, "cases"), i, test) one(test, t);
    json_decref(root);
}
