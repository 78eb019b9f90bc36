#include "courier/queue.h"
#include "core/clock.h"

#include "core/limits.h"
#include "core/log.h"
#include "core/role.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t)256 * 1024) /* a page of due rows */
#define BEGIN_MS 10000
#define PAUSE_MS 1000 /* after a failure, and when what is due is in hand */

enum slot_state { SLOT_FREE, SLOT_WAITS, SLOT_RUNS };

struct slot {
    enum slot_state state;
    struct job job;
};

struct queue {
    struct courier *courier;
    int wake; /* an eventfd of our own: a job ended, a bell came, stop */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int bell;
    struct slot slots[QUEUE_IN_HAND_MAX];
    unsigned workers, idle_workers;
    bool stopping;
    bool began; /* the scheduler's own: it has looked once */
    struct queue_state state;
};

enum sd_err queue_new(struct courier *courier, struct queue **ret) {
    struct queue *q = calloc(1, sizeof *q);
    if (!q)
        return SD_ERR_NOMEM;
    q->courier = courier;
    q->bell = -1;
    q->state.store_ok = true;
    q->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (q->wake < 0) {
        free(q);
        return sd_err_from_errno(errno);
    }
    (void)pthread_mutex_init(&q->lock, NULL);
    cond_init_monotonic(&q->changed);
    *ret = q;
    return SD_OK;
}

void queue_bell(struct queue *q, int fd) {
    (void)pthread_mutex_lock(&q->lock);
    int old = q->bell;
    q->bell = fd;
    (void)pthread_mutex_unlock(&q->lock);
    if (old >= 0)
        (void)close(old);
    bell_ring(q->wake);
}

struct queue_state queue_state(struct queue *q) {
    (void)pthread_mutex_lock(&q->lock);
    struct queue_state state = q->state;
    (void)pthread_mutex_unlock(&q->lock);
    return state;
}

/* ---- workers ---- */

/* Under the lock. */
static struct slot *find_slot(struct queue *q, enum slot_state state) {
    for (size_t i = 0; i < QUEUE_IN_HAND_MAX; i++)
        if (q->slots[i].state == state)
            return &q->slots[i];
    return NULL;
}

static struct slot *next_job(struct queue *q) {
    struct slot *slot;
    (void)pthread_mutex_lock(&q->lock);
    while (!(slot = q->stopping ? NULL : find_slot(q, SLOT_WAITS))) {
        q->idle_workers++;
        (void)pthread_cond_wait(&q->changed, &q->lock);
        q->idle_workers--;
    }
    slot->state = SLOT_RUNS;
    (void)pthread_mutex_unlock(&q->lock);
    return slot;
}

static void *work(void *arg) {
    struct queue *q = arg;
    for (;;) {
        struct slot *slot = next_job(q);
        job_run(q->courier, &slot->job);
        (void)pthread_mutex_lock(&q->lock);
        slot->state = SLOT_FREE;
        (void)pthread_cond_broadcast(&q->changed);
        (void)pthread_mutex_unlock(&q->lock);
        bell_ring(q->wake);
    }
    return NULL;
}

/* One worker more when there is more to do than there are idle ones. A failure is no loss: others will take the job. */
static void hire(struct queue *q) {
    (void)pthread_mutex_lock(&q->lock);
    unsigned jobs = 0;
    for (size_t i = 0; i < QUEUE_IN_HAND_MAX; i++)
        jobs += q->slots[i].state == SLOT_WAITS;
    unsigned wanted = jobs > q->idle_workers ? jobs - q->idle_workers : 0;
    unsigned room = QUEUE_IN_HAND_MAX - q->workers;
    wanted = wanted < room ? wanted : room;
    q->workers += wanted;
    (void)pthread_cond_broadcast(&q->changed);
    (void)pthread_mutex_unlock(&q->lock);
    for (; wanted; wanted--) {
        unsigned long thread;
        enum sd_err err = role_thread("courier", work, q, &thread);
        if (err) {
            log_error("courier.worker", "error=%s", sd_err_name(err));
            (void)pthread_mutex_lock(&q->lock);
            q->workers -= wanted;
            (void)pthread_mutex_unlock(&q->lock);
            return;
        }
    }
}

/* ---- the scheduler ---- */

static bool in_hand(struct queue *q, const struct object_id *object) {
    for (size_t i = 0; i < QUEUE_IN_HAND_MAX; i++)
        if (q->slots[i].state != SLOT_FREE && memcmp(q->slots[i].job.object.b, object->b, sizeof object->b) == 0)
            return true;
    return false;
}

/* Only the scheduler fills slots, so what is free stays free until it does. */
static size_t choose(struct queue *q, const struct outbound_row *rows, size_t count, const struct outbound_row **chosen) {
    size_t n = 0, slots_free = 0, room = pool_room(q->courier->delivery.pool);
    (void)pthread_mutex_lock(&q->lock);
    for (size_t i = 0; i < QUEUE_IN_HAND_MAX; i++)
        slots_free += q->slots[i].state == SLOT_FREE;
    for (size_t i = 0; i < count && n < slots_free && n < room; i++)
        if (!in_hand(q, &rows[i].object))
            chosen[n++] = &rows[i];
    (void)pthread_mutex_unlock(&q->lock);
    return n;
}

