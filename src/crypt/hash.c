#include "crypt/engine.h"

#include <stdlib.h>

struct hash_stream {
    EVP_MD_CTX *ctx;
};

enum sd_err crypt_sha256(struct span data, struct sha256 *ret) {
    const struct engine *e;
    struct sha256 digest;
    enum sd_err err = engine_get(&e);
    if (err)
        return err;
    if (!EVP_Digest(data.p, data.n, digest.b, NULL, e->sha256, NULL))
        return engine_failed();
    *ret = digest;
    return SD_OK;
}

enum sd_err crypt_sha1(struct span data, uint8_t ret[20]) {
    const struct engine *e;
    enum sd_err err = engine_get(&e);
    if (err)
        return err;
    return EVP_Digest(data.p, data.n, ret, NULL, e->sha1, NULL) ? SD_OK : engine_failed();
}

static enum sd_err restart(struct hash_stream *h) {
    const struct engine *e;
    enum sd_err err = engine_get(&e);
    if (err)
        return err;
    return EVP_DigestInit_ex(h->ctx, e->sha256, NULL) ? SD_OK : engine_failed();
}

enum sd_err hash_stream_new(struct hash_stream **ret) {
    struct hash_stream *h SD_CLEANUP(hash_stream_free) = calloc(1, sizeof *h);
    if (!h || !(h->ctx = EVP_MD_CTX_new()))
        return engine_refused(SD_ERR_NOMEM);
    enum sd_err err = restart(h);
    if (err)
        return err;
    *ret = h;
    h = NULL;
    return SD_OK;
}

enum sd_err hash_stream_add(struct hash_stream *h, struct span data) {
    return EVP_DigestUpdate(h->ctx, data.p, data.n) ? SD_OK : engine_failed();
}

enum sd_err hash_stream_end(struct hash_stream *h, struct sha256 *ret) {
    struct sha256 digest;
    if (!EVP_DigestFinal_ex(h->ctx, digest.b, NULL))
        return engine_failed();
    enum sd_err err = restart(h);
    if (err)
        return err;
    *ret = digest;
    return SD_OK;
}

void hash_stream_free(struct hash_stream **h) {
    if (!*h)
        return;
    EVP_MD_CTX_free((*h)->ctx);
    free(*h);
    *h = NULL;
}
