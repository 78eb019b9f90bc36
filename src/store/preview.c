#include "store/preview.h"
#include "store/facet.h"
#include "store/sql.h"

/* The numbers in these texts are those of enum preview_state. */
#define COLUMNS "SELECT object, warrant, state, sealing, reason, asked_ms, done_ms, pages FROM preview "

static struct preview_row read_row(struct query *q, struct arena *arena) {
    struct preview_row row = {
        .state = (enum preview_state)col_range(q, 2, PREVIEW_WANTED, PREVIEW_FAILED),
        .reason = col_copy(q, 4, arena),
        .asked_ms = col_int(q, 5),
        .done_ms = col_int(q, 6),
        .pages = (uint32_t)col_range(q, 7, 0, UINT32_MAX),
    };
    row.final = row.state == PREVIEW_FAILED && col_range(q, 3, 0, 1) != 0;
    col_fixed(q, 0, row.object.b, sizeof row.object.b);
    col_fixed(q, 1, row.warrant.b, sizeof row.warrant.b);
    return row;
}

enum sd_err preview_want(struct store *store, const struct object_id *object, const struct warrant_id *warrant,
                         int64_t now_ms) {
    struct query q = change(store, "INSERT INTO preview (object, warrant, state, sealing, reason, asked_ms, done_ms, pages)"
                                   " VALUES (?, ?, 1, 0, NULL, ?, 0, 0)"
                                   " ON CONFLICT (object) DO UPDATE SET warrant = excluded.warrant, state = 1, reason = NULL,"
                                   " asked_ms = excluded.asked_ms, done_ms = 0"
                                   " WHERE preview.sealing = 0"
                                   " AND (preview.state = 3 OR (preview.state = 1 AND preview.asked_ms <= ?))");
    bind_blob(&q, object_id_span(object));
    bind_blob(&q, warrant_id_span(warrant));
    bind_int(&q, now_ms);
    bind_int(&q, now_ms - PREVIEW_STALE_MS);
    return query_run(&q);
}

static enum sd_err get_one(struct query *q, struct arena *arena, struct preview_row *ret) {
    struct preview_row row;
    bool found = query_next(q);
    if (found)
        row = read_row(q, arena);
    enum sd_err err = query_end_one(q, found);
    if (err == SD_OK)
        *ret = row;
    return err;
}

enum sd_err preview_get(struct store *store, const struct object_id *object, struct arena *arena, struct preview_row *ret) {
    struct query q = query(store, COLUMNS "WHERE object = ?");
    bind_blob(&q, object_id_span(object));
    return get_one(&q, arena, ret);
}

enum sd_err preview_next(struct store *store, const struct object_id *except, struct arena *arena, struct preview_row *ret) {
    struct query q = query(store,
                           COLUMNS "WHERE state = 1 AND sealing = 0 AND object <> ? ORDER BY state, asked_ms, object LIMIT 1");
    bind_blob(&q, except ? object_id_span(except) : SPAN("none"));
    return get_one(&q, arena, ret);
}

enum sd_err preview_seals(struct store *store, const struct object_id *object) {
    struct query q = change(store, "UPDATE preview SET sealing = 1 WHERE object = ? AND state = 1 AND sealing = 0");
    bind_blob(&q, object_id_span(object));
    return query_change_one(&q);
}

enum sd_err preview_done(struct store *store, const struct object_id *object, struct span sealed, uint32_t pages,
                         int64_t now_ms) {
    struct query q = query(store, "SELECT 1 FROM preview WHERE object = ?");
    bind_blob(&q, object_id_span(object));
    bool found = query_next(&q);
    enum sd_err err = query_end_one(&q, found);
    if (err == SD_OK)
        err = facet_put(store, object, FACET_PREVIEW, sealed);
    if (err)
        return err;
    q = change(store, "UPDATE preview SET state = 2, sealing = 1, reason = NULL, done_ms = ?, pages = ? WHERE object = ?");
    bind_int(&q, now_ms);
    bind_int(&q, pages);
    bind_blob(&q, object_id_span(object));
    return query_change_one(&q);
}

enum sd_err preview_failed(struct store *store, const struct object_id *object, struct span reason, int64_t now_ms) {
    struct query q = change(store, "UPDATE preview SET state = 3, reason = ?, done_ms = ? WHERE object = ? AND state = 1");
    bind_text(&q, reason, PREVIEW_REASON_MAX);
    bind_int(&q, now_ms);
    bind_blob(&q, object_id_span(object));
    return query_run(&q);
}

enum sd_err preview_settle(struct store *store, struct span reason, int64_t now_ms) {
    struct query q = change(store, "UPDATE preview SET state = 3, reason = ?, done_ms = ? WHERE state = 1 AND sealing = 1");
    bind_text(&q, reason, PREVIEW_REASON_MAX);
    bind_int(&q, now_ms);
    return query_run(&q);
}