/* Under the store's lock: all in one transaction; one that is no longer due is left out. */
static enum sd_err claim(struct courier *c, const struct outbound_row **rows, size_t *count, int64_t due_ms, int64_t lease_ms) {
    size_t n = 0;
    enum sd_err err = *count ? store_begin(c->store, deadline_in_ms(BEGIN_MS)) : SD_OK;
    if (err || *count == 0)
        return err;
    for (size_t i = 0; i < *count && err == SD_OK; i++) {
        err = outbound_claim(c->store, &rows[i]->object, due_ms, lease_ms);
        if (err == SD_OK)
            rows[n++] = rows[i];
        else if (err == SD_ERR_STALE)
            err = SD_OK;
    }
    if (err) {
        store_rollback(c->store);
        return err;
    }
    *count = n;
    return store_commit(c->store);
}

static void hand_out(struct queue *q, const struct outbound_row **rows, size_t count) {
    (void)pthread_mutex_lock(&q->lock);
    for (size_t i = 0; i < count; i++) {
        struct slot *slot = find_slot(q, SLOT_FREE);
        if (!slot)
            break; /* its lease ends */
        job_from_row(rows[i], &slot->job);
        slot->state = SLOT_WAITS;
    }
    (void)pthread_mutex_unlock(&q->lock);
    hire(q);
}

static enum sd_err take_due(struct queue *q, struct arena *arena) {
    struct courier *c = q->courier;
    struct outbound_row *rows = NULL;
    const struct outbound_row *chosen[LIMIT_LIST_ITEMS];
    size_t count = 0;
    int64_t now_ms = clock_unix_ms();
    /* At first, what the courier before us had leased is due too: it is dead, and its leases are at most so far ahead. */
    int64_t due_ms = now_ms + (q->began ? 0 : QUEUE_LEASE_MS);
    (void)pthread_mutex_lock(&c->store_lock);
    enum sd_err err = outbound_due(c->store, due_ms, LIMIT_LIST_ITEMS, arena, &rows, &count);
    if (err == SD_OK) {
        count = choose(q, rows, count, chosen);
        err = claim(c, chosen, &count, due_ms, now_ms + QUEUE_LEASE_MS);
    }
    (void)pthread_mutex_unlock(&c->store_lock);
    if (err == SD_OK) {
        q->began = true;
        hand_out(q, chosen, count);
    }
    return err;
}

/* Counts, and when to look again. */
static struct deadline look_ahead(struct queue *q, enum sd_err err) {
    struct courier *c = q->courier;
    int64_t next_ms = 0, now_ms = clock_unix_ms();
    uint64_t waiting = 0;
    (void)pthread_mutex_lock(&c->store_lock);
    enum sd_err next_err = err ? err : outbound_next(c->store, &next_ms);
    if (err == SD_OK)
        err = outbound_waiting(c->store, &waiting);
    (void)pthread_mutex_unlock(&c->store_lock);
    (void)pthread_mutex_lock(&q->lock);
    q->state.store_ok = err == SD_OK;
    if (err == SD_OK)
        q->state.waiting = waiting;
    (void)pthread_mutex_unlock(&q->lock);
    if (err)
        return deadline_in_ms(PAUSE_MS);
    int64_t in_ms = next_err ? QUEUE_IDLE_MS : next_ms - now_ms;
    return deadline_in_ms(in_ms < PAUSE_MS ? PAUSE_MS : in_ms > QUEUE_IDLE_MS ? QUEUE_IDLE_MS : in_ms);
}

static void drain(int fd) {
    uint64_t count;
    if (fd >= 0 && read(fd, &count, sizeof count) < 0)
        return; /* it was not this one */
}

static void wait_bells(struct queue *q, struct deadline deadline) {
    (void)pthread_mutex_lock(&q->lock);
    int bell = q->bell;
    (void)pthread_mutex_unlock(&q->lock);
    struct pollfd polled[2] = {{.fd = q->wake, .events = POLLIN}, {.fd = bell, .events = POLLIN}};
    if (poll(polled, bell >= 0 ? 2 : 1, deadline_left_ms(deadline)) <= 0)
        return;
    if (polled[0].revents)
        drain(q->wake);
    else
        drain(bell);
}

static void *schedule(void *arg) {
    struct queue *q = arg;
    for (;;) {
        struct arena *arena SD_CLEANUP(arena_free) = arena_new(ARENA_BYTES);
        (void)pthread_mutex_lock(&q->lock);
        bool stopping = q->stopping;
        (void)pthread_mutex_unlock(&q->lock);
        pool_tidy(q->courier->delivery.pool, stopping);
        enum sd_err err = stopping ? SD_OK : arena ? take_due(q, arena) : SD_ERR_NOMEM;
        if (err)
            log_error("courier.queue", "error=%s", sd_err_name(err));
        wait_bells(q, look_ahead(q, err));
    }
    return NULL;
}

enum sd_err queue_start(struct queue *q) {
    unsigned long thread;
    return role_thread("scheduler", schedule, q, &thread);
}

static bool any_runs(struct queue *q) {
    return find_slot(q, SLOT_RUNS) != NULL;
}

enum sd_err queue_stop(struct queue *q, struct deadline deadline) {
    struct timespec until = {deadline.at_ns / 1000000000, deadline.at_ns % 1000000000};
    int rc = 0;
    (void)pthread_mutex_lock(&q->lock);
    q->stopping = true;
    atomic_store(&q->courier->delivery.stopping, true);
    (void)pthread_cond_broadcast(&q->changed);
    pool_stop(q->courier->delivery.pool);
    while (any_runs(q) && rc == 0)
        rc = pthread_cond_timedwait(&q->changed, &q->lock, &until);
    bool left = any_runs(q);
    (void)pthread_mutex_unlock(&q->lock);
    bell_ring(q->wake);
    return left ? SD_ERR_TIMEOUT : SD_OK;
}
