/*
 * db.h - the keeper's own SQLite file, opened by this process alone (exclusive locking), and its statements. One thread.
 *
 *   struct query q = db_query(db, SQL_TICKET_GET);
 *   query_blob(&q, id);
 *   if (query_row(&q)) queue = query_get_text(&q, 0);   // valid until query_end
 *   err = query_end(&q);
 */
#ifndef SD_KEEPER_DB_H
#define SD_KEEPER_DB_H

#include "core/span.h"

struct db;
struct sqlite3;
struct sqlite3_stmt;

enum db_sql {
#define X(name, text) SQL_##name,
#include "keeper/statements.def"
#undef X
    SQL_COUNT
};

/*
 * create: makes the schema in a new file; else one of an earlier version is brought up to date first. path ":memory:" for
 * tests. SD_ERR_CONFIG: a version that this program does not know (logged). SD_ERR_FORGED: it is damaged (logged).
 */
enum sd_err db_open(const char *path, bool create, struct db **ret) SD_MUST_CHECK;
void db_close(struct db **db);
/* Something in it turned out not to be what it must be; for good. False for NULL. */
bool db_damaged(const struct db *db);

enum sd_err db_begin(struct db *db) SD_MUST_CHECK;
/* For what can be made again from the log after a crash: committed without waiting for the disk. Ends like any other. */
enum sd_err db_begin_lazy(struct db *db) SD_MUST_CHECK;
enum sd_err db_commit(struct db *db) SD_MUST_CHECK; /* rolls back when it fails */
void db_rollback(struct db *db);
/* Commits when err is SD_OK, else rolls back; the error, or that of the commit. */
enum sd_err db_end(struct db *db, enum sd_err err) SD_MUST_CHECK;
int64_t db_last_id(struct db *db);
struct sqlite3 *db_handle(struct db *db); /* for db_copy.c */
unsigned db_changes(struct db *db);       /* rows changed by the last statement */

struct query {
    struct db *db;
    struct sqlite3_stmt *stmt;
    int bound;
    bool used;
    enum sd_err err;
};
struct query db_query(struct db *db, enum db_sql sql);
/* Parameters in order; spans must live until the query ends. */
void query_blob(struct query *q, struct span value);
void query_text(struct query *q, struct span value);
void query_int(struct query *q, int64_t value);
bool query_row(struct query *q);
struct span query_get(struct query *q, int column); /* blob or text */
int64_t query_get_int(struct query *q, int column);
/* A blob of exactly n bytes: anything else is SD_ERR_BUG and zeros. */
void query_get_fixed(struct query *q, int column, void *to, size_t n);
enum sd_err query_end(struct query *q) SD_MUST_CHECK;
/* For statements that give no rows. */
enum sd_err query_run(struct query *q) SD_MUST_CHECK;

#endif
