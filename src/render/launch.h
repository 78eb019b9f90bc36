/*
 * launch.h - the process aside that starts sandboxes (core/aside.h), and how the role asks it for one. It has no network, but
 * it can start programs, which the role cannot; it reads nothing but a few numbers and passes descriptors on.
 *
 * One sandbox per document, at most LAUNCH_JOBS_MAX at once. A sandbox ends with the process aside, and when its time is up,
 * and when nobody reads what it writes any more; then everything in it ends.
 */
#ifndef SD_RENDER_LAUNCH_H
#define SD_RENDER_LAUNCH_H

#include "render/box.h"

#include "core/clock.h"

#define LAUNCH_JOBS_MAX 2

struct launch_spec {
    struct box_spec box;
    uint32_t uid, gid; /* to become, when root */
};
/* In a role's prepare(); spec outlives the role. *ret_fd is what launch_start wants; any thread may. */
enum sd_err launcher_start(const struct launch_spec *spec, int *ret_fd) SD_MUST_CHECK;

/* How a sandbox ended. Zero, which is also what is taken when no answer comes: it was not even made. */
enum launch_end {
    LAUNCH_REFUSED,
    LAUNCH_EXITED,    /* by itself, and said that all went well */
    LAUNCH_FAILED,    /* by itself, otherwise: it broke, or bubblewrap could not make it */
    LAUNCH_TOO_LONG,  /* it was ended */
    LAUNCH_UNWATCHED, /* nobody read what it wrote: ended */
};

struct launch {
    int pixels; /* to read from, to its end: then nothing of the sandbox is there any more */
    int answer;
};
/* `seconds` are also those of the wall clock; content is a descriptor, which stays the caller's. SD_ERR_UNAVAILABLE: the
 * process aside is gone. */
enum sd_err launch_start(int launcher, const struct box_job *job, int content, struct launch *ret) SD_MUST_CHECK;
/* Closes what is open: a sandbox that still runs is ended. LAUNCH_REFUSED also when no answer comes by then. */
enum launch_end launch_finish(struct launch *launch, struct deadline deadline);

#endif
