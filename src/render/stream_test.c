/* What a sandbox that has been taken over may write: only pages within the limits and a true end get through. */
#include "render/album.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define PAGES_MAX 3
#define SIDE_MAX 10

static void put_page(struct buf *to, uint16_t width, uint16_t height) {
    buf_byte(to, 'P');
    buf_u16(to, width);
    buf_u16(to, height);
    buf_fill(to, 0x7f, (size_t)width * height * 3);
}

static void put_end(struct buf *to, uint8_t reason, uint32_t total, uint8_t more) {
    buf_byte(to, 'E');
    buf_u8(to, reason);
    buf_u32(to, total);
    buf_u8(to, more);
}

/* In pieces of so many bytes; the album is the caller's. */
static enum sd_err feed(struct album *album, struct span bytes, size_t piece) {
    enum sd_err err = SD_OK;
    album_start(album, PAGES_MAX, SIDE_MAX);
    for (size_t at = 0; at < bytes.n && err == SD_OK; at += piece)
        err = album_feed(album, span_sub(bytes, at, piece));
    return err;
}

static void expect(const struct buf *stream, enum sd_err expected, bool ended) {
    static const size_t pieces[] = {1, 2, 7, 100000};
    for (size_t i = 0; i < SD_COUNT(pieces); i++) {
        struct album album SD_CLEANUP(album_free);
        assert_int_equal(feed(&album, buf_span(stream), pieces[i]), expected);
        assert_int_equal(album.parser.ended, ended);
    }
}

static void test_good(SD_UNUSED void **state) {
    struct buf stream SD_CLEANUP(buf_free) = buf_new(10000);
    put_page(&stream, 10, 4);
    put_page(&stream, 1, 10);
    put_end(&stream, SHOW_SHOWN, 7, 1);
    expect(&stream, SD_OK, true);
    struct album album SD_CLEANUP(album_free);
    assert_int_equal(feed(&album, buf_span(&stream), 5), SD_OK);
    assert_int_equal(album.count, 2);
    assert_int_equal(album.parser.end.total, 7);
    assert_true(album.parser.end.more);
    struct reader r = reader_of(buf_span(&album.pages));
    assert_true(span_starts(read_blob(&r, 1000), SPAN("\x89PNG\r\n\x1a\n")));
    assert_true(span_starts(read_blob(&r, 1000), SPAN("\x89PNG\r\n\x1a\n")));
    assert_int_equal(reader_end(&r), SD_OK);
}

/* Cut off at every byte: no error, and no end; whole pages stay. */
static void test_cut_off(SD_UNUSED void **state) {
    struct buf stream SD_CLEANUP(buf_free) = buf_new(10000);
    put_page(&stream, 2, 2);
    put_end(&stream, SHOW_SHOWN, 1, 0);
    for (size_t n = 0; n < stream.n; n++) {
        struct album album SD_CLEANUP(album_free);
        assert_int_equal(feed(&album, span_sub(buf_span(&stream), 0, n), 3), SD_OK);
        assert_false(album.parser.ended);
        assert_int_equal(album.count, n >= 17);
    }
}

static void bad_page(uint16_t width, uint16_t height) {
    struct buf stream SD_CLEANUP(buf_free) = buf_new(10000000);
    put_page(&stream, width, height);
    put_end(&stream, SHOW_SHOWN, 1, 0);
    expect(&stream, SD_ERR_PROTOCOL, false);
}

static void bad_end(unsigned pages, uint8_t reason, uint32_t total, uint8_t more) {
    struct buf stream SD_CLEANUP(buf_free) = buf_new(10000);
    for (unsigned i = 0; i < pages; i++)
        put_page(&stream, 1, 1);
    put_end(&stream, reason, total, more);
    expect(&stream, SD_ERR_PROTOCOL, false);
}

static void test_bad(SD_UNUSED void **state) {
    bad_page(0, 1);
    bad_page(1, 0);
    bad_page(SIDE_MAX + 1, 1);
    bad_page(1, 65535);
    bad_end(0, SHOW_SHOWN, 0, 0);  /* nothing was shown */
    bad_end(1, SHOW_BROKEN, 0, 0); /* something was */
    bad_end(0, 200, 0, 0);         /* no such reason */
    bad_end(2, SHOW_SHOWN, 1, 0);  /* fewer than came */
    bad_end(1, SHOW_SHOWN, 1, 2);
    bad_end(PAGES_MAX + 1, SHOW_SHOWN, 0, 0);
    static const char *const others[] = {"X", "Page", "\x89PNG", "p"};
    for (size_t i = 0; i < SD_COUNT(others); i++) {
        struct buf stream SD_CLEANUP(buf_free) = buf_new(100);
        buf_text(&stream, others[i]);
        buf_fill(&stream, 0, 20);
        expect(&stream, SD_ERR_PROTOCOL, false);
    }
}

static void test_behind_the_end(SD_UNUSED void **state) {
    struct buf stream SD_CLEANUP(buf_free) = buf_new(10000);
    put_page(&stream, 1, 1);
    put_end(&stream, SHOW_SHOWN, 1, 0);
    put_page(&stream, 1, 1);
    expect(&stream, SD_ERR_PROTOCOL, true);
}

/* Noise until the album is full: what is in it is whole. */
static void test_full(SD_UNUSED void **state) {
    struct album album SD_CLEANUP(album_free);
    uint8_t row[200 * 3];
    enum sd_err err = SD_OK;
    album_start(&album, STREAM_PAGES_MAX, STREAM_SIDE_MAX);
    album.pages.max = 300000;
    for (unsigned page = 0; page < 4 && err == SD_OK; page++) {
        err = album_feed(&album, SPAN("P\xc8\0\xc8\0"));
        for (unsigned y = 0; y < 200 && err == SD_OK; y++) {
            for (size_t i = 0; i < sizeof row; i++)
                row[i] = (uint8_t)rand();
            err = album_feed(&album, span_of(row, sizeof row));
        }
    }
    assert_int_equal(err, SD_ERR_LIMIT);
    assert_int_equal(album.count, 2);
    struct reader r = reader_of(buf_span(&album.pages));
    for (uint32_t i = 0; i < album.count; i++)
        assert_in_range(read_blob(&r, album.pages.n).n, 120000, 130000);
    assert_int_equal(reader_end(&r), SD_OK);
}

static void test_reasons(SD_UNUSED void **state) {
    for (uint8_t reason = 0; show_reason_known(reason); reason++) {
        const char *sentence = show_reason_sentence((enum show_reason)reason);
        assert_true(reason == SHOW_SHOWN ? *sentence == 0 : sentence[strlen(sentence) - 1] == '.');
    }
    assert_false(show_reason_known(255));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good), cmocka_unit_test(test_cut_off),        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_full), cmocka_unit_test(test_behind_the_end), cmocka_unit_test(test_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
