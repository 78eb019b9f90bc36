/*
 * watch.h - since when each letter is being judged. DNS has its deadlines; a parser that never comes back has none, and its
 * thread would be lost for good: the process ends instead, and its letters are asked about again, one by one.
 */
#ifndef SD_INSPECT_WATCH_H
#define SD_INSPECT_WATCH_H

#include "core/base.h"

#include <stdatomic.h>

#define WATCH_SLOTS 512 /* more than inspect.threads may be, for both peers */
#define WATCH_MS 50000  /* twice JUDGE_MS; twice this is still within what the edge waits */

struct watch {
    atomic_llong since_ns[WATCH_SLOTS]; /* 0: free */
};

size_t watch_begin(struct watch *watch, int64_t now_ns); /* WATCH_SLOTS: all are taken, this one is not watched */
void watch_end(struct watch *watch, size_t slot);
bool watch_is_stuck(struct watch *watch, int64_t now_ns); /* one has taken longer than WATCH_MS */

#endif
