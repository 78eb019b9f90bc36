/* Fuzzes what the dns process does with names and lines: a name that is taken survives the way to libunbound's text and back.
 */
#include "dns/local.h"
#include "dns/lookup.h"
#include "dns/question.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Local data answers any question about what it has, and only with what it said. */
static void check_zone(struct span file) {
    static const char *const names[] = {"a.example", "x.w.example", "c.example", "example"};
    struct local *local = NULL;
    size_t line = 0;
    enum sd_err err = local_new(file, &local, &line);
    if (err && line == 0 && err != SD_ERR_NOMEM)
        abort();
    for (size_t i = 0; i < SD_COUNT(names) && local; i++) {
        struct buf raw SD_CLEANUP(buf_free) = buf_new(LOOKUP_RECORDS_BYTES_MAX);
        struct dns_query_rep rep = {0};
        struct question q;
        if (question_make(span_cstr(names[i]), DNS_TXT, &q) != SD_OK)
            abort();
        local_answer(local, &q, &raw, &rep);
        if ((rep.outcome == DNS_FOUND) != (rep.records.count > 0))
            abort();
    }
    local_free(&local);
}

static void check_name(struct span bytes) {
    struct question q, back;
    char text[QUESTION_TEXT_BYTES];
    if (question_make(bytes, DNS_TXT, &q) != SD_OK)
        return;
    question_text(&q, text);
    bool has_nul = span_find(span_of(q.name, q.name_bytes), 0) < q.name_bytes;
    if (has_nul ? question_from_text(text, DNS_TXT, &back) == SD_OK
                : question_from_text(text, DNS_TXT, &back) != SD_OK || !question_same(&q, &back))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span bytes = span_of(data, size);
    check_name(bytes);
    check_zone(bytes);
    struct buf text SD_CLEANUP(buf_free) = buf_new(size + 1);
    buf_put(&text, bytes);
    buf_byte(&text, 0);
    struct question q;
    if (buf_err(&text) == SD_OK && question_from_text((const char *)text.p, DNS_A, &q) == SD_OK)
        check_name(span_of(q.name, q.name_bytes));
    return 0;
}
