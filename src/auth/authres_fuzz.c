/* An Authentication-Results body of a stranger, and his words written into ours: ours stays one field with our id. */
#include "auth/authres_read.h"
#include "auth/fuzz_world.h"
#include "auth/results.h"

static void write_and_read_back(struct span word, struct arena *arena) {
    struct dkim_verdict dkim = {
        .result = AUTH_PASS, .domain = word, .selector = word, .algorithm = "rsa-sha256", .reason = word};
    struct auth_judgement j = {.spf = {.result = AUTH_PASS, .domain = word, .identity = SPF_MAILFROM},
                               .dkim = &dkim,
                               .dkim_count = 1,
                               .trust_domain = word};
    struct buf field SD_CLEANUP(buf_free) = buf_new(AUTHRES_MAX_BYTES - 2); /* as large as the judge writes it at most */
    struct mail_header header;
    struct span body, id;
    mail_ambiguities ambiguities = 0;
    results_write(&j, &(struct auth_envelope){0}, SPAN("mx.example.com"), true, &field);
    buf_text(&field, "\r\n");
    if (buf_err(&field) || mail_parse_header(buf_span(&field), arena, &header, &body, &ambiguities))
        return;
    fuzz_check(header.count == 1 && ambiguities == 0);
    struct authres whole = {0};
    fuzz_check(authres_read(header.fields[0].body, arena, &whole) == SD_OK);
    fuzz_check(results_authserv_id(header.fields[0].body, arena, &id) == SD_OK && span_eq(id, SPAN("mx.example.com")));
}

/* What the full reader takes, the reader of the id alone takes too, and finds the same. */
static void read_whole(struct span body, struct arena *arena) {
    struct authres a = {0};
    struct span id;
    if (authres_read(body, arena, &a)) {
        fuzz_check(a.count == 0 && a.id.n == 0);
        return;
    }
    fuzz_check(a.count <= AUTHRES_MAX_RESULTS);
    fuzz_check(results_authserv_id(body, arena, &id) == SD_OK && span_eq(id, a.id));
    for (size_t i = 0; i < a.count; i++)
        fuzz_check(a.results[i].method.n && a.results[i].result.n && a.results[i].property_count <= AUTHRES_MAX_PROPERTIES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena = arena_new((size_t)4 * 1024 * 1024);
    struct span body = span_of(data, size);
    struct span id;
    if (size <= 4096) {
        if (results_authserv_id(body, arena, &id) == SD_OK && span_ieq(id, SPAN("mx.example.com")))
            fuzz_check(results_claims(body, SPAN("mx.example.com"), arena));
        read_whole(body, arena);
        write_and_read_back(body, arena);
    }
    arena_free(&arena);
    return 0;
}
