#include "store/message.h"
#include "store/sql.h"

#define COLUMNS                                                                                                                \
    "SELECT m.sequence, m.object, m.ticket, m.direction, m.at_ms, m.trust, m.disposition, m.state, m.attachments,"             \
    " m.size_bytes, m.author, t.signals, t.known, t.known_since_ms, t.domain_tag, t.as_customer, t.encrypted, t.stricter"      \
    " FROM message m LEFT JOIN message_trust t ON t.object = m.object "

static void read_trust(struct query *q, struct message_row *row) {
    row->signals = (uint64_t)col_range(q, 11, 0, INT64_MAX);
    row->known = (uint32_t)col_range(q, 12, 0, UINT32_MAX);
    row->known_since_ms = col_int(q, 13);
    row->has_domain_tag = !col_is_null(q, 14);
    if (row->has_domain_tag)
        col_fixed(q, 14, row->domain_tag, sizeof row->domain_tag);
    row->as_customer = col_range(q, 15, 0, 1) != 0;
    row->encrypted = col_range(q, 16, 0, 1) != 0;
    row->stricter = col_range(q, 17, 0, 1) != 0;
}

static struct message_row read_row(struct query *q, struct arena *arena) {
    struct message_row row = {
        .sequence = col_int(q, 0),
        .direction = (enum direction)col_range(q, 3, DIRECTION_IN, DIRECTION_OUT),
        .at_ms = col_int(q, 4),
        .trust = (uint8_t)col_range(q, 5, 0, UINT8_MAX),
        .disposition = (uint8_t)col_range(q, 6, 0, UINT8_MAX),
        .state = (enum object_state)col_range(q, 7, OBJECT_UNSCANNED, OBJECT_UNSCANNABLE),
        .attachments = (uint16_t)col_range(q, 8, 0, UINT16_MAX),
        .size_bytes = (uint64_t)col_range(q, 9, 0, INT64_MAX),
        .author = col_copy(q, 10, arena),
    };
    col_fixed(q, 1, row.object.b, sizeof row.object.b);
    col_fixed(q, 2, row.ticket.b, sizeof row.ticket.b);
    if (!col_is_null(q, 11))
        read_trust(q, &row);
    return row;
}

