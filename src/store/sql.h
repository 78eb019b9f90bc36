/*
 * sql.h - inside store/ only: one connection, its cached statements, and a query with a sticky error. Bind in the order of the
 * question marks; check once, at the end.
 *
 *   struct query q = query(store, "SELECT number FROM ticket WHERE queue = ?");
 *   bind_text(&q, queue);
 *   while (query_next(&q))
 *       use(col_int(&q, 0));
 *   return query_end(&q);
 *
 * SQL texts are string literals: the cache knows them by address. Bound spans must live until query_end.
 */
#ifndef SD_STORE_SQL_H
#define SD_STORE_SQL_H

#include "store/store.h"

#include <sqlite3.h>

#define STATEMENTS_MAX 96

enum store_mode { STORE_IDLE, STORE_READING, STORE_WRITING };

struct store {
    sqlite3 *db;
    int lock_fd;
    enum store_mode mode;
    size_t statement_count;
    struct {
        const char *sql;
        sqlite3_stmt *stmt;
    } statements[STATEMENTS_MAX];
};

struct query {
    struct store *store;
    sqlite3_stmt *stmt; /* NULL after a failure */
    int bound;
    enum sd_err err;
};

struct query query(struct store *store, const char *sql);
struct query change(struct store *store, const char *sql); /* SD_ERR_BUG outside a writing transaction */

void bind_int(struct query *q, int64_t v);
void bind_u64(struct query *q, uint64_t v); /* SD_ERR_LIMIT above INT64_MAX */
void bind_blob(struct query *q, struct span s);
void bind_text(struct query *q, struct span s, size_t max);         /* SD_ERR_LIMIT above max, SD_ERR_PARSE when not UTF-8 */
void bind_text_or_null(struct query *q, struct span s, size_t max); /* NULL when empty */
void bind_null(struct query *q);

bool query_next(struct query *q); /* false at the end and after a failure */
/* The failure, if any; the statement is ready for its next use. */
enum sd_err query_end(struct query *q) SD_MUST_CHECK;
enum sd_err query_run(struct query *q) SD_MUST_CHECK; /* no rows expected */
/* query_run, and SD_ERR_NOTFOUND when no row was changed. */
enum sd_err query_change_one(struct query *q) SD_MUST_CHECK;
/* query_end after at most one row: SD_ERR_NOTFOUND when there was none. */
enum sd_err query_end_one(struct query *q, bool found) SD_MUST_CHECK;

/* Rows were written by processes that may have been taken: what does not fit fails the query with SD_ERR_IO. */
int64_t col_int(struct query *q, int i);
int64_t col_range(struct query *q, int i, int64_t min, int64_t max);
bool col_is_null(struct query *q, int i);
struct span col_span(struct query *q, int i); /* until the next step */
struct span col_copy(struct query *q, int i, struct arena *arena);
void col_fixed(struct query *q, int i, uint8_t *to, size_t n);

/* What SQLite's result code means. */
enum sd_err sql_err(sqlite3 *db, int rc);
enum sd_err sql_exec(sqlite3 *db, const char *sql) SD_MUST_CHECK;
void sql_forget(struct store *store); /* finalizes the cached statements */

/* schema.c: makes the schema in an empty database, or brings that of an earlier version up to date, all of it or nothing. */
enum sd_err schema_apply(sqlite3 *db) SD_MUST_CHECK;
enum sd_err schema_is_old(sqlite3 *db, bool *ret) SD_MUST_CHECK;
/* SD_OK when this database is exactly what schema_apply makes. */
enum sd_err schema_check(sqlite3 *db) SD_MUST_CHECK;

#endif
