/*
 * seal.h - sealed objects: one facet of a letter, or one attachment.
 *
 * Layout: suite byte (1 = zstd without dictionary, then AES-256-GCM in chunks of 64 KiB), u64 plaintext length, then per chunk
 * ciphertext and tag. The nonce is the chunk's counter and a last-chunk flag; object id, facet and header are associated data,
 * so chunks cannot be reordered, cut off, or taken to another object. Each facet has its own key: HKDF of the object's key with
 * the facet's number. As the nonces start at 0 with every sealing, one facet key seals once: a changed facet is a new object
 * with a new key. Opening buffers and gives nothing before all has authenticated.
 */
#ifndef SD_CRYPT_SEAL_H
#define SD_CRYPT_SEAL_H

#include "crypt/crypt.h"

#define OBJECT_ID_BYTES 16
#define SEAL_CHUNK_BYTES ((size_t)64 * 1024)

struct object_id {
    uint8_t b[OBJECT_ID_BYTES];
};

/* number, name: the number is in stored data and never changes its meaning. */
#define FACET_LIST(X)                                                                                                          \
    X(HEAD, 1, "head")         /* head card: subject, people, trust, signals (core/ipc/cards.def) */                           \
    X(TEXT, 2, "text")         /* UTF-8 plain text */                                                                          \
    X(HTML, 3, "html")         /* sanitised HTML */                                                                            \
    X(WORDS, 4, "words")       /* the word set for search */                                                                   \
    X(SOURCE, 5, "source")     /* the message as stored, with our Authentication-Results */                                    \
    X(ENVELOPE, 6, "envelope") /* who it goes to */                                                                            \
    X(RECEIPT, 7, "receipt")   /* what remote servers answered */                                                              \
    X(FILE, 8, "file")         /* an attachment's content, under its own object key */                                         \
    X(PREVIEW, 9, "preview")   /* of an attachment: pictures of its pages (cards_preview_v1), under that same key */

enum facet {
#define X(name, number, text) FACET_##name = number,
    FACET_LIST(X)
#undef X
};
const char *facet_name(enum facet facet); /* "unknown" for other numbers */

/* The key of one facet. object_key: KEY_BYTES. */
enum sd_err facet_key(struct span object_key, enum facet facet, struct secret *ret) SD_MUST_CHECK;

/* An attachment's object id: first 16 bytes of SHA-256("sealdesk attachment" || letter || u16 index, little endian). In
 * facet.c. */
enum sd_err attachment_object_id(const struct object_id *letter, uint16_t index, struct object_id *ret) SD_MUST_CHECK;

enum sd_err seal_facet(struct span facet_key, const struct object_id *object, enum facet facet, struct span plain,
                       struct buf *to) SD_MUST_CHECK;
/* max_plain: what the caller accepts; SD_ERR_LIMIT when more is claimed. SD_ERR_FORGED when anything was changed; then
 * `to` has not grown. */
enum sd_err open_facet(struct span facet_key, const struct object_id *object, enum facet facet, struct span sealed,
                       size_t max_plain, struct buf *to) SD_MUST_CHECK;

#endif
