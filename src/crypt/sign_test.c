#include "crypt/crypt.h"
#include "crypt/test_hex.h"

#include <openssl/err.h>

/* RFC 8032 §7.1, TEST 1 and TEST 3; the first is also the key of RFC 8463 §A.2 */
static const struct {
    const char *seed;
    const char *public_key;
    const char *message;
    const char *signature;
} ed25519[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe2465514143"
     "8e7a100b"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027bece"
     "ea1ec40a"},
};

static void rfc8032(void **state) {
    (void)state;
    for (size_t i = 0; i < SD_COUNT(ed25519); i++) {
        char pkcs8[200] = "302e020100300506032b657004220420"; /* RFC 8410 §10.3 */
        struct hex der = hex(strcat(pkcs8, ed25519[i].seed));
        struct hex message = hex(ed25519[i].message);
        struct hex public_key = hex(ed25519[i].public_key);
        struct secret secret SD_CLEANUP(secret_free) = {0};
        struct signer *signer SD_CLEANUP(signer_free) = NULL;
        struct verify_key *key SD_CLEANUP(verify_key_free) = NULL;
        struct buf signature SD_CLEANUP(buf_free) = buf_new(1000);
        assert_int_equal(secret_copy(hex_span(&der), &secret), SD_OK);
        assert_int_equal(signer_new(SIGN_ED25519, &secret, &signer), SD_OK);
        assert_int_equal(signer_sign(signer, hex_span(&message), &signature), SD_OK);
        assert_hex(buf_span(&signature), ed25519[i].signature);
        assert_int_equal(verify_key_new(SIGN_ED25519, hex_span(&public_key), &key), SD_OK);
        assert_int_equal(verify_key_bits(key), 256);
        assert_int_equal(verify_signature(key, hex_span(&message), buf_span(&signature)), SD_OK);
        assert_int_equal(verify_signature(key, SPAN("else"), buf_span(&signature)), SD_ERR_FORGED);
    }
}

/* RFC 8463 Appendix A: one message signed twice; header fields after relaxed canonicalisation. */
#define HEADER                                                                                                                 \
    "from:Joe SixPack <joe@football.example.com>\r\n"                                                                          \
    "to:Suzie Q <suzie@shopping.example.net>\r\n"                                                                              \
    "subject:Is dinner ready?\r\n"                                                                                             \
    "date:Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"                                                                           \
    "message-id:<20030712040037.46341.5F8J@football.example.com>\r\n"
#define SIGNATURE_FIELD(algorithm, selector)                                                                                   \
    "dkim-signature:v=1; a=" algorithm "-sha256; c=relaxed/relaxed; d=football.example.com; i=@football.example.com; "         \
    "q=dns/txt; s=" selector "; t=1528637909; h=from : to : subject : date : message-id : from : subject : date; "             \
    "bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b="
#define RFC8463_RSA_KEY                                                                                                        \
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/"                    \
    "byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"

static void decode(const char *text, struct buf *to) {
    assert_int_equal(base64_decode(span_cstr(text), to), SD_OK);
}

static void rfc8463_ed25519(void **state) {
    (void)state;
    struct buf public_key SD_CLEANUP(buf_free) = buf_new(1000);
    struct buf signature SD_CLEANUP(buf_free) = buf_new(1000);
    struct verify_key *key SD_CLEANUP(verify_key_free) = NULL;
    struct sha256 digest;
    decode("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", &public_key);
    decode("/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==", &signature);
    assert_int_equal(crypt_sha256(SPAN(HEADER SIGNATURE_FIELD("ed25519", "brisbane")), &digest), SD_OK);
    assert_int_equal(verify_key_new(SIGN_ED25519, buf_span(&public_key), &key), SD_OK);
    /* RFC 8463 §3: Ed25519 signs the SHA-256 digest */
    assert_int_equal(verify_signature(key, span_of(digest.b, 32), buf_span(&signature)), SD_OK);
    signature.p[3] ^= 1;
    assert_int_equal(verify_signature(key, span_of(digest.b, 32), buf_span(&signature)), SD_ERR_FORGED);
}

