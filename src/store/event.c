#include "store/event.h"
#include "store/sql.h"

const char *event_kind_text(unsigned kind) {
    switch (kind) {
#define X(name, number, text)                                                                                                  \
    case number:                                                                                                               \
        return text;
        EVENT_KIND_LIST(X)
#undef X
    default:
        return "unknown";
    }
}

enum sd_err event_add(struct store *store, const struct ticket_id *ticket, const struct event_row *event) {
    struct query q = change(store, "INSERT INTO event (ticket, at_ms, kind, actor, detail, object) VALUES (?, ?, ?, ?, ?, ?)");
    bind_blob(&q, ticket_id_span(ticket));
    bind_int(&q, event->at_ms);
    bind_int(&q, event->kind);
    bind_text(&q, event->actor, EVENT_ACTOR_MAX);
    bind_text(&q, event->detail, EVENT_DETAIL_MAX);
    if (event->has_object)
        bind_blob(&q, object_id_span(&event->object));
    else
        bind_null(&q);
    return query_run(&q);
}

static struct event_row read_row(struct query *q, struct arena *arena) {
    struct event_row row = {
        .at_ms = col_int(q, 0),
        .kind = (enum event_kind)col_range(q, 1, EVENT_RECEIVED, EVENT_KIND_LAST),
        .actor = col_copy(q, 2, arena),
        .detail = col_copy(q, 3, arena),
        .has_object = !col_is_null(q, 4),
    };
    if (row.has_object)
        col_fixed(q, 4, row.object.b, sizeof row.object.b);
    return row;
}

/* Filled from the back, as receipts are. */
enum sd_err event_list(struct store *store, const struct ticket_id *ticket, size_t limit, struct arena *arena,
                       struct event_row **ret_rows, size_t *ret_count) {
    if (limit < 1 || limit > LIMIT_LIST_ITEMS)
        return SD_ERR_LIMIT;
    struct event_row *rows = arena_array(arena, limit, sizeof *rows);
    enum sd_err err = arena_err(arena);
    if (err)
        return err;
    struct query q =
        query(store, "SELECT at_ms, kind, actor, detail, object FROM event WHERE ticket = ? ORDER BY sequence DESC LIMIT ?");
    bind_blob(&q, ticket_id_span(ticket));
    bind_u64(&q, limit);
    size_t free_slots = limit;
    while (free_slots && query_next(&q))
        rows[--free_slots] = read_row(&q, arena);
    err = query_end(&q);
    if (err == SD_OK) {
        *ret_rows = rows + free_slots;
        *ret_count = limit - free_slots;
    }
    return err;
}
