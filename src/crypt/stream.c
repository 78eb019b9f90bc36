#include "crypt/stream.h"
#include "crypt/gcm.h"

#include <stdlib.h>
#include <string.h>

struct stream {
    struct gcm gcm;
    enum stream_direction direction;
    uint64_t counter;
    bool ended;
    uint8_t aad[STREAM_AAD_MAX];
    size_t aad_bytes;
};

enum sd_err stream_new(enum stream_direction direction, struct span key, struct span aad, struct stream **ret) {
    struct stream *stream = aad.n <= STREAM_AAD_MAX ? calloc(1, sizeof *stream) : NULL;
    if (!stream)
        return aad.n <= STREAM_AAD_MAX ? SD_ERR_NOMEM : SD_ERR_LIMIT;
    stream->direction = direction;
    stream->aad_bytes = aad.n;
    if (aad.n)
        memcpy(stream->aad, aad.p, aad.n);
    enum sd_err err = gcm_start(&stream->gcm, direction == STREAM_SEAL ? GCM_SEAL : GCM_OPEN, key);
    if (err)
        stream_free(&stream);
    else
        *ret = stream;
    return err;
}

void stream_free(struct stream **stream) {
    if (!*stream)
        return;
    gcm_end(&(*stream)->gcm);
    free(*stream);
    *stream = NULL;
}

bool stream_ended(const struct stream *stream) {
    return stream->ended;
}

uint64_t stream_sealed_bytes(uint64_t plain_bytes) {
    uint64_t chunks = plain_bytes ? (plain_bytes + STREAM_CHUNK_BYTES - 1) / STREAM_CHUNK_BYTES : 1;
    return plain_bytes + chunks * GCM_TAG_BYTES;
}

/* The sizes that the layout allows; anything else was cut, or is none of ours. */
static bool fits(const struct stream *stream, size_t n, bool last) {
    size_t whole = stream->direction == STREAM_SEAL ? STREAM_CHUNK_BYTES : STREAM_SEALED_BYTES;
    return last ? n <= whole : n == whole;
}

enum sd_err stream_chunk(struct stream *stream, struct span in, bool last, struct buf *to) {
    uint8_t nonce[GCM_NONCE_BYTES] = {0};
    bool seal = stream->direction == STREAM_SEAL;
    if (stream->ended)
        return SD_ERR_BUG;
    if (!fits(stream, in.n, last) || (!seal && in.n < GCM_TAG_BYTES))
        return seal ? SD_ERR_BUG : SD_ERR_FORGED;
    for (size_t i = 0; i < 8; i++)
        nonce[i] = (uint8_t)(stream->counter >> (8 * i));
    nonce[GCM_NONCE_BYTES - 1] = last;
    size_t out = seal ? in.n + GCM_TAG_BYTES : in.n - GCM_TAG_BYTES;
    uint8_t *p = buf_reserve(to, out);
    if (!p)
        return buf_err(to);
    struct span aad = span_of(stream->aad, stream->aad_bytes);
    enum sd_err err = seal ? gcm_seal(&stream->gcm, nonce, aad, in, p) : gcm_open(&stream->gcm, nonce, aad, in, p);
    if (err)
        return err;
    buf_grew(to, out);
    stream->counter++;
    stream->ended = last;
    return SD_OK;
}
