/*
 * work.h - the clerk's work, one step at a time: a batch of intake records, offered to the keeper, filed in the store in one
 * transaction together with the position. Whatever fails leaves the position where it was, and the step is simply done again.
 *
 * One thread calls work_step and work_report; work_health may be called from another.
 */
#ifndef SD_CLERK_WORK_H
#define SD_CLERK_WORK_H

#include "core/ipc/ipc.h"

struct work;

/* Paths are copied; keeper is borrowed. Opens nothing yet: the store may come later. */
enum sd_err work_new(const char *intake_dir, const char *store_dir, struct ipc_client *keeper, struct work **ret) SD_MUST_CHECK;
void work_free(struct work **work);

/*
 * SD_OK: *ret_more says whether there is more to do at once. Any error: nothing was lost, try again in a while; work_health
 * says what is missing.
 */
enum sd_err work_step(struct work *work, bool *ret_more) SD_MUST_CHECK;

/*
 * Tells the keeper which intake keys unfiled records name, when that is due: REPORT_AFTER_FILING_MS after something was
 * filed and nothing is left, and every REPORT_EVERY_MS.
 */
#define REPORT_AFTER_FILING_MS 5000
#define REPORT_EVERY_MS (2 * 60 * 1000)
void work_report(struct work *work);

struct work_health {
    const char *problem; /* NULL: none; else since when the steps fail, and why */
    int64_t problem_ms;
    uint64_t waiting; /* records not filed, about */
};
struct work_health work_health(struct work *work);

#endif
