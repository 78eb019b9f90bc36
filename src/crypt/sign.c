#include "crypt/engine.h"

#include <openssl/x509.h>
#include <stdlib.h>

#define RSA_MIN_BITS 1024 /* RFC 8301 §3.2: what verifiers still take; new keys are 2048 and up */
#define RSA_NEW_MIN_BITS 2048
#define RSA_NEW_MAX_BITS 4096 /* larger ones do not fit a TXT record that resolvers carry */

struct signer {
    enum sign_algorithm algorithm;
    EVP_PKEY *pkey;
};

static void pkcs8_free(PKCS8_PRIV_KEY_INFO **info) {
    PKCS8_PRIV_KEY_INFO_free(*info);
    *info = NULL;
}

static enum sd_err put_private(EVP_PKEY *pkey, struct secret *ret) {
    struct secret der SD_CLEANUP(secret_free) = {0};
    PKCS8_PRIV_KEY_INFO *info SD_CLEANUP(pkcs8_free) = EVP_PKEY2PKCS8(pkey);
    int n = info ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : 0;
    if (n <= 0)
        return engine_failed();
    enum sd_err err = secret_new((size_t)n, &der);
    if (err)
        return err;
    unsigned char *p = der.p;
    if (i2d_PKCS8_PRIV_KEY_INFO(info, &p) != n)
        return engine_failed();
    *ret = secret_take(&der);
    return SD_OK;
}

static enum sd_err put_public(EVP_PKEY *pkey, struct buf *to) {
    int n = i2d_PUBKEY(pkey, NULL);
    if (n <= 0)
        return engine_failed();
    unsigned char *p = buf_reserve(to, (size_t)n);
    if (!p)
        return buf_err(to);
    if (i2d_PUBKEY(pkey, &p) != n)
        return engine_failed();
    buf_grew(to, (size_t)n);
    return SD_OK;
}

enum sd_err sign_generate(enum sign_algorithm algorithm, unsigned rsa_bits, struct secret *ret_private,
                          struct buf *public_der) {
    const struct engine *e;
    struct secret private_der SD_CLEANUP(secret_free) = {0};
    enum sd_err err = engine_get(&e);
    if (err)
        return err;
    bool rsa = algorithm == SIGN_RSA_SHA256;
    if (rsa && (rsa_bits < RSA_NEW_MIN_BITS || rsa_bits > RSA_NEW_MAX_BITS))
        return SD_ERR_LIMIT;
    EVP_PKEY *pkey SD_CLEANUP(pkey_free) = rsa ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)rsa_bits)
                                               : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (!pkey)
        return engine_failed();
    err = put_private(pkey, &private_der);
    if (!err)
        err = put_public(pkey, public_der);
    if (!err)
        *ret_private = secret_take(&private_der);
    return err;
}

static bool fits(enum sign_algorithm algorithm, const EVP_PKEY *pkey) {
    if (algorithm == SIGN_ED25519)
        return EVP_PKEY_is_a(pkey, "ED25519");
    return EVP_PKEY_is_a(pkey, "RSA") && EVP_PKEY_get_bits(pkey) >= RSA_MIN_BITS;
}

enum sd_err signer_new(enum sign_algorithm algorithm, const struct secret *private_der, struct signer **ret) {
    const struct engine *e;
    enum sd_err err = engine_get(&e);
    if (err)
        return err;
    const unsigned char *p = private_der->p;
    PKCS8_PRIV_KEY_INFO *info SD_CLEANUP(pkcs8_free) = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)private_der->n);
    if (!info || p != private_der->p + private_der->n)
        return engine_refused(SD_ERR_PARSE);
    EVP_PKEY *pkey SD_CLEANUP(pkey_free) = EVP_PKCS82PKEY(info);
    if (!pkey || !fits(algorithm, pkey))
        return engine_refused(SD_ERR_PARSE);
    struct signer *signer = calloc(1, sizeof *signer);
    if (!signer)
        return SD_ERR_NOMEM;
    *signer = (struct signer){algorithm, pkey};
    pkey = NULL;
    *ret = signer;
    return SD_OK;
}

void signer_free(struct signer **signer) {
    if (!*signer)
        return;
    EVP_PKEY_free((*signer)->pkey);
    free(*signer);
    *signer = NULL;
}

enum sd_err signer_sign(const struct signer *signer, struct span data, struct buf *to) {
    const struct engine *e;
    size_t n = 0;
    enum sd_err err = engine_get(&e);
    if (err)
        return err;
    const EVP_MD *md = signer->algorithm == SIGN_RSA_SHA256 ? e->sha256 : NULL; /* RFC 8032 hashes by itself */
    EVP_MD_CTX *ctx SD_CLEANUP(md_ctx_free) = EVP_MD_CTX_new();
    if (!ctx || EVP_DigestSignInit(ctx, NULL, md, NULL, signer->pkey) <= 0 ||
        EVP_DigestSign(ctx, NULL, &n, data.p, data.n) <= 0)
        return engine_failed();
    uint8_t *p = buf_reserve(to, n);
    if (!p)
        return buf_err(to);
    if (EVP_DigestSign(ctx, p, &n, data.p, data.n) <= 0)
        return engine_failed();
    buf_grew(to, n);
    return SD_OK;
}
