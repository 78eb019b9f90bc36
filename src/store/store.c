#include "store/store.h"
#include "core/file.h"
#include "core/log.h"
#include "store/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define FILE_MODE 0660       /* one group writes it: clerk, courier, desk */
#define DIRECTORY_MODE 02770 /* SQLite makes -wal and -shm with the file's mode; the group comes from the directory */
#define SQLITE_WAIT_MS 5000  /* its own locks: recovery after a crash, checkpoints */
#define UPDATE_WAIT_MS 60000 /* for another process that brings a large store up to date */
#define WAL_BYTES_KEPT "67108864"

static enum sd_err path_in(const char *dir, const char *name, char to[PATH_BYTES]) {
    int n = snprintf(to, PATH_BYTES, "%s/%s", dir, name);
    return n > 0 && n < PATH_BYTES ? SD_OK : SD_ERR_LIMIT;
}

/* Exclusively made, with this mode whatever the umask is. */
static enum sd_err make_file(const char *path, int flags) {
    int fd SD_CLEANUP(fd_close) = open(path, O_RDWR | O_CREAT | O_CLOEXEC | flags, FILE_MODE);
    if (fd < 0)
        return errno == EEXIST ? SD_ERR_EXISTS : sd_err_from_errno(errno);
    return fchmod(fd, FILE_MODE) == 0 && fsync(fd) == 0 ? SD_OK : sd_err_from_errno(errno);
}

/* ---- a connection ---- */

/* What every opener sets: a schema that was tampered with runs nothing, deleted content is overwritten, no temporary files. */
static enum sd_err configure(sqlite3 *db) {
    int ok = sqlite3_busy_timeout(db, SQLITE_WAIT_MS) == SQLITE_OK && sqlite3_extended_result_codes(db, 1) == SQLITE_OK &&
             sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) == SQLITE_OK &&
             sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) == SQLITE_OK &&
             sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL) == SQLITE_OK &&
             sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL) == SQLITE_OK;
    if (!ok)
        return SD_ERR_BUG;
    return sql_exec(db, "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;"
                        "PRAGMA foreign_keys = ON; PRAGMA mmap_size = 0; PRAGMA journal_size_limit = " WAL_BYTES_KEPT);
}

static enum sd_err connect_to(const char *path, sqlite3 **ret) {
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    enum sd_err err = sql_err(db, rc);
    if (err == SD_OK)
        err = configure(db);
    if (err) {
        (void)sqlite3_close(db);
        return err;
    }
    *ret = db;
    return SD_OK;
}

static enum sd_err fill_new(const char *path) {
    sqlite3 *db = NULL;
    enum sd_err err = connect_to(path, &db);
    if (err)
        return err;
    err = sql_exec(db, "PRAGMA journal_mode = WAL");
    if (err == SD_OK)
        err = schema_apply(db);
    if (err == SD_OK)
        err = schema_check(db);
    return sqlite3_close(db) == SQLITE_OK ? err : SD_ERR_BUG;
}

/* Under another name until it is whole: after a crash there is a store or there is none. */
static enum sd_err make_store(const char *path, const char *draft) {
    if (unlink(draft) != 0 && errno != ENOENT)
        return sd_err_from_errno(errno);
    enum sd_err err = make_file(draft, O_EXCL);
    if (err == SD_OK)
        err = fill_new(draft);
    if (err == SD_OK && renameat2(AT_FDCWD, draft, AT_FDCWD, path, RENAME_NOREPLACE) != 0)
        err = errno == EEXIST ? SD_ERR_EXISTS : sd_err_from_errno(errno);
    if (err)
        (void)unlink(draft);
    return err;
}

static enum sd_err make_directory(const char *dir) {
    if (mkdir(dir, 0770) == 0)
        return chmod(dir, DIRECTORY_MODE) == 0 ? SD_OK : sd_err_from_errno(errno);
    return errno == EEXIST ? SD_OK : sd_err_from_errno(errno);
}

enum sd_err store_create(const char *dir) {
    char path[PATH_BYTES], draft[PATH_BYTES], lock[PATH_BYTES];
    enum sd_err err = path_in(dir, "store.db", path);
    if (err == SD_OK)
        err = path_in(dir, "store.new", draft);
    if (err == SD_OK)
        err = path_in(dir, "store.lock", lock);
    if (err == SD_OK)
        err = make_directory(dir);
    if (err == SD_OK && access(path, F_OK) == 0)
        err = SD_ERR_EXISTS;
    if (err == SD_OK)
        err = make_file(lock, 0);
    if (err == SD_OK)
        err = make_store(path, draft);
    return err ? err : folder_sync(dir);
}

static enum sd_err take_lock(struct store *store, struct deadline deadline);

