#include "auth/corpus/corpus.h"

/* The suite's text has LF. */
static struct span with_crlf(struct span text, struct arena *arena) {
    uint8_t *to = arena_alloc(arena, 2 * text.n + 1);
    size_t n = 0;
    for (size_t i = 0; to && i < text.n; i++) {
        if (text.p[i] == '\n')
            to[n++] = '\r';
        to[n++] = text.p[i];
    }
    return span_of(to, n);
}

static void load_dns(struct dns_script *script, json_t *txt, struct arena *arena) {
    const char *name;
    json_t *value;
    json_object_foreach(txt, name, value) {
        json_t *zone = json_pack("{s:{s:[O]}}", name, "TXT", value);
        corpus_zone(script, zone, arena);
        json_decref(zone);
    }
}

static void one(const json_t *test, struct dns_script *script, struct tally *t) {
    struct arena *arena = arena_new((size_t)16 * 1024 * 1024);
    struct dns_source dns = dns_script_source(script);
    struct mail_message m = {0};
    struct arc_verdict v = {0};
    mail_ambiguities ambiguities = 0;
    const char *id = json_string_value(json_object_get(test, "id"));
    const char *wanted = json_string_value(json_object_get(test, "cv"));
    m.bytes = with_crlf(span_cstr(json_string_value(json_object_get(test, "message"))), arena);
    corpus_check(mail_parse_header(m.bytes, arena, &m.header, &m.body_bytes, &ambiguities), id);
    corpus_check(arc_verify(&m, 1780000000000, &dns, deadline_in_ms(10000), arena, &v), id);
    const char *got = auth_result_text(v.result);
    bool sets_fit = v.set_count == (v.result == AUTH_PASS ? v.instance : 0);
    corpus_case(t, id, span_eq(span_cstr(got), span_cstr(wanted)), "%s (%.*s), wanted %s", got, SPAN_FMT(v.reason), wanted);
    if (!sets_fit)
        corpus_case(t, id, false, "%zu sets of %u instances", v.set_count, v.instance);
    arena_free(&arena);
}

static void scenario(const json_t *part, struct tally *t) {
    struct arena *arena = arena_new((size_t)4 * 1024 * 1024);
    struct dns_script *script = corpus_script();
    size_t i;
    json_t *test;
    load_dns(script, json_object_get(part, "txt"), arena);
    json_array_foreach(json_object_get(part, "tests"), i, test) one(test, script, t);
    if (dns_script_open(script))
        corpus_case(t, "tickets", false, "%zu left open", dns_script_open(script));
    dns_script_free(&script);
    arena_free(&arena);
}

void corpus_arc(const char *dir, struct tally *t) {
    json_t *root = corpus_load(dir, "arc-valimail/arc-validation.flat.json");
    size_t i;
    json_t *part;
    json_array_foreach(json_object_get(root, "scenarios"), i, part) scenario(part, t);
    json_decref(root);
}
