/* COSE keys: each algorithm signs and is verified; every other form of a key is refused. */
#include "core/codec.h"
#include "crypt/cose.h"
#include "crypt/edwards.h"
#include "crypt/test_cose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const enum cose_algorithm algorithms[] = {COSE_ES256, COSE_EDDSA, COSE_ES384, COSE_ES512, COSE_ED448, COSE_RS256};

static void key_of(const struct test_cose *key, struct cose_key **ret) {
    struct buf cose SD_CLEANUP(buf_free) = buf_new(COSE_KEY_MAX);
    test_cose_put(key, &cose);
    assert_int_equal(cose_key_new(buf_span(&cose), ret), SD_OK);
    assert_int_equal(cose_key_check(*ret), SD_OK);
}

static void each_algorithm(SD_UNUSED void **state) {
    for (size_t i = 0; i < SD_COUNT(algorithms); i++) {
        struct test_cose *key SD_CLEANUP(test_cose_free) = test_cose_new(algorithms[i], 2048);
        struct test_cose *other SD_CLEANUP(test_cose_free) = test_cose_new(algorithms[i], 2048);
        struct cose_key *public SD_CLEANUP(cose_key_free) = NULL, *wrong SD_CLEANUP(cose_key_free) = NULL;
        struct buf signature SD_CLEANUP(buf_free) = buf_new(1024);
        key_of(key, &public);
        key_of(other, &wrong);
        assert_int_equal(cose_key_algorithm(public), algorithms[i]);
        test_cose_sign(key, SPAN("data"), &signature);
        assert_int_equal(cose_verify(public, SPAN("data"), buf_span(&signature)), SD_OK);
        assert_int_equal(cose_verify(wrong, SPAN("data"), buf_span(&signature)), SD_ERR_FORGED);
        assert_int_equal(cose_verify(public, SPAN("dat4"), buf_span(&signature)), SD_ERR_FORGED);
        assert_int_equal(cose_verify(public, SPAN("data"), SPAN_NONE), SD_ERR_FORGED);
        buf_byte(&signature, 0);
        assert_int_equal(cose_verify(public, SPAN("data"), buf_span(&signature)), SD_ERR_FORGED);
    }
}

static void cut_anywhere(SD_UNUSED void **state) {
    for (size_t i = 0; i < SD_COUNT(algorithms); i++) {
        struct test_cose *key SD_CLEANUP(test_cose_free) = test_cose_new(algorithms[i], 2048);
        struct buf cose SD_CLEANUP(buf_free) = buf_new(COSE_KEY_MAX);
        struct cose_key *public = NULL;
        test_cose_put(key, &cose);
        for (size_t n = 0; n < cose.n; n++)
            assert_int_not_equal(cose_key_new(span_sub(buf_span(&cose), 0, n), &public), SD_OK);
        buf_byte(&cose, 0);
        assert_int_equal(cose_key_new(buf_span(&cose), &public), SD_ERR_PARSE);
    }
}

/* head, then the point of a real P-256 key where `%` stands: x and y with the head between them. */
static enum sd_err ec_key(const struct test_cose *key, const char *head, const char *between, const char *tail) {
    struct buf numbers SD_CLEANUP(buf_free) = buf_new(256), cose SD_CLEANUP(buf_free) = buf_new(COSE_KEY_MAX);
    struct cose_key *public SD_CLEANUP(cose_key_free) = NULL;
    const char *parts[] = {head, between, tail};
    test_cose_numbers(key, &numbers);
    for (size_t i = 0; i < 3; i++) {
        uint8_t bytes[64];
        size_t n = strlen(parts[i]) / 2;
        assert_int_equal(hex_to_bytes(span_cstr(parts[i]), bytes, n), SD_OK);
        buf_put(&cose, span_of(bytes, n));
        if (i < 2)
            buf_put(&cose, span_sub(buf_span(&numbers), 32 * i, 32));
    }
    return cose_key_new(buf_span(&cose), &public);
}

