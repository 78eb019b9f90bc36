/*
 * cbor.h - a reader of CBOR (RFC 8949) in the CTAP2 canonical form (CTAP 2.1 §8): definite lengths, every head in its shortest
 * form, the keys of a map in order and so without duplicates, text in UTF-8, no tags, no floating point. Everything else fails
 * the reader with SD_ERR_PARSE. The spans that come back borrow from what the reader reads.
 */
#ifndef SD_CORE_CBOR_H
#define SD_CORE_CBOR_H

#include "core/span.h"

#define CBOR_DEPTH_MAX 6 /* CTAP 2.1 §8 says four; a compound attestation statement (WebAuthn §8.9) needs five */

int64_t cbor_int(struct reader *r); /* of either sign; SD_ERR_LIMIT when it does not fit */
struct span cbor_bytes(struct reader *r);
struct span cbor_text(struct reader *r);
/* One item of any kind, with all that it contains: its bytes. */
struct span cbor_item(struct reader *r);

/* The start of a map; then, for each of its `left` pairs, cbor_map_next() and one item. */
struct cbor_map {
    uint64_t left;
    struct span last; /* the key before, encoded */
};
struct cbor_map cbor_map(struct reader *r);
/* The next key as it is encoded: an integer or a string. False at the end of the map, and after a failure. */
bool cbor_map_next(struct reader *r, struct cbor_map *map, struct span *ret_key);

#endif
