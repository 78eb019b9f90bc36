#include "store/setaside.h"
#include "core/crc32c.h"
#include "store/sql.h"

static enum sd_err add_row(struct store *store, const struct set_aside_row *row, struct span bytes) {
    struct query q = change(store, "INSERT INTO set_aside (at_ms, segment, place, reason, size_bytes, checksum)"
                                   " VALUES (?, ?, ?, ?, ?, ?)");
    bind_int(&q, row->at_ms);
    bind_u64(&q, row->where.segment);
    bind_u64(&q, row->where.offset);
    bind_text(&q, row->reason, SET_ASIDE_REASON_MAX);
    bind_u64(&q, bytes.n);
    bind_int(&q, crc32c(bytes));
    return query_run(&q);
}

static enum sd_err add_chunk(struct store *store, int64_t id, int64_t number, struct span chunk) {
    struct query q = change(store, "INSERT INTO set_aside_chunk (set_aside, chunk, bytes) VALUES (?, ?, ?)");
    bind_int(&q, id);
    bind_int(&q, number);
    bind_blob(&q, chunk);
    return query_run(&q);
}

enum sd_err set_aside_add(struct store *store, const struct set_aside_row *row, struct span bytes) {
    enum sd_err err = add_row(store, row, bytes);
    if (err)
        return err == SD_ERR_EXISTS ? SD_OK : err;
    int64_t id = sqlite3_last_insert_rowid(store->db);
    for (int64_t number = 0; bytes.n && err == SD_OK; number++) {
        err = add_chunk(store, id, number, span_sub(bytes, 0, LIMIT_STORE_ROW_BYTES));
        bytes = span_from(bytes, LIMIT_STORE_ROW_BYTES);
    }
    return err;
}

enum sd_err set_aside_count(struct store *store, uint64_t *ret) {
    uint64_t count = 0;
    struct query q = query(store, "SELECT count(*) FROM set_aside");
    if (query_next(&q))
        count = (uint64_t)col_int(&q, 0);
    enum sd_err err = query_end(&q);
    if (err == SD_OK)
        *ret = count;
    return err;
}

static struct set_aside_row read_row(struct query *q, struct arena *arena) {
    return (struct set_aside_row){
        .id = col_int(q, 0),
        .at_ms = col_int(q, 1),
        .where = {(uint64_t)col_range(q, 2, 0, INT64_MAX), (uint64_t)col_range(q, 3, 0, INT64_MAX)},
        .reason = col_copy(q, 4, arena),
        .size_bytes = (uint64_t)col_range(q, 5, 0, INT64_MAX),
    };
}

enum sd_err set_aside_list(struct store *store, int64_t after_id, size_t limit, struct arena *arena,
                           struct set_aside_row **ret_rows, size_t *ret_count) {
    if (limit < 1 || limit > LIMIT_LIST_ITEMS)
        return SD_ERR_LIMIT;
    struct set_aside_row *rows = arena_array(arena, limit, sizeof *rows);
    enum sd_err err = arena_err(arena);
    if (err)
        return err;
    struct query q = query(store, "SELECT id, at_ms, segment, place, reason, size_bytes FROM set_aside WHERE id > ?"
                                  " ORDER BY id LIMIT ?");
    bind_int(&q, after_id);
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

enum sd_err set_aside_get(struct store *store, int64_t id, struct buf *to) {
    struct query q = query(store, "SELECT bytes FROM set_aside_chunk WHERE set_aside = ? ORDER BY chunk");
    bind_int(&q, id);
    bool found = false;
    while (buf_err(to) == SD_OK && query_next(&q)) {
        buf_put(to, col_span(&q, 0));
        found = true;
    }
    enum sd_err err = query_end_one(&q, found);
    return err ? err : buf_err(to);
}