static void other_forms(SD_UNUSED void **state) {
    struct test_cose *key SD_CLEANUP(test_cose_free) = test_cose_new(COSE_ES256, 0);
    assert_int_equal(ec_key(key, "a5010203262001215820", "225820", ""), SD_OK);
    static const struct {
        const char *head, *between, *tail;
        enum sd_err err;
    } bad[] = {
        {"a5010203262001215820", "225820", "00", SD_ERR_PARSE},     /* left over */
        {"a6010203262001215820", "225820", "", SD_ERR_PARSE},       /* one pair too few */
        {"a6010203262001215820", "225820", "0400", SD_ERR_PARSE},   /* one after the last, out of order */
        {"a601020241aa03262001215820", "225820", "", SD_ERR_PARSE}, /* kid: "MUST NOT contain any other" */
        {"a6010203260481022001215820", "225820", "", SD_ERR_PARSE}, /* key_ops */
        {"a601020326032620012158"
         "20",
         "225820", "", SD_ERR_PARSE},                                   /* alg twice */
        {"a5032601022001215820", "225820", "", SD_ERR_PARSE},           /* not in order */
        {"a5010203262001225820", "215820", "", SD_ERR_PARSE},           /* y before x */
        {"a401022001215820", "225820", "", SD_ERR_PARSE},               /* no alg */
        {"a5010203382f2001215820", "225820", "", SD_ERR_UNSUPPORTED},   /* alg -48 */
        {"a50102033901012001215820", "225820", "", SD_ERR_UNSUPPORTED}, /* alg -258 */
        {"a50102033822"
         "2001215820",
         "225820", "", SD_ERR_PARSE},                           /* ES384 on P-256 */
        {"a5010203262002215820", "225820", "", SD_ERR_PARSE},   /* ES256 on P-384 */
        {"a5010203262008215820", "225820", "", SD_ERR_PARSE},   /* secp256k1 */
        {"a5010103262001215820", "225820", "", SD_ERR_PARSE},   /* kty OKP */
        {"a5010203272001215820", "225820", "", SD_ERR_PARSE},   /* EdDSA with kty EC2 */
        {"a5010203262001217820", "225820", "", SD_ERR_PARSE},   /* x as text */
        {"a501020326200121590020", "225820", "", SD_ERR_PARSE}, /* a length longer than needed */
        {"a5010203"
         "3806"
         "2001215820",
         "225820", "", SD_ERR_PARSE},                           /* the same for alg */
        {"bf010203262001215820", "225820", "ff", SD_ERR_PARSE}, /* indefinite length */
        {"a501020326200121582100", "225820", "", SD_ERR_PARSE}, /* x of 33 bytes */
    };
    for (size_t i = 0; i < SD_COUNT(bad); i++)
        assert_int_equal(ec_key(key, bad[i].head, bad[i].between, bad[i].tail), bad[i].err);
}

