/*
 * outbound.h - what waits for the courier, and what became of it. Who a message may go to is the keeper's warrant, not these
 * rows.
 */
#ifndef SD_STORE_OUTBOUND_H
#define SD_STORE_OUTBOUND_H

#include "core/ipc/states.h"
#include "store/store.h"

struct outbound_row {
    struct object_id object;
    struct warrant_id warrant;
    struct ticket_id ticket;
    enum delivery_state state;
    uint32_t attempts; /* claims so far */
    int64_t next_ms;   /* not before */
    int64_t created_ms;
    struct span status; /* last enhanced status code "4.4.1" (RFC 3463); empty before the first attempt */
};
#define OUTBOUND_STATUS_MAX 16

/* attempts and status are ignored. SD_ERR_EXISTS. */
enum sd_err outbound_add(struct store *store, const struct outbound_row *row) SD_MUST_CHECK;

/* Queued or deferred and due, the longest waiting first; limit: 1 … LIMIT_LIST_ITEMS. */
enum sd_err outbound_due(struct store *store, int64_t now_ms, size_t limit, struct arena *arena, struct outbound_row **ret_rows,
                         size_t *ret_count) SD_MUST_CHECK;
/* When the next one is due; SD_ERR_NOTFOUND when none waits. */
enum sd_err outbound_next(struct store *store, int64_t *ret_ms) SD_MUST_CHECK;
/* One more attempt begins: until lease_ms nobody else takes it, after that it is due again (its courier died).
 * SD_ERR_STALE: no longer due. */
enum sd_err outbound_claim(struct store *store, const struct object_id *object, int64_t now_ms, int64_t lease_ms) SD_MUST_CHECK;
/* The attempt's result; next_ms counts only for queued and deferred. SD_ERR_NOTFOUND. */
enum sd_err outbound_update(struct store *store, const struct object_id *object, enum delivery_state state, int64_t next_ms,
                            struct span status) SD_MUST_CHECK;

enum sd_err outbound_get(struct store *store, const struct object_id *object, struct arena *arena,
                         struct outbound_row *ret) SD_MUST_CHECK; /* SD_ERR_NOTFOUND */
/* Of one ticket, the newest first, at most LIMIT_LIST_ITEMS. */
enum sd_err outbound_list(struct store *store, const struct ticket_id *ticket, struct arena *arena,
                          struct outbound_row **ret_rows, size_t *ret_count) SD_MUST_CHECK;
/* Held, queued and deferred. */
enum sd_err outbound_waiting(struct store *store, uint64_t *ret_count) SD_MUST_CHECK;

#endif
