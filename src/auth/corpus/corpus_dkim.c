#include "auth/corpus/corpus.h"
#include "auth/dkim.h"
#include "core/codec.h"

static void load_dns(struct dns_script *script, json_t *dns, struct arena *arena) {
    const char *name;
    json_t *value;
    json_object_foreach(dns, name, value) {
        const json_t *error = json_object_get(value, "error");
        if (error && !corpus_allows(error, "NXDOMAIN")) {
            corpus_check(dns_script_add_failure(script, span_cstr(name)), "failure");
        } else if (!error) {
            json_t *zone = json_pack("{s:{s:O}}", name, "TXT", value);
            corpus_zone(script, zone, arena);
            json_decref(zone);
        }
    }
}

/* The best of several: a message passes when one signature does. */
static enum auth_result best(const struct dkim_verdict *verdicts, size_t count) {
    static const enum auth_result order[] = {AUTH_PASS, AUTH_TEMPERROR, AUTH_FAIL, AUTH_PERMERROR};
    for (size_t k = 0; k < SD_COUNT(order); k++)
        for (size_t i = 0; i < count; i++)
            if (verdicts[i].result == order[k])
                return order[k];
    return AUTH_NONE;
}

static bool same_kind(const char *wanted, enum auth_result got) {
    bool failed = got == AUTH_FAIL || got == AUTH_PERMERROR;
    if (span_eq(span_cstr(wanted), SPAN("fail")) || span_eq(span_cstr(wanted), SPAN("permerror")))
        return failed; /* the suite's README: fail and permerror may be equal */
    return span_eq(span_cstr(wanted), span_cstr(auth_result_text(got)));
}

static void one_signature(struct tally *t, const char *id, const json_t *test, size_t i, const struct dkim_verdict *v) {
    const json_t *expected = json_object_get(json_array_get(json_object_get(test, "signatures"), i), "expect");
    if (json_is_string(expected))
        corpus_case(t, id, same_kind(json_string_value(expected), v->result), "signature %zu is %s (%.*s), wanted %s", i,
                    auth_result_text(v->result), SPAN_FMT(v->reason), json_string_value(expected));
}

static void one(const char *dir, const json_t *test, struct tally *t) {
    struct arena *arena = arena_new((size_t)64 * 1024 * 1024);
    struct dns_script *script = corpus_script();
    struct dns_source dns = dns_script_source(script);
    struct mail_message m = {0};
    mail_ambiguities ambiguities = 0;
    const struct dkim_verdict *verdicts = NULL;
    size_t count = 0;
    const char *id = json_string_value(json_object_get(test, "id"));
    const char *wanted = json_string_value(json_object_get(test, "expect"));
    struct span path = arena_printf(arena, "dkim/%s", json_string_value(json_object_get(test, "file")));
    load_dns(script, json_object_get(test, "dns"), arena);
    m.bytes = corpus_file(dir, arena_cstr(arena, path), arena);
    corpus_check(mail_parse_header(m.bytes, arena, &m.header, &m.body_bytes, &ambiguities), id);
    corpus_check(dkim_verify(&m, json_integer_value(json_object_get(test, "evaluate_at")) * 1000, &dns, deadline_in_ms(10000),
                             arena, &verdicts, &count),
                 id);
    enum auth_result got = best(verdicts, count);
    corpus_case(t, id, same_kind(wanted, got), "%s (%.*s), wanted %s", auth_result_text(got),
                SPAN_FMT(count ? verdicts[0].reason : SPAN_NONE), wanted);
    for (size_t i = 0; i < count; i++)
        one_signature(t, id, test, i, &verdicts[i]);
    corpus_case(t, id, dns_script_open(script) == 0, "%zu tickets left open", dns_script_open(script));
    dns_script_free(&script);
    arena_free(&arena);
}

static void one_canonicalization(const json_t *test, struct tally *t) {
    struct arena *arena = arena_new(1024 * 1024);
    struct buf got SD_CLEANUP(buf_free) = buf_new(65536);
    struct buf digest SD_CLEANUP(buf_free) = buf_new(64);
    bool relaxed = corpus_allows(json_object_get(test, "mode"), "relaxed");
    struct span input = corpus_get(test, "input", arena);
    if (corpus_allows(json_object_get(test, "kind"), "header")) {
        dkim_canon_header(input, relaxed, true, &got);
    } else {
        struct dkim_sink sink = {.copy = &got, .limit = UINT64_MAX};
        struct sha256 sha;
        dkim_canon_body(input, relaxed, &sink);
        corpus_check(crypt_sha256(buf_span(&got), &sha), "sha256");
        put_base64(&digest, span_of(sha.b, sizeof sha.b));
        corpus_case(t, "body hash", span_eq(buf_span(&digest), corpus_get(test, "sha256_b64", arena)), "%.*s",
                    SPAN_FMT(buf_span(&digest)));
    }
    corpus_case(t, "canonicalization", span_eq(buf_span(&got), corpus_get(test, "output", arena)), "got \"%.*s\"",
                SPAN_FMT(buf_span(&got)));
    arena_free(&arena);
}

void corpus_dkim(const char *dir, struct tally *t) {
    json_t *cases = corpus_load(dir, "dkim/cases.json");
    json_t *canonicalization = corpus_load(dir, "dkim/canonicalization.json");
    size_t i;
    json_t *test;
    json_array_foreach(cases, i, test) one(dir, test, t);
    json_array_foreach(canonicalization, i, test) one_canonicalization(test, t);
    json_decref(cases);
    json_decref(canonicalization);
}
