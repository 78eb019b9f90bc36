#include "core/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct buf buf_new(size_t max) {
    return (struct buf){.max = max};
}

void buf_free(struct buf *b) {
    if (b->p) {
        explicit_bzero(b->p, b->cap);
        free(b->p);
    }
    *b = buf_new(b->max);
}

void buf_reset(struct buf *b) {
    b->n = 0;
    b->err = SD_OK;
}

struct span buf_span(const struct buf *b) {
    return span_of(b->p, b->n);
}

enum sd_err buf_err(const struct buf *b) {
    return b->err;
}

void buf_fail(struct buf *b, enum sd_err err) {
    if (b->err == SD_OK)
        b->err = err;
}

/* Grows by a copy, so the old bytes can be wiped: realloc would leave them behind. */
static void grow(struct buf *b, size_t need) {
    size_t cap = b->cap ? b->cap : 256;
    while (cap < need)
        cap = cap > b->max / 2 ? b->max : cap * 2;
    uint8_t *p = malloc(cap);
    if (!p) {
        buf_fail(b, SD_ERR_NOMEM);
        return;
    }
    if (b->p) {
        memcpy(p, b->p, b->n);
        explicit_bzero(b->p, b->cap);
        free(b->p);
    }
    b->p = p;
    b->cap = cap;
}

uint8_t *buf_reserve(struct buf *b, size_t n) {
    if (b->err)
        return NULL;
    if (n > b->max || b->n > b->max - n) {
        buf_fail(b, SD_ERR_LIMIT);
        return NULL;
    }
    if (!b->p || b->n + n > b->cap)
        grow(b, b->n + n);
    return b->err ? NULL : b->p + b->n;
}

void buf_grew(struct buf *b, size_t n) {
    if (b->err == SD_OK && n <= b->cap - b->n)
        b->n += n;
    else
        buf_fail(b, SD_ERR_BUG);
}

void buf_consume(struct buf *b, size_t n) {
    if (n > b->n)
        n = b->n;
    if (n) {
        memmove(b->p, b->p + n, b->n - n);
        b->n -= n;
    }
}

void buf_put(struct buf *b, struct span s) {
    uint8_t *p = buf_reserve(b, s.n);
    if (p && s.n) {
        memcpy(p, s.p, s.n);
        b->n += s.n;
    }
}

void buf_text(struct buf *b, const char *text) {
    buf_put(b, span_cstr(text));
}

void buf_byte(struct buf *b, uint8_t byte) {
    buf_put(b, span_of(&byte, 1));
}

void buf_fill(struct buf *b, uint8_t byte, size_t n) {
    uint8_t *p = buf_reserve(b, n);
    if (p && n) {
        memset(p, byte, n);
        b->n += n;
    }
}

static void put_le(struct buf *b, uint64_t v, size_t n) {
    uint8_t bytes[8];
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(v >> (8 * i));
    buf_put(b, span_of(bytes, n));
}

void buf_u8(struct buf *b, uint8_t v) {
    put_le(b, v, 1);
}

void buf_u16(struct buf *b, uint16_t v) {
    put_le(b, v, 2);
}

void buf_u32(struct buf *b, uint32_t v) {
    put_le(b, v, 4);
}

void buf_u64(struct buf *b, uint64_t v) {
    put_le(b, v, 8);
}

void buf_blob(struct buf *b, struct span s) {
    if (s.n > UINT32_MAX) {
        buf_fail(b, SD_ERR_LIMIT);
        return;
    }
    buf_u32(b, (uint32_t)s.n);
    buf_put(b, s);
}

void buf_printf(struct buf *b, const char *format, ...) {
    size_t room = b->p && !b->err ? b->cap - b->n : 0; /* most fits: then it is formatted once */
    va_list args;
    va_start(args, format);
    int n = vsnprintf(room ? (char *)b->p + b->n : NULL, room, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < room) {
        b->n += (size_t)n;
        return;
    }
    if (n < 0) {
        buf_fail(b, SD_ERR_BUG);
        return;
    }
    char *p = (char *)buf_reserve(b, (size_t)n + 1);
    if (!p)
        return;
    va_start(args, format);
    (void)vsnprintf(p, (size_t)n + 1, format, args);
    va_end(args);
    b->n += (size_t)n;
}
