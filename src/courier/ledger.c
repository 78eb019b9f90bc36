#include "courier/ledger.h"

#include "core/log.h"
#include "store/facet.h"

#include <unistd.h>

#define BEGIN_MS 10000
#define PAUSE_MS 500
#define STOPPING_TRIES 10

static enum sd_err write_parts(struct courier *c, const struct job *job, const struct ledger_entry *entry) {
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < entry->receipt_count && err == SD_OK; i++)
        err = receipt_add(c->store, &job->object, entry->receipts[i]);
    if (err == SD_OK)
        err = outbound_update(c->store, &job->object, entry->state, entry->next_ms, entry->status);
    for (size_t i = 0; i < SD_COUNT(entry->events) && err == SD_OK; i++) {
        struct event_row event = {.at_ms = clock_unix_ms(),
                                  .kind = entry->events[i],
                                  .actor = SPAN("courier"),
                                  .detail = entry->details[i],
                                  .has_object = true,
                                  .object = job->object};
        if (entry->events[i])
            err = event_add(c->store, &job->ticket, &event);
    }
    return err;
}

static enum sd_err write_once(struct courier *c, const struct job *job, const struct ledger_entry *entry) {
    (void)pthread_mutex_lock(&c->store_lock);
    enum sd_err err = store_begin(c->store, deadline_in_ms(BEGIN_MS));
    if (err == SD_OK) {
        err = write_parts(c, job, entry);
        if (err)
            store_rollback(c->store);
        else
            err = store_commit(c->store);
    }
    (void)pthread_mutex_unlock(&c->store_lock);
    return err;
}

enum sd_err ledger_write(struct courier *c, const struct job *job, const struct ledger_entry *entry) {
    unsigned stopping_tries = 0;
    for (;;) {
        enum sd_err err = write_once(c, job, entry);
        if (err == SD_OK || err == SD_ERR_NOTFOUND || err == SD_ERR_BUG)
            return err;
        log_error("courier.store", "write=%s", sd_err_name(err));
        if (atomic_load(&c->delivery.stopping) && ++stopping_tries > STOPPING_TRIES)
            return err;
        (void)usleep(PAUSE_MS * 1000);
    }
}

enum sd_err ledger_source(struct courier *c, const struct object_id *object, struct buf *to) {
    (void)pthread_mutex_lock(&c->store_lock);
    enum sd_err err = facet_get(c->store, object, FACET_SOURCE, to);
    (void)pthread_mutex_unlock(&c->store_lock);
    return err;
}

enum sd_err ledger_receipts(struct courier *c, const struct object_id *object, struct arena *arena, struct span **ret_sealed,
                            size_t *ret_count) {
    (void)pthread_mutex_lock(&c->store_lock);
    enum sd_err err = receipt_list(c->store, object, arena, ret_sealed, ret_count);
    (void)pthread_mutex_unlock(&c->store_lock);
    return err;
}