static void rfc8463_rsa(void **state) {
    (void)state;
    struct buf spki SD_CLEANUP(buf_free) = buf_new(1000);
    struct buf signature SD_CLEANUP(buf_free) = buf_new(1000);
    struct verify_key *key SD_CLEANUP(verify_key_free) = NULL;
    struct verify_key *bare SD_CLEANUP(verify_key_free) = NULL;
    decode(RFC8463_RSA_KEY, &spki);
    decode("F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz"
           "dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=",
           &signature);
    assert_int_equal(verify_key_new(SIGN_RSA_SHA256, buf_span(&spki), &key), SD_OK);
    assert_int_equal(verify_key_bits(key), 1024);
    assert_int_equal(verify_signature(key, SPAN(HEADER SIGNATURE_FIELD("rsa", "test")), buf_span(&signature)), SD_OK);
    assert_int_equal(verify_key_new(SIGN_RSA_SHA256, span_from(buf_span(&spki), 22), &bare), SD_OK); /* RSAPublicKey alone */
    assert_int_equal(verify_signature(bare, SPAN(HEADER SIGNATURE_FIELD("rsa", "test")), buf_span(&signature)), SD_OK);
    assert_int_equal(verify_signature(key, SPAN(HEADER SIGNATURE_FIELD("rsa", "text")), buf_span(&signature)), SD_ERR_FORGED);
    for (size_t n = 0; n < signature.n; n += 7)
        assert_int_equal(verify_signature(key, SPAN(HEADER SIGNATURE_FIELD("rsa", "test")), span_of(signature.p, n)),
                         SD_ERR_FORGED);
}

static void keys_cut_short_or_changed(void **state) {
    (void)state;
    struct buf spki SD_CLEANUP(buf_free) = buf_new(1000);
    struct verify_key *key = NULL;
    decode(RFC8463_RSA_KEY, &spki);
    for (size_t n = 0; n < spki.n; n++)
        assert_int_equal(verify_key_new(SIGN_RSA_SHA256, span_of(spki.p, n), &key), SD_ERR_PARSE);
    for (size_t i = 0; i < 28; i++) { /* every byte before the modulus is structure */
        spki.p[i] ^= 0x21;
        assert_int_not_equal(verify_key_new(SIGN_RSA_SHA256, buf_span(&spki), &key), SD_OK);
        spki.p[i] ^= 0x21;
    }
    buf_byte(&spki, 0);
    assert_int_equal(verify_key_new(SIGN_RSA_SHA256, buf_span(&spki), &key), SD_ERR_PARSE); /* a byte left over */
    assert_int_equal(verify_key_new(SIGN_ED25519, buf_span(&spki), &key), SD_ERR_PARSE);
    assert_int_equal(verify_key_new(SIGN_ED25519, SPAN("31 bytes are no key at all, no!"), &key), SD_ERR_PARSE);
    assert_int_equal(verify_key_new(SIGN_RSA_SHA256, SPAN_NONE, &key), SD_ERR_PARSE);
    assert_null(key);
    assert_int_equal(ERR_peek_error(), 0); /* nothing is left for the next caller on this thread */
}

/* A modulus of `bytes` and an exponent of `exponent_bytes`, all 0x7f. */
static void put_rsa_key(struct buf *to, uint16_t bytes, uint8_t exponent_bytes) {
    size_t inner = 4u + bytes + 2u + exponent_bytes;
    const uint8_t head[] = {0x30, 0x82, (uint8_t)(inner >> 8), (uint8_t)inner,
                            0x02, 0x82, (uint8_t)(bytes >> 8), (uint8_t)bytes};
    buf_put(to, span_of(head, sizeof head));
    buf_fill(to, 0x7f, bytes);
    buf_byte(to, 0x02);
    buf_byte(to, exponent_bytes);
    buf_fill(to, 0x7f, exponent_bytes);
}

static void costly_keys_are_refused(void **state) {
    (void)state;
    static const struct {
        uint16_t modulus;
        uint8_t exponent;
        enum sd_err expected;
    } cases[] = {{256, 3, SD_OK}, {1024, 8, SD_OK}, {1100, 3, SD_ERR_LIMIT}, {256, 100, SD_ERR_LIMIT}};
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct buf der SD_CLEANUP(buf_free) = buf_new(5000);
        struct verify_key *key SD_CLEANUP(verify_key_free) = NULL;
        put_rsa_key(&der, cases[i].modulus, cases[i].exponent);
        assert_int_equal(verify_key_new(SIGN_RSA_SHA256, buf_span(&der), &key), cases[i].expected);
    }
}

