/* DKIM: is each of our keys published as it is. DMARC: is there a policy, and which. */
#include "sealdesk/dns_check.h"

#include "auth/dkim.h"
#include "auth/dmarc.h"
#include "auth/name.h"

#include <string.h>

/* ---- DKIM ---- */

struct our_key {
    struct span name; /* selector._domainkey.domain */
    struct span selector, p;
    const char *k;
    struct span line;
};

/* NULL: published as it is. */
static const char *differs(const struct our_key *ours, const struct dkim_key *theirs, const char **ret_id) {
    struct buf want SD_CLEANUP(buf_free) = buf_new(8192);
    struct buf have SD_CLEANUP(buf_free) = buf_new(8192);
    *ret_id = "dkim-different";
    if (theirs->public_key.n == 0) {
        *ret_id = "dkim-revoked";
        return "is published as revoked (p= is empty): signatures with it fail";
    }
    if (theirs->is_ed25519 != (ours->k[0] == 'e'))
        return "is published with another key type (k=)";
    if (dkim_base64(ours->p, &want) || dkim_base64(theirs->public_key, &have) || !span_eq(buf_span(&want), buf_span(&have)))
        return "is published with another key (p=) than this server signs with";
    *ret_id = "dkim-restricted";
    if (theirs->hashes.n && !dkim_list_has(theirs->hashes, SPAN("sha256")))
        return "is published for other hashes than SHA-256 (h=), which this server uses";
    if (theirs->services.n && !dkim_list_has(theirs->services, SPAN("*")) && !dkim_list_has(theirs->services, SPAN("email")))
        return "is published for something else than mail (s=)";
    return NULL;
}

static bool is_testing(struct span record) {
    struct dkim_tags tags;
    return dkim_tags_parse(record, &tags) == SD_OK && dkim_list_has(dkim_tag_value(&tags, "t"), SPAN("y"));
}

static void compare_key(struct dns_check *check, const struct our_key *ours, struct span record) {
    struct dkim_key theirs;
    const char *id = "dkim-unreadable", *why = "is published in a record that cannot be read";
    if (dkim_key_parse(record, &theirs) == SD_OK)
        why = differs(ours, &theirs, &id);
    if (why)
        dns_found(check, SEVERITY_WRONG, id, ours->name, ours->line, "the %s key of selector %.*s %s", ours->k,
                  SPAN_FMT(ours->selector), why);
    else if (is_testing(record))
        dns_found(check, SEVERITY_WARNING, "dkim-testing", ours->name, ours->line,
                  "the %s key of selector %.*s is published as a test (t=y): receivers may ignore its signatures", ours->k,
                  SPAN_FMT(ours->selector));
    else
        dns_found(check, SEVERITY_OK, "dkim-published", ours->name, SPAN_NONE,
                  "the %s key of selector %.*s is published as it is", ours->k, SPAN_FMT(ours->selector));
}

static void check_key(struct dns_check *check, const struct our_key *ours) {
    struct dns_answer txt = dns_check_ask(check, ours->name, DNS_TXT);
    if (txt.outcome == DNS_TEMPFAIL)
        dns_found(check, SEVERITY_UNKNOWN, "dkim-unknown", ours->name, SPAN_NONE,
                  "the DNS did not say whether the %s key of selector %.*s is published", ours->k, SPAN_FMT(ours->selector));
    else if (txt.count == 0)
        dns_found(check, SEVERITY_WRONG, "dkim-missing", ours->name, ours->line,
                  "the %s key of selector %.*s is not published: nobody can verify what it signs", ours->k,
                  SPAN_FMT(ours->selector));
    else if (txt.count > 1) /* RFC 6376 §3.6.2.2 */
        dns_found(check, SEVERITY_WRONG, "dkim-several", ours->name, ours->line,
                  "there are %zu records for selector %.*s, and receivers may take any of them: keep one", txt.count,
                  SPAN_FMT(ours->selector));
    else
        compare_key(check, ours, dns_txt_joined(txt.records[0], check->arena));
}

static struct span text_of(json_t *object, const char *key) {
    return span_cstr(json_string_value(json_object_get(object, key)));
}

