#include "store/facet.h"
#include "store/sql.h"

static enum sd_err put_chunk(struct store *store, const struct object_id *object, enum facet facet, int64_t number,
                             struct span chunk) {
    struct query q = change(store, "INSERT INTO facet_chunk (object, facet, chunk, sealed) VALUES (?, ?, ?, ?)");
    bind_blob(&q, object_id_span(object));
    bind_int(&q, facet);
    bind_int(&q, number);
    bind_blob(&q, chunk);
    return query_run(&q);
}

enum sd_err facet_put(struct store *store, const struct object_id *object, enum facet facet, struct span sealed) {
    if (facet == FACET_RECEIPT || sealed.n == 0)
        return SD_ERR_BUG;
    enum sd_err err = SD_OK;
    for (int64_t number = 0; sealed.n && err == SD_OK; number++) {
        err = put_chunk(store, object, facet, number, span_sub(sealed, 0, LIMIT_STORE_ROW_BYTES));
        sealed = span_from(sealed, LIMIT_STORE_ROW_BYTES);
    }
    return err;
}

/* A chunk missing in the middle would be found when the facet is opened; it is found here already. */
enum sd_err facet_get(struct store *store, const struct object_id *object, enum facet facet, struct buf *to) {
    struct query q = query(store, "SELECT chunk, sealed FROM facet_chunk WHERE object = ? AND facet = ? ORDER BY chunk");
    bind_blob(&q, object_id_span(object));
    bind_int(&q, facet);
    int64_t count = 0;
    while (query_next(&q)) {
        (void)col_range(&q, 0, count, count);
        if (q.err)
            break;
        buf_put(to, col_span(&q, 1));
        count++;
        if (buf_err(to))
            break;
    }
    enum sd_err err = query_end_one(&q, count > 0);
    return err ? err : buf_err(to);
}

enum sd_err facet_exists(struct store *store, const struct object_id *object, enum facet facet, bool *ret) {
    struct query q = query(store, "SELECT 1 FROM facet_chunk WHERE object = ? AND facet = ? LIMIT 1");
    bind_blob(&q, object_id_span(object));
    bind_int(&q, facet);
    bool found = query_next(&q);
    enum sd_err err = query_end(&q);
    if (err == SD_OK)
        *ret = found;
    return err;
}

enum sd_err receipt_add(struct store *store, const struct object_id *object, struct span sealed) {
    if (sealed.n > LIMIT_STORE_ROW_BYTES)
        return SD_ERR_LIMIT;
    struct query q = change(store, "INSERT INTO receipt (object, sealed) VALUES (?, ?)");
    bind_blob(&q, object_id_span(object));
    bind_blob(&q, sealed);
    return query_run(&q);
}

/* The newest come first out of the database; put in from the back they are oldest first. */
enum sd_err receipt_list(struct store *store, const struct object_id *object, struct arena *arena, struct span **ret_sealed,
                         size_t *ret_count) {
    struct span *rows = arena_array(arena, RECEIPTS_MAX, sizeof *rows);
    enum sd_err err = arena_err(arena);
    if (err)
        return err;
    struct query q = query(store, "SELECT sealed FROM receipt WHERE object = ? ORDER BY sequence DESC LIMIT ?");
    bind_blob(&q, object_id_span(object));
    bind_int(&q, RECEIPTS_MAX);
    size_t free_slots = RECEIPTS_MAX;
    while (free_slots && query_next(&q))
        rows[--free_slots] = col_copy(&q, 0, arena);
    err = query_end(&q);
    if (err == SD_OK) {
        *ret_sealed = rows + free_slots;
        *ret_count = RECEIPTS_MAX - free_slots;
    }
    return err;
}
