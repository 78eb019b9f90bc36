/* Streams: whole, cut, reordered, flipped. */
#include "crypt/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t key[KEY_BYTES] = {7};
#define KEY span_of(key, sizeof key)

static void seal(struct span plain, struct buf *to) {
    struct stream *stream SD_CLEANUP(stream_free) = NULL;
    assert_int_equal(stream_new(STREAM_SEAL, KEY, SPAN("of this"), &stream), SD_OK);
    do {
        struct span chunk = span_sub(plain, 0, STREAM_CHUNK_BYTES);
        plain = span_from(plain, chunk.n);
        assert_int_equal(stream_chunk(stream, chunk, plain.n == 0, to), SD_OK);
    } while (plain.n);
    assert_true(stream_ended(stream));
}

static enum sd_err open_as(struct span sealed, struct span aad, struct buf *to) {
    struct stream *stream SD_CLEANUP(stream_free) = NULL;
    enum sd_err err = stream_new(STREAM_OPEN, KEY, aad, &stream);
    while (err == SD_OK && !stream_ended(stream)) {
        struct span chunk = span_sub(sealed, 0, STREAM_SEALED_BYTES);
        sealed = span_from(sealed, chunk.n);
        err = stream_chunk(stream, chunk, sealed.n == 0, to);
    }
    return err;
}

static void whole(SD_UNUSED void **state) {
    static const size_t sizes[] = {
        0, 1, STREAM_CHUNK_BYTES - 1, STREAM_CHUNK_BYTES, STREAM_CHUNK_BYTES + 1, 3 * STREAM_CHUNK_BYTES};
    for (size_t i = 0; i < SD_COUNT(sizes); i++) {
        struct buf plain SD_CLEANUP(buf_free) = buf_new(1 << 20), sealed SD_CLEANUP(buf_free) = buf_new(1 << 20);
        struct buf opened SD_CLEANUP(buf_free) = buf_new(1 << 20);
        buf_fill(&plain, 'x', sizes[i]);
        seal(buf_span(&plain), &sealed);
        assert_int_equal(sealed.n, stream_sealed_bytes(sizes[i]));
        assert_int_equal(open_as(buf_span(&sealed), SPAN("of this"), &opened), SD_OK);
        assert_true(span_eq(buf_span(&plain), buf_span(&opened)));
        assert_int_equal(open_as(buf_span(&sealed), SPAN("of that"), &opened), SD_ERR_FORGED);
    }
}

static void not_whole(SD_UNUSED void **state) {
    struct buf plain SD_CLEANUP(buf_free) = buf_new(1 << 20), sealed SD_CLEANUP(buf_free) = buf_new(1 << 20);
    struct buf opened SD_CLEANUP(buf_free) = buf_new(1 << 20), swapped SD_CLEANUP(buf_free) = buf_new(1 << 20);
    buf_fill(&plain, 'x', 3 * STREAM_CHUNK_BYTES + 100);
    seal(buf_span(&plain), &sealed);
    struct span all = buf_span(&sealed);
    for (size_t n = 0; n < all.n; n += 1 + n / 7)
        assert_int_not_equal(open_as(span_sub(all, 0, n), SPAN("of this"), &opened), SD_OK);
    assert_int_equal(open_as(span_sub(all, 0, 2 * STREAM_SEALED_BYTES), SPAN("of this"), &opened), SD_ERR_FORGED);
    buf_put(&swapped, span_sub(all, STREAM_SEALED_BYTES, STREAM_SEALED_BYTES));
    buf_put(&swapped, span_sub(all, 0, STREAM_SEALED_BYTES));
    buf_put(&swapped, span_from(all, 2 * STREAM_SEALED_BYTES));
    assert_int_equal(open_as(buf_span(&swapped), SPAN("of this"), &opened), SD_ERR_FORGED);
    for (size_t at = 0; at < all.n; at += 4099) {
        sealed.p[at] ^= 1;
        assert_int_equal(open_as(all, SPAN("of this"), &opened), SD_ERR_FORGED);
        sealed.p[at] ^= 1;
        buf_reset(&opened);
    }
    buf_byte(&sealed, 0);
    assert_int_equal(open_as(buf_span(&sealed), SPAN("of this"), &opened), SD_ERR_FORGED);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole), cmocka_unit_test(not_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
