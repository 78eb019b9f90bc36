#include "courier/body.h"

#include <string.h>

/* One line with its CRLF; the last one may lack it. */
static enum sd_err put_line(struct span line, struct buf *to) {
    bool ended = span_ends(line, SPAN("\r\n"));
    struct span text = span_sub(line, 0, ended ? line.n - 2 : line.n);
    if (span_find(text, '\r') < text.n || span_find(text, '\n') < text.n || span_find(text, 0) < text.n)
        return SD_ERR_PARSE;
    if (text.n && text.p[0] == '.')
        buf_byte(to, '.');
    buf_put(to, text);
    buf_text(to, "\r\n");
    return SD_OK;
}

enum sd_err body_for_data(struct span message, struct buf *to) {
    while (message.n) {
        size_t feed = span_find(message, '\n');
        size_t n = feed < message.n ? feed + 1 : message.n;
        enum sd_err err = put_line(span_sub(message, 0, n), to);
        if (err)
            return err;
        message = span_from(message, n);
    }
    buf_text(to, ".\r\n");
    return buf_err(to);
}

bool body_is_8bit(struct span message) {
    for (size_t i = 0; i < message.n; i++)
        if (message.p[i] & 0x80)
            return true;
    return false;
}
