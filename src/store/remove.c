#include "store/remove.h"
#include "store/sql.h"

static enum sd_err run_on_object(struct store *store, const char *sql, const struct object_id *object) {
    struct query q = change(store, sql);
    bind_blob(&q, object_id_span(object));
    return query_run(&q);
}

static enum sd_err run_on_ticket(struct store *store, const char *sql, const struct ticket_id *ticket) {
    struct query q = change(store, sql);
    bind_blob(&q, ticket_id_span(ticket));
    return query_run(&q);
}

/* In this order: what points at a row goes before it. */
static const char *const of_message[] = {
    "DELETE FROM facet_chunk WHERE object IN (SELECT object FROM attachment WHERE message = ?)",
    "DELETE FROM facet_chunk WHERE object = ?",
    "DELETE FROM receipt WHERE object = ?",
    "DELETE FROM preview WHERE object IN (SELECT object FROM attachment WHERE message = ?)",
    "DELETE FROM attachment WHERE message = ?",
    "DELETE FROM message_trust WHERE object = ?",
    "DELETE FROM outbound WHERE object = ?",
    "DELETE FROM event WHERE object = ?",
    "DELETE FROM idempotency WHERE object = ?",
    "DELETE FROM message WHERE object = ?",
};

static const char *const of_ticket[] = {
    "DELETE FROM facet_chunk WHERE object IN (SELECT a.object FROM attachment a JOIN message m ON a.message = m.object"
    " WHERE m.ticket = ?)",
    "DELETE FROM facet_chunk WHERE object IN (SELECT object FROM message WHERE ticket = ?)",
    "DELETE FROM receipt WHERE object IN (SELECT object FROM message WHERE ticket = ?)",
    "DELETE FROM preview WHERE object IN (SELECT a.object FROM attachment a JOIN message m ON a.message = m.object"
    " WHERE m.ticket = ?)",
    "DELETE FROM attachment WHERE message IN (SELECT object FROM message WHERE ticket = ?)",
    "DELETE FROM idempotency WHERE object IN (SELECT object FROM message WHERE ticket = ?)",
    "DELETE FROM message_trust WHERE ticket = ?",
    "DELETE FROM outbound WHERE ticket = ?",
    "DELETE FROM event WHERE ticket = ?",
    "DELETE FROM message WHERE ticket = ?",
};

enum sd_err ticket_remove(struct store *store, const struct ticket_id *ticket) {
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < SD_COUNT(of_ticket) && err == SD_OK; i++)
        err = run_on_ticket(store, of_ticket[i], ticket);
    if (err)
        return err;
    struct query q = change(store, "DELETE FROM ticket WHERE id = ?");
    bind_blob(&q, ticket_id_span(ticket));
    return query_change_one(&q);
}

static enum sd_err find_ticket(struct store *store, const struct object_id *object, struct ticket_id *ret) {
    struct query q = query(store, "SELECT ticket FROM message WHERE object = ?");
    bind_blob(&q, object_id_span(object));
    bool found = query_next(&q);
    if (found)
        col_fixed(&q, 0, ret->b, sizeof ret->b);
    return query_end_one(&q, found);
}

/* The ticket's own columns, as its messages now are. */
static enum sd_err settle(struct store *store, const struct ticket_id *ticket, int64_t now_ms) {
    struct query q = change(
        store, "UPDATE ticket SET revision = revision + 1, updated_ms = CASE WHEN updated_ms < ? THEN ? ELSE updated_ms END,"
               " messages = (SELECT count(*) FROM message m WHERE m.ticket = ticket.id),"
               " first_object = (SELECT object FROM message m WHERE m.ticket = ticket.id"
               " ORDER BY at_ms, sequence LIMIT 1),"
               " last_inbound = (SELECT object FROM message m WHERE m.ticket = ticket.id AND direction = 1"
               " ORDER BY at_ms DESC, sequence DESC LIMIT 1) WHERE id = ?");
    bind_int(&q, now_ms);
    bind_int(&q, now_ms);
    bind_blob(&q, ticket_id_span(ticket));
    return query_change_one(&q);
}

static enum sd_err is_empty(struct store *store, const struct ticket_id *ticket, bool *ret) {
    struct query q = query(store, "SELECT 1 FROM message WHERE ticket = ? LIMIT 1");
    bind_blob(&q, ticket_id_span(ticket));
    *ret = !query_next(&q);
    return query_end(&q);
}

enum sd_err message_remove(struct store *store, const struct object_id *object, int64_t now_ms) {
    struct ticket_id ticket;
    bool empty = false;
    enum sd_err err = find_ticket(store, object, &ticket);
    for (size_t i = 0; i < SD_COUNT(of_message) && err == SD_OK; i++)
        err = run_on_object(store, of_message[i], object);
    if (err == SD_OK)
        err = is_empty(store, &ticket, &empty);
    if (err)
        return err;
    return empty ? ticket_remove(store, &ticket) : settle(store, &ticket, now_ms);
}
