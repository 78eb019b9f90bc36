/*
 * merkle.h - the tree over the audit log: RFC 9162 §2.1 hashing, kept as a compact range (one hash per perfect subtree, largest
 * first), which is all that appending and the root need. No I/O.
 */
#ifndef SD_KEEPER_MERKLE_H
#define SD_KEEPER_MERKLE_H

#include "crypt/crypt.h"

#define MERKLE_LEAF_MAX ((size_t)8192) /* bytes of one record; a list of 100 ids takes 4 KB */
#define MERKLE_PEAKS 64

struct merkle_range {
    uint64_t size;
    struct sha256 peaks[MERKLE_PEAKS]; /* as many as size has one bits */
};

unsigned merkle_peaks(uint64_t size);
enum sd_err merkle_leaf(struct span data, struct sha256 *ret) SD_MUST_CHECK;
enum sd_err merkle_node(const struct sha256 *left, const struct sha256 *right, struct sha256 *ret) SD_MUST_CHECK;
/* On failure the range is as before. */
enum sd_err merkle_add(struct merkle_range *range, const struct sha256 *leaf) SD_MUST_CHECK;
/* The same, and the roots of the perfect subtrees that end with this leaf: hashes[h] is over 2^h leaves. */
struct merkle_closed {
    unsigned count; /* at least 1: the leaf itself */
    struct sha256 hashes[MERKLE_PEAKS];
};
enum sd_err merkle_add_closing(struct merkle_range *range, const struct sha256 *leaf, struct merkle_closed *ret) SD_MUST_CHECK;
/* Of the empty range: SHA-256 of nothing (RFC 9162 §2.1.1). */
enum sd_err merkle_root(const struct merkle_range *range, struct sha256 *ret) SD_MUST_CHECK;

#endif
