#include "courier/pool.h"
#include "core/clock.h"

#include "core/limits.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum place_state { PLACE_FREE, PLACE_TAKEN, PLACE_IDLE };

struct place {
    enum place_state state;
    size_t name_bytes;
    uint8_t name[LIMIT_DOMAIN_BYTES + 8]; /* host and port */
    struct smtp_session *session;
    int64_t idle_since_ns;
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t given; /* a place was given back */
    unsigned per_destination, waiting;
    bool stopped;
    struct place places[POOL_SESSIONS_MAX];
};

enum sd_err pool_new(unsigned per_destination, struct pool **ret) {
    struct pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return SD_ERR_NOMEM;
    pool->per_destination = per_destination ? per_destination : 1;
    (void)pthread_mutex_init(&pool->lock, NULL);
    cond_init_monotonic(&pool->given);
    *ret = pool;
    return SD_OK;
}

void pool_free(struct pool **pool) {
    if (!*pool)
        return;
    pool_tidy(*pool, true);
    (void)pthread_cond_destroy(&(*pool)->given);
    (void)pthread_mutex_destroy(&(*pool)->lock);
    free(*pool);
    *pool = NULL;
}

static bool is_for(const struct place *place, struct span destination) {
    return place->state != PLACE_FREE && span_ieq(span_of(place->name, place->name_bytes), destination);
}

/* Under the lock: an idle one of this destination, else a free place, else the one that is idle for longest; NULL: none. */
static struct place *best_place(struct pool *pool, struct span destination, struct smtp_session **ret_close) {
    struct place *free_place = NULL, *oldest = NULL;
    unsigned open = 0, taken = 0;
    for (size_t i = 0; i < POOL_SESSIONS_MAX; i++) {
        struct place *p = &pool->places[i];
        if (p->state == PLACE_IDLE && is_for(p, destination))
            return p;
        open += is_for(p, destination);
        taken += p->state == PLACE_TAKEN;
        if (p->state == PLACE_FREE)
            free_place = p;
        if (p->state == PLACE_IDLE && (!oldest || p->idle_since_ns < oldest->idle_since_ns))
            oldest = p;
    }
    if (open >= pool->per_destination || taken >= POOL_TAKEN_MAX)
        return NULL;
    if (free_place || !oldest)
        return free_place;
    *ret_close = oldest->session;
    oldest->session = NULL;
    return oldest;
}

/* Under the lock, which is released while waiting. */
static struct place *wait_for_place(struct pool *pool, struct span destination, struct deadline deadline,
                                    struct smtp_session **ret_close) {
    struct timespec until = {deadline.at_ns / 1000000000, deadline.at_ns % 1000000000};
    struct place *place = best_place(pool, destination, ret_close);
    int rc = 0;
    if (place || pool->waiting >= POOL_WAITING_MAX)
        return place;
    pool->waiting++;
    while (!place && rc == 0 && !pool->stopped) {
        rc = pthread_cond_timedwait(&pool->given, &pool->lock, &until);
        place = best_place(pool, destination, ret_close);
    }
    pool->waiting--;
    return place;
}

enum sd_err pool_take(struct pool *pool, struct span destination, struct deadline deadline, size_t *ret_place,
                      struct smtp_session **ret_session) {
    struct smtp_session *close = NULL, *session = NULL;
    if (destination.n > sizeof pool->places[0].name)
        return SD_ERR_LIMIT;
    (void)pthread_mutex_lock(&pool->lock);
    struct place *place = wait_for_place(pool, destination, deadline, &close);
    if (place) {
        session = place->session;
        place->session = NULL;
        place->state = PLACE_TAKEN;
        place->name_bytes = destination.n;
        memcpy(place->name, destination.p, destination.n);
        *ret_place = (size_t)(place - pool->places);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    smtp_close(&close);
    if (session && !smtp_usable(session)) /* it was closed while it waited */
        smtp_close(&session);
    if (place)
        *ret_session = session;
    return place ? SD_OK : SD_ERR_BUSY;
}

size_t pool_room(struct pool *pool) {
    (void)pthread_mutex_lock(&pool->lock);
    size_t room = POOL_WAITING_MAX - pool->waiting;
    (void)pthread_mutex_unlock(&pool->lock);
    return room;
}

void pool_stop(struct pool *pool) {
    (void)pthread_mutex_lock(&pool->lock);
    pool->stopped = true;
    (void)pthread_cond_broadcast(&pool->given);
    (void)pthread_mutex_unlock(&pool->lock);
}

void pool_give(struct pool *pool, size_t place, struct smtp_session *session) {
    bool keep = session && smtp_usable(session);
    (void)pthread_mutex_lock(&pool->lock);
    struct place *p = &pool->places[place];
    p->state = keep ? PLACE_IDLE : PLACE_FREE;
    p->session = keep ? session : NULL;
    p->idle_since_ns = clock_mono_ns();
    (void)pthread_cond_broadcast(&pool->given);
    (void)pthread_mutex_unlock(&pool->lock);
    if (!keep)
        smtp_close(&session);
}

static struct smtp_session *take_stale(struct pool *pool, size_t i, bool all) {
    struct smtp_session *session = NULL;
    (void)pthread_mutex_lock(&pool->lock);
    struct place *p = &pool->places[i];
    if (p->state == PLACE_IDLE && (all || clock_mono_ns() - p->idle_since_ns > POOL_IDLE_MS * INT64_C(1000000))) {
        session = p->session;
        p->session = NULL;
        p->state = PLACE_FREE;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return session;
}

void pool_tidy(struct pool *pool, bool all) {
    for (size_t i = 0; i < POOL_SESSIONS_MAX; i++) {
        struct smtp_session *session = take_stale(pool, i, all);
        smtp_close(&session);
    }
}
