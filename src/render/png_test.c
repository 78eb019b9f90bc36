/* PNG files: their bytes, chunk by chunk, and the pixels that come out again. */
#include "render/png.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <zlib.h>

#include <cmocka.h>

struct chunk {
    struct span type, data;
};

static uint32_t be32(struct span s) {
    return s.n == 4 ? (uint32_t)s.p[0] << 24 | (uint32_t)s.p[1] << 16 | (uint32_t)s.p[2] << 8 | s.p[3] : 0;
}

static struct chunk next_chunk(struct reader *r) {
    uint32_t n = be32(read_bytes(r, 4));
    struct span covered = span_sub(r->rest, 0, 4 + (size_t)n);
    struct chunk chunk = {.type = read_bytes(r, 4)};
    chunk.data = read_bytes(r, n);
    assert_int_equal(be32(read_bytes(r, 4)), (uint32_t)crc32_z(0, covered.p, covered.n));
    return chunk;
}

static uint8_t pixel(uint32_t x, uint32_t y, uint32_t channel, unsigned pattern) {
    return pattern == 0 ? 255 : pattern == 1 ? (uint8_t)(x * 3 + channel) : pattern == 2 ? (uint8_t)(y * 7) : (uint8_t)rand();
}

static void write_file(uint32_t width, uint32_t height, unsigned pattern, struct buf *to, uint8_t *pixels) {
    struct png *png SD_CLEANUP(png_free) = NULL;
    size_t row = (size_t)width * 3;
    assert_int_equal(png_begin(width, height, to, &png), SD_OK);
    for (uint32_t y = 0; y < height; y++) {
        for (size_t i = 0; i < row; i++)
            pixels[y * row + i] = pixel((uint32_t)(i / 3), y, (uint32_t)(i % 3), pattern);
        assert_int_equal(png_row(png, span_of(pixels + y * row, row)), SD_OK);
    }
    assert_int_equal(png_row(png, span_of(pixels, row)), SD_ERR_BUG); /* one too many */
    assert_int_equal(png_end(png), SD_OK);
}

/* Undoes the filters 0, 1 and 2 (§9.2); every other is an error here. */
static void unfilter(uint8_t *rows, uint32_t width, uint32_t height, const uint8_t *pixels) {
    size_t n = (size_t)width * 3;
    for (uint32_t y = 0; y < height; y++) {
        uint8_t *row = rows + y * (n + 1) + 1;
        assert_in_range(row[-1], 0, 2);
        for (size_t i = 0; i < n; i++) {
            uint8_t left = i < 3 ? 0 : row[i - 3], above = y == 0 ? 0 : row[i - n - 1];
            row[i] = (uint8_t)(row[i] + (row[-1] == 1 ? left : row[-1] == 2 ? above : 0));
        }
        assert_memory_equal(row, pixels + y * n, n);
    }
}

static void check(uint32_t width, uint32_t height, unsigned pattern) {
    struct buf file SD_CLEANUP(buf_free) = buf_new(64 * 1024 * 1024);
    size_t n = ((size_t)width * 3 + 1) * height;
    uint8_t *pixels = malloc(n), *rows = malloc(n);
    write_file(width, height, pattern, &file, pixels);
    struct reader r = reader_of(buf_span(&file));
    assert_true(span_eq(read_bytes(&r, 8), SPAN("\x89PNG\r\n\x1a\n")));
    struct chunk head = next_chunk(&r), data = next_chunk(&r), end = next_chunk(&r);
    assert_true(span_eq(head.type, SPAN("IHDR")) && span_eq(data.type, SPAN("IDAT")) && span_eq(end.type, SPAN("IEND")));
    assert_int_equal(reader_end(&r), SD_OK);
    assert_int_equal(be32(span_sub(head.data, 0, 4)), width);
    assert_int_equal(be32(span_sub(head.data, 4, 4)), height);
    assert_true(span_eq(span_from(head.data, 8), SPAN("\x08\x02\0\0\0")) && end.data.n == 0);
    uLongf got = n;
    assert_int_equal(uncompress(rows, &got, data.data.p, data.data.n), Z_OK);
    assert_int_equal(got, n);
    unfilter(rows, width, height, pixels);
    free(pixels);
    free(rows);
}

static void test_pixels_come_out_again(SD_UNUSED void **state) {
    for (unsigned pattern = 0; pattern < 4; pattern++) {
        check(1, 1, pattern);
        check(3, 200, pattern);
        check(700, 31, pattern);
    }
    check(4000, 300, 3); /* does not compress */
    check(1, 4000, 1);
}

static void test_pages_are_small(SD_UNUSED void **state) {
    struct buf file SD_CLEANUP(buf_free) = buf_new(1024 * 1024);
    uint8_t *pixels = malloc((size_t)990 * 1400 * 3);
    write_file(990, 1400, 0, &file, pixels);
    assert_in_range(file.n, 100, 30000);
    free(pixels);
}

static void test_limits(SD_UNUSED void **state) {
    struct buf file SD_CLEANUP(buf_free) = buf_new(100000);
    struct png *png = NULL;
    assert_int_equal(png_begin(0, 1, &file, &png), SD_ERR_LIMIT);
    assert_int_equal(png_begin(1, 4001, &file, &png), SD_ERR_LIMIT);
    assert_null(png);
    assert_int_equal(png_begin(2, 1, &file, &png), SD_OK);
    assert_int_equal(png_row(png, SPAN("12345")), SD_ERR_BUG);
    assert_int_equal(png_end(png), SD_ERR_BUG); /* a row is missing */
    png_free(&png);
    struct buf small SD_CLEANUP(buf_free) = buf_new(60);
    assert_int_equal(png_begin(2, 1, &small, &png), SD_OK);
    assert_int_equal(png_row(png, SPAN("123456")), SD_ERR_LIMIT);
    png_free(&png);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pixels_come_out_again), cmocka_unit_test(test_pages_are_small),
                                       cmocka_unit_test(test_limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
