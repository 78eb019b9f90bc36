/* ledger.h - what the courier writes into the store, each a transaction of its own that is repeated until it is done. */
#ifndef SD_COURIER_LEDGER_H
#define SD_COURIER_LEDGER_H

#include "courier/job.h"
#include "store/event.h"

struct ledger_entry {
    const struct span *receipts; /* sealed */
    size_t receipt_count;
    enum delivery_state state;
    int64_t next_ms;
    struct span status;
    enum event_kind events[2]; /* 0: none */
    struct span details[2];
};

/*
 * Writes all of it or nothing. While the store cannot be written it tries again: what a server has accepted must not be
 * forgotten. Gives up only when the courier stops (the attempt then counts as not made), or when the row is gone.
 */
enum sd_err ledger_write(struct courier *courier, const struct job *job, const struct ledger_entry *entry) SD_MUST_CHECK;

/* Reads; under the lock for the time of the call. */
enum sd_err ledger_source(struct courier *courier, const struct object_id *object, struct buf *to) SD_MUST_CHECK;
enum sd_err ledger_receipts(struct courier *courier, const struct object_id *object, struct arena *arena,
                            struct span **ret_sealed, size_t *ret_count) SD_MUST_CHECK;

#endif
