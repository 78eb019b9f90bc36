/*
 * rescan.h - letters that are kept are looked into again: those that no scanner has seen yet, and those that came before the
 * signatures of today. The keeper says which (keeper.scan_due) and takes the inspector's word; the clerk carries the source
 * from the store to the inspector, under a warrant by policy, and shows what was found.
 *
 * A thread of its own that gives way to filing; one letter at a time, so that at most one is in memory.
 */
#ifndef SD_CLERK_RESCAN_H
#define SD_CLERK_RESCAN_H

#include "core/ipc/ipc.h"

struct rescan;

struct rescan_spec {
    const char *store_dir;               /* copied */
    struct ipc_client *keeper, *inspect; /* borrowed */
    int64_t wait_ms;                     /* between rounds */
};
#define RESCAN_WAIT_MS 30000

enum sd_err rescan_new(const struct rescan_spec *spec, struct rescan **ret) SD_MUST_CHECK;
enum sd_err rescan_start(struct rescan *rescan) SD_MUST_CHECK;
/* A letter that is being looked into goes on until its client is detached. */
void rescan_tell_stop(struct rescan *rescan);
void rescan_free(struct rescan **rescan); /* waits for its thread */

/* One round: what is due now. The milliseconds to the next. Called by the thread, and by tests. */
int64_t rescan_round(struct rescan *rescan);

/* What should be looked at, a sentence; NULL: nothing. From any thread. */
const char *rescan_problem(struct rescan *rescan);

#endif
