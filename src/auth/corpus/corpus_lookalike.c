#include "auth/corpus/corpus.h"
#include "auth/idn.h"
#include "auth/lookalike.h"

static void one(const json_t *test, struct tally *t) {
    struct arena *arena = arena_new(1024 * 1024);
    struct span domain = SPAN_NONE;
    struct span own = span_cstr(json_string_value(json_object_get(test, "looks_like")));
    bool flag = corpus_allows(json_object_get(test, "expect"), "flag");
    if (span_eq(own, SPAN("-")))
        own = SPAN("sealdesk.example");
    corpus_check(idn_to_ascii(span_cstr(json_string_value(json_object_get(test, "domain"))), arena, &domain), "domain");
    corpus_case(t, json_string_value(json_object_get(test, "a_label")),
                lookalike_any(domain, lookalike_list_new(&own, 1, arena), arena) == flag, "wanted %s for %.*s",
                flag ? "flag" : "clean", SPAN_FMT(own));
    arena_free(&arena);
}

void corpus_lookalike(const char *dir, struct tally *t) {
    json_t *cases = corpus_load(dir, "confusables/cases.json");
    size_t i;
    json_t *test;
    json_array_foreach(cases, i, test) one(test, t);
    json_decref(cases);
}
