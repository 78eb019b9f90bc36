/*
 * buf.h - an owned, growing buffer with a hard maximum and a sticky error; wiped when it is freed or grows.
 *
 * Writes after a failure do nothing, so a builder appends freely and checks buf_err() once. Exceeding max is SD_ERR_LIMIT.
 *   struct buf b SD_CLEANUP(buf_free) = buf_new(64 * 1024);
 */
#ifndef SD_CORE_BUF_H
#define SD_CORE_BUF_H

#include "core/span.h"

struct buf {
    uint8_t *p;
    size_t n;   /* bytes used */
    size_t cap; /* bytes allocated */
    size_t max; /* hard maximum, bytes */
    enum sd_err err;
};

struct buf buf_new(size_t max);
void buf_free(struct buf *b);  /* wipes; leaves an empty buffer with the same max */
void buf_reset(struct buf *b); /* n = 0 and no error; keeps the memory */

struct span buf_span(const struct buf *b); /* valid until the next write */
enum sd_err buf_err(const struct buf *b) SD_MUST_CHECK;
void buf_fail(struct buf *b, enum sd_err err); /* keeps the first error */

void buf_put(struct buf *b, struct span s);
void buf_text(struct buf *b, const char *text);
void buf_byte(struct buf *b, uint8_t byte);
void buf_fill(struct buf *b, uint8_t byte, size_t n);
void buf_u8(struct buf *b, uint8_t v);
void buf_u16(struct buf *b, uint16_t v); /* little endian */
void buf_u32(struct buf *b, uint32_t v);
void buf_u64(struct buf *b, uint64_t v);
void buf_blob(struct buf *b, struct span s); /* u32 length and the bytes: what read_blob reads */
void buf_printf(struct buf *b, const char *format, ...) SD_PRINTF(2, 3);

/* Room for n more bytes, to be filled by the caller and counted with buf_grew(); NULL after a failure. */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_grew(struct buf *b, size_t n);
/* Drops n bytes from the front. */
void buf_consume(struct buf *b, size_t n);

#endif
