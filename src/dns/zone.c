#include "dns/zone.h"

#define STRING_BYTES 255 /* RFC 1035 §3.3: a character-string */

static bool digit_at(struct span s, size_t i) {
    return i < s.n && s.p[i] >= '0' && s.p[i] <= '9';
}

/* How much text of the line one byte of a string takes: itself, \X or \DDD (RFC 1035 §5.1). */
static size_t byte_width(struct span line, size_t at) {
    if (line.p[at] != '\\')
        return 1;
    size_t width = digit_at(line, at + 1) && digit_at(line, at + 2) && digit_at(line, at + 3) ? 4 : 2;
    return at + width <= line.n ? width : line.n - at;
}

void zone_put_record(struct buf *to, struct span line) {
    bool quoted = false;
    size_t in_string = 0;
    for (size_t at = 0; at < line.n;) {
        size_t width = byte_width(line, at);
        if (line.p[at] == '"') {
            quoted = !quoted;
            in_string = 0;
        } else if (quoted && in_string++ == STRING_BYTES) {
            buf_text(to, "\" \"");
            in_string = 1;
        }
        buf_put(to, span_sub(line, at, width));
        at += width;
    }
}

static enum sd_err add_line(struct span line, zone_add *add, void *ctx) {
    if (line.n == 0 || line.p[0] == ';' || line.p[0] == '#')
        return SD_OK;
    struct buf record SD_CLEANUP(buf_free) = buf_new(ZONE_LINE_BYTES);
    zone_put_record(&record, line);
    buf_byte(&record, 0);
    if (buf_err(&record) || span_find(line, 0) < line.n)
        return SD_ERR_PARSE;
    return add(ctx, (const char *)record.p);
}

enum sd_err zone_read(struct span file, zone_add *add, void *ctx, size_t *ret_line) {
    struct span_split split = span_split_start(file);
    struct span line;
    for (size_t number = 1; span_split_next(&split, '\n', &line); number++) {
        enum sd_err err = add_line(span_trim(line), add, ctx);
        if (err) {
            *ret_line = number;
            return err;
        }
    }
    return SD_OK;
}