static void generates(enum sign_algorithm algorithm, unsigned bits, size_t signature_bytes) {
    struct secret secret SD_CLEANUP(secret_free) = {0};
    struct buf public_der SD_CLEANUP(buf_free) = buf_new(1000);
    struct buf signature SD_CLEANUP(buf_free) = buf_new(1000);
    struct signer *signer SD_CLEANUP(signer_free) = NULL;
    struct signer *wrong = NULL;
    struct verify_key *key SD_CLEANUP(verify_key_free) = NULL;
    assert_int_equal(sign_generate(algorithm, bits, &secret, &public_der), SD_OK);
    assert_int_equal(signer_new(algorithm, &secret, &signer), SD_OK);
    assert_int_equal(signer_new(algorithm == SIGN_ED25519 ? SIGN_RSA_SHA256 : SIGN_ED25519, &secret, &wrong), SD_ERR_PARSE);
    assert_null(wrong);
    assert_int_equal(signer_sign(signer, SPAN("data"), &signature), SD_OK);
    assert_int_equal(signature.n, signature_bytes);
    assert_int_equal(verify_key_new(algorithm, buf_span(&public_der), &key), SD_OK);
    assert_int_equal(verify_key_bits(key), bits);
    assert_int_equal(verify_signature(key, SPAN("data"), buf_span(&signature)), SD_OK);
    for (size_t i = 0; i < signature.n; i += 5) {
        signature.p[i] ^= 0x10;
        assert_int_equal(verify_signature(key, SPAN("data"), buf_span(&signature)), SD_ERR_FORGED);
        signature.p[i] ^= 0x10;
    }
}

static void generates_and_uses_keys(void **state) {
    (void)state;
    generates(SIGN_RSA_SHA256, 2048, 256);
    generates(SIGN_ED25519, 256, 64);
}

static void wrong_private_keys(void **state) {
    (void)state;
    struct secret secret SD_CLEANUP(secret_free) = {0};
    struct buf public_der SD_CLEANUP(buf_free) = buf_new(1000);
    struct signer *signer = NULL;
    assert_int_equal(sign_generate(SIGN_RSA_SHA256, 1024, &secret, &public_der), SD_ERR_LIMIT);
    assert_int_equal(sign_generate(SIGN_RSA_SHA256, 16384, &secret, &public_der), SD_ERR_LIMIT);
    assert_null(secret.p);
    assert_int_equal(secret_copy(SPAN("no key"), &secret), SD_OK);
    assert_int_equal(signer_new(SIGN_RSA_SHA256, &secret, &signer), SD_ERR_PARSE);
    assert_null(signer);
    assert_int_equal(ERR_peek_error(), 0);
}

/* A key that is in use outlives its place among the recent ones, and is found by exact bytes and algorithm only. */
static void recent_keys(void **state) {
    (void)state;
    uint8_t raw[KEY_BYTES] = {0x11};
    struct verify_key *first = NULL, *again = NULL, *other = NULL;
    assert_int_equal(verify_key_recent(SIGN_ED25519, span_of(raw, sizeof raw), &first), SD_OK);
    assert_int_equal(verify_key_recent(SIGN_ED25519, span_of(raw, sizeof raw), &again), SD_OK);
    assert_ptr_equal(first, again);
    assert_int_equal(verify_key_recent(SIGN_RSA_SHA256, span_of(raw, sizeof raw), &other), SD_ERR_PARSE);
    verify_key_free(&again);
    for (unsigned i = 0; i < 8 * VERIFY_KEYS_KEPT; i++) {
        raw[1] = (uint8_t)i;
        raw[2] = (uint8_t)(i >> 8);
        raw[3] = 1;
        assert_int_equal(verify_key_recent(SIGN_ED25519, span_of(raw, sizeof raw), &other), SD_OK);
        assert_ptr_not_equal(first, other);
        verify_key_free(&other);
    }
    assert_int_equal(verify_key_bits(first), 256);
    assert_int_equal(verify_signature(first, SPAN("x"), SPAN("no signature")), SD_ERR_FORGED);
    verify_key_free(&first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc8032),
        cmocka_unit_test(rfc8463_ed25519),
        cmocka_unit_test(rfc8463_rsa),
        cmocka_unit_test(keys_cut_short_or_changed),
        cmocka_unit_test(costly_keys_are_refused),
        cmocka_unit_test(generates_and_uses_keys),
        cmocka_unit_test(wrong_private_keys),
        cmocka_unit_test(recent_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
