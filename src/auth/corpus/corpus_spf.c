#include "auth/corpus/corpus.h"

static void parse_ip(const char *text, uint8_t ip[16]) {
    corpus_check(ip_parse(span_cstr(text), ip), text);
}

static void add_record(struct dns_script *script, struct span name, const json_t *record, struct arena *arena) {
    const char *type = json_string_value(json_object_get(record, "type"));
    json_t *data = json_object_get(record, "data");
    if (json_is_true(json_object_get(record, "timeout"))) {
        corpus_check(dns_script_add_failure(script, name), "failure");
        return;
    }
    json_t *zone = json_pack("{s:{s:[O]}}", "name", type, data);
    json_t *named = json_object();
    (void)json_object_set(named, (const char *)arena_cstr(arena, name), json_object_get(zone, "name"));
    corpus_zone(script, named, arena);
    json_decref(named);
    json_decref(zone);
}

static void load_zone(struct dns_script *script, json_t *zone, struct arena *arena) {
    const char *name;
    json_t *records;
    json_object_foreach(zone, name, records) {
        size_t i;
        json_t *record;
        json_array_foreach(records, i, record) add_record(script, span_cstr(name), record, arena);
    }
}

static bool explanation_ok(const json_t *test, const struct spf_verdict *v, struct arena *arena) {
    const json_t *expected = json_object_get(test, "explanation");
    if (!json_is_string(expected) || v->result != AUTH_FAIL)
        return true;
    struct span text = corpus_octets(expected, arena);
    return span_eq(text, SPAN("DEFAULT")) ? v->explanation.n == 0 : span_eq(text, v->explanation);
}

static void one(const json_t *test, struct dns_script *script, struct tally *t) {
    struct arena *arena = arena_new(4 * 1024 * 1024);
    struct dns_source dns = dns_script_source(script);
    struct spf_verdict v = {0};
    uint8_t ip[16];
    parse_ip(json_string_value(json_object_get(test, "ip")), ip);
    struct span helo = corpus_get(test, "helo", arena);
    struct span sender = corpus_get(test, "mailfrom", arena);
    if (sender.n == 0)
        sender = arena_printf(arena, "postmaster@%.*s", SPAN_FMT(helo));
    size_t at = span_rfind(sender, '@');
    struct span domain = at < sender.n ? span_from(sender, at + 1) : sender;
    corpus_check(spf_check(ip, domain, sender, helo, SPAN("receiver.example"), &dns, deadline_in_ms(10000), arena, &v),
                 "spf_check");
    const char *got = auth_result_text(v.result);
    bool ok = corpus_allows(json_object_get(test, "accept"), got) && explanation_ok(test, &v, arena);
    corpus_case(t, json_string_value(json_object_get(test, "id")), ok, "%s, wanted %s; reason \"%.*s\", explanation \"%.*s\"",
                got, json_string_value(json_object_get(test, "preferred")), SPAN_FMT(v.reason), SPAN_FMT(v.explanation));
    arena_free(&arena);
}

void corpus_spf(const char *dir, struct tally *t) {
    json_t *root = corpus_load(dir, "spf-rfc7208/rfc7208-tests.flat.json");
    size_t i;
    json_t *scenario;
    json_array_foreach(json_object_get(root, "scenarios"), i, scenario) {
        struct arena *arena = arena_new(4 * 1024 * 1024);
        struct dns_script *script = corpus_script();
        size_t k;
        json_t *test;
        load_zone(script, json_object_get(scenario, "zone"), arena);
        json_array_foreach(json_object_get(scenario, "tests"), k, test) one(test, script, t);
        dns_script_free(&script);
        arena_free(&arena);
    }
    json_decref(root);
}