/* Walks over the domain's keys: NULL at the end. */
static json_t *next_key(const struct dns_check *check, struct span domain, size_t *at) {
    json_t *keys = json_object_get(check->keys, "dkim");
    while (*at < json_array_size(keys)) {
        json_t *key = json_array_get(keys, (*at)++);
        if (span_ieq(text_of(key, "domain"), domain))
            return key;
    }
    return NULL;
}

static struct our_key our_key(const struct dns_check *check, json_t *key) {
    struct our_key ours = {.selector = text_of(key, "selector"), .p = text_of(key, "p")};
    ours.k = span_starts(text_of(key, "algorithm"), SPAN("r")) ? "rsa" : "ed25519";
    ours.name = arena_printf(check->arena, "%.*s._domainkey.%.*s", SPAN_FMT(ours.selector), SPAN_FMT(text_of(key, "domain")));
    ours.line = dns_to_publish(check, ours.name, "v=DKIM1");
    return ours;
}

void dns_check_dkim(struct dns_check *check, struct span domain) {
    size_t at = 0;
    for (json_t *key = next_key(check, domain, &at); key; key = next_key(check, domain, &at)) {
        struct our_key ours = our_key(check, key);
        check_key(check, &ours);
    }
    if (next_key(check, domain, &(size_t){0}) == NULL)
        dns_found(check, SEVERITY_WARNING, "dkim-no-key", domain, SPAN_NONE,
                  "this server has no key for it: what it sends in its name is not signed");
}

void dns_check_dkim_ahead(struct dns_check *check, struct span domain, struct dns_memo *memo) {
    size_t at = 0;
    for (json_t *key = next_key(check, domain, &at); key; key = next_key(check, domain, &at))
        dns_memo_ahead(memo, our_key(check, key).name, DNS_TXT);
}

/* ---- DMARC ---- */

/* Tags that RFC 9989 took out: they do nothing any more. */
static void note_historic(struct dns_check *check, struct span name, const struct dkim_tags *tags) {
    static const char *const historic[] = {"pct", "rf", "ri"};
    for (size_t i = 0; i < SD_COUNT(historic); i++)
        if (dkim_tag(tags, historic[i]))
            dns_found(check, SEVERITY_NOTE, "dmarc-historic", name, SPAN_NONE,
                      "the tag %s= is historic, not in RFC 9989 any more: receivers ignore it", historic[i]);
}

/* RFC 9989 §4.7: words that are none of these fall back to something else, or make the record useless. */
static void check_words(struct dns_check *check, struct span name, struct span line, const struct dkim_tags *tags) {
    static const struct {
        const char *tag, *words;
    } known[] = {{"p", "none:quarantine:reject"},
                 {"sp", "none:quarantine:reject"},
                 {"np", "none:quarantine:reject"},
                 {"adkim", "r:s"},
                 {"aspf", "r:s"},
                 {"psd", "y:n:u"},
                 {"t", "y:n"}};
    for (size_t i = 0; i < SD_COUNT(known); i++) {
        const struct dkim_tag *tag = dkim_tag(tags, known[i].tag);
        if (tag && !dkim_list_has(span_cstr(known[i].words), tag->value))
            dns_found(check, SEVERITY_WRONG, "dmarc-syntax", name, line, "%s=%.*s is none of its values", known[i].tag,
                      SPAN_FMT(tag->value));
    }
    if (dkim_tag_value(tags, "p").n == 0)
        dns_found(check, SEVERITY_WRONG, "dmarc-no-policy", name, line, "the record says no policy (p=)");
}

/* A report address must be one; whether its owner takes reports is asked by who sends them. */
static void check_rua(struct dns_check *check, struct span name, struct span list) {
    struct span_split split = span_split_start(list);
    struct span uri;
    while (list.n && span_split_next(&split, ',', &uri)) {
        uri = span_trim(uri);
        if (!span_istarts(uri, SPAN("mailto:")) || !name_is_domain(span_from(uri, span_rfind(uri, '@') + 1)))
            dns_found(check, SEVERITY_WARNING, "dmarc-rua", name, SPAN_NONE, "rua= names \"%.*s\", which is no mailto: address",
                      SPAN_FMT(uri));
    }
}

