#include "keeper/merkle.h"

#include <string.h>

/* RFC 9162 §2.1.1: a leaf and a node can never be taken for each other. */
#define LEAF_PREFIX 0x00
#define NODE_PREFIX 0x01

unsigned merkle_peaks(uint64_t size) {
    return (unsigned)__builtin_popcountll(size);
}

enum sd_err merkle_leaf(struct span data, struct sha256 *ret) {
    uint8_t bytes[1 + MERKLE_LEAF_MAX];
    if (data.n > MERKLE_LEAF_MAX)
        return SD_ERR_LIMIT;
    bytes[0] = LEAF_PREFIX;
    if (data.n)
        memcpy(bytes + 1, data.p, data.n);
    return crypt_sha256(span_of(bytes, data.n + 1), ret);
}

enum sd_err merkle_node(const struct sha256 *left, const struct sha256 *right, struct sha256 *ret) {
    uint8_t bytes[1 + 2 * SHA256_BYTES];
    bytes[0] = NODE_PREFIX;
    memcpy(bytes + 1, left->b, SHA256_BYTES);
    memcpy(bytes + 1 + SHA256_BYTES, right->b, SHA256_BYTES);
    return crypt_sha256(span_of(bytes, sizeof bytes), ret);
}

enum sd_err merkle_add_closing(struct merkle_range *range, const struct sha256 *leaf, struct merkle_closed *ret) {
    unsigned peaks = merkle_peaks(range->size), count = 0;
    ret->hashes[count++] = *leaf;
    /* As many trailing one bits, so many subtrees of growing height close. */
    for (uint64_t size = range->size; size & 1; size >>= 1, count++) {
        enum sd_err err = merkle_node(&range->peaks[--peaks], &ret->hashes[count - 1], &ret->hashes[count]);
        if (err)
            return err;
    }
    range->peaks[peaks] = ret->hashes[count - 1];
    range->size++;
    ret->count = count;
    return SD_OK;
}

enum sd_err merkle_add(struct merkle_range *range, const struct sha256 *leaf) {
    struct merkle_closed closed;
    return merkle_add_closing(range, leaf, &closed);
}

enum sd_err merkle_root(const struct merkle_range *range, struct sha256 *ret) {
    unsigned peaks = merkle_peaks(range->size);
    if (peaks == 0)
        return crypt_sha256(SPAN_NONE, ret);
    struct sha256 hash = range->peaks[--peaks];
    while (peaks) {
        enum sd_err err = merkle_node(&range->peaks[--peaks], &hash, &hash);
        if (err)
            return err;
    }
    *ret = hash;
    return SD_OK;
}
