#include "store/outbound.h"
#include "store/sql.h"

#define COLUMNS "SELECT object, warrant, ticket, state, attempts, next_ms, created_ms, status FROM outbound "

/* The SQL below spells these states as numbers, once. */
#define WAITS_FOR_COURIER "state IN (1, 2)"
_Static_assert(DELIVERY_HELD == 0 && DELIVERY_QUEUED == 1 && DELIVERY_DEFERRED == 2, "numbers in the SQL texts");

static struct outbound_row read_row(struct query *q, struct arena *arena) {
    struct outbound_row row = {
        .state = (enum delivery_state)col_range(q, 3, DELIVERY_HELD, DELIVERY_FAILED),
        .attempts = (uint32_t)col_range(q, 4, 0, UINT32_MAX),
        .next_ms = col_int(q, 5),
        .created_ms = col_int(q, 6),
        .status = col_copy(q, 7, arena),
    };
    col_fixed(q, 0, row.object.b, sizeof row.object.b);
    col_fixed(q, 1, row.warrant.b, sizeof row.warrant.b);
    col_fixed(q, 2, row.ticket.b, sizeof row.ticket.b);
    return row;
}

/* Runs a bound query of at most max rows. */
static enum sd_err read_rows(struct query *q, size_t max, struct arena *arena, struct outbound_row **ret_rows,
                             size_t *ret_count) {
    struct outbound_row *rows = arena_array(arena, max, sizeof *rows);
    if (!rows && q->err == SD_OK)
        q->err = arena_err(arena);
    size_t count = 0;
    while (count < max && query_next(q))
        rows[count++] = read_row(q, arena);
    enum sd_err err = query_end(q);
    if (err == SD_OK) {
        *ret_rows = rows;
        *ret_count = count;
    }
    return err;
}

enum sd_err outbound_add(struct store *store, const struct outbound_row *row) {
    struct query q = change(store, "INSERT INTO outbound (object, warrant, ticket, state, attempts, next_ms, created_ms)"
                                   " VALUES (?, ?, ?, ?, 0, ?, ?)");
    bind_blob(&q, object_id_span(&row->object));
    bind_blob(&q, warrant_id_span(&row->warrant));
    bind_blob(&q, ticket_id_span(&row->ticket));
    bind_int(&q, row->state);
    bind_int(&q, row->next_ms);
    bind_int(&q, row->created_ms);
    return query_run(&q);
}

enum sd_err outbound_due(struct store *store, int64_t now_ms, size_t limit, struct arena *arena, struct outbound_row **ret_rows,
                         size_t *ret_count) {
    if (limit < 1 || limit > LIMIT_LIST_ITEMS)
        return SD_ERR_LIMIT;
    struct query q = query(store, COLUMNS "WHERE " WAITS_FOR_COURIER " AND next_ms <= ? ORDER BY next_ms LIMIT ?");
    bind_int(&q, now_ms);
    bind_u64(&q, limit);
    return read_rows(&q, limit, arena, ret_rows, ret_count);
}

enum sd_err outbound_next(struct store *store, int64_t *ret_ms) {
    int64_t next_ms = 0;
    struct query q = query(store, "SELECT next_ms FROM outbound WHERE " WAITS_FOR_COURIER " ORDER BY next_ms LIMIT 1");
    bool found = query_next(&q);
    if (found)
        next_ms = col_int(&q, 0);
    enum sd_err err = query_end_one(&q, found);
    if (err == SD_OK)
        *ret_ms = next_ms;
    return err;
}

enum sd_err outbound_claim(struct store *store, const struct object_id *object, int64_t now_ms, int64_t lease_ms) {
    struct query q = change(store, "UPDATE outbound SET attempts = attempts + 1, next_ms = ? WHERE object = ? AND"
                                   " " WAITS_FOR_COURIER " AND next_ms <= ?");
    bind_int(&q, lease_ms);
    bind_blob(&q, object_id_span(object));
    bind_int(&q, now_ms);
    enum sd_err err = query_change_one(&q);
    return err == SD_ERR_NOTFOUND ? SD_ERR_STALE : err;
}

enum sd_err outbound_update(struct store *store, const struct object_id *object, enum delivery_state state, int64_t next_ms,
                            struct span status) {
    struct query q = change(store, "UPDATE outbound SET state = ?, next_ms = ?, status = ? WHERE object = ?");
    bind_int(&q, state);
    bind_int(&q, next_ms);
    bind_text_or_null(&q, status, OUTBOUND_STATUS_MAX);
    bind_blob(&q, object_id_span(object));
    return query_change_one(&q);
}

enum sd_err outbound_get(struct store *store, const struct object_id *object, struct arena *arena, struct outbound_row *ret) {
    struct outbound_row *rows;
    size_t count;
    struct query q = query(store, COLUMNS "WHERE object = ?");
    bind_blob(&q, object_id_span(object));
    enum sd_err err = read_rows(&q, 1, arena, &rows, &count);
    if (err == SD_OK && count == 0)
        err = SD_ERR_NOTFOUND;
    if (err == SD_OK)
        *ret = rows[0];
    return err;
}

enum sd_err outbound_list(struct store *store, const struct ticket_id *ticket, struct arena *arena,
                          struct outbound_row **ret_rows, size_t *ret_count) {
    struct query q = query(store, COLUMNS "WHERE ticket = ? ORDER BY created_ms DESC LIMIT ?");
    bind_blob(&q, ticket_id_span(ticket));
    bind_int(&q, LIMIT_LIST_ITEMS);
    return read_rows(&q, LIMIT_LIST_ITEMS, arena, ret_rows, ret_count);
}

enum sd_err outbound_waiting(struct store *store, uint64_t *ret_count) {
    uint64_t count = 0;
    struct query q = query(store, "SELECT count(*) FROM outbound WHERE state IN (0, 1, 2)");
    if (query_next(&q))
        count = (uint64_t)col_int(&q, 0);
    enum sd_err err = query_end(&q);
    if (err == SD_OK)
        *ret_count = count;
    return err;
}
