#include "crypt/gcm.h"

#include <limits.h>
#include <string.h>

enum sd_err gcm_start(struct gcm *gcm, enum gcm_direction direction, struct span key) {
    const struct engine *e;
    enum sd_err err = engine_get(&e);
    if (err)
        return err;
    if (key.n != KEY_BYTES)
        return SD_ERR_BUG;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (!ctx || !EVP_CipherInit_ex2(ctx, e->aes256gcm, key.p, NULL, direction == GCM_SEAL, NULL)) {
        EVP_CIPHER_CTX_free(ctx);
        return engine_failed();
    }
    gcm->ctx = ctx;
    return SD_OK;
}

void gcm_end(struct gcm *gcm) {
    EVP_CIPHER_CTX_free(gcm->ctx);
    gcm->ctx = NULL;
}

/* Nonce, associated data and text; GCM gives as many bytes as it takes. */
static bool run(struct gcm *gcm, const uint8_t *nonce, struct span aad, struct span text, uint8_t *to) {
    int n = 0;
    if (!EVP_CipherInit_ex2(gcm->ctx, NULL, NULL, nonce, -1, NULL))
        return false;
    if (aad.n && !EVP_CipherUpdate(gcm->ctx, NULL, &n, aad.p, (int)aad.n))
        return false;
    return text.n == 0 || (EVP_CipherUpdate(gcm->ctx, to, &n, text.p, (int)text.n) && n == (int)text.n);
}

enum sd_err gcm_seal(struct gcm *gcm, const uint8_t nonce[GCM_NONCE_BYTES], struct span aad, struct span plain, uint8_t *to) {
    int n = 0;
    if (plain.n > INT_MAX || aad.n > INT_MAX)
        return SD_ERR_LIMIT;
    if (!run(gcm, nonce, aad, plain, to) || !EVP_CipherFinal_ex(gcm->ctx, to + plain.n, &n) ||
        !EVP_CIPHER_CTX_ctrl(gcm->ctx, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_BYTES, to + plain.n))
        return engine_failed();
    return SD_OK;
}

enum sd_err gcm_open(struct gcm *gcm, const uint8_t nonce[GCM_NONCE_BYTES], struct span aad, struct span sealed, uint8_t *to) {
    uint8_t tag[GCM_TAG_BYTES];
    int n = 0;
    if (sealed.n < GCM_TAG_BYTES)
        return SD_ERR_FORGED;
    if (sealed.n > INT_MAX || aad.n > INT_MAX)
        return SD_ERR_LIMIT;
    struct span text = span_sub(sealed, 0, sealed.n - GCM_TAG_BYTES);
    memcpy(tag, sealed.p + text.n, sizeof tag);
    bool ran = run(gcm, nonce, aad, text, to) && EVP_CIPHER_CTX_ctrl(gcm->ctx, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_BYTES, tag);
    if (ran && EVP_CipherFinal_ex(gcm->ctx, tag, &n))
        return SD_OK;
    if (to && text.n)
        explicit_bzero(to, text.n); /* nobody may act on text that did not authenticate */
    return ran ? engine_refused(SD_ERR_FORGED) : engine_failed();
}

enum sd_err crypt_gcm_seal(struct span key, const uint8_t nonce[GCM_NONCE_BYTES], struct span aad, struct span plain,
                           struct buf *to) {
    struct gcm gcm SD_CLEANUP(gcm_end) = {0};
    if (plain.n > INT_MAX)
        return SD_ERR_LIMIT;
    enum sd_err err = gcm_start(&gcm, GCM_SEAL, key);
    if (err)
        return err;
    uint8_t *p = buf_reserve(to, plain.n + GCM_TAG_BYTES);
    if (!p)
        return buf_err(to);
    err = gcm_seal(&gcm, nonce, aad, plain, p);
    if (!err)
        buf_grew(to, plain.n + GCM_TAG_BYTES);
    return err;
}

enum sd_err crypt_gcm_open(struct span key, const uint8_t nonce[GCM_NONCE_BYTES], struct span aad, struct span sealed,
                           struct buf *to) {
    struct gcm gcm SD_CLEANUP(gcm_end) = {0};
    if (sealed.n < GCM_TAG_BYTES)
        return SD_ERR_FORGED;
    enum sd_err err = gcm_start(&gcm, GCM_OPEN, key);
    if (err)
        return err;
    uint8_t *p = buf_reserve(to, sealed.n - GCM_TAG_BYTES);
    if (!p)
        return buf_err(to);
    err = gcm_open(&gcm, nonce, aad, sealed, p);
    if (!err)
        buf_grew(to, sealed.n - GCM_TAG_BYTES);
    return err;
}

enum sd_err crypt_wrap(struct span key, struct span aad, struct span plain, struct buf *to) {
    uint8_t nonce[GCM_NONCE_BYTES];
    random_bytes(nonce, sizeof nonce);
    size_t before = to->n;
    buf_put(to, span_of(nonce, sizeof nonce));
    enum sd_err err = buf_err(to);
    if (!err)
        err = crypt_gcm_seal(key, nonce, aad, plain, to);
    if (err)
        to->n = before;
    return err;
}

enum sd_err crypt_unwrap(struct span key, struct span aad, struct span wrapped, struct secret *ret) {
    struct gcm gcm SD_CLEANUP(gcm_end) = {0};
    struct secret plain SD_CLEANUP(secret_free) = {0};
    if (wrapped.n < GCM_NONCE_BYTES + GCM_TAG_BYTES)
        return SD_ERR_FORGED;
    enum sd_err err = secret_new(wrapped.n - GCM_NONCE_BYTES - GCM_TAG_BYTES, &plain);
    if (!err)
        err = gcm_start(&gcm, GCM_OPEN, key);
    if (!err)
        err = gcm_open(&gcm, wrapped.p, aad, span_from(wrapped, GCM_NONCE_BYTES), plain.p);
    if (!err)
        *ret = secret_take(&plain);
    return err;
}

enum sd_err crypt_unwrap_buf(struct span key, struct span aad, struct span wrapped, struct buf *to) {
    if (wrapped.n < GCM_NONCE_BYTES + GCM_TAG_BYTES)
        return SD_ERR_FORGED;
    return crypt_gcm_open(key, wrapped.p, aad, span_from(wrapped, GCM_NONCE_BYTES), to);
}