static enum sd_err insert_message(struct store *store, const struct message_row *m) {
    struct query q = change(store,
                            "INSERT INTO message (object, ticket, direction, at_ms, trust, disposition, state, attachments,"
                            " size_bytes, author) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    bind_blob(&q, object_id_span(&m->object));
    bind_blob(&q, ticket_id_span(&m->ticket));
    bind_int(&q, m->direction);
    bind_int(&q, m->at_ms);
    bind_int(&q, m->trust);
    bind_int(&q, m->disposition);
    bind_int(&q, m->state);
    bind_int(&q, m->attachments);
    bind_u64(&q, m->size_bytes);
    bind_text_or_null(&q, m->author, PERSON_ID_MAX);
    return query_run(&q);
}

/* What is there before its message is nobody's: it is written over. */
static enum sd_err insert_trust(struct store *store, const struct message_row *m) {
    if (m->direction != DIRECTION_IN)
        return SD_OK;
    struct query q =
        change(store, "INSERT INTO message_trust (object, ticket, trust, signals, known, known_since_ms,"
                      " domain_tag, as_customer, encrypted, stricter) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                      " ON CONFLICT (object) DO UPDATE SET ticket = excluded.ticket, trust = excluded.trust,"
                      " signals = excluded.signals, known = excluded.known,"
                      " known_since_ms = excluded.known_since_ms, domain_tag = excluded.domain_tag,"
                      " as_customer = excluded.as_customer, encrypted = excluded.encrypted, stricter = excluded.stricter");
    bind_blob(&q, object_id_span(&m->object));
    bind_blob(&q, ticket_id_span(&m->ticket));
    bind_int(&q, m->trust);
    bind_u64(&q, m->signals);
    bind_int(&q, m->known);
    bind_int(&q, m->known_since_ms);
    if (m->has_domain_tag)
        bind_blob(&q, span_of(m->domain_tag, sizeof m->domain_tag));
    else
        bind_null(&q);
    bind_int(&q, m->as_customer);
    bind_int(&q, m->encrypted);
    bind_int(&q, m->stricter);
    return query_run(&q);
}

static enum sd_err count_message(struct store *store, const struct message_row *m, enum ticket_state state) {
    struct query q =
        m->direction == DIRECTION_IN
            ? change(store, "UPDATE ticket SET state = ?, messages = messages + 1, revision = revision + 1,"
                            " updated_ms = CASE WHEN updated_ms < ? THEN ? ELSE updated_ms END, last_inbound = ? WHERE id = ?")
            : change(store, "UPDATE ticket SET state = ?, messages = messages + 1, revision = revision + 1,"
                            " updated_ms = CASE WHEN updated_ms < ? THEN ? ELSE updated_ms END WHERE id = ?");
    bind_int(&q, state);
    bind_int(&q, m->at_ms);
    bind_int(&q, m->at_ms);
    if (m->direction == DIRECTION_IN)
        bind_blob(&q, object_id_span(&m->object));
    bind_blob(&q, ticket_id_span(&m->ticket));
    return query_change_one(&q);
}

enum sd_err message_add(struct store *store, const struct message_row *message, enum ticket_state ticket_state) {
    enum sd_err err = insert_message(store, message);
    if (err == SD_OK)
        err = insert_trust(store, message);
    return err ? err : count_message(store, message, ticket_state);
}

enum sd_err message_get(struct store *store, const struct object_id *object, struct arena *arena, struct message_row *ret) {
    struct message_row row;
    struct query q = query(store, COLUMNS "WHERE m.object = ?");
    bind_blob(&q, object_id_span(object));
    bool found = query_next(&q);
    if (found)
        row = read_row(&q, arena);
    enum sd_err err = query_end_one(&q, found);
    if (err == SD_OK)
        *ret = row;
    return err;
}

enum sd_err message_list(struct store *store, const struct ticket_id *ticket, const struct message_row *after, size_t limit,
                         struct arena *arena, struct message_row **ret_rows, size_t *ret_count) {
    if (limit < 1 || limit > LIMIT_LIST_ITEMS)
        return SD_ERR_LIMIT;
    struct message_row *rows = arena_array(arena, limit, sizeof *rows);
    enum sd_err err = arena_err(arena);
    if (err)
        return err;
    struct query q = query(store, COLUMNS "WHERE m.ticket = ? AND (m.at_ms, m.sequence) > (?, ?)"
                                          " ORDER BY m.at_ms, m.sequence LIMIT ?");
    bind_blob(&q, ticket_id_span(ticket));
    bind_int(&q, after ? after->at_ms : INT64_MIN);
    bind_int(&q, after ? after->sequence : INT64_MIN);
    bind_u64(&q, limit);
    size_t count = 0;
    while (count < limit && query_next(&q))
        rows[count++] = read_row(&q, arena);
    err = query_end(&q);
    if (err == SD_OK) {
        *ret_rows = rows;
        *ret_count = count;
    }
    return err;
}

enum sd_err message_set_state(struct store *store, const struct object_id *object, enum object_state state) {
    struct query q = change(store, "UPDATE message SET state = ? WHERE object = ?");
    bind_int(&q, state);
    bind_blob(&q, object_id_span(object));
    return query_change_one(&q);
}

/* ---- attachments ---- */

#define ATTACHMENT_COLUMNS "SELECT object, message, place, size_bytes, state FROM attachment "

static struct attachment_row read_attachment(struct query *q) {
    struct attachment_row row = {
        .index = (uint16_t)col_range(q, 2, 0, UINT16_MAX),
        .size_bytes = (uint64_t)col_range(q, 3, 0, INT64_MAX),
        .state = (enum object_state)col_range(q, 4, OBJECT_UNSCANNED, OBJECT_UNSCANNABLE),
    };
    col_fixed(q, 0, row.object.b, sizeof row.object.b);
    col_fixed(q, 1, row.message.b, sizeof row.message.b);
    return row;
}

enum sd_err attachment_add(struct store *store, const struct attachment_row *attachment) {
    struct query q = change(store, "INSERT INTO attachment (object, message, place, size_bytes, state) VALUES (?, ?, ?, ?, ?)");
    bind_blob(&q, object_id_span(&attachment->object));
    bind_blob(&q, object_id_span(&attachment->message));
    bind_int(&q, attachment->index);
    bind_u64(&q, attachment->size_bytes);
    bind_int(&q, attachment->state);
    return query_run(&q);
}

enum sd_err attachment_get(struct store *store, const struct object_id *object, struct attachment_row *ret) {
    struct attachment_row row;
    struct query q = query(store, ATTACHMENT_COLUMNS "WHERE object = ?");
    bind_blob(&q, object_id_span(object));
    bool found = query_next(&q);
    if (found)
        row = read_attachment(&q);
    enum sd_err err = query_end_one(&q, found);
    if (err == SD_OK)
        *ret = row;
    return err;
}

enum sd_err attachment_list(struct store *store, const struct object_id *message, struct arena *arena,
                            struct attachment_row **ret_rows, size_t *ret_count) {
    struct attachment_row *rows = arena_array(arena, LIMIT_ATTACHMENTS, sizeof *rows);
    enum sd_err err = arena_err(arena);
    if (err)
        return err;
    struct query q = query(store, ATTACHMENT_COLUMNS "WHERE message = ? ORDER BY place LIMIT ?");
    bind_blob(&q, object_id_span(message));
    bind_int(&q, LIMIT_ATTACHMENTS);
    size_t count = 0;
    while (count < LIMIT_ATTACHMENTS && query_next(&q))
        rows[count++] = read_attachment(&q);
    err = query_end(&q);
    if (err == SD_OK) {
        *ret_rows = rows;
        *ret_count = count;
    }
    return err;
}

enum sd_err attachment_set_state(struct store *store, const struct object_id *object, enum object_state state) {
    struct query q = change(store, "UPDATE attachment SET state = ? WHERE object = ?");
    bind_int(&q, state);
    bind_blob(&q, object_id_span(object));
    return query_change_one(&q);
}
