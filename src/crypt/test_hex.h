/* test_hex.h - known-answer vectors written as hexadecimal text. For tests only. */
#ifndef SD_CRYPT_TEST_HEX_H
#define SD_CRYPT_TEST_HEX_H

#include "core/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct hex {
    uint8_t b[256];
    size_t n;
};

static inline struct hex hex(const char *text) {
    struct hex h = {.n = strlen(text) / 2};
    assert_true(h.n <= sizeof h.b);
    assert_int_equal(hex_to_bytes(span_cstr(text), h.b, h.n), SD_OK);
    return h;
}

static inline struct span hex_span(const struct hex *h) {
    return span_of(h->b, h->n);
}

static inline void assert_hex(struct span got, const char *expected) {
    struct hex want = hex(expected);
    assert_int_equal(got.n, want.n);
    assert_memory_equal(got.p, want.b, want.n);
}

#endif
