#include "store/sql.h"
#include "core/log.h"

#include <errno.h>
#include <string.h>

/* SQLite keeps the system's error for statements but not for COMMIT; then it is still where the system left it. */
static int system_errno(sqlite3 *db) {
    int os = db ? sqlite3_system_errno(db) : 0;
    return os ? os : errno;
}

/* A full disk is SQLITE_FULL; a full quota and a file at its largest size are IOERR. */
static bool no_space(int os) {
    return os == ENOSPC || os == EDQUOT || os == EFBIG;
}

enum sd_err sql_err(sqlite3 *db, int rc) {
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return SD_OK;
    case SQLITE_FULL:
        return SD_ERR_FULL;
    case SQLITE_IOERR:
        return no_space(system_errno(db)) ? SD_ERR_FULL : SD_ERR_IO;
    case SQLITE_NOMEM:
        return SD_ERR_NOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return SD_ERR_BUSY;
    case SQLITE_CONSTRAINT:
        return rc == SQLITE_CONSTRAINT_FOREIGNKEY                                     ? SD_ERR_NOTFOUND
               : rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ? SD_ERR_EXISTS
                                                                                      : SD_ERR_BUG;
    case SQLITE_NOTADB:
        return SD_ERR_CONFIG;
    case SQLITE_ERROR:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
        return SD_ERR_BUG;
    default: /* CANTOPEN, CORRUPT, READONLY, PERM … */
        return SD_ERR_IO;
    }
}

/* What the caller is told is short; the log keeps SQLite's own numbers. Being there already or not there is no trouble. */
static enum sd_err reported(sqlite3 *db, int rc) {
    enum sd_err err = sql_err(db, rc);
    if (err && err != SD_ERR_EXISTS && err != SD_ERR_NOTFOUND)
        log_error("store.sql", "error=%s sqlite=%d errno=%d", sd_err_name(err), rc, system_errno(db));
    return err;
}

enum sd_err sql_exec(sqlite3 *db, const char *sql) {
    return reported(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

static void fail(struct query *q, int rc) {
    enum sd_err err = reported(q->store->db, rc);
    if (q->err == SD_OK)
        q->err = err;
}

static sqlite3_stmt *cached(struct store *store, const char *sql) {
    for (size_t i = 0; i < store->statement_count; i++)
        if (store->statements[i].sql == sql)
            return store->statements[i].stmt;
    return NULL;
}

void sql_forget(struct store *store) {
    for (size_t i = 0; i < store->statement_count; i++)
        (void)sqlite3_finalize(store->statements[i].stmt);
    store->statement_count = 0;
}

struct query query(struct store *store, const char *sql) {
    struct query q = {.store = store, .stmt = cached(store, sql)};
    if (q.stmt)
        return q;
    if (store->statement_count == STATEMENTS_MAX) {
        q.err = SD_ERR_BUG; /* there are fewer SQL texts than that */
        return q;
    }
    int rc = sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &q.stmt, NULL);
    if (rc != SQLITE_OK) {
        fail(&q, rc);
        return q;
    }
    store->statements[store->statement_count].sql = sql;
    store->statements[store->statement_count++].stmt = q.stmt;
    return q;
}

struct query change(struct store *store, const char *sql) {
    if (store->mode == STORE_WRITING)
        return query(store, sql);
    return (struct query){.store = store, .err = SD_ERR_BUG};
}

static void bound(struct query *q, int rc) {
    if (rc != SQLITE_OK)
        fail(q, rc);
}

void bind_int(struct query *q, int64_t v) {
    if (q->err == SD_OK)
        bound(q, sqlite3_bind_int64(q->stmt, ++q->bound, v));
}

void bind_u64(struct query *q, uint64_t v) {
    if (v > INT64_MAX && q->err == SD_OK)
        q->err = SD_ERR_LIMIT;
    bind_int(q, (int64_t)v);
}

void bind_null(struct query *q) {
    if (q->err == SD_OK)
        bound(q, sqlite3_bind_null(q->stmt, ++q->bound));
}

void bind_blob(struct query *q, struct span s) {
    if (q->err == SD_OK)
        bound(q, sqlite3_bind_blob64(q->stmt, ++q->bound, s.p ? s.p : (const uint8_t *)"", s.n, SQLITE_STATIC));
}

void bind_text(struct query *q, struct span s, size_t max) {
    if (q->err == SD_OK && (s.n > max || !span_is_utf8(s)))
        q->err = s.n > max ? SD_ERR_LIMIT : SD_ERR_PARSE;
    if (q->err == SD_OK)
        bound(q, sqlite3_bind_text64(q->stmt, ++q->bound, s.p ? (const char *)s.p : "", s.n, SQLITE_STATIC, SQLITE_UTF8));
}

void bind_text_or_null(struct query *q, struct span s, size_t max) {
    if (s.n)
        bind_text(q, s, max);
    else
        bind_null(q);
}

bool query_next(struct query *q) {
    if (q->err)
        return false;
    int rc = sqlite3_step(q->stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        fail(q, rc);
    return rc == SQLITE_ROW;
}

enum sd_err query_end(struct query *q) {
    if (q->stmt) {
        (void)sqlite3_reset(q->stmt); /* repeats the step's error, which is kept already */
        (void)sqlite3_clear_bindings(q->stmt);
        q->stmt = NULL;
    }
    return q->err;
}

enum sd_err query_run(struct query *q) {
    (void)query_next(q);
    return query_end(q);
}

enum sd_err query_change_one(struct query *q) {
    enum sd_err err = query_run(q);
    return err ? err : sqlite3_changes64(q->store->db) == 0 ? SD_ERR_NOTFOUND : SD_OK;
}

enum sd_err query_end_one(struct query *q, bool found) {
    enum sd_err err = query_end(q);
    return err ? err : found ? SD_OK : SD_ERR_NOTFOUND;
}

/* ---- columns ---- */

static void misfit(struct query *q) {
    if (q->err)
        return;
    log_error("store.row", "error=misfit");
    q->err = SD_ERR_IO;
}

int64_t col_int(struct query *q, int i) {
    if (sqlite3_column_type(q->stmt, i) == SQLITE_INTEGER)
        return sqlite3_column_int64(q->stmt, i);
    misfit(q);
    return 0;
}

int64_t col_range(struct query *q, int i, int64_t min, int64_t max) {
    int64_t v = col_int(q, i);
    if (v >= min && v <= max)
        return v;
    misfit(q);
    return min;
}

bool col_is_null(struct query *q, int i) {
    return sqlite3_column_type(q->stmt, i) == SQLITE_NULL;
}

struct span col_span(struct query *q, int i) {
    const void *p = sqlite3_column_blob(q->stmt, i);
    int n = sqlite3_column_bytes(q->stmt, i);
    return span_of(p, p ? (size_t)n : 0);
}

struct span col_copy(struct query *q, int i, struct arena *arena) {
    struct span s = arena_span(arena, col_span(q, i));
    if (q->err == SD_OK)
        q->err = arena_err(arena);
    return s;
}

void col_fixed(struct query *q, int i, uint8_t *to, size_t n) {
    struct span s = col_span(q, i);
    if (s.n == n)
        memcpy(to, s.p, n);
    else
        misfit(q);
}
