#include "edge/line.h"

#include <string.h>

struct line_piece line_find(struct span s, size_t *ret_n) {
    struct line_piece piece = {.bytes = s};
    size_t consumed = s.n;
    for (size_t at = 0;;) {
        size_t lf = at + span_find(span_from(s, at), '\n');
        if (lf == s.n) {
            /* A CR at the end may be half a CRLF: it waits for what comes next. */
            piece.bytes.n = s.n && s.p[s.n - 1] == '\r' ? s.n - 1 : s.n;
            consumed = piece.bytes.n;
            break;
        }
        if (lf > 0 && s.p[lf - 1] == '\r') {
            piece.bytes.n = lf - 1;
            piece.ends = true;
            consumed = lf + 1;
            break;
        }
        piece.bare = true;
        at = lf + 1;
    }
    piece.bare |= span_find(piece.bytes, '\r') < piece.bytes.n;
    *ret_n = consumed;
    return piece;
}

void line_reader_start(struct line_reader *r, struct stream *stream) {
    r->stream = stream;
    r->from = r->to = 0;
}

static struct span buffered(const struct line_reader *r) {
    return span_of(r->bytes + r->from, r->to - r->from);
}

size_t line_buffered(const struct line_reader *r) {
    return r->to - r->from;
}

bool line_ready(const struct line_reader *r) {
    size_t n;
    struct line_piece piece = line_find(buffered(r), &n);
    return piece.ends || piece.bare;
}

/* Reads more. The buffer is never full here: both callers take out what they were given first. */
static enum sd_err fill(struct line_reader *r, struct deadline deadline) {
    size_t n = 0;
    if (r->from > 0) {
        memmove(r->bytes, r->bytes + r->from, r->to - r->from);
        r->to -= r->from;
        r->from = 0;
    }
    if (r->to == LINE_BUFFER_BYTES)
        return SD_ERR_BUG;
    enum sd_err err = stream_read(r->stream, r->bytes + r->to, LINE_BUFFER_BYTES - r->to, deadline, &n);
    if (err)
        return err;
    r->to += n;
    return n ? SD_OK : SD_ERR_CLOSED;
}

enum sd_err line_piece(struct line_reader *r, struct deadline deadline, struct line_piece *ret) {
    for (;;) {
        size_t n;
        struct line_piece piece = line_find(buffered(r), &n);
        if (n) {
            r->from += n;
            *ret = piece;
            return SD_OK;
        }
        enum sd_err err = fill(r, deadline);
        if (err)
            return err;
    }
}

static enum sd_err skip_line(struct line_reader *r, struct deadline deadline) {
    struct line_piece piece = {0};
    enum sd_err err = SD_OK;
    while (err == SD_OK && !piece.ends)
        err = line_piece(r, deadline, &piece);
    return err ? err : SD_ERR_LIMIT;
}

enum sd_err line_read(struct line_reader *r, size_t max, struct deadline deadline, struct span *ret) {
    for (;;) {
        size_t n;
        struct line_piece piece = line_find(buffered(r), &n);
        if (piece.bare)
            return SD_ERR_PARSE;
        if (piece.bytes.n > max)
            return skip_line(r, deadline);
        if (piece.ends) {
            r->from += n;
            *ret = piece.bytes;
            return SD_OK;
        }
        enum sd_err err = fill(r, deadline);
        if (err)
            return err;
    }
}
