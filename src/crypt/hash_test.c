#include "crypt/crypt.h"
#include "crypt/test_hex.h"

#include <pthread.h>

/* FIPS 180-4's examples, as printed in RFC 6234 §8.5 */
static void sha(void **state) {
    (void)state;
    struct sha256 d;
    uint8_t d1[20];
    assert_int_equal(crypt_sha256(SPAN("abc"), &d), SD_OK);
    assert_hex(span_of(d.b, 32), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(crypt_sha256(SPAN_NONE, &d), SD_OK);
    assert_hex(span_of(d.b, 32), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_int_equal(crypt_sha1(SPAN("abc"), d1), SD_OK);
    assert_hex(span_of(d1, 20), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

static void a_stream_gives_the_same_and_starts_anew(void **state) {
    (void)state;
    struct hash_stream *h SD_CLEANUP(hash_stream_free) = NULL;
    struct sha256 d;
    assert_int_equal(hash_stream_new(&h), SD_OK);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(hash_stream_add(h, SPAN("a")), SD_OK);
        assert_int_equal(hash_stream_add(h, SPAN_NONE), SD_OK);
        assert_int_equal(hash_stream_add(h, SPAN("bc")), SD_OK);
        assert_int_equal(hash_stream_end(h, &d), SD_OK);
        assert_hex(span_of(d.b, 32), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}

/* RFC 4226 Appendix D: what TOTP (RFC 6238) builds on */
static void hmac_sha1(void **state) {
    (void)state;
    static const char *const expected[] = {"cc93cf18508d94934c64b65d8ba7667fb7cde4b0",
                                           "75a48a19d4cbe100644e8ac1397eea747a2d33ab"};
    for (uint8_t i = 0; i < 2; i++) {
        const uint8_t counter[8] = {0, 0, 0, 0, 0, 0, 0, i};
        uint8_t mac[20];
        assert_int_equal(crypt_hmac_sha1(SPAN("12345678901234567890"), span_of(counter, 8), mac), SD_OK);
        assert_hex(span_of(mac, 20), expected[i]);
    }
}

/* RFC 4231 §4.3, §4.7; and an empty key, which is a block of zeros (RFC 2104 §2) */
static void hmac_sha256(void **state) {
    (void)state;
    struct sha256 mac;
    struct sha256 mac2;
    uint8_t long_key[131];
    memset(long_key, 0xaa, sizeof long_key);
    assert_int_equal(crypt_hmac_sha256(SPAN("Jefe"), SPAN("what do ya want for nothing?"), &mac), SD_OK);
    assert_hex(span_of(mac.b, 32), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_int_equal(crypt_hmac_sha256(span_of(long_key, sizeof long_key),
                                       SPAN("Test Using Larger Than Block-Size Key - Hash Key First"), &mac),
                     SD_OK);
    assert_hex(span_of(mac.b, 32), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    assert_int_equal(crypt_hmac_sha256(SPAN_NONE, SPAN("x"), &mac), SD_OK);
    assert_int_equal(crypt_hmac_sha256(SPAN("\0\0\0"), SPAN("x"), &mac2), SD_OK);
    assert_memory_equal(mac.b, mac2.b, 32);
}

static void hkdf_is(const char *key, const char *salt, const char *info, const char *expected) {
    struct hex k = hex(key);
    struct hex s = hex(salt);
    struct hex i = hex(info);
    struct secret out SD_CLEANUP(secret_free) = {0};
    assert_int_equal(crypt_hkdf(hex_span(&k), hex_span(&s), hex_span(&i), strlen(expected) / 2, &out), SD_OK);
    assert_hex(secret_span(&out), expected);
}

/* RFC 5869 Appendix A.1 to A.3 */
static void hkdf(void **state) {
    (void)state;
    hkdf_is("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    hkdf_is("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738"
            "393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
            "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798"
            "999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
            "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8"
            "e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b836"
            "7793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
    hkdf_is("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

static void hkdf_limits(void **state) {
    (void)state;
    struct secret out SD_CLEANUP(secret_free) = {0};
    assert_int_equal(crypt_hkdf(SPAN("k"), SPAN_NONE, SPAN_NONE, SECRET_MAX_BYTES + 1, &out), SD_ERR_LIMIT);
    assert_null(out.p);
}

static void *hash_much(void *arg) {
    for (int i = 0; i < 500; i++) {
        struct sha256 d;
        struct sha256 m;
        if (crypt_sha256(SPAN("abc"), &d) || d.b[0] != 0xba || crypt_hmac_sha256(SPAN("Jefe"), SPAN("x"), &m))
            return arg;
    }
    return NULL;
}

static void threads(void **state) {
    (void)state;
    char failure = 0;
    pthread_t t[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, hash_much, &failure), 0);
    for (size_t i = 0; i < 4; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(t[i], &failed), 0);
        assert_null(failed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads), /* first, so that they race for the one-time set-up */
        cmocka_unit_test(sha),       cmocka_unit_test(a_stream_gives_the_same_and_starts_anew),
        cmocka_unit_test(hmac_sha1), cmocka_unit_test(hmac_sha256),
        cmocka_unit_test(hkdf),      cmocka_unit_test(hkdf_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
