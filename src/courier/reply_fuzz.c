/* Fuzzes the reply reader: the same bytes at once and one by one must give the same answer, within its limits. */
#include "courier/reply.h"
#include "courier/smtp_ehlo.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum sd_err read_all(struct span bytes, size_t step, struct reply_reader *r, size_t *ret_used, bool *ret_done) {
    enum sd_err err = SD_OK;
    size_t at = 0;
    bool done = false;
    reply_start(r);
    while (at < bytes.n && err == SD_OK && !done) {
        size_t used = 0;
        err = reply_feed(r, span_sub(bytes, at, step), &used, &done);
        at += used;
    }
    *ret_used = at;
    *ret_done = done;
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct reply_reader whole, bytewise;
    size_t used[2];
    bool done[2];
    struct span bytes = span_of(data, size);
    enum sd_err err = read_all(bytes, size, &whole, &used[0], &done[0]);
    enum sd_err err_bytewise = read_all(bytes, 1, &bytewise, &used[1], &done[1]);
    if (err != err_bytewise || done[0] != done[1])
        abort();
    if (!done[0])
        return 0;
    if (used[0] != used[1] || memcmp(&whole.reply, &bytewise.reply, sizeof whole.reply) != 0)
        abort();
    if (whole.reply.code < 200 || whole.reply.code > 599 || whole.reply.text_bytes > REPLY_TEXT_BYTES)
        abort();
    (void)smtp_read_offers(&whole.reply);
    struct smtp_reply again;
    reply_stored(&again, whole.reply.code, span_of(whole.reply.text, whole.reply.text_bytes));
    return again.code != whole.reply.code ? 1 : 0;
}
