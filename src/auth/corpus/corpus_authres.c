#include "auth/authres_read.h"
#include "auth/corpus/corpus.h"
#include "auth/results.h"

/* A field is to be ignored (results null), or its authserv-id can be read and is claimed in every spelling. */
static void parse_case(const json_t *test, struct tally *t) {
    struct arena *arena = arena_new(1024 * 1024);
    const char *name = json_string_value(json_object_get(test, "id"));
    struct span value = corpus_get(test, "value", arena);
    struct span wanted = corpus_get(test, "authserv_id", arena);
    struct span got = SPAN_NONE;
    bool readable = results_authserv_id(value, arena, &got) == SD_OK;
    bool ignored = json_is_null(json_object_get(test, "results"));
    corpus_case(t, name, ignored ? !readable : readable && span_ieq(got, wanted), "authserv-id \"%.*s\"", SPAN_FMT(got));
    if (wanted.n)
        corpus_case(t, name, results_claims(value, wanted, arena), "is not cut for %.*s", SPAN_FMT(wanted));
    arena_free(&arena);
}

static bool text_is(struct span got, const json_t *wanted, struct arena *arena) {
    return span_eq(got, wanted ? corpus_octets(wanted, arena) : SPAN_NONE);
}

static bool same_result(const struct authres_result *got, json_t *wanted, struct arena *arena) {
    const char *name;
    json_t *value;
    json_t *properties = json_object_get(wanted, "props");
    bool same = span_ieq(got->method, corpus_get(wanted, "method", arena)) &&
                span_ieq(got->result, corpus_get(wanted, "result", arena)) &&
                text_is(got->reason, json_object_get(wanted, "reason"), arena) &&
                got->property_count == json_object_size(properties);
    json_object_foreach(properties, name, value) {
        size_t dot = span_find(span_cstr(name), '.');
        struct span type = span_sub(span_cstr(name), 0, dot);
        same = same && text_is(authres_value(got, type, span_from(span_cstr(name), dot + 1)), value, arena);
    }
    return same;
}

/* All of a field, or nothing of it. */
static void read_case(const json_t *test, struct tally *t) {
    struct arena *arena = arena_new(1024 * 1024);
    const char *name = json_string_value(json_object_get(test, "id"));
    json_t *results = json_object_get(test, "results");
    struct authres got = {0};
    enum sd_err err = authres_read(corpus_get(test, "value", arena), arena, &got);
    bool same = json_is_null(results) ? err == SD_ERR_PARSE : err == SD_OK && got.count == json_array_size(results);
    for (size_t i = 0; same && i < got.count; i++)
        same = same_result(&got.results[i], json_array_get(results, i), arena);
    corpus_case(t, name, same, "is read as %zu results, %s", got.count, sd_err_name(err));
    arena_free(&arena);
}

/* No line of ours may start a second field, and quotes and comments stay balanced: the id can be read back. */
static bool one_field(struct span field, struct arena *arena) {
    struct mail_header header;
    struct span body;
    struct span id;
    mail_ambiguities ambiguities = 0;
    struct span text = arena_printf(arena, "%.*s\r\n", SPAN_FMT(field));
    if (mail_parse_header(text, arena, &header, &body, &ambiguities) || header.count != 1 || ambiguities)
        return false;
    return results_authserv_id(header.fields[0].body, arena, &id) == SD_OK && span_eq(id, SPAN("mx.sealdesk.example"));
}

static void generate_case(const json_t *test, struct tally *t) {
    struct arena *arena = arena_new(1024 * 1024);
    struct buf field SD_CLEANUP(buf_free) = buf_new(65536);
    struct span input = corpus_get(test, "input", arena);
    struct dkim_verdict dkim = {
        .result = AUTH_PASS, .domain = input, .selector = input, .algorithm = "rsa-sha256", .reason = input};
    struct auth_judgement j = {
        .spf = {.result = AUTH_PASS, .domain = input, .identity = SPF_MAILFROM},
        .spf_helo = {.result = AUTH_PASS, .domain = input, .identity = SPF_HELO},
        .dkim = &dkim,
        .dkim_count = 1,
        .dmarc = {.result = AUTH_PASS, .policy = DMARC_POLICY_REJECT},
        .trust_domain = input,
    };
    results_write(&j, &(struct auth_envelope){0}, SPAN("mx.sealdesk.example"), true, &field);
    corpus_check(buf_err(&field), "results_write");
    corpus_case(t, json_string_value(json_object_get(test, "id")), one_field(buf_span(&field), arena), "%.*s",
                SPAN_FMT(buf_span(&field)));
    arena_free(&arena);
}

void corpus_authres(const char *dir, struct tally *t) {
    json_t *root = corpus_load(dir, "authres/cases.json");
    size_t i;
    json_t *test;
    json_array_foreach(json_object_get(root, "parse"), i, test) {
        parse_case(test, t);
        read_case(test, t);
    }
    json_array_foreach(json_object_get(root, "generate"), i, test) generate_case(test, t);
    json_decref(root);
}
