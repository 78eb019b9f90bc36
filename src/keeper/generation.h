/*
 * generation.h - root and vault keys are replaced: within a day after anything was destroyed, and when asked to. What was
 * wrapped under the ones before, in files that were overwritten and in backups, then opens with nothing that is here.
 *
 * Pages stay as they are; only their keys are wrapped anew, all in one transaction.
 */
#ifndef SD_KEEPER_GENERATION_H
#define SD_KEEPER_GENERATION_H

#include "keeper/keeper.h"

#define GENERATION_MS (INT64_C(24) * 60 * 60 * 1000) /* no older when something was destroyed since */

#define GENERATION_LIST(X)                                                                                                     \
    X(ROOT, "root")                                                                                                            \
    X(VAULT, "vault")                                                                                                          \
    X(PAGES, "pages")
enum generation_kind {
#define X(name, text) GENERATION_##name,
    GENERATION_LIST(X)
#undef X
};
#define GENERATION_KINDS 3
const char *generation_text(enum generation_kind kind);

struct generation {
    int64_t number;
    int64_t made_ms;
};
/* Numbers begin at 1; a database from before they were counted begins now. */
enum sd_err generations_begin(struct keeper *k) SD_MUST_CHECK;
enum sd_err generation_find(struct keeper *k, enum generation_kind kind, struct generation *ret) SD_MUST_CHECK;

/* A transaction of its own. Its record is added to `records`: key-rotate, with the new number. */
enum sd_err generation_replace(struct keeper *k, enum generation_kind kind, enum actor_kind by,
                               struct records *records) SD_MUST_CHECK;

/* Within a transaction: something was destroyed. */
enum sd_err generation_destroyed(struct keeper *k) SD_MUST_CHECK;
/* When vault and root must be replaced at the latest; 0: nothing was destroyed since they were made. */
enum sd_err generation_due(struct keeper *k, int64_t *ret_ms) SD_MUST_CHECK;
/* Replaces what is due; now and then. */
void generation_tick(struct keeper *k);

/* What was overwritten is gone from the write-ahead log too. */
void keeper_empty_wal(struct keeper *k);

#endif
