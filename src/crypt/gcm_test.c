#include "crypt/crypt.h"
#include "crypt/test_hex.h"

#define KEY_A SPAN("0123456789abcdef0123456789abcdef")
#define KEY_B SPAN("0123456789abcdef0123456789abcdeF")

/* Test case 16 of the GCM specification (McGrew and Viega), Appendix B */
static void known_answer(void **state) {
    (void)state;
    struct hex key = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    struct hex plain = hex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aed"
        "f5aa0de657ba637b39");
    struct hex aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    struct hex nonce = hex("cafebabefacedbaddecaf888");
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(1000);
    struct buf back SD_CLEANUP(buf_free) = buf_new(1000);
    assert_int_equal(crypt_gcm_seal(hex_span(&key), nonce.b, hex_span(&aad), hex_span(&plain), &sealed), SD_OK);
    assert_hex(buf_span(&sealed),
               "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b10568288"
               "38c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b");
    assert_int_equal(crypt_gcm_open(hex_span(&key), nonce.b, hex_span(&aad), buf_span(&sealed), &back), SD_OK);
    assert_true(span_eq(buf_span(&back), hex_span(&plain)));
}

static void every_changed_bit_is_seen(void **state) {
    (void)state;
    struct buf wrapped SD_CLEANUP(buf_free) = buf_new(1000);
    struct buf back SD_CLEANUP(buf_free) = buf_new(1000);
    assert_int_equal(crypt_wrap(KEY_A, SPAN("row 1"), SPAN("a small record"), &wrapped), SD_OK);
    assert_int_equal(wrapped.n, GCM_NONCE_BYTES + 14 + GCM_TAG_BYTES);
    buf_text(&back, "kept");
    for (size_t i = 0; i < wrapped.n * 8; i++) {
        wrapped.p[i / 8] = (uint8_t)(wrapped.p[i / 8] ^ 1u << i % 8);
        assert_int_equal(crypt_unwrap_buf(KEY_A, SPAN("row 1"), buf_span(&wrapped), &back), SD_ERR_FORGED);
        wrapped.p[i / 8] = (uint8_t)(wrapped.p[i / 8] ^ 1u << i % 8);
    }
    for (size_t n = 0; n < wrapped.n; n++)
        assert_int_equal(crypt_unwrap_buf(KEY_A, SPAN("row 1"), span_of(wrapped.p, n), &back), SD_ERR_FORGED);
    assert_int_equal(crypt_unwrap_buf(KEY_A, SPAN("row 2"), buf_span(&wrapped), &back), SD_ERR_FORGED);
    assert_int_equal(crypt_unwrap_buf(KEY_B, SPAN("row 1"), buf_span(&wrapped), &back), SD_ERR_FORGED);
    assert_true(span_eq(buf_span(&back), SPAN("kept")));
    assert_int_equal(crypt_unwrap_buf(KEY_A, SPAN("row 1"), buf_span(&wrapped), &back), SD_OK);
    assert_true(span_eq(buf_span(&back), SPAN("kepta small record")));
}

static void unwraps_into_a_secret(void **state) {
    (void)state;
    struct buf wrapped SD_CLEANUP(buf_free) = buf_new(10000);
    struct secret back SD_CLEANUP(secret_free) = {0};
    assert_int_equal(crypt_wrap(KEY_A, SPAN_NONE, KEY_B, &wrapped), SD_OK);
    assert_int_equal(crypt_unwrap(KEY_B, SPAN_NONE, buf_span(&wrapped), &back), SD_ERR_FORGED);
    assert_int_equal(crypt_unwrap(KEY_A, SPAN_NONE, span_of(wrapped.p, 27), &back), SD_ERR_FORGED);
    assert_null(back.p);
    assert_int_equal(crypt_unwrap(KEY_A, SPAN_NONE, buf_span(&wrapped), &back), SD_OK);
    assert_true(span_eq(secret_span(&back), KEY_B));
    buf_reset(&wrapped);
    buf_fill(&wrapped, 1, SECRET_MAX_BYTES + GCM_NONCE_BYTES + GCM_TAG_BYTES + 1);
    struct secret none SD_CLEANUP(secret_free) = {0};
    assert_int_equal(crypt_unwrap(KEY_A, SPAN_NONE, buf_span(&wrapped), &none), SD_ERR_LIMIT);
}

static void nonces_differ(void **state) {
    (void)state;
    struct buf two SD_CLEANUP(buf_free) = buf_new(1000);
    assert_int_equal(crypt_wrap(KEY_A, SPAN_NONE, SPAN("x"), &two), SD_OK);
    assert_int_equal(crypt_wrap(KEY_A, SPAN_NONE, SPAN("x"), &two), SD_OK);
    assert_memory_not_equal(two.p, two.p + two.n / 2, GCM_NONCE_BYTES);
}

static void empty_text_and_wrong_use(void **state) {
    (void)state;
    struct buf wrapped SD_CLEANUP(buf_free) = buf_new(100);
    struct buf back SD_CLEANUP(buf_free) = buf_new(100);
    struct buf small SD_CLEANUP(buf_free) = buf_new(20);
    assert_int_equal(crypt_wrap(KEY_A, SPAN_NONE, SPAN_NONE, &wrapped), SD_OK);
    assert_int_equal(crypt_unwrap_buf(KEY_A, SPAN_NONE, buf_span(&wrapped), &back), SD_OK);
    assert_int_equal(back.n, 0);
    assert_int_equal(crypt_wrap(SPAN("short key"), SPAN_NONE, SPAN("x"), &wrapped), SD_ERR_BUG);
    assert_int_equal(crypt_wrap(KEY_A, SPAN_NONE, SPAN("x"), &small), SD_ERR_LIMIT);
    assert_int_equal(small.n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answer),  cmocka_unit_test(every_changed_bit_is_seen), cmocka_unit_test(unwraps_into_a_secret),
        cmocka_unit_test(nonces_differ), cmocka_unit_test(empty_text_and_wrong_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
