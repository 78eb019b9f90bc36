#include "core/codec.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

typedef void put_fn(struct buf *b, struct span s);
typedef enum sd_err decode_fn(struct span s, struct buf *to);

static void encodes(put_fn *put, struct span s, const char *expected) {
    struct buf b SD_CLEANUP(buf_free) = buf_new(1000);
    put(&b, s);
    assert_int_equal(buf_err(&b), SD_OK);
    assert_true(span_eq(buf_span(&b), span_cstr(expected)));
}

static void decodes(decode_fn *decode, const char *s, const char *expected) {
    struct buf b SD_CLEANUP(buf_free) = buf_new(1000);
    assert_int_equal(decode(span_cstr(s), &b), SD_OK);
    assert_true(span_eq(buf_span(&b), span_cstr(expected)));
}

static void refuses(decode_fn *decode, const char *s) {
    struct buf b SD_CLEANUP(buf_free) = buf_new(1000);
    assert_int_equal(decode(span_cstr(s), &b), SD_ERR_PARSE);
}

/* RFC 4648 §10 */
static void base64_vectors(void **state) {
    (void)state;
    static const char *const vectors[][3] = {
        {"", "", ""},
        {"f", "Zg==", "MY"},
        {"fo", "Zm8=", "MZXQ"},
        {"foo", "Zm9v", "MZXW6"},
        {"foob", "Zm9vYg==", "MZXW6YQ"},
        {"fooba", "Zm9vYmE=", "MZXW6YTB"},
        {"foobar", "Zm9vYmFy", "MZXW6YTBOI"},
    };
    for (size_t i = 0; i < SD_COUNT(vectors); i++) {
        encodes(put_base64, span_cstr(vectors[i][0]), vectors[i][1]);
        decodes(base64_decode, vectors[i][1], vectors[i][0]);
        encodes(put_base32, span_cstr(vectors[i][0]), vectors[i][2]);
    }
    encodes(put_base64, SPAN("\xfb\xff\xfe"), "+//+");
    encodes(put_base64url, SPAN("\xfb\xff\xfe"), "-__-");
    decodes(base64url_decode, "-__-", "\xfb\xff\xfe");
    encodes(put_base64url, SPAN("f"), "Zg");
    decodes(base64url_decode, "Zg", "f");
}

static void base64_is_strict(void **state) {
    (void)state;
    static const char *const bad[] = {"Zg",   "Zg=",  "Z===",     "Zh==", "Zm9=", "Zm 9v", "Zm9v\n",
                                      "====", "-__-", "Zg==Zg==", "Z=g=", "=Zg=", "Zm9vY"};
    for (size_t i = 0; i < SD_COUNT(bad); i++)
        refuses(base64_decode, bad[i]);
    static const char *const bad_url[] = {"Zg==", "Z", "Zh", "+//+", "Zm9vY"};
    for (size_t i = 0; i < SD_COUNT(bad_url); i++)
        refuses(base64url_decode, bad_url[i]);
}

static void base64_keeps_every_byte(void **state) {
    (void)state;
    uint8_t all[256];
    for (unsigned i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    for (size_t n = 0; n <= sizeof all; n++) {
        struct buf text SD_CLEANUP(buf_free) = buf_new(1000);
        struct buf back SD_CLEANUP(buf_free) = buf_new(1000);
        put_base64(&text, span_of(all, n));
        assert_int_equal(base64_decode(buf_span(&text), &back), SD_OK);
        assert_true(span_eq(buf_span(&back), span_of(all, n)));
    }
}

static void base64_respects_the_maximum(void **state) {
    (void)state;
    struct buf b SD_CLEANUP(buf_free) = buf_new(2);
    assert_int_equal(base64_decode(SPAN("Zm9v"), &b), SD_ERR_LIMIT);
}

static void hex(void **state) {
    (void)state;
    encodes(put_hex, SPAN("\x00\xff\x1a"), "00ff1a");
    uint8_t b[3] = {9, 9, 9};
    assert_int_equal(hex_to_bytes(SPAN("00fF1A"), b, 3), SD_OK);
    assert_memory_equal(b, "\x00\xff\x1a", 3);
    assert_int_equal(hex_to_bytes(SPAN("00ff1"), b, 3), SD_ERR_PARSE);
    assert_int_equal(hex_to_bytes(SPAN("00ff1a00"), b, 3), SD_ERR_PARSE);
    assert_int_equal(hex_to_bytes(SPAN("11221g"), b, 3), SD_ERR_PARSE);
    assert_memory_equal(b, "\x00\xff\x1a", 3); /* untouched on failure */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_vectors),
        cmocka_unit_test(base64_is_strict),
        cmocka_unit_test(base64_keeps_every_byte),
        cmocka_unit_test(base64_respects_the_maximum),
        cmocka_unit_test(hex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
