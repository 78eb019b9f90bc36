/*
 * worker.h - a thread that does one step after another and waits in between, until it is told to stop; it can be woken by a
 * bell of the supervisor's.
 *
 * Zero before the first use. worker_bell and worker_tell_stop from any thread; worker_start and worker_join from the one that
 * owns it.
 */
#ifndef SD_CLERK_WORKER_H
#define SD_CLERK_WORKER_H

#include "core/err.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

struct worker_spec {
    const char *name;
    /* Milliseconds to the next step, sooner when the bell rings; less than 0: so many, and the bell is not listened to, because
     * after a failure it may go on ringing. */
    int64_t (*step)(void *arg);
    void *arg;
    bool gives_way; /* to the other threads: long work that may wait */
};

struct worker {
    struct worker_spec spec;
    atomic_bool stopping;
    bool started;
    unsigned long thread;
    pthread_mutex_t lock; /* of the two bells */
    pthread_cond_t wake;
    int bell;     /* the thread's */
    int new_bell; /* came since; the thread takes it over */
};

void worker_init(struct worker *worker, const struct worker_spec *spec);
enum sd_err worker_start(struct worker *worker) SD_MUST_CHECK;
/* Owns fd, and listens to it from now on instead of the one before. */
void worker_bell(struct worker *worker, int fd);
/* Asked by steps that are long. */
bool worker_stops(struct worker *worker);
void worker_tell_stop(struct worker *worker);
/* Tells it to stop and waits for the end of its step; closes the bells. Nothing for one that was not started. */
void worker_join(struct worker *worker);
/* Waits so long within a step, or until it is told to stop. */
void worker_pause(struct worker *worker, int64_t ms);

#endif
