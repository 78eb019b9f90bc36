#include "render/png.h"

#include <stdlib.h>
#include <zlib.h>

#define SIDE_MAX 4000
#define CHANNELS 3
#define LEVEL 3 /* pages are mostly one colour: higher levels take twice as long for a few per cent */
#define OUT_BYTES 16384

enum filter { FILTER_NONE, FILTER_SUB, FILTER_UP, FILTER_COUNT }; /* §9.2 */

struct png {
    z_stream z;
    struct buf *to;
    size_t idat; /* where its chunk's length is in `to` */
    size_t row_bytes;
    uint32_t rows_left;
    uint8_t *above;                  /* the row before; zeros before the first */
    uint8_t *filtered[FILTER_COUNT]; /* a filter byte and a row each */
    uint8_t memory[];
};

static void put_be32(struct buf *to, uint32_t v) {
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_byte(to, (uint8_t)(v >> shift));
}

/* The CRC covers the chunk's type and data (§5.3). */
static void put_crc(struct buf *to, size_t chunk) {
    if (buf_err(to))
        return;
    uLong crc = crc32_z(0, to->p + chunk + 4, to->n - chunk - 4);
    put_be32(to, (uint32_t)crc);
}

static void put_head(struct buf *to, uint32_t width, uint32_t height) {
    buf_put(to, SPAN("\x89PNG\r\n\x1a\n"));
    size_t chunk = to->n;
    put_be32(to, 13);
    buf_text(to, "IHDR");
    put_be32(to, width);
    put_be32(to, height);
    buf_put(to, SPAN("\x08\x02\x00\x00\x00")); /* 8 bits, RGB, deflate, adaptive filters, not interlaced */
    put_crc(to, chunk);
}

enum sd_err png_begin(uint32_t width, uint32_t height, struct buf *to, struct png **ret) {
    if (width == 0 || height == 0 || width > SIDE_MAX || height > SIDE_MAX)
        return SD_ERR_LIMIT;
    size_t row = (size_t)width * CHANNELS;
    struct png *png = calloc(1, sizeof *png + row + FILTER_COUNT * (row + 1));
    if (!png)
        return SD_ERR_NOMEM;
    if (deflateInit(&png->z, LEVEL) != Z_OK) {
        free(png);
        return SD_ERR_NOMEM;
    }
    png->to = to;
    png->row_bytes = row;
    png->rows_left = height;
    png->above = png->memory;
    for (size_t i = 0; i < FILTER_COUNT; i++) {
        png->filtered[i] = png->memory + row + i * (row + 1);
        png->filtered[i][0] = (uint8_t)i;
    }
    put_head(to, width, height);
    png->idat = to->n;
    put_be32(to, 0); /* its length comes at the end */
    buf_text(to, "IDAT");
    *ret = png;
    return buf_err(to);
}

static enum sd_err pump(struct png *png, int flush) {
    int rc;
    do {
        uint8_t *room = buf_reserve(png->to, OUT_BYTES);
        if (!room)
            return buf_err(png->to);
        png->z.next_out = room;
        png->z.avail_out = OUT_BYTES;
        rc = deflate(&png->z, flush);
        buf_grew(png->to, OUT_BYTES - png->z.avail_out);
    } while (rc == Z_OK && png->z.avail_out == 0);
    return rc == Z_STREAM_ERROR ? SD_ERR_BUG : SD_OK;
}

static uint32_t magnitude(const uint8_t *bytes, size_t n) {
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += bytes[i] < 128 ? bytes[i] : 256U - bytes[i];
    return sum;
}

/* The filter whose row has the smallest sum of magnitudes (§12.8), of the two that cost little besides none. */
static enum filter filter_row(struct png *png, const uint8_t *row) {
    size_t n = png->row_bytes;
    for (size_t i = 0; i < n; i++) {
        png->filtered[FILTER_NONE][1 + i] = row[i];
        png->filtered[FILTER_SUB][1 + i] = (uint8_t)(row[i] - (i < CHANNELS ? 0 : row[i - CHANNELS]));
        png->filtered[FILTER_UP][1 + i] = (uint8_t)(row[i] - png->above[i]);
    }
    enum filter best = FILTER_NONE;
    uint32_t least = UINT32_MAX;
    for (enum filter f = FILTER_NONE; f < FILTER_COUNT; f++) {
        uint32_t sum = magnitude(png->filtered[f] + 1, n);
        if (sum < least) {
            least = sum;
            best = f;
        }
    }
    return best;
}

enum sd_err png_row(struct png *png, struct span rgb) {
    if (rgb.n != png->row_bytes || png->rows_left == 0)
        return SD_ERR_BUG;
    png->rows_left--;
    enum filter filter = filter_row(png, rgb.p);
    memcpy(png->above, rgb.p, rgb.n);
    png->z.next_in = png->filtered[filter];
    png->z.avail_in = (uInt)(png->row_bytes + 1);
    return pump(png, Z_NO_FLUSH);
}

enum sd_err png_end(struct png *png) {
    if (png->rows_left > 0)
        return SD_ERR_BUG;
    enum sd_err err = pump(png, Z_FINISH);
    struct buf *to = png->to;
    if (err)
        return err;
    size_t length = to->n - png->idat - 8;
    for (size_t i = 0; i < 4; i++)
        to->p[png->idat + i] = (uint8_t)(length >> (24 - 8 * i));
    put_crc(to, png->idat);
    size_t chunk = to->n;
    put_be32(to, 0);
    buf_text(to, "IEND");
    put_crc(to, chunk);
    return buf_err(to);
}

void png_free(struct png **png) {
    if (!*png)
        return;
    (void)deflateEnd(&(*png)->z);
    free(*png);
    *png = NULL;
}
