#include "crypt/cose.h"
#include "core/cbor.h"
#include "crypt/edwards.h"
#include "crypt/engine.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

enum { KTY_OKP = 1, KTY_EC2 = 2, KTY_RSA = 3 };
#define COORDINATE_MAX 66 /* P-521 */
#define RSA_LEAST_BITS 2048
#define RSA_MOST_BITS 8192
#define RSA_MOST_EXPONENT_BYTES 8 /* as for DKIM: a stranger's key must not cost milliseconds each time */

/* What an algorithm's key looks like: WebAuthn §5.8.5 ties each to one curve. */
struct shape {
    enum cose_algorithm algorithm;
    int64_t kty, crv;
    size_t n; /* bytes of a coordinate, of a key */
    const char *name, *digest;
};
static const struct shape shapes[] = {
    {COSE_ES256, KTY_EC2, 1, 32, "P-256", "SHA256"}, {COSE_EDDSA, KTY_OKP, 6, ED25519_PUBLIC_BYTES, "ED25519", NULL},
    {COSE_RS256, KTY_RSA, 0, 0, "RSA", "SHA256"},    {COSE_ES384, KTY_EC2, 2, 48, "P-384", "SHA384"},
    {COSE_ES512, KTY_EC2, 3, 66, "P-521", "SHA512"}, {COSE_ED448, KTY_OKP, 7, ED448_PUBLIC_BYTES, "ED448", NULL},
};

struct cose_key {
    const struct shape *shape;
    EVP_PKEY *pkey;
};

struct numbers { /* x and y, or x alone, or n and e */
    struct span first, second;
};

static const struct shape *shape_of(int64_t algorithm) {
    for (size_t i = 0; i < SD_COUNT(shapes); i++)
        if (shapes[i].algorithm == algorithm)
            return &shapes[i];
    return NULL;
}

/* The next pair of the map must be this one (RFC 9052 §7.1, RFC 9053 §7); `key` is one encoded byte. */
static void expect_key(struct reader *r, struct cbor_map *map, uint8_t key) {
    struct span got = SPAN_NONE;
    if (!cbor_map_next(r, map, &got) || !span_eq(got, span_of(&key, 1)))
        reader_fail(r, SD_ERR_PARSE);
}

static enum sd_err read_shape(struct reader *r, struct cbor_map *map, const struct shape **ret) {
    expect_key(r, map, 0x01);
    int64_t kty = cbor_int(r);
    expect_key(r, map, 0x03);
    int64_t algorithm = cbor_int(r);
    if (r->err)
        return r->err;
    const struct shape *shape = shape_of(algorithm);
    if (!shape)
        return SD_ERR_UNSUPPORTED;
    if (shape->kty != kty)
        return SD_ERR_PARSE;
    *ret = shape;
    return SD_OK;
}

static enum sd_err read_numbers(struct reader *r, struct cbor_map *map, const struct shape *shape, struct numbers *ret) {
    struct numbers numbers = {0};
    expect_key(r, map, 0x20); /* -1: the curve, the modulus */
    if (shape->kty == KTY_RSA)
        numbers.first = cbor_bytes(r);
    else if (cbor_int(r) != shape->crv)
        reader_fail(r, SD_ERR_PARSE);
    expect_key(r, map, 0x21); /* -2: x, the exponent */
    *(shape->kty == KTY_RSA ? &numbers.second : &numbers.first) = cbor_bytes(r);
    if (shape->kty == KTY_EC2) {
        expect_key(r, map, 0x22); /* -3: y; a boolean here is a compressed point, which WebAuthn forbids */
        numbers.second = cbor_bytes(r);
    }
    if (map->left)
        reader_fail(r, SD_ERR_PARSE);
    enum sd_err err = reader_end(r);
    if (!err)
        *ret = numbers;
    return err;
}

static enum sd_err make_ec(const struct shape *shape, struct numbers numbers, EVP_PKEY **ret) {
    uint8_t point[1 + 2 * COORDINATE_MAX] = {4}; /* uncompressed */
    char group[16];
    if (numbers.first.n != shape->n || numbers.second.n != shape->n)
        return SD_ERR_PARSE;
    memcpy(point + 1, numbers.first.p, shape->n);
    memcpy(point + 1 + shape->n, numbers.second.p, shape->n);
    memcpy(group, shape->name, strlen(shape->name) + 1);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                           OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * shape->n),
                           OSSL_PARAM_construct_end()};
    EVP_PKEY_CTX *ctx SD_CLEANUP(pkey_ctx_free) = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (!ctx || EVP_PKEY_fromdata_init(ctx) <= 0)
        return engine_failed();
    /* This also looks whether the point is on the curve. */
    return EVP_PKEY_fromdata(ctx, ret, EVP_PKEY_PUBLIC_KEY, params) > 0 ? SD_OK : engine_refused(SD_ERR_PARSE);
}

static enum sd_err make_edwards(const struct shape *shape, struct numbers numbers, EVP_PKEY **ret) {
    if (numbers.first.n != shape->n)
        return SD_ERR_PARSE;
    *ret = EVP_PKEY_new_raw_public_key_ex(NULL, shape->name, NULL, numbers.first.p, numbers.first.n);
    return *ret ? SD_OK : engine_failed();
}

