#include "crypt/edwards.h"
#include "crypt/engine.h"

#include <openssl/bn.h>
#include <string.h>

/* a·x² + y² = 1 + d·x²·y² modulo p (RFC 8032 §5.1, §5.2). */
struct edwards {
    const char *p, *d;
    BN_ULONG a_negative;  /* a is -1, else 1 */
    const char *small[5]; /* y of the points whose order divides the cofactor; then NULL */
};

static const struct edwards ed25519 = {"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed",
                                       "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3",
                                       1,
                                       {"0", "1", "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec",
                                        "05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826",
                                        "7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7"}};

static const struct edwards ed448 = {
    "fffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "fffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffffffffffffffffffffffffffffffffffffffffffffffff6756",
    0,
    {"0", "1",
     "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffffffffffffffffffffffffffffffffffffffffffffffffffffe"}};

static void ctx_end(BN_CTX **ctx) {
    if (*ctx)
        BN_CTX_end(*ctx);
    BN_CTX_free(*ctx);
    *ctx = NULL;
}

/* *to: a BIGNUM of the started context. */
static bool from_hex(BIGNUM *to, const char *hex) {
    return to && BN_hex2bn(&to, hex) > 0;
}

static enum sd_err check_small(const struct edwards *curve, const BIGNUM *y, BN_CTX *ctx) {
    BIGNUM *small = BN_CTX_get(ctx);
    for (size_t i = 0; i < SD_COUNT(curve->small) && curve->small[i]; i++) {
        if (!from_hex(small, curve->small[i]))
            return engine_failed();
        if (BN_cmp(y, small) == 0)
            return SD_ERR_PARSE;
    }
    return SD_OK;
}

/* x² = (y² - 1) / (d·y² - a) has a solution when the product of both is a square, and none of the two is 0 (x = 0 is small). */
static enum sd_err check_curve(const struct edwards *curve, const BIGNUM *y, const BIGNUM *p, BN_CTX *ctx) {
    BIGNUM *d = BN_CTX_get(ctx), *u = BN_CTX_get(ctx), *v = BN_CTX_get(ctx);
    bool done = v && from_hex(d, curve->d) && BN_mod_sqr(u, y, p, ctx) && BN_mod_mul(v, u, d, p, ctx) && BN_sub_word(u, 1) &&
                (curve->a_negative ? BN_add_word(v, 1) : BN_sub_word(v, 1)) && BN_mod_mul(u, u, v, p, ctx);
    int square = done ? BN_kronecker(u, p, ctx) : -2;
    if (square == -2)
        return engine_failed();
    return square == 1 ? SD_OK : SD_ERR_PARSE;
}

enum sd_err edwards_check(struct span public_key) {
    uint8_t little_endian[ED448_PUBLIC_BYTES];
    if (public_key.n != ED25519_PUBLIC_BYTES && public_key.n != ED448_PUBLIC_BYTES)
        return SD_ERR_PARSE;
    const struct edwards *curve = public_key.n == ED25519_PUBLIC_BYTES ? &ed25519 : &ed448;
    memcpy(little_endian, public_key.p, public_key.n);
    little_endian[public_key.n - 1] &= 0x7f; /* the highest bit is the sign of x */
    BN_CTX *ctx SD_CLEANUP(ctx_end) = BN_CTX_new();
    if (!ctx)
        return engine_failed();
    BN_CTX_start(ctx);
    BIGNUM *y = BN_CTX_get(ctx), *p = BN_CTX_get(ctx);
    if (!p || !from_hex(p, curve->p) || !BN_lebin2bn(little_endian, (int)public_key.n, y))
        return engine_failed();
    if (BN_cmp(y, p) >= 0)
        return SD_ERR_PARSE;
    enum sd_err err = check_small(curve, y, ctx);
    return err ? err : check_curve(curve, y, p, ctx);
}
