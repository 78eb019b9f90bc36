#include "clerk/worker.h"
#include "core/file.h"
#include "core/log.h"
#include "core/role.h"

#include <time.h>
#include <unistd.h>

#define SLICE_MS 1000 /* so long an old bell is listened to when there is a new one */

void worker_init(struct worker *worker, const struct worker_spec *spec) {
    worker->spec = *spec;
    worker->bell = worker->new_bell = -1;
    pthread_mutex_init(&worker->lock, NULL);
    cond_init_monotonic(&worker->wake);
}

void worker_bell(struct worker *worker, int fd) {
    pthread_mutex_lock(&worker->lock);
    fd_close(&worker->new_bell);
    worker->new_bell = fd;
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->lock);
}

bool worker_stops(struct worker *worker) {
    return atomic_load(&worker->stopping);
}

void worker_tell_stop(struct worker *worker) {
    pthread_mutex_lock(&worker->lock);
    atomic_store(&worker->stopping, true);
    if (worker->bell >= 0)
        bell_ring(worker->bell);
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->lock);
}

/* A bell is closed by the thread that waits on it, never under it. */
static int present_bell(struct worker *worker) {
    pthread_mutex_lock(&worker->lock);
    if (worker->new_bell >= 0) {
        fd_close(&worker->bell);
        worker->bell = worker->new_bell;
        worker->new_bell = -1;
    }
    int bell = worker->bell;
    pthread_mutex_unlock(&worker->lock);
    return bell;
}

static void wait_silently(struct worker *worker, struct deadline end, bool for_bell) {
    struct timespec until = {end.at_ns / 1000000000, end.at_ns % 1000000000};
    int rc = 0;
    pthread_mutex_lock(&worker->lock);
    while (rc == 0 && !worker_stops(worker) && !(for_bell && worker->new_bell >= 0))
        rc = pthread_cond_timedwait(&worker->wake, &worker->lock, &until);
    pthread_mutex_unlock(&worker->lock);
}

void worker_pause(struct worker *worker, int64_t ms) {
    wait_silently(worker, deadline_in_ms(ms), false);
}

static void wait_listening(struct worker *worker, int64_t ms) {
    struct deadline end = deadline_in_ms(ms);
    bool rung = false;
    while (!rung && !worker_stops(worker) && !deadline_passed(end)) {
        int bell = present_bell(worker);
        if (bell < 0) {
            wait_silently(worker, end, true);
            continue;
        }
        enum sd_err err = bell_wait(bell, deadline_sooner(end, deadline_in_ms(SLICE_MS)));
        rung = err == SD_OK;
        if (err == SD_ERR_IO) {
            log_warn("clerk.bell", "worker=%s error=io", worker->spec.name);
            worker_pause(worker, SLICE_MS);
        }
    }
}

static void *run(void *arg) {
    struct worker *worker = arg;
    if (worker->spec.gives_way)
        role_thread_gives_way();
    while (!worker_stops(worker)) {
        int64_t ms = worker->spec.step(worker->spec.arg);
        if (ms > 0)
            wait_listening(worker, ms);
        else if (ms < 0)
            worker_pause(worker, -ms);
    }
    return NULL;
}

enum sd_err worker_start(struct worker *worker) {
    enum sd_err err = role_thread(worker->spec.name, run, worker, &worker->thread);
    worker->started = err == SD_OK;
    return err;
}

void worker_join(struct worker *worker) {
    worker_tell_stop(worker);
    if (worker->started)
        (void)pthread_join(worker->thread, NULL);
    worker->started = false;
    fd_close(&worker->bell);
    fd_close(&worker->new_bell);
}