/* A store of an earlier version: whoever opens it first brings it up to date, the others wait for that. */
static enum sd_err bring_up_to_date(struct store *store) {
    bool old = false;
    enum sd_err err = schema_is_old(store->db, &old);
    if (err || !old)
        return err;
    err = take_lock(store, deadline_in_ms(UPDATE_WAIT_MS));
    if (err)
        return err;
    err = schema_apply(store->db);
    (void)flock(store->lock_fd, LOCK_UN);
    log_info("store.schema", "brought up to date, error=%s", sd_err_name(err));
    return err;
}

enum sd_err store_open(const char *dir, struct store **ret) {
    char path[PATH_BYTES], lock[PATH_BYTES];
    enum sd_err err = path_in(dir, "store.db", path);
    if (err == SD_OK)
        err = path_in(dir, "store.lock", lock);
    if (err == SD_OK && access(path, F_OK) != 0)
        err = errno == ENOENT ? SD_ERR_NOTFOUND : sd_err_from_errno(errno);
    struct store *store = err ? NULL : calloc(1, sizeof *store);
    if (!store)
        return err ? err : SD_ERR_NOMEM;
    store->lock_fd = open(lock, O_RDWR | O_CLOEXEC);
    err = store->lock_fd >= 0 ? connect_to(path, &store->db) : sd_err_from_errno(errno);
    if (err == SD_OK)
        err = bring_up_to_date(store);
    if (err == SD_OK)
        err = schema_check(store->db);
    if (err) {
        store_close(&store);
        return err;
    }
    *ret = store;
    return SD_OK;
}

void store_close(struct store **store) {
    if (!*store)
        return;
    if ((*store)->db)
        store_rollback(*store);
    sql_forget(*store);
    (void)sqlite3_close((*store)->db);
    fd_close(&(*store)->lock_fd);
    free(*store);
    *store = NULL;
}

/* ---- transactions ---- */

#define POLL_FIRST_NS 200000L
#define POLL_LAST_NS 4000000L

/* flock(2) itself cannot wait for a time only; whoever waits tries again soon. */
static enum sd_err wait_until(bool (*try)(int fd), int fd, struct deadline deadline) {
    long pause_ns = POLL_FIRST_NS;
    while (!try(fd)) {
        if (deadline_passed(deadline))
            return SD_ERR_TIMEOUT;
        (void)nanosleep(&(struct timespec){.tv_nsec = pause_ns}, NULL);
        pause_ns = pause_ns * 2 < POLL_LAST_NS ? pause_ns * 2 : POLL_LAST_NS;
    }
    return SD_OK;
}

static bool set_turn(int fd, short type) {
    struct flock turn = {.l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    return fcntl(fd, F_OFD_SETLK, &turn) == 0;
}

static bool try_turn(int fd) {
    return set_turn(fd, F_WRLCK);
}

static bool try_lock(int fd) {
    return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/*
 * The lock, behind a turnstile (a byte-range lock on the same file): whoever waits for the lock holds the turn, so a writer
 * that comes back at once queues behind it. With the lock alone, a busy writer could take it again and again between two tries.
 */
static enum sd_err take_lock(struct store *store, struct deadline deadline) {
    enum sd_err err = wait_until(try_turn, store->lock_fd, deadline);
    if (err)
        return err;
    err = wait_until(try_lock, store->lock_fd, deadline);
    (void)set_turn(store->lock_fd, F_UNLCK);
    return err;
}

enum sd_err store_begin(struct store *store, struct deadline deadline) {
    if (store->mode != STORE_IDLE)
        return SD_ERR_BUG;
    enum sd_err err = take_lock(store, deadline);
    if (err)
        return err;
    err = sql_exec(store->db, "BEGIN IMMEDIATE");
    if (err) {
        (void)flock(store->lock_fd, LOCK_UN);
        return err;
    }
    store->mode = STORE_WRITING;
    return SD_OK;
}

enum sd_err store_read(struct store *store) {
    if (store->mode != STORE_IDLE)
        return SD_ERR_BUG;
    enum sd_err err = sql_exec(store->db, "BEGIN");
    if (err == SD_OK)
        store->mode = STORE_READING;
    return err;
}

void store_rollback(struct store *store) {
    if (store->mode == STORE_IDLE)
        return;
    /* After some failures SQLite has rolled back by itself. */
    if (!sqlite3_get_autocommit(store->db) && sql_exec(store->db, "ROLLBACK") != SD_OK)
        log_error("store.rollback", "sqlite=%d", sqlite3_extended_errcode(store->db));
    if (store->mode == STORE_WRITING)
        (void)flock(store->lock_fd, LOCK_UN);
    store->mode = STORE_IDLE;
}

enum sd_err store_commit(struct store *store) {
    if (store->mode != STORE_WRITING)
        return SD_ERR_BUG;
    /* Rolled back by SQLite after a failure that the caller overlooked: there is nothing to commit. */
    enum sd_err err = sqlite3_get_autocommit(store->db) ? SD_ERR_BUG : sql_exec(store->db, "COMMIT");
    if (err) {
        store_rollback(store);
        return err;
    }
    store->mode = STORE_IDLE;
    (void)flock(store->lock_fd, LOCK_UN);
    return SD_OK;
}
