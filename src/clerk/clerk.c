/*
 * sealdesk-clerk - files: takes what the edge wrote to the intake, has the keeper adopt it, and puts it into the store, exactly
 * once. It can misfile and withhold; it cannot open a letter, sign one, or change the log. And shows the log's checkpoints to
 * witnesses outside (witness.h), for which alone it may be given a network.
 *
 * Woken by the bell "intake", and every second in any case. Limits: 64 records or 8 MiB at once (batch.h).
 */
#include "clerk/witness.h"
#include "clerk/work.h"
#include "core/log.h"
#include "core/role.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 1000
#define UNREADY_AFTER_MS 5000
#define PATH_BYTES 4096

static struct {
    struct work *work;
    struct witness *witness; /* NULL: none is configured */
    unsigned long thread;
    pthread_mutex_t lock; /* of the two bells */
    int bell;             /* the thread's */
    int new_bell;         /* came since; the thread takes it over */
    atomic_bool stopping;
} clerk = {.lock = PTHREAD_MUTEX_INITIALIZER, .bell = -1, .new_bell = -1};

static void close_fd(int fd) {
    if (fd >= 0)
        (void)close(fd);
}

static enum sd_err clerk_on_bell(SD_UNUSED struct role_ctx *ctx, const char *name, int fd) {
    if (strcmp(name, "intake") != 0) {
        close_fd(fd);
        return SD_OK;
    }
    pthread_mutex_lock(&clerk.lock);
    close_fd(clerk.new_bell);
    clerk.new_bell = fd;
    pthread_mutex_unlock(&clerk.lock);
    return SD_OK;
}

/* A bell is closed by the thread that waits on it, never under it. */
static int present_bell(void) {
    pthread_mutex_lock(&clerk.lock);
    if (clerk.new_bell >= 0) {
        close_fd(clerk.bell);
        clerk.bell = clerk.new_bell;
        clerk.new_bell = -1;
    }
    int bell = clerk.bell;
    pthread_mutex_unlock(&clerk.lock);
    return bell;
}

static void wait_for_work(void) {
    int bell = present_bell();
    struct timespec pause = {.tv_sec = WAIT_MS / 1000, .tv_nsec = WAIT_MS % 1000 * 1000000L};
    if (bell < 0)
        (void)nanosleep(&pause, NULL);
    else if (bell_wait(bell, deadline_in_ms(WAIT_MS)) == SD_ERR_IO)
        log_warn("clerk.bell", "error=io");
}

/* After a failure the bell may go on ringing: wait without listening to it. */
static void wait_after_failure(void) {
    struct timespec pause = {.tv_nsec = 250000000L};
    (void)nanosleep(&pause, NULL);
}

static void *run(SD_UNUSED void *arg) {
    while (!atomic_load(&clerk.stopping)) {
        bool more = false;
        enum sd_err err = work_step(clerk.work, &more);
        if (atomic_load(&clerk.stopping))
            break;
        work_report(clerk.work);
        if (err)
            wait_after_failure();
        else if (!more)
            wait_for_work();
    }
    return NULL;
}

static enum sd_err clerk_start(struct role_ctx *ctx) {
    char intake[PATH_BYTES], store[PATH_BYTES];
    const char *dir = role_data_dir(ctx);
    int n = snprintf(intake, sizeof intake, "%s/intake", dir), m = snprintf(store, sizeof store, "%s/store", dir);
    if (n < 0 || m < 0 || n >= PATH_BYTES || m >= PATH_BYTES)
        return SD_ERR_LIMIT;
    enum sd_err err = work_new(intake, store, role_client(ctx, "keeper"), &clerk.work);
    if (err == SD_OK && clerk.witness)
        err = witness_start(clerk.witness, role_client(ctx, "keeper"));
    return err ? err : role_thread("clerk", run, NULL, &clerk.thread);
}

static enum sd_err clerk_prepare(struct role_ctx *ctx) {
    (void)role_client(ctx, "keeper"); /* made now, attached when its link comes */
    return witness_new(ctx, &clerk.witness);
}

static enum sd_err clerk_on_file(SD_UNUSED struct role_ctx *ctx, const char *name, int fd) {
    return witness_take_file(clerk.witness, name, fd);
}

static void clerk_ping(SD_UNUSED struct role_ctx *ctx, struct role_health *health) {
    struct work_health now = work_health(clerk.work);
    health->waiting = now.waiting;
    if (now.problem && now.problem_ms > UNREADY_AFTER_MS) {
        health->ready = false;
        buf_text(&health->reason, now.problem);
    }
    witness_health(clerk.witness, &health->reason, &health->wanted);
}

static void clerk_stop(SD_UNUSED struct role_ctx *ctx) {
    atomic_store(&clerk.stopping, true);
    pthread_mutex_lock(&clerk.lock);
    if (clerk.bell >= 0)
        bell_ring(clerk.bell);
    pthread_mutex_unlock(&clerk.lock);
    (void)pthread_join(clerk.thread, NULL);
    witness_stop(&clerk.witness);
    work_free(&clerk.work);
}

static const struct role role = {
    .name = "clerk",
    .calls = CALLS_FILES,
    .paths = {{"intake", FILES_READ | FILES_REMOVE}, {"store", FILES_READ | FILES_WRITE | FILES_MAKE | FILES_REMOVE}},
    .prepare = clerk_prepare,
    .on_bell = clerk_on_bell,
    .on_file = clerk_on_file,
    .more_calls = witness_calls,
    .start = clerk_start,
    .ping = clerk_ping,
    .stop = clerk_stop,
};

int main(int argc, char **argv) {
    return role_main(&role, argc, argv);
}
