#include "edge/key_cache.h"
#include "core/clock.h"

#include "core/log.h"
#include "core/role.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ASK_MS 5000
#define RETRY_MS 1000     /* while there is no answer */
#define LONGEST_MS 600000 /* asked at least so often: the keeper may replace its key early */

struct key_cache {
    struct ipc_client *keeper;
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    bool has;
    struct intake_key key;
    int64_t fresh_until_ms;
};

struct key_cache *key_cache_new(struct ipc_client *keeper) {
    struct key_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return NULL;
    cache->keeper = keeper;
    pthread_mutex_init(&cache->lock, NULL);
    cond_init_monotonic(&cache->arrived);
    return cache;
}

void key_cache_free(struct key_cache **cache) {
    if (!*cache)
        return;
    pthread_cond_destroy(&(*cache)->arrived);
    pthread_mutex_destroy(&(*cache)->lock);
    free(*cache);
    *cache = NULL;
}

void key_cache_put(struct key_cache *cache, const struct intake_key *key, int64_t fresh_until_ms) {
    pthread_mutex_lock(&cache->lock);
    cache->key = *key;
    cache->fresh_until_ms = fresh_until_ms;
    cache->has = true;
    pthread_cond_broadcast(&cache->arrived);
    pthread_mutex_unlock(&cache->lock);
}

/* True when a key came; *ret_new when it is another than before: the keeper is then told soon that we have it. */
static bool refresh(struct key_cache *cache, bool *ret_new) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_intake_key_rep rep;
    struct intake_key key;
    struct intake_key held = cache->key; /* ours alone to write, once started */
    struct keeper_intake_key_req req = {.holds = span_of(held.id, cache->has ? sizeof held.id : 0)};
    if (keeper_intake_key_call(cache->keeper, &req, deadline_in_ms(ASK_MS), &msg, &rep) != SD_OK)
        return false;
    *ret_new = !span_eq(rep.id, req.holds);
    memcpy(key.id, rep.id.p, sizeof key.id);
    memcpy(key.public_key, rep.public_key.p, sizeof key.public_key);
    key_cache_put(cache, &key, rep.fresh_until_ms);
    return true;
}

static void *run(void *arg) {
    struct key_cache *cache = arg;
    bool was_good = true;
    for (;;) {
        bool is_new = false;
        bool good = refresh(cache, &is_new);
        if (good != was_good)
            log_warn("edge.key", "keeper=%s have_key=%s", good ? "answers" : "away", key_cache_has(cache) ? "yes" : "no");
        was_good = good;
        int64_t wait_ms = RETRY_MS;
        if (good && !is_new) {
            wait_ms = cache->fresh_until_ms - clock_unix_ms(); /* ours alone to write, once started */
            wait_ms = wait_ms < RETRY_MS ? RETRY_MS : wait_ms > LONGEST_MS ? LONGEST_MS : wait_ms;
        }
        clock_pause_ms(wait_ms);
    }
    return NULL;
}

enum sd_err key_cache_start(struct key_cache *cache) {
    unsigned long thread;
    return role_thread("intake-key", run, cache, &thread);
}

enum sd_err key_cache_get(struct key_cache *cache, struct deadline deadline, struct intake_key *ret) {
    struct timespec until = {deadline.at_ns / 1000000000, deadline.at_ns % 1000000000};
    int rc = 0;
    pthread_mutex_lock(&cache->lock);
    while (!cache->has && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&cache->arrived, &cache->lock, &until);
    bool has = cache->has;
    if (has)
        *ret = cache->key;
    pthread_mutex_unlock(&cache->lock);
    return has ? SD_OK : SD_ERR_UNAVAILABLE;
}

bool key_cache_has(struct key_cache *cache) {
    pthread_mutex_lock(&cache->lock);
    bool has = cache->has;
    pthread_mutex_unlock(&cache->lock);
    return has;
}
