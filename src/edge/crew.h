/*
 * crew.h - threads that run one session after another. A connection costs a new thread only when none is idle; idle ones stay
 * for a while, so that a busy edge makes none at all.
 */
#ifndef SD_EDGE_CREW_H
#define SD_EDGE_CREW_H

#include "core/err.h"

struct crew;
struct crew_job {
    struct crew_job *next;
    void (*run)(struct crew_job *job); /* owns the job */
};

struct crew *crew_new(void); /* NULL: no memory */
/* Has it run. On failure (no thread) the job is still the caller's. */
enum sd_err crew_give(struct crew *crew, struct crew_job *job) SD_MUST_CHECK;
/* Waits for all threads to end, which takes as long as their jobs. For tests; a process just ends. */
void crew_free(struct crew **crew);

#endif
