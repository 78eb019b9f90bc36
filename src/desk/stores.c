#include "desk/stores.h"
#include "core/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct stores {
    pthread_mutex_t lock;
    pthread_cond_t returned;
    char *dir;
    struct store *idle[STORES_MAX];
    size_t idle_count;
    size_t open_count; /* idle or lent */
};

enum sd_err stores_new(const char *dir, struct stores **ret) {
    struct stores *stores = calloc(1, sizeof *stores);
    if (stores)
        stores->dir = strdup(dir);
    if (!stores || !stores->dir) {
        free(stores);
        return SD_ERR_NOMEM;
    }
    cond_init_monotonic(&stores->returned);
    pthread_mutex_init(&stores->lock, NULL);
    *ret = stores;
    return SD_OK;
}

void stores_free(struct stores **stores) {
    if (!*stores)
        return;
    for (size_t i = 0; i < (*stores)->idle_count; i++)
        store_close(&(*stores)->idle[i]);
    pthread_cond_destroy(&(*stores)->returned);
    pthread_mutex_destroy(&(*stores)->lock);
    free((*stores)->dir);
    free(*stores);
    *stores = NULL;
}

/* Under the lock: until one is idle, or one more may be opened. */
static enum sd_err wait_for_one(struct stores *stores, struct deadline deadline) {
    struct timespec until = {deadline.at_ns / 1000000000, deadline.at_ns % 1000000000};
    while (stores->idle_count == 0 && stores->open_count == STORES_MAX)
        if (pthread_cond_timedwait(&stores->returned, &stores->lock, &until) == ETIMEDOUT && stores->idle_count == 0)
            return SD_ERR_UNAVAILABLE;
    return SD_OK;
}

static void one_fewer(struct stores *stores) {
    pthread_mutex_lock(&stores->lock);
    stores->open_count--;
    pthread_cond_signal(&stores->returned);
    pthread_mutex_unlock(&stores->lock);
}

enum sd_err lease_take(struct stores *stores, struct deadline deadline, struct lease *lease) {
    struct store *store = NULL;
    pthread_mutex_lock(&stores->lock);
    enum sd_err err = wait_for_one(stores, deadline);
    if (err == SD_OK && stores->idle_count)
        store = stores->idle[--stores->idle_count];
    else if (err == SD_OK)
        stores->open_count++;
    pthread_mutex_unlock(&stores->lock);
    if (err)
        return err;
    if (!store && (err = store_open(stores->dir, &store)) != SD_OK) {
        one_fewer(stores);
        return err == SD_ERR_NOTFOUND ? SD_ERR_UNAVAILABLE : err;
    }
    *lease = (struct lease){stores, store};
    return SD_OK;
}

void lease_end(struct lease *lease) {
    if (!lease->store)
        return;
    struct stores *stores = lease->from;
    store_rollback(lease->store);
    pthread_mutex_lock(&stores->lock);
    stores->idle[stores->idle_count++] = lease->store;
    pthread_cond_signal(&stores->returned);
    pthread_mutex_unlock(&stores->lock);
    *lease = (struct lease){0};
}
