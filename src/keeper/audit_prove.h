/* audit_prove.h - proofs about the log's files, each checked before it is given away. Any thread; may read the whole log, once.
 */
#ifndef SD_KEEPER_AUDIT_PROVE_H
#define SD_KEEPER_AUDIT_PROVE_H

#include "keeper/audit.h"
#include "keeper/merkle_proof.h"

/* That this leaf is record number `index` under the checkpoint. SD_ERR_FORGED: the log is not what the checkpoint covers. */
enum sd_err audit_prove_record(const char *dir, uint64_t index, const struct sha256 *leaf, const struct checkpoint *checkpoint,
                               struct merkle_proof *ret) SD_MUST_CHECK;
/* That the later checkpoint continues the earlier one. SD_ERR_FORGED: it does not. */
enum sd_err audit_prove_continuation(const char *dir, const struct checkpoint *earlier, const struct checkpoint *later,
                                     struct merkle_proof *ret) SD_MUST_CHECK;

#endif
