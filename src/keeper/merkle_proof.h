/*
 * merkle_proof.h - proofs over the log's tree: that a record is in it, and that a later tree continues an earlier one
 * (RFC 9162 §2.1.3, §2.1.4). Hashes of perfect subtrees come through an interface; no I/O here.
 */
#ifndef SD_KEEPER_MERKLE_PROOF_H
#define SD_KEEPER_MERKLE_PROOF_H

#include "keeper/merkle.h"

#define MERKLE_PROOF_MAX 64 /* one hash per level of the largest tree */
struct merkle_proof {
    size_t count;
    struct sha256 hashes[MERKLE_PROOF_MAX];
};

/* Where hashes come from: the root of the 2^height leaves that begin at index * 2^height. */
struct merkle_nodes {
    enum sd_err (*get)(void *arg, unsigned height, uint64_t index, struct sha256 *ret);
    void *arg;
};

/* SD_ERR_NOTFOUND: no such record, or no such tree. */
enum sd_err merkle_prove_inclusion(const struct merkle_nodes *nodes, uint64_t index, uint64_t size,
                                   struct merkle_proof *ret) SD_MUST_CHECK;
enum sd_err merkle_prove_consistency(const struct merkle_nodes *nodes, uint64_t old_size, uint64_t size,
                                     struct merkle_proof *ret) SD_MUST_CHECK;

/* The root of n leaves from `start` on, a multiple of a power of two that is not below n. */
enum sd_err merkle_subtree(const struct merkle_nodes *nodes, uint64_t start, uint64_t n, struct sha256 *ret) SD_MUST_CHECK;

enum proof_verdict { PROOF_BAD = 0, PROOF_GOOD = 1 };

/* Leaf number `index` of a tree of `size` leaves with this root. */
enum sd_err merkle_check_inclusion(const struct merkle_proof *proof, const struct sha256 *leaf, uint64_t index, uint64_t size,
                                   const struct sha256 *root, enum proof_verdict *ret) SD_MUST_CHECK;

/*
 * That the leaves from `start` below `end` are a subtree, with this root, of the tree of `size` leaves. With start 0 it says
 * that the one tree continues the other. `start` is a multiple of a power of two that is not below end - start: other ranges
 * are no subtrees.
 */
struct merkle_part {
    uint64_t start, end, size;
    const struct sha256 *part_root, *root;
};
enum sd_err merkle_check_part(const struct merkle_proof *proof, const struct merkle_part *part,
                              enum proof_verdict *ret) SD_MUST_CHECK;
enum sd_err merkle_check_consistency(const struct merkle_proof *proof, uint64_t old_size, const struct sha256 *old_root,
                                     uint64_t size, const struct sha256 *root, enum proof_verdict *ret) SD_MUST_CHECK;
/* The same for inclusion in the subtree [start, end). */
enum sd_err merkle_check_inclusion_in(const struct merkle_proof *proof, const struct sha256 *leaf, uint64_t index,
                                      const struct merkle_part *part, enum proof_verdict *ret) SD_MUST_CHECK;

#endif