static void bn_free(BIGNUM **n) {
    BN_free(*n);
    *n = NULL;
}

static void param_bld_free(OSSL_PARAM_BLD **bld) {
    OSSL_PARAM_BLD_free(*bld);
    *bld = NULL;
}

static void params_free(OSSL_PARAM **params) {
    OSSL_PARAM_free(*params);
    *params = NULL;
}

static enum sd_err rsa_from_data(const BIGNUM *n, const BIGNUM *e, EVP_PKEY **ret) {
    OSSL_PARAM_BLD *bld SD_CLEANUP(param_bld_free) = OSSL_PARAM_BLD_new();
    if (!bld || !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) ||
        !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e))
        return engine_failed();
    OSSL_PARAM *params SD_CLEANUP(params_free) = OSSL_PARAM_BLD_to_param(bld);
    EVP_PKEY_CTX *ctx SD_CLEANUP(pkey_ctx_free) = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) <= 0)
        return engine_failed();
    return EVP_PKEY_fromdata(ctx, ret, EVP_PKEY_PUBLIC_KEY, params) > 0 ? SD_OK : engine_refused(SD_ERR_PARSE);
}

/* RFC 8230 §4: as short as they can be written, so that one key has one form. */
static enum sd_err make_rsa(SD_UNUSED const struct shape *shape, struct numbers numbers, EVP_PKEY **ret) {
    struct span n = numbers.first, e = numbers.second;
    if (n.n == 0 || e.n == 0 || n.p[0] == 0 || e.p[0] == 0)
        return SD_ERR_PARSE;
    if (n.n > RSA_MOST_BITS / 8 || e.n > RSA_MOST_EXPONENT_BYTES)
        return SD_ERR_LIMIT;
    BIGNUM *modulus SD_CLEANUP(bn_free) = BN_bin2bn(n.p, (int)n.n, NULL);
    BIGNUM *exponent SD_CLEANUP(bn_free) = BN_bin2bn(e.p, (int)e.n, NULL);
    if (!modulus || !exponent)
        return engine_failed();
    if (BN_num_bits(modulus) < RSA_LEAST_BITS)
        return SD_ERR_LIMIT;
    if (!BN_is_odd(modulus) || !BN_is_odd(exponent) || BN_is_one(exponent)) /* with 1, every message is its own signature */
        return SD_ERR_PARSE;
    return rsa_from_data(modulus, exponent, ret);
}

static enum sd_err make_pkey(const struct shape *shape, struct numbers numbers, EVP_PKEY **ret) {
    const struct engine *e;
    enum sd_err err = engine_get(&e);
    if (err)
        return err;
    if (shape->kty == KTY_EC2)
        return make_ec(shape, numbers, ret);
    return shape->kty == KTY_OKP ? make_edwards(shape, numbers, ret) : make_rsa(shape, numbers, ret);
}

enum sd_err cose_key_new(struct span cose, struct cose_key **ret) {
    struct reader r = reader_of(cose);
    struct cbor_map map = cbor_map(&r);
    const struct shape *shape = NULL;
    struct numbers numbers;
    EVP_PKEY *pkey SD_CLEANUP(pkey_free) = NULL;
    enum sd_err err = read_shape(&r, &map, &shape);
    if (!err)
        err = read_numbers(&r, &map, shape, &numbers);
    if (!err)
        err = make_pkey(shape, numbers, &pkey);
    if (err)
        return err;
    struct cose_key *key = calloc(1, sizeof *key);
    if (!key)
        return SD_ERR_NOMEM;
    *key = (struct cose_key){shape, pkey};
    pkey = NULL;
    *ret = key;
    return SD_OK;
}

void cose_key_free(struct cose_key **key) {
    if (!*key)
        return;
    EVP_PKEY_free((*key)->pkey);
    free(*key);
    *key = NULL;
}

enum cose_algorithm cose_key_algorithm(const struct cose_key *key) {
    return key->shape->algorithm;
}

enum sd_err cose_key_check(const struct cose_key *key) {
    uint8_t raw[ED448_PUBLIC_BYTES];
    size_t n = sizeof raw;
    if (key->shape->kty == KTY_OKP) {
        if (!EVP_PKEY_get_raw_public_key(key->pkey, raw, &n))
            return engine_failed();
        return edwards_check(span_of(raw, n));
    }
    EVP_PKEY_CTX *ctx SD_CLEANUP(pkey_ctx_free) = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
    if (!ctx)
        return engine_failed();
    return EVP_PKEY_public_check(ctx) == 1 ? SD_OK : engine_refused(SD_ERR_PARSE);
}

enum sd_err cose_verify(const struct cose_key *key, struct span data, struct span signature) {
    EVP_MD_CTX *ctx SD_CLEANUP(md_ctx_free) = EVP_MD_CTX_new();
    if (!ctx)
        return engine_failed();
    if (EVP_DigestVerifyInit_ex(ctx, NULL, key->shape->digest, NULL, NULL, key->pkey, NULL) <= 0)
        return engine_failed();
    if (EVP_DigestVerify(ctx, signature.p, signature.n, data.p, data.n) != 1)
        return engine_refused(SD_ERR_FORGED);
    return SD_OK;
}