static void check_policy(struct dns_check *check, struct span name, struct span line, const struct dkim_tags *tags) {
    struct span p = dkim_tag_value(tags, "p");
    bool testing = span_ieq(dkim_tag_value(tags, "t"), SPAN("y"));
    if (span_ieq(p, SPAN("none")))
        dns_found(check, SEVERITY_WARNING, "dmarc-none", name, line,
                  "the policy is none: receivers deliver forgeries in this domain's name");
    else if (testing)
        dns_found(check, SEVERITY_WARNING, "dmarc-testing", name, line,
                  "the policy is %.*s, but only as a test (t=y): receivers apply the next weaker one", SPAN_FMT(p));
    else if (span_ieq(p, SPAN("reject")) || span_ieq(p, SPAN("quarantine")))
        dns_found(check, SEVERITY_OK, "dmarc-policy", name, SPAN_NONE,
                  "the policy is %.*s; what this server sends is aligned for SPF and DKIM, strictly too", SPAN_FMT(p));
}

static void check_own_record(struct dns_check *check, struct span name, struct span text) {
    struct dkim_tags tags;
    struct span line = dns_to_publish(check, name, "v=DMARC1");
    if (dkim_tags_parse(text, &tags) != SD_OK) {
        dns_found(check, SEVERITY_WRONG, "dmarc-syntax", name, line, "the record is no list of tags, or one occurs twice");
        return;
    }
    check_words(check, name, line, &tags);
    check_policy(check, name, line, &tags);
    check_rua(check, name, dkim_tag_value(&tags, "rua"));
    note_historic(check, name, &tags);
}

/* No record of its own: one of a parent may apply (RFC 9989 §4.10.1). */
static void check_inherited(struct dns_check *check, struct span domain, struct span name) {
    struct span line = dns_to_publish(check, name, "v=DMARC1");
    struct dmarc_asking asking = {.dns = check->dns, .deadline = check->deadline, .arena = check->arena};
    struct dmarc_walk walk;
    if (dmarc_tree_walk(&asking, domain, &walk) != SD_OK)
        return;
    const struct dmarc_found *found = dmarc_policy_of(&walk);
    enum dmarc_policy policy = !found                                ? DMARC_NO_POLICY
                               : found->record.sp != DMARC_NO_POLICY ? found->record.sp
                                                                     : found->record.p;
    if (walk.cut_short)
        dns_found(check, SEVERITY_UNKNOWN, "dmarc-unknown", name, line,
                  "it has no DMARC record, and whether one of a parent applies is not known: the DNS did not answer");
    else if (!found)
        dns_found(check, SEVERITY_WRONG, "dmarc-missing", name, line,
                  "there is no DMARC record: receivers are not told what to do with forgeries");
    else
        dns_found(check, policy == DMARC_POLICY_NONE ? SEVERITY_WARNING : SEVERITY_OK, "dmarc-inherited", name,
                  policy == DMARC_POLICY_NONE ? line : SPAN_NONE, "the record of %.*s applies, with the policy %s",
                  SPAN_FMT(found->domain), dmarc_policy_text(policy));
}

void dns_check_dmarc(struct dns_check *check, struct span domain) {
    struct span name = arena_printf(check->arena, "_dmarc.%.*s", SPAN_FMT(domain));
    struct dns_answer txt = dns_check_ask(check, name, DNS_TXT);
    struct span text = SPAN_NONE;
    size_t count = 0;
    for (size_t i = 0; i < txt.count; i++) {
        struct dmarc_record record;
        struct span one = dns_txt_joined(txt.records[i], check->arena);
        if (dmarc_record_parse(one, &record) != SD_OK)
            continue; /* something else at this name (RFC 9989 §4.10, step 2) */
        text = one;
        count++;
    }
    if (txt.outcome == DNS_TEMPFAIL)
        dns_found(check, SEVERITY_UNKNOWN, "dmarc-unknown", name, SPAN_NONE, "the DNS did not answer for its DMARC record");
    else if (count > 1)
        dns_found(check, SEVERITY_WRONG, "dmarc-several", name, dns_to_publish(check, name, "v=DMARC1"),
                  "there are %zu DMARC records, and then none counts (RFC 9989 §4.10): keep one", count);
    else if (count == 1)
        check_own_record(check, name, text);
    else
        check_inherited(check, domain, name);
}
