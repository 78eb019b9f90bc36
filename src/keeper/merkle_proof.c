#include "keeper/merkle_proof.h"

#include <string.h>

/* ---- making ---- */

/* The largest power of two below n (RFC 9162 §2.1.1: where a tree is split); n is at least 2. */
static uint64_t split(uint64_t n) {
    return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

/* The root of n leaves from start on, which is a multiple of a power of two not below n: perfect subtrees, largest first. */
enum sd_err merkle_subtree(const struct merkle_nodes *nodes, uint64_t start, uint64_t n, struct sha256 *ret) {
    struct merkle_range range = {.size = n};
    unsigned peaks = 0;
    while (n) {
        unsigned height = 63 - (unsigned)__builtin_clzll(n);
        enum sd_err err = nodes->get(nodes->arg, height, start >> height, &range.peaks[peaks++]);
        if (err)
            return err;
        start += UINT64_C(1) << height;
        n -= UINT64_C(1) << height;
    }
    return merkle_root(&range, ret);
}

/* Found from the root down, wanted from the leaf up. */
static void turn_round(struct merkle_proof *proof) {
    for (size_t i = 0; i < proof->count / 2; i++) {
        struct sha256 other = proof->hashes[i];
        proof->hashes[i] = proof->hashes[proof->count - 1 - i];
        proof->hashes[proof->count - 1 - i] = other;
    }
}

enum sd_err merkle_prove_inclusion(const struct merkle_nodes *nodes, uint64_t index, uint64_t size, struct merkle_proof *ret) {
    struct merkle_proof proof = {0};
    enum sd_err err = index < size ? SD_OK : SD_ERR_NOTFOUND;
    for (uint64_t start = 0, n = size; n > 1 && err == SD_OK;) {
        uint64_t k = split(n);
        bool left = index - start < k;
        err = left ? merkle_subtree(nodes, start + k, n - k, &proof.hashes[proof.count])
                   : merkle_subtree(nodes, start, k, &proof.hashes[proof.count]);
        proof.count++;
        start += left ? 0 : k;
        n = left ? k : n - k;
    }
    if (err)
        return err;
    turn_round(&proof);
    *ret = proof;
    return SD_OK;
}

/* RFC 9162 §2.1.4.1: SUBPROOF(m, D[n], b), from the root down. */
enum sd_err merkle_prove_consistency(const struct merkle_nodes *nodes, uint64_t old_size, uint64_t size,
                                     struct merkle_proof *ret) {
    struct merkle_proof proof = {0};
    uint64_t start = 0, m = old_size, n = size;
    enum sd_err err = old_size && old_size <= size ? SD_OK : SD_ERR_NOTFOUND;
    while (m != n && err == SD_OK) {
        uint64_t k = split(n);
        bool left = m <= k;
        err = left ? merkle_subtree(nodes, start + k, n - k, &proof.hashes[proof.count])
                   : merkle_subtree(nodes, start, k, &proof.hashes[proof.count]);
        proof.count++;
        start += left ? 0 : k;
        m -= left ? 0 : k;
        n = left ? k : n - k;
    }
    if (err == SD_OK && start)
        err = merkle_subtree(nodes, start, n, &proof.hashes[proof.count++]);
    if (err)
        return err;
    turn_round(&proof);
    *ret = proof;
    return SD_OK;
}

/* ---- checking ---- */

static bool same(const struct sha256 *a, const struct sha256 *b) {
    return memcmp(a->b, b->b, SHA256_BYTES) == 0;
}

/* RFC 9162 §2.1.3.2. */
enum sd_err merkle_check_inclusion(const struct merkle_proof *proof, const struct sha256 *leaf, uint64_t index, uint64_t size,
                                   const struct sha256 *root, enum proof_verdict *ret) {
    *ret = PROOF_BAD;
    if (index >= size || proof->count > MERKLE_PROOF_MAX)
        return SD_OK;
    uint64_t fn = index, sn = size - 1;
    struct sha256 r = *leaf;
    for (size_t i = 0; i < proof->count; i++) {
        const struct sha256 *p = &proof->hashes[i];
        if (sn == 0)
            return SD_OK;
        bool right = fn & 1 || fn == sn;
        enum sd_err err = right ? merkle_node(p, &r, &r) : merkle_node(&r, p, &r);
        if (err)
            return err;
        for (; right && !(fn & 1) && fn; fn >>= 1)
            sn >>= 1;
        fn >>= 1;
        sn >>= 1;
    }
    *ret = sn == 0 && same(&r, root) ? PROOF_GOOD : PROOF_BAD;
    return SD_OK;
}

static bool is_subtree(const struct merkle_part *part) {
    uint64_t n = part->end - part->start, width = n <= 1 ? 1 : 2 * split(n);
    return part->start <= part->end && part->end <= part->size && n <= UINT64_C(1) << 62 && part->start % width == 0;
}

enum sd_err merkle_check_inclusion_in(const struct merkle_proof *proof, const struct sha256 *leaf, uint64_t index,
                                      const struct merkle_part *part, enum proof_verdict *ret) {
    *ret = PROOF_BAD;
    if (!is_subtree(part) || index < part->start)
        return SD_OK;
    return merkle_check_inclusion(proof, leaf, index - part->start, part->end - part->start, part->part_root, ret);
}

/* Positions of the part's first and last leaf and of the tree's last one, moved up together. */
struct positions {
    uint64_t first, last, tree;
};

static void up(struct positions *at) {
    at->first >>= 1;
    at->last >>= 1;
    at->tree >>= 1;
}

/* One hash of the proof joins what has been computed of the part and of the tree. */
static enum sd_err join(struct positions *at, const struct sha256 *p, struct sha256 *part, struct sha256 *tree) {
    enum sd_err err = SD_OK;
    if (at->last & 1 || at->last == at->tree) {
        if (at->first < at->last)
            err = merkle_node(p, part, part);
        if (err == SD_OK)
            err = merkle_node(p, tree, tree);
        while (!(at->last & 1) && at->last)
            up(at);
    } else {
        err = merkle_node(tree, p, tree);
    }
    up(at);
    return err;
}

/* RFC 9162 §2.1.4.2, as draft-ietf-plants-merkle-tree-certs extends it to subtrees that do not begin at 0. */
enum sd_err merkle_check_part(const struct merkle_proof *proof, const struct merkle_part *part, enum proof_verdict *ret) {
    struct sha256 nothing;
    struct merkle_range empty = {0};
    enum sd_err err = merkle_root(&empty, &nothing);
    *ret = PROOF_BAD;
    if (err || !is_subtree(part) || proof->count > MERKLE_PROOF_MAX)
        return err;
    if (part->start == part->end) {
        *ret = proof->count == 0 && same(part->part_root, &nothing) ? PROOF_GOOD : PROOF_BAD;
        return SD_OK;
    }
    struct positions at = {part->start, part->end - 1, part->size - 1};
    while (at.first != at.last && (at.last == at.tree || at.last & 1))
        up(&at);
    size_t next = at.first != at.last; /* else the part's own root begins, and need not be sent */
    if (next > proof->count)
        return SD_OK;
    struct sha256 small = next ? proof->hashes[0] : *part->part_root, large = small;
    for (; next < proof->count && err == SD_OK; next++) {
        if (at.tree == 0)
            return SD_OK;
        err = join(&at, &proof->hashes[next], &small, &large);
    }
    if (err == SD_OK && at.tree == 0 && same(&small, part->part_root) && same(&large, part->root))
        *ret = PROOF_GOOD;
    return err;
}

enum sd_err merkle_check_consistency(const struct merkle_proof *proof, uint64_t old_size, const struct sha256 *old_root,
                                     uint64_t size, const struct sha256 *root, enum proof_verdict *ret) {
    struct merkle_part part = {.end = old_size, .size = size, .part_root = old_root, .root = root};
    *ret = PROOF_BAD; /* everything continues the empty tree: that proves nothing */
    return old_size ? merkle_check_part(proof, &part, ret) : SD_OK;
}