static enum sd_err key_of_hex(const char *hex, bool check) {
    uint8_t bytes[COSE_KEY_MAX];
    struct cose_key *key SD_CLEANUP(cose_key_free) = NULL;
    size_t n = strlen(hex) / 2;
    assert_int_equal(hex_to_bytes(span_cstr(hex), bytes, n), SD_OK);
    enum sd_err err = cose_key_new(span_of(bytes, n), &key);
    return err || !check ? err : cose_key_check(key);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define GX "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
#define GY "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"

static void points(SD_UNUSED void **state) {
    assert_int_equal(key_of_hex("a5010203262001215820" GX "225820" GY, true), SD_OK);
    assert_int_equal(key_of_hex("a5010203262001215820" GX "225820" GX, false), SD_ERR_PARSE);
    assert_int_equal(key_of_hex("a5010203262001215820" ZEROS "225820" ZEROS, false), SD_ERR_PARSE);
    assert_int_equal(key_of_hex("a5010203262001215820" GX "22f5", false), SD_ERR_PARSE); /* compressed */
}

/* The base point, RFC 8032 test keys, and what OpenSSL would take: no point, small order, second encodings. */
static void edwards_points(SD_UNUSED void **state) {
    static const char *const good[] = {"5866666666666666666666666666666666666666666666666666666666666666",
                                       "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                                       "5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778"
                                       "edf124769b46c7061bd6783df1e50f6cd1fa1abeafe8256180"};
    static const char *const bad[] = {
        ZEROS,
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "0200000000000000000000000000000000000000000000000000000000000000", /* on no curve */
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p, for 0 */
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p + 3, for 3 */
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "00" ZEROS "000000000000000000000000000000000000000000000000",
        "01" ZEROS "000000000000000000000000000000000000000000000000",
        "fefffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffffffffffffffffffffffffffffffffffffffffffffffffff00",
        "00",
        ""};
    uint8_t bytes[ED448_PUBLIC_BYTES];
    for (size_t i = 0; i < SD_COUNT(good) + SD_COUNT(bad); i++) {
        const char *hex = i < SD_COUNT(good) ? good[i] : bad[i - SD_COUNT(good)];
        size_t n = strlen(hex) / 2;
        assert_int_equal(hex_to_bytes(span_cstr(hex), bytes, n), SD_OK);
        assert_int_equal(edwards_check(span_of(bytes, n)), i < SD_COUNT(good) ? SD_OK : SD_ERR_PARSE);
    }
}

static void put_rsa(struct buf *cose, struct span n, struct span e) {
    buf_put(cose, SPAN("\xa4\x01\x03\x03\x39\x01\x00\x20\x59"));
    buf_byte(cose, (uint8_t)(n.n >> 8));
    buf_byte(cose, (uint8_t)n.n);
    buf_put(cose, n);
    buf_byte(cose, 0x21);
    buf_byte(cose, (uint8_t)(0x40 | e.n));
    buf_put(cose, e);
}

static enum sd_err rsa(size_t n_bytes, uint8_t first, uint8_t last, struct span e) {
    uint8_t n[1200];
    struct buf cose SD_CLEANUP(buf_free) = buf_new(2000);
    struct cose_key *key SD_CLEANUP(cose_key_free) = NULL;
    memset(n, 0x5a, sizeof n);
    n[0] = first;
    n[n_bytes - 1] = last;
    put_rsa(&cose, span_of(n, n_bytes), e);
    return cose_key_new(buf_span(&cose), &key);
}

static void rsa_sizes(SD_UNUSED void **state) {
    struct span f4 = SPAN("\x01\x00\x01");
    assert_int_equal(rsa(256, 0x80, 1, f4), SD_OK);
    assert_int_equal(rsa(1024, 0xff, 1, f4), SD_OK);
    assert_int_equal(rsa(256, 0x7f, 1, f4), SD_ERR_LIMIT); /* 2047 bits */
    assert_int_equal(rsa(1025, 1, 1, f4), SD_ERR_LIMIT);
    assert_int_equal(rsa(257, 0, 1, f4), SD_ERR_PARSE);
    assert_int_equal(rsa(256, 0x80, 2, f4), SD_ERR_PARSE);
    assert_int_equal(rsa(256, 0x80, 1, SPAN("\x00\x01\x00\x01")), SD_ERR_PARSE);
    assert_int_equal(rsa(256, 0x80, 1, SPAN("\x01")), SD_ERR_PARSE);
    assert_int_equal(rsa(256, 0x80, 1, SPAN("\x02")), SD_ERR_PARSE);
    assert_int_equal(rsa(256, 0x80, 1, SPAN_NONE), SD_ERR_PARSE);
    assert_int_equal(rsa(256, 0x80, 1, SPAN("\x01\x00\x00\x00\x00\x00\x00\x00\x01")), SD_ERR_LIMIT);
}

/* A modulus with a small factor is refused before it is stored. */
static void rsa_unsound(SD_UNUSED void **state) {
    uint8_t n[256];
    struct buf cose SD_CLEANUP(buf_free) = buf_new(2000);
    struct cose_key *key SD_CLEANUP(cose_key_free) = NULL;
    memset(n, 0xff, sizeof n); /* 2^2048 - 1 is divisible by 3 */
    put_rsa(&cose, span_of(n, sizeof n), SPAN("\x01\x00\x01"));
    assert_int_equal(cose_key_new(buf_span(&cose), &key), SD_OK);
    assert_int_equal(cose_key_check(key), SD_ERR_PARSE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_algorithm), cmocka_unit_test(cut_anywhere),   cmocka_unit_test(other_forms),
        cmocka_unit_test(points),         cmocka_unit_test(edwards_points), cmocka_unit_test(rsa_sizes),
        cmocka_unit_test(rsa_unsound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
