#include "crypt/seal.h"
#include "crypt/gcm.h"

#include <pthread.h>
#include <string.h>
#include <zstd.h>

#define SUITE_ZSTD_AES256GCM 1
#define HEADER_BYTES 9 /* suite byte, u64 plaintext length */
#define SEALED_CHUNK_BYTES (SEAL_CHUNK_BYTES + GCM_TAG_BYTES)
#define ZSTD_LEVEL 1 /* on 1,017 letters of a public corpus level 3 took a third more time for 2 % fewer bytes */
#define CONTEXTS_KEPT 8

/*
 * zstd's contexts are 200 KB and making one costs as much as compressing a letter; but conversations have a thread each, so
 * they are shared and not kept per thread.
 */
static struct {
    pthread_mutex_t lock;
    ZSTD_CCtx *kept[CONTEXTS_KEPT];
    size_t count;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static ZSTD_CCtx *context_take(void) {
    ZSTD_CCtx *ctx = NULL;
    pthread_mutex_lock(&pool.lock);
    if (pool.count)
        ctx = pool.kept[--pool.count];
    pthread_mutex_unlock(&pool.lock);
    return ctx ? ctx : ZSTD_createCCtx();
}

static void context_give(ZSTD_CCtx **ctx) {
    pthread_mutex_lock(&pool.lock);
    if (*ctx && pool.count < CONTEXTS_KEPT) {
        pool.kept[pool.count++] = *ctx;
        *ctx = NULL;
    }
    pthread_mutex_unlock(&pool.lock);
    ZSTD_freeCCtx(*ctx);
}

static enum sd_err compress(struct span plain, struct buf *to) {
    size_t bound = ZSTD_compressBound(plain.n);
    if (ZSTD_isError(bound))
        return SD_ERR_LIMIT;
    ZSTD_CCtx *ctx SD_CLEANUP(context_give) = context_take();
    uint8_t *p = buf_reserve(to, bound);
    if (!ctx || !p)
        return SD_ERR_NOMEM;
    size_t n = ZSTD_compressCCtx(ctx, p, bound, plain.p, plain.n, ZSTD_LEVEL);
    if (ZSTD_isError(n))
        return SD_ERR_BUG;
    buf_grew(to, n);
    return buf_err(to);
}

/* What every chunk is bound to: object id, facet, header. */
struct chunk_aad {
    uint8_t b[OBJECT_ID_BYTES + 1 + HEADER_BYTES];
};

static struct chunk_aad make_aad(const struct object_id *object, enum facet facet, struct span header) {
    struct chunk_aad aad;
    memcpy(aad.b, object->b, OBJECT_ID_BYTES);
    aad.b[OBJECT_ID_BYTES] = (uint8_t)facet;
    memcpy(aad.b + OBJECT_ID_BYTES + 1, header.p, HEADER_BYTES);
    return aad;
}

struct chunk_nonce {
    uint8_t b[GCM_NONCE_BYTES]; /* u64 counter little endian, three zeros, 1 in the last chunk */
};

static struct chunk_nonce make_nonce(uint64_t counter, bool last) {
    struct chunk_nonce nonce = {0};
    for (size_t i = 0; i < 8; i++)
        nonce.b[i] = (uint8_t)(counter >> (8 * i));
    nonce.b[GCM_NONCE_BYTES - 1] = last;
    return nonce;
}

static enum sd_err seal_chunks(struct gcm *gcm, const struct chunk_aad *aad, struct span rest, uint8_t *to) {
    enum sd_err err = SD_OK;
    for (uint64_t counter = 0; !err && rest.n; counter++) {
        struct span chunk = span_sub(rest, 0, SEAL_CHUNK_BYTES);
        rest = span_from(rest, chunk.n);
        struct chunk_nonce nonce = make_nonce(counter, rest.n == 0);
        err = gcm_seal(gcm, nonce.b, span_of(aad->b, sizeof aad->b), chunk, to);
        to += chunk.n + GCM_TAG_BYTES;
    }
    return err;
}

enum sd_err seal_facet(struct span facet_key, const struct object_id *object, enum facet facet, struct span plain,
                       struct buf *to) {
    struct buf packed SD_CLEANUP(buf_free) = buf_new(ZSTD_compressBound(plain.n));
    struct gcm gcm SD_CLEANUP(gcm_end) = {0};
    enum sd_err err = compress(plain, &packed); /* never empty: zstd frames an empty text too */
    if (!err)
        err = gcm_start(&gcm, GCM_SEAL, facet_key);
    if (err)
        return err;
    size_t chunks = (packed.n + SEAL_CHUNK_BYTES - 1) / SEAL_CHUNK_BYTES;
    size_t n = HEADER_BYTES + packed.n + chunks * GCM_TAG_BYTES;
    uint8_t *p = buf_reserve(to, n);
    if (!p)
        return buf_err(to);
    p[0] = SUITE_ZSTD_AES256GCM;
    for (size_t i = 0; i < 8; i++)
        p[1 + i] = (uint8_t)((uint64_t)plain.n >> (8 * i));
    struct chunk_aad aad = make_aad(object, facet, span_of(p, HEADER_BYTES));
    err = seal_chunks(&gcm, &aad, buf_span(&packed), p + HEADER_BYTES);
    if (!err)
        buf_grew(to, n);
    return err;
}

static enum sd_err open_chunks(struct gcm *gcm, const struct chunk_aad *aad, struct span rest, struct buf *packed) {
    enum sd_err err = rest.n ? SD_OK : SD_ERR_FORGED;
    for (uint64_t counter = 0; !err && rest.n; counter++) {
        struct span chunk = span_sub(rest, 0, SEALED_CHUNK_BYTES);
        rest = span_from(rest, chunk.n);
        struct chunk_nonce nonce = make_nonce(counter, rest.n == 0);
        uint8_t *p = buf_reserve(packed, chunk.n);
        err = p ? gcm_open(gcm, nonce.b, span_of(aad->b, sizeof aad->b), chunk, p) : buf_err(packed);
        if (!err)
            buf_grew(packed, chunk.n - GCM_TAG_BYTES);
    }
    return err ? err : buf_err(packed);
}

/* The frame gives exactly the length that was authenticated, or nothing: a bomb has no room to unfold. */
static enum sd_err decompress(struct span packed, size_t plain_bytes, struct buf *to) {
    uint8_t *p = buf_reserve(to, plain_bytes);
    if (!p)
        return buf_err(to);
    size_t n = ZSTD_decompress(p, plain_bytes, packed.p, packed.n);
    if (ZSTD_isError(n) || n != plain_bytes) {
        if (plain_bytes)
            explicit_bzero(p, plain_bytes);
        return SD_ERR_FORGED;
    }
    buf_grew(to, n);
    return SD_OK;
}

enum sd_err open_facet(struct span facet_key, const struct object_id *object, enum facet facet, struct span sealed,
                       size_t max_plain, struct buf *to) {
    struct buf packed SD_CLEANUP(buf_free) = buf_new(sealed.n);
    struct gcm gcm SD_CLEANUP(gcm_end) = {0};
    struct reader r = reader_of(sealed);
    uint8_t suite = read_u8(&r);
    uint64_t plain_bytes = read_u64(&r);
    if (r.err || suite != SUITE_ZSTD_AES256GCM)
        return SD_ERR_FORGED;
    if (plain_bytes > max_plain)
        return SD_ERR_LIMIT;
    enum sd_err err = gcm_start(&gcm, GCM_OPEN, facet_key);
    if (err)
        return err;
    struct chunk_aad aad = make_aad(object, facet, span_sub(sealed, 0, HEADER_BYTES));
    err = open_chunks(&gcm, &aad, r.rest, &packed);
    return err ? err : decompress(buf_span(&packed), (size_t)plain_bytes, to);
}
