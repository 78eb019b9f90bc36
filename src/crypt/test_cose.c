#include "crypt/test_cose.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>

struct test_cose {
    enum cose_algorithm algorithm;
    EVP_PKEY *pkey;
};

static void must(bool done) {
    if (!done)
        abort();
}

static struct test_cose *hold(enum cose_algorithm algorithm, EVP_PKEY *pkey) {
    struct test_cose *key = calloc(1, sizeof *key);
    must(key && pkey);
    *key = (struct test_cose){algorithm, pkey};
    return key;
}

static const char *curve_of(enum cose_algorithm algorithm) {
    return algorithm == COSE_ES256 ? "P-256" : algorithm == COSE_ES384 ? "P-384" : "P-521";
}

struct test_cose *test_cose_new(enum cose_algorithm algorithm, unsigned rsa_bits) {
    if (algorithm == COSE_RS256)
        return hold(algorithm, EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)rsa_bits));
    if (algorithm == COSE_EDDSA || algorithm == COSE_ED448)
        return hold(algorithm, EVP_PKEY_Q_keygen(NULL, NULL, algorithm == COSE_EDDSA ? "ED25519" : "ED448"));
    return hold(algorithm, EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve_of(algorithm)));
}

struct test_cose *test_cose_es256(struct span private_key, struct span point) {
    uint8_t uncompressed[65] = {4};
    EVP_PKEY *pkey = NULL;
    must(private_key.n == 32 && point.n == 64);
    memcpy(uncompressed + 1, point.p, 64);
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    BIGNUM *d = BN_bin2bn(private_key.p, 32, NULL);
    must(bld && d && OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0));
    must(OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, d));
    must(OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, uncompressed, sizeof uncompressed));
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    must(params && ctx && EVP_PKEY_fromdata_init(ctx) > 0 && EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) > 0);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    BN_free(d);
    return hold(COSE_ES256, pkey);
}

void test_cose_free(struct test_cose **key) {
    if (*key)
        EVP_PKEY_free((*key)->pkey);
    free(*key);
    *key = NULL;
}

static void put_bn(const struct test_cose *key, const char *name, struct buf *to) {
    BIGNUM *n = NULL;
    uint8_t bytes[1024];
    must(EVP_PKEY_get_bn_param(key->pkey, name, &n) && BN_num_bytes(n) <= (int)sizeof bytes);
    buf_put(to, span_of(bytes, (size_t)BN_bn2bin(n, bytes)));
    BN_free(n);
}

void test_cose_numbers(const struct test_cose *key, struct buf *to) {
    uint8_t point[133];
    size_t n = sizeof point;
    if (key->algorithm == COSE_RS256) {
        put_bn(key, OSSL_PKEY_PARAM_RSA_N, to);
        put_bn(key, OSSL_PKEY_PARAM_RSA_E, to);
    } else if (key->algorithm == COSE_EDDSA || key->algorithm == COSE_ED448) {
        must(EVP_PKEY_get_raw_public_key(key->pkey, point, &n));
        buf_put(to, span_of(point, n));
    } else {
        must(EVP_PKEY_get_octet_string_param(key->pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &n));
        buf_put(to, span_of(point + 1, n - 1)); /* without the 04 of the uncompressed form */
    }
}

static void put_string(struct buf *to, struct span s) {
    if (s.n < 24)
        buf_byte(to, (uint8_t)(0x40 | s.n));
    else if (s.n < 256)
        buf_put(to, span_of((const uint8_t[]){0x58, (uint8_t)s.n}, 2));
    else
        buf_put(to, span_of((const uint8_t[]){0x59, (uint8_t)(s.n >> 8), (uint8_t)s.n}, 3));
    buf_put(to, s);
}

static struct span head_of(enum cose_algorithm algorithm) {
    switch (algorithm) {
    case COSE_ES256:
        return SPAN("\xa5\x01\x02\x03\x26\x20\x01\x21");
    case COSE_ES384:
        return SPAN("\xa5\x01\x02\x03\x38\x22\x20\x02\x21");
    case COSE_ES512:
        return SPAN("\xa5\x01\x02\x03\x38\x23\x20\x03\x21");
    case COSE_EDDSA:
        return SPAN("\xa4\x01\x01\x03\x27\x20\x06\x21");
    case COSE_ED448:
        return SPAN("\xa4\x01\x01\x03\x38\x34\x20\x07\x21");
    default:
        return SPAN("\xa4\x01\x03\x03\x39\x01\x00\x20");
    }
}

void test_cose_put(const struct test_cose *key, struct buf *to) {
    struct buf numbers SD_CLEANUP(buf_free) = buf_new(2048);
    test_cose_numbers(key, &numbers);
    struct span s = buf_span(&numbers);
    bool ec = key->algorithm == COSE_ES256 || key->algorithm == COSE_ES384 || key->algorithm == COSE_ES512;
    size_t first = ec ? s.n / 2 : key->algorithm == COSE_RS256 ? s.n - 3 : s.n; /* generated exponents are 65537 */
    buf_put(to, head_of(key->algorithm));
    put_string(to, span_sub(s, 0, first));
    if (first < s.n) {
        buf_byte(to, ec ? 0x22 : 0x21);
        put_string(to, span_from(s, first));
    }
    must(buf_err(to) == SD_OK);
}

static const char *digest_of(enum cose_algorithm algorithm) {
    if (algorithm == COSE_EDDSA || algorithm == COSE_ED448)
        return NULL;
    return algorithm == COSE_ES384 ? "SHA384" : algorithm == COSE_ES512 ? "SHA512" : "SHA256";
}

void test_cose_sign(const struct test_cose *key, struct span data, struct buf *to) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t n = 0;
    must(ctx && EVP_DigestSignInit_ex(ctx, NULL, digest_of(key->algorithm), NULL, NULL, key->pkey, NULL) > 0);
    must(EVP_DigestSign(ctx, NULL, &n, data.p, data.n) > 0);
    uint8_t *p = buf_reserve(to, n);
    must(p && EVP_DigestSign(ctx, p, &n, data.p, data.n) > 0);
    buf_grew(to, n);
    EVP_MD_CTX_free(ctx);
}
