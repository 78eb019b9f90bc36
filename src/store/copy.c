#include "store/copy.h"
#include "core/log.h"
#include "store/message.h"
#include "store/sql.h"

#define PAGES_AT_ONCE 2048

static enum sd_err copy_pages(struct store *store, const char *path) {
    sqlite3 *to = NULL;
    int rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    sqlite3_backup *backup = rc == SQLITE_OK ? sqlite3_backup_init(to, "main", store->db, "main") : NULL;
    do
        rc = backup ? sqlite3_backup_step(backup, PAGES_AT_ONCE) : SQLITE_ERROR;
    while (rc == SQLITE_OK);
    bool whole = rc == SQLITE_DONE;
    if (sqlite3_backup_finish(backup) != SQLITE_OK)
        whole = false;
    enum sd_err err = whole ? SD_OK : sql_err(to, rc == SQLITE_DONE ? SQLITE_IOERR : rc);
    (void)sqlite3_close(to);
    return err;
}

/* The first read fixes what is seen. */
static enum sd_err fix_moment(struct store *store) {
    uint64_t messages;
    enum sd_err err = store_read(store);
    return err ? err : store_count(store, &messages);
}

enum sd_err store_copy(const char *dir, const char *path, struct deadline deadline, enum sd_err (*pinned)(void *arg),
                       void *arg) {
    struct store *locked = NULL, *store = NULL;
    enum sd_err err = store_open(dir, &locked);
    if (err == SD_OK)
        err = store_open(dir, &store);
    if (err == SD_OK)
        err = store_begin(locked, deadline);
    if (err == SD_OK) {
        err = pinned(arg);
        if (err == SD_OK)
            err = fix_moment(store);
        store_rollback(locked);
    }
    if (err == SD_OK)
        err = copy_pages(store, path);
    store_close(&locked);
    store_close(&store);
    return err;
}

enum sd_err store_sample(struct store *store, size_t max, struct object_id *ret, size_t *ret_count) {
    struct query q = query(store, "SELECT object FROM message WHERE direction = ? ORDER BY random() LIMIT ?");
    size_t n = 0;
    bind_int(&q, DIRECTION_IN);
    bind_u64(&q, max);
    while (n < max && query_next(&q))
        col_fixed(&q, 0, ret[n++].b, OBJECT_ID_BYTES);
    *ret_count = n;
    return query_end(&q);
}

enum sd_err store_count(struct store *store, uint64_t *ret_messages) {
    struct query q = query(store, "SELECT count(*) FROM message");
    *ret_messages = query_next(&q) ? (uint64_t)col_int(&q, 0) : 0;
    return query_end(&q);
}
