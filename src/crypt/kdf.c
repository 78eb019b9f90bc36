#include "crypt/kdf.h"

#include <string.h>

static void mac_ctx_free(EVP_MAC_CTX **ctx) {
    EVP_MAC_CTX_free(*ctx);
    *ctx = NULL;
}

void parts_add(struct parts *parts, struct span part) {
    if (parts->count < HKDF_PARTS_MAX)
        parts->part[parts->count] = part;
    if (parts->count <= HKDF_PARTS_MAX)
        parts->count++;
}

static enum sd_err hmac(const EVP_MAC_CTX *template, struct span key, const struct parts *data, uint8_t *to, size_t n) {
    static const uint8_t no_key[1] = {0}; /* NULL would mean "the key set before"; HMAC pads with zeros anyway (RFC 2104 §2) */
    size_t got = 0;
    if (data->count > HKDF_PARTS_MAX)
        return SD_ERR_BUG;
    EVP_MAC_CTX *ctx SD_CLEANUP(mac_ctx_free) = EVP_MAC_CTX_dup(template);
    if (!ctx || !EVP_MAC_init(ctx, key.n ? key.p : no_key, key.n ? key.n : 1, NULL))
        return engine_failed();
    for (size_t i = 0; i < data->count; i++)
        if (data->part[i].n && !EVP_MAC_update(ctx, data->part[i].p, data->part[i].n))
            return engine_failed();
    return EVP_MAC_final(ctx, to, &got, n) && got == n ? SD_OK : engine_failed();
}

enum sd_err kdf_hmac(struct span key, const struct parts *data, struct sha256 *ret) {
    const struct engine *e;
    struct sha256 mac;
    enum sd_err err = engine_get(&e);
    if (!err)
        err = hmac(e->hmac_sha256, key, data, mac.b, sizeof mac.b);
    if (!err)
        *ret = mac;
    return err;
}

enum sd_err crypt_hmac_sha256(struct span key, struct span data, struct sha256 *ret) {
    return kdf_hmac(key, &(struct parts){{data}, 1}, ret);
}

enum sd_err crypt_hmac_sha1(struct span key, struct span data, uint8_t ret[20]) {
    const struct engine *e;
    enum sd_err err = engine_get(&e);
    return err ? err : hmac(e->hmac_sha1, key, &(struct parts){{data}, 1}, ret, 20);
}

enum sd_err kdf_extract(struct span salt, const struct parts *key, struct key32 *ret) {
    struct sha256 prk;
    enum sd_err err = kdf_hmac(salt, key, &prk);
    if (err)
        return err;
    memcpy(ret->b, prk.b, sizeof ret->b);
    explicit_bzero(&prk, sizeof prk);
    return SD_OK;
}

enum sd_err kdf_expand(const struct key32 *prk, const struct parts *info, uint8_t *to, size_t n) {
    struct sha256 block = {0};
    enum sd_err err = n > HKDF_MAX_BYTES || info->count > HKDF_PARTS_MAX - 2 ? SD_ERR_BUG : SD_OK;
    for (size_t done = 0; !err && done < n; done += SHA256_BYTES) {
        uint8_t counter = (uint8_t)(done / SHA256_BYTES + 1);
        struct parts data = {0};
        parts_add(&data, done ? span_of(block.b, sizeof block.b) : SPAN_NONE);
        for (size_t i = 0; i < info->count; i++)
            parts_add(&data, info->part[i]);
        parts_add(&data, span_of(&counter, 1));
        err = kdf_hmac(key32_span(prk), &data, &block);
        if (!err)
            memcpy(to + done, block.b, n - done < SHA256_BYTES ? n - done : SHA256_BYTES);
    }
    explicit_bzero(&block, sizeof block);
    return err;
}

enum sd_err crypt_hkdf(struct span key, struct span salt, struct span info, size_t n, struct secret *ret) {
    struct key32 prk SD_CLEANUP(key32_wipe) = {0};
    struct secret out SD_CLEANUP(secret_free) = {0};
    enum sd_err err = kdf_extract(salt, &(struct parts){{key}, 1}, &prk);
    if (!err)
        err = secret_new(n, &out);
    if (!err)
        err = kdf_expand(&prk, &(struct parts){{info}, 1}, out.p, n);
    if (!err)
        *ret = secret_take(&out);
    return err;
}
