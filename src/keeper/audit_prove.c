#include "keeper/audit_prove.h"
#include "core/log.h"
#include "keeper/tiles.h"

#include <string.h>

/* What is to be proven: of one record, or of an earlier checkpoint. */
struct claim {
    const char *dir;
    const struct sha256 *leaf; /* NULL: a continuation */
    uint64_t index;
    const struct checkpoint *earlier, *later;
};

static struct merkle_nodes nodes_of(const char *dir) {
    return (struct merkle_nodes){.get = tiles_get, .arg = (void *)(uintptr_t)dir};
}

/* PROOF_BAD also when the tiles have not got the hashes. */
static enum sd_err attempt(const struct claim *claim, struct merkle_proof *ret, enum proof_verdict *verdict) {
    struct merkle_nodes nodes = nodes_of(claim->dir);
    const struct checkpoint *later = claim->later;
    *verdict = PROOF_BAD;
    enum sd_err err = claim->leaf ? merkle_prove_inclusion(&nodes, claim->index, later->size, ret)
                                  : merkle_prove_consistency(&nodes, claim->earlier->size, later->size, ret);
    if (err)
        return err == SD_ERR_NOTFOUND ? SD_OK : err;
    if (claim->leaf)
        return merkle_check_inclusion(ret, claim->leaf, claim->index, later->size, &later->root, verdict);
    return merkle_check_consistency(ret, claim->earlier->size, &claim->earlier->root, later->size, &later->root, verdict);
}

/* Are the tiles right, and is the earlier checkpoint the one that is not of this log? Then nothing needs to be rebuilt. */
static enum sd_err is_of_another_log(const struct claim *claim, const struct merkle_proof *proof, bool *ret) {
    struct merkle_nodes nodes = nodes_of(claim->dir);
    struct sha256 root;
    enum proof_verdict verdict = PROOF_BAD;
    *ret = false;
    if (claim->leaf)
        return SD_OK;
    enum sd_err err = merkle_subtree(&nodes, 0, claim->earlier->size, &root);
    if (err == SD_OK)
        err = merkle_check_consistency(proof, claim->earlier->size, &root, claim->later->size, &claim->later->root, &verdict);
    *ret = err == SD_OK && verdict == PROOF_GOOD;
    return err == SD_ERR_NOTFOUND ? SD_OK : err;
}

static enum sd_err prove(const struct claim *claim, struct merkle_proof *ret) {
    enum proof_verdict verdict;
    bool elsewhere = false;
    struct merkle_proof proof = {0};
    enum sd_err err = attempt(claim, &proof, &verdict);
    if (err == SD_OK && verdict != PROOF_GOOD)
        err = is_of_another_log(claim, &proof, &elsewhere);
    if (err == SD_OK && verdict != PROOF_GOOD && !elsewhere) {
        log_warn("keeper.tiles", "rebuild=yes records=%llu", (unsigned long long)claim->later->size);
        err = tiles_rebuild(claim->dir, claim->later->size);
        if (err == SD_OK)
            err = attempt(claim, &proof, &verdict);
    }
    if (err)
        return err;
    if (verdict != PROOF_GOOD)
        return SD_ERR_FORGED;
    *ret = proof;
    return SD_OK;
}

enum sd_err audit_prove_record(const char *dir, uint64_t index, const struct sha256 *leaf, const struct checkpoint *checkpoint,
                               struct merkle_proof *ret) {
    struct claim claim = {.dir = dir, .leaf = leaf, .index = index, .later = checkpoint};
    return index < checkpoint->size ? prove(&claim, ret) : SD_ERR_NOTFOUND;
}

enum sd_err audit_prove_continuation(const char *dir, const struct checkpoint *earlier, const struct checkpoint *later,
                                     struct merkle_proof *ret) {
    struct claim claim = {.dir = dir, .earlier = earlier, .later = later};
    return earlier->size && earlier->size <= later->size ? prove(&claim, ret) : SD_ERR_FORGED;
}
