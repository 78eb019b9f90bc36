#include "render/stream.h"

#include "core/ipc/render.h"

#define PAGE_HEAD_BYTES 5
#define END_BYTES 7

static const struct {
    uint8_t outcome;
    const char *sentence;
} reasons[] = {
#define X(name, outcome, sentence) {RENDER_##outcome, sentence},
    SHOW_REASON_LIST(X)
#undef X
};

bool show_reason_known(uint8_t reason) {
    return reason < SD_COUNT(reasons);
}

uint8_t show_reason_outcome(enum show_reason reason) {
    return reasons[reason].outcome;
}

const char *show_reason_sentence(enum show_reason reason) {
    return reasons[reason].sentence;
}

void stream_start(struct stream_parser *parser, const struct stream_sink *sink, uint32_t pages_max, uint32_t side_max) {
    *parser = (struct stream_parser){.sink = sink,
                                     .pages_max = pages_max < STREAM_PAGES_MAX ? pages_max : STREAM_PAGES_MAX,
                                     .side_max = side_max < STREAM_SIDE_MAX ? side_max : STREAM_SIDE_MAX};
}

/* Moves bytes until there are `want` of them in `to`; true when there are. */
static bool gather(struct stream_parser *p, uint8_t *to, size_t want, struct span *bytes) {
    struct span part = span_sub(*bytes, 0, want - p->have);
    if (part.n)
        memcpy(to + p->have, part.p, part.n);
    p->have += part.n;
    *bytes = span_from(*bytes, part.n);
    if (p->have < want)
        return false;
    p->have = 0;
    return true;
}

static enum sd_err begin_page(struct stream_parser *p) {
    struct reader r = reader_of(span_of(p->head + 1, PAGE_HEAD_BYTES - 1));
    uint32_t width = read_u16(&r);
    uint32_t height = read_u16(&r);
    if (width == 0 || height == 0 || width > p->side_max || height > p->side_max || p->pages >= p->pages_max)
        return SD_ERR_PROTOCOL;
    p->row_bytes = width * 3;
    p->rows_left = height;
    return p->sink->page(p->sink->ctx, width, height);
}

/* What shows pages and says that it could not, or says that it could and shows none, is not believed. */
static enum sd_err end(struct stream_parser *p) {
    struct reader r = reader_of(span_of(p->head + 1, END_BYTES - 1));
    uint8_t reason = read_u8(&r);
    uint32_t total = read_u32(&r);
    uint8_t more = read_u8(&r);
    if (!show_reason_known(reason) || more > 1 || (reason == SHOW_SHOWN) != (p->pages > 0) || (total != 0 && total < p->pages))
        return SD_ERR_PROTOCOL;
    p->end = (struct stream_end){.reason = (enum show_reason)reason, .total = total, .more = more == 1};
    p->ended = true;
    return SD_OK;
}

static enum sd_err take_row(struct stream_parser *p) {
    enum sd_err err = p->sink->row(p->sink->ctx, span_of(p->row, p->row_bytes));
    if (err || --p->rows_left > 0)
        return err;
    p->pages++;
    return p->sink->page_end(p->sink->ctx);
}

/* One record's head or one row, as far as it has come. */
static enum sd_err step(struct stream_parser *p, struct span *bytes) {
    if (p->ended)
        return SD_ERR_PROTOCOL; /* something behind the end */
    if (p->rows_left > 0)
        return gather(p, p->row, p->row_bytes, bytes) ? take_row(p) : SD_OK;
    uint8_t kind = p->have ? p->head[0] : bytes->p[0];
    if (kind == 'P')
        return gather(p, p->head, PAGE_HEAD_BYTES, bytes) ? begin_page(p) : SD_OK;
    if (kind == 'E')
        return gather(p, p->head, END_BYTES, bytes) ? end(p) : SD_OK;
    return SD_ERR_PROTOCOL;
}

enum sd_err stream_feed(struct stream_parser *parser, struct span bytes) {
    while (bytes.n && parser->err == SD_OK)
        parser->err = step(parser, &bytes);
    return parser->err;
}
