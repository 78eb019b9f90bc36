/* Fuzzes what the dns process does with names and lines: a name that is taken survives the way to libunbound's text and back.
 */
#include "dns/question.h"
#include "dns/zone.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum sd_err count_record(void *ctx, SD_UNUSED const char *record) {
    (*(size_t *)ctx)++;
    return SD_OK;
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
    size_t count = 0, line = 0;
    check_name(bytes);
    struct buf text SD_CLEANUP(buf_free) = buf_new(size + 1);
    buf_put(&text, bytes);
    buf_byte(&text, 0);
    struct question q;
    if (buf_err(&text) == SD_OK && question_from_text((const char *)text.p, DNS_A, &q) == SD_OK)
        check_name(span_of(q.name, q.name_bytes));
    return zone_read(bytes, count_record, &count, &line) == SD_OK && line != 0;
}
