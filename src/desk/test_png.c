#include "desk/test_png.h"

#define FILTER_NONE 0
#define FILTER_UP 2

static void put_u32_big(struct buf *to, uint32_t v) {
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_byte(to, (uint8_t)(v >> shift));
}

static void put_chunk(struct buf *to, const char *type, struct span data) {
    put_u32_big(to, (uint32_t)data.n);
    buf_text(to, type);
    buf_put(to, data);
    put_u32_big(to, 0); /* the checksum, at which nobody here looks */
}

/* The first row as it is, those below as nothing but the same again. */
static void put_rows(struct buf *to, uint32_t width, uint32_t height, const uint8_t colour[3]) {
    for (uint32_t y = 0; y < height; y++) {
        buf_byte(to, y == 0 ? FILTER_NONE : FILTER_UP);
        for (uint32_t x = 0; x < width; x++)
            if (y == 0)
                buf_put(to, span_of(colour, 3));
            else
                buf_fill(to, 0, 3);
    }
}

/* RFC 1950 and 1951: one block that is stored. */
static void put_zlib(struct buf *to, struct span data) {
    uint32_t a = 1, b = 0;
    for (size_t i = 0; i < data.n; i++) {
        a = (a + data.p[i]) % 65521;
        b = (b + a) % 65521;
    }
    buf_put(to, SPAN("\x78\x01\x01"));
    buf_u16(to, (uint16_t)data.n);
    buf_u16(to, (uint16_t)~data.n);
    buf_put(to, data);
    put_u32_big(to, b << 16 | a);
}

void test_png(struct buf *to, uint32_t width, uint32_t height, const uint8_t colour[3]) {
    struct buf rows SD_CLEANUP(buf_free) = buf_new(UINT16_MAX), data SD_CLEANUP(buf_free) = buf_new(UINT16_MAX + 64),
                    head SD_CLEANUP(buf_free) = buf_new(16);
    put_u32_big(&head, width);
    put_u32_big(&head, height);
    buf_put(&head, SPAN("\x08\x02\x00\x00\x00"));
    put_rows(&rows, width, height, colour);
    put_zlib(&data, buf_span(&rows));
    buf_put(to, SPAN("\x89PNG\r\n\x1a\n"));
    put_chunk(to, "IHDR", buf_span(&head));
    put_chunk(to, "IDAT", buf_span(&data));
    put_chunk(to, "IEND", SPAN_NONE);
}
