#include "keeper/db_copy.h"
#include "core/log.h"

#include <sqlite3.h>
#include <stdlib.h>

#define STEP_PAGES 64 /* 256 KiB: well under a millisecond */

struct db_copy {
    sqlite3 *to;
    sqlite3_backup *backup;
};

static enum sd_err failed(struct db_copy *copy, int rc) {
    log_error("keeper.backup", "code=%d", copy->to ? sqlite3_extended_errcode(copy->to) : rc);
    return (rc & 0xff) == SQLITE_FULL ? SD_ERR_FULL : (rc & 0xff) == SQLITE_NOMEM ? SD_ERR_NOMEM : SD_ERR_IO;
}

enum sd_err db_copy_begin(struct db *db, const char *path, struct db_copy **ret) {
    struct db_copy *copy = calloc(1, sizeof *copy);
    if (!copy)
        return SD_ERR_NOMEM;
    int rc = sqlite3_open_v2(path, &copy->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(copy->to, "PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE; PRAGMA temp_store=MEMORY", NULL,
                          NULL, NULL);
    if (rc == SQLITE_OK)
        copy->backup = sqlite3_backup_init(copy->to, "main", db_handle(db), "main");
    enum sd_err err = copy->backup ? SD_OK : failed(copy, rc);
    if (err)
        db_copy_end(&copy);
    else
        *ret = copy;
    return err;
}

enum sd_err db_copy_step(struct db_copy *copy, bool *ret_done) {
    int rc = sqlite3_backup_step(copy->backup, STEP_PAGES);
    *ret_done = rc == SQLITE_DONE;
    if (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
        return SD_OK;
    if (rc != SQLITE_DONE)
        return failed(copy, rc);
    rc = sqlite3_backup_finish(copy->backup);
    copy->backup = NULL;
    return rc == SQLITE_OK ? SD_OK : failed(copy, rc);
}

/* One file and no write-ahead log beside it. */
static const char alone[] = "PRAGMA journal_mode=DELETE; PRAGMA secure_delete=ON; DELETE FROM session;";

enum sd_err db_copy_mark(struct db_copy *copy, const char *name, struct span made) {
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_exec(copy->to, alone, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(copy->to, "INSERT OR REPLACE INTO meta(name,value) VALUES(?,?)", -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_blob64(stmt, 2, made.p, made.n, SQLITE_STATIC);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_DONE)
        rc = SQLITE_OK;
    (void)sqlite3_finalize(stmt);
    return rc == SQLITE_OK ? SD_OK : failed(copy, rc);
}

void db_copy_end(struct db_copy **copy) {
    if (!*copy)
        return;
    (void)sqlite3_backup_finish((*copy)->backup);
    (void)sqlite3_close((*copy)->to);
    free(*copy);
    *copy = NULL;
}
