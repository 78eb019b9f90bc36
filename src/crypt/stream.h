/*
 * stream.h - a stream sealed in chunks, for what is too large to be held: AES-256-GCM, the nonce a counter and a last-chunk
 * flag, so that chunks cannot be reordered, left out or cut off. One key seals one stream.
 *
 * Every chunk but the last has STREAM_CHUNK_BYTES of plain bytes; the last has fewer or as many. On disk each is its ciphertext
 * and tag, one behind the other, with nothing between them.
 */
#ifndef SD_CRYPT_STREAM_H
#define SD_CRYPT_STREAM_H

#include "crypt/crypt.h"

#define STREAM_CHUNK_BYTES ((size_t)32 * 1024)
#define STREAM_SEALED_BYTES (STREAM_CHUNK_BYTES + GCM_TAG_BYTES)
#define STREAM_AAD_MAX 512

enum stream_direction { STREAM_OPEN = 0, STREAM_SEAL = 1 };

struct stream; /* one thread */
/* aad: what the stream belongs to, at most STREAM_AAD_MAX bytes. */
enum sd_err stream_new(enum stream_direction direction, struct span key, struct span aad, struct stream **ret) SD_MUST_CHECK;
void stream_free(struct stream **stream);
/* Appends the chunk sealed, or opened. SD_ERR_BUG behind the last one; SD_ERR_FORGED: it is not the next chunk of this stream.
 */
enum sd_err stream_chunk(struct stream *stream, struct span in, bool last, struct buf *to) SD_MUST_CHECK;
bool stream_ended(const struct stream *stream);
/* How long a sealed stream of so many plain bytes is. */
uint64_t stream_sealed_bytes(uint64_t plain_bytes);

#endif
