#include "store/facet.h"
#include "store/test_store.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct test_dir dir;

static int make(SD_UNUSED void **state) {
    dir = test_dir_new();
    assert_int_equal(store_create(dir.store), SD_OK);
    return 0;
}

static int drop(SD_UNUSED void **state) {
    test_dir_free(&dir);
    return 0;
}

static uint32_t messages_of(struct store *store, unsigned t) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(64 * 1024);
    struct ticket_row row;
    struct ticket_id id = test_ticket_id(t);
    enum sd_err err = ticket_get(store, &id, arena, &row);
    assert_true(err == SD_OK || err == SD_ERR_NOTFOUND);
    return err ? 0 : row.messages;
}

static void create_and_open(SD_UNUSED void **state) {
    char path[128];
    struct stat st;
    struct store *store = NULL;
    assert_int_equal(store_create(dir.store), SD_ERR_EXISTS);
    (void)snprintf(path, sizeof path, "%s/none", dir.path);
    assert_int_equal(store_open(path, &store), SD_ERR_NOTFOUND);
    assert_null(store);
    assert_int_equal(stat(dir.store, &st), 0);
    assert_int_equal(st.st_mode & 07777, 02770);
    store = test_store_open(&dir);
    test_begin(store);
    assert_int_equal(test_file(store, 1, 1, SPAN("support"), 1), SD_OK);
    assert_int_equal(store_commit(store), SD_OK);
    const char *files[] = {"store.db", "store.db-wal", "store.db-shm", "store.lock"};
    for (size_t i = 0; i < SD_COUNT(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir.store, files[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0660);
    }
    store_close(&store);
    assert_null(store);
    store_close(&store);
}

/* What was set when the connection was made is in force; changing the schema from inside is not possible. */
static void confined(SD_UNUSED void **state) {
    struct store *store = test_store_open(&dir);
    struct object_id object = test_object_id(1);
    assert_int_equal(facet_put(store, &object, FACET_TEXT, SPAN("x")), SD_ERR_BUG); /* no transaction */
    assert_int_equal(store_commit(store), SD_ERR_BUG);
    test_begin(store);
    assert_int_equal(store_begin(store, deadline_in_ms(10)), SD_ERR_BUG);
    assert_int_equal(store_read(store), SD_ERR_BUG);
    store_rollback(store);
    store_rollback(store);
    assert_int_equal(store_read(store), SD_OK);
    assert_int_equal(facet_put(store, &object, FACET_TEXT, SPAN("x")), SD_ERR_BUG);
    store_rollback(store);
    store_close(&store);
}

static void schema_mismatch(SD_UNUSED void **state) {
    char path[128];
    sqlite3 *db = NULL;
    struct store *store = NULL;
    (void)snprintf(path, sizeof path, "%s/store.db", dir.store);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "CREATE TRIGGER t AFTER INSERT ON message BEGIN DELETE FROM ticket; END", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(store_open(dir.store, &store), SD_ERR_CONFIG);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 1000; i++)
        assert_true(fputs("no database ", f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(store_open(dir.store, &store), SD_ERR_CONFIG);
    assert_null(store);
}

/* ---- a store of version 1 ---- */

/* As it was. */
static const char first_schema[] =
    "CREATE TABLE counter (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL);"

    "CREATE TABLE ticket (id BLOB NOT NULL PRIMARY KEY, number INTEGER NOT NULL UNIQUE, queue TEXT NOT NULL,"
    " state INTEGER NOT NULL, assignee TEXT, revision INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
    " updated_ms INTEGER NOT NULL, messages INTEGER NOT NULL, first_object BLOB NOT NULL, last_inbound BLOB);"
    "CREATE INDEX ticket_by_queue ON ticket (queue, updated_ms, id);"
    "CREATE INDEX ticket_by_queue_and_state ON ticket (queue, state, updated_ms, id);"

    "CREATE TABLE message (sequence INTEGER NOT NULL PRIMARY KEY, object BLOB NOT NULL UNIQUE,"
    " ticket BLOB NOT NULL REFERENCES ticket (id), direction INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
    " trust INTEGER NOT NULL, disposition INTEGER NOT NULL, state INTEGER NOT NULL, attachments INTEGER NOT NULL,"
    " size_bytes INTEGER NOT NULL, author TEXT);"
    "CREATE INDEX message_by_ticket ON message (ticket, at_ms, sequence);"

    "CREATE TABLE attachment (object BLOB NOT NULL PRIMARY KEY, message BLOB NOT NULL REFERENCES message (object),"
    " place INTEGER NOT NULL, size_bytes INTEGER NOT NULL, state INTEGER NOT NULL);"
    "CREATE INDEX attachment_by_message ON attachment (message, place);"

    "CREATE TABLE facet_chunk (object BLOB NOT NULL, facet INTEGER NOT NULL, chunk INTEGER NOT NULL, sealed BLOB NOT NULL,"
    " PRIMARY KEY (object, facet, chunk));"

    "CREATE TABLE receipt (sequence INTEGER NOT NULL PRIMARY KEY, object BLOB NOT NULL, sealed BLOB NOT NULL);"
    "CREATE INDEX receipt_by_object ON receipt (object, sequence);"

    "CREATE TABLE outbound (object BLOB NOT NULL PRIMARY KEY, warrant BLOB NOT NULL,"
    " ticket BLOB NOT NULL REFERENCES ticket (id), state INTEGER NOT NULL, attempts INTEGER NOT NULL,"
    " next_ms INTEGER NOT NULL, created_ms INTEGER NOT NULL, status TEXT);"
    "CREATE INDEX outbound_by_time ON outbound (state, next_ms);"
    "CREATE INDEX outbound_by_ticket ON outbound (ticket, created_ms);"

    "CREATE TABLE event (sequence INTEGER NOT NULL PRIMARY KEY, ticket BLOB NOT NULL REFERENCES ticket (id),"
    " at_ms INTEGER NOT NULL, kind INTEGER NOT NULL, actor TEXT NOT NULL, detail TEXT NOT NULL, object BLOB);"
    "CREATE INDEX event_by_ticket ON event (ticket, sequence);"

    "CREATE TABLE idempotency (person TEXT NOT NULL, key_hash BLOB NOT NULL, object BLOB NOT NULL,"
    " expires_ms INTEGER NOT NULL, PRIMARY KEY (person, key_hash));"
    "CREATE INDEX idempotency_by_time ON idempotency (expires_ms);"

    "CREATE TABLE intake_position (one INTEGER NOT NULL PRIMARY KEY, segment INTEGER NOT NULL, place INTEGER NOT NULL);"

    "CREATE TABLE set_aside (id INTEGER NOT NULL PRIMARY KEY, at_ms INTEGER NOT NULL, segment INTEGER NOT NULL,"
    " place INTEGER NOT NULL, reason TEXT NOT NULL, size_bytes INTEGER NOT NULL, checksum INTEGER NOT NULL,"
    " UNIQUE (segment, place, size_bytes, checksum));"
    "CREATE TABLE set_aside_chunk (set_aside INTEGER NOT NULL REFERENCES set_aside (id), chunk INTEGER NOT NULL,"
    " bytes BLOB NOT NULL, PRIMARY KEY (set_aside, chunk));";

#define FIRST_ROWS                                                                                                             \
    "INSERT INTO counter VALUES ('ticket', 1); INSERT INTO ticket VALUES (x'54000000000000000100000000000000', 1, 'support',"  \
    " 1, NULL, 2, 5, 6, 2, x'4f000000000000000100000000000000', x'4f000000000000000100000000000000');"                         \
    "INSERT INTO message VALUES (1, x'4f000000000000000100000000000000', x'54000000000000000100000000000000', 1, 5, 2, 5, 1,"  \
    " 0, 10, NULL), (2, x'4f000000000000000200000000000000', x'54000000000000000100000000000000', 2, 6, 0, 5, 1, 0, 10, 'p');" \
    "PRAGMA user_version = 1;"

static void make_first_version(void) {
    char path[128];
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof path, "%s/store.db", dir.store);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, first_schema, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, FIRST_ROWS, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Several processes open it at once: one brings it up to date, the others find it so, and none finds it halfway. */
static void brought_up_to_date(SD_UNUSED void **state) {
    pid_t pids[3];
    make_first_version();
    for (size_t i = 0; i < SD_COUNT(pids); i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            struct store *mine = NULL;
            enum sd_err err = store_open(dir.store, &mine);
            store_close(&mine);
            _exit(err ? 1 : 0);
        }
    }
    for (size_t i = 0; i < SD_COUNT(pids); i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    struct store *store = test_store_open(&dir); /* and the schema's hash is that of a new one */
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(64 * 1024);
    struct span queue = SPAN("support");
    struct ticket_row *rows;
    size_t count;
    struct ticket_filter verified = {.queues = &queue, .queue_count = 1, .limit = 5, .has_trust = true, .trust = 2};
    assert_int_equal(ticket_list(store, &verified, arena, &rows, &count), SD_OK);
    assert_int_equal(count, 1);
    verified.trust = 0; /* what we sent has no sender to trust */
    assert_int_equal(ticket_list(store, &verified, arena, &rows, &count), SD_OK);
    assert_int_equal(count, 0);
    test_begin(store);
    assert_int_equal(test_file(store, 1, 3, SPAN("support"), 9), SD_OK);
    assert_int_equal(store_commit(store), SD_OK);
    assert_int_equal(messages_of(store, 1), 3);
    store_close(&store);
}

static void a_later_version_is_not_touched(SD_UNUSED void **state) {
    char path[128];
    sqlite3 *db = NULL;
    struct store *store = NULL;
    (void)snprintf(path, sizeof path, "%s/store.db", dir.store);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE later (x); PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(store_open(dir.store, &store), SD_ERR_CONFIG);
    assert_null(store);
}

/* ---- several processes ---- */

#define WRITES 60

/* A writer that comes back at once; gives its longest wait, in ms, as exit status (200: more, 255: a failure). */
static int write_much(unsigned ticket) {
    struct store *store = NULL;
    int64_t longest_ns = 0;
    if (store_open(dir.store, &store) != SD_OK)
        return 255;
    for (unsigned i = 0; i < WRITES; i++) {
        int64_t from = clock_mono_ns();
        if (store_begin(store, deadline_in_ms(20000)) != SD_OK)
            return 255;
        int64_t waited = clock_mono_ns() - from;
        longest_ns = waited > longest_ns ? waited : longest_ns;
        if (test_file(store, ticket, ticket * 1000 + i, SPAN("support"), i) != SD_OK || store_commit(store) != SD_OK)
            return 255;
    }
    store_close(&store);
    int64_t tenths = longest_ns / 100000000;
    return tenths > 200 ? 200 : (int)tenths;
}

static pid_t fork_writer(unsigned ticket) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(write_much(ticket));
    return pid;
}

static void writers_do_not_starve(SD_UNUSED void **state) {
    pid_t writers[3];
    for (unsigned i = 0; i < SD_COUNT(writers); i++)
        writers[i] = fork_writer(i + 1);
    for (unsigned i = 0; i < SD_COUNT(writers); i++) {
        int status;
        assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
        assert_true(WIFEXITED(status));
        assert_in_range(WEXITSTATUS(status), 0, 50); /* 5 s: slow disks are slow for all of them */
    }
    struct store *store = test_store_open(&dir);
    for (unsigned i = 0; i < SD_COUNT(writers); i++)
        assert_int_equal(messages_of(store, i + 1), WRITES);
    store_close(&store);
}

static void lock_has_a_deadline(SD_UNUSED void **state) {
    struct store *one = test_store_open(&dir), *two = test_store_open(&dir);
    test_begin(one);
    assert_int_equal(store_begin(two, deadline_in_ms(50)), SD_ERR_TIMEOUT);
    assert_int_equal(messages_of(two, 1), 0); /* readers do not wait */
    store_close(&one);                        /* rolls back and lets go */
    assert_int_equal(store_begin(two, deadline_in_ms(50)), SD_OK);
    store_close(&two);
}

/* Committed: there. Killed in the middle of the next transaction: nothing of that, and the lock is free. */
static void killed_inside_a_transaction(SD_UNUSED void **state) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct store *mine = test_store_open(&dir);
        test_begin(mine);
        if (test_file(mine, 1, 1, SPAN("support"), 1) || store_commit(mine))
            _exit(1);
        test_begin(mine);
        for (unsigned i = 2; i < 300; i++)
            if (test_file(mine, 1, i, SPAN("support"), i))
                _exit(1);
        (void)kill(getpid(), SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    struct store *store = test_store_open(&dir);
    assert_int_equal(messages_of(store, 1), 1);
    test_begin(store);
    assert_int_equal(test_file(store, 1, 2, SPAN("support"), 2), SD_OK);
    assert_int_equal(store_commit(store), SD_OK);
    assert_int_equal(messages_of(store, 1), 2);
    store_close(&store);
}

/* A file-size limit stands for a full disk: the write fails with EFBIG. */
static int write_until_full(void) {
    static uint8_t bytes[LIMIT_STORE_ROW_BYTES];
    struct rlimit limit = {2 * 1024 * 1024, 2 * 1024 * 1024};
    struct store *store = NULL;
    (void)signal(SIGXFSZ, SIG_IGN);
    if (store_open(dir.store, &store) || setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 1;
    for (unsigned i = 0; i < 100; i++) {
        struct object_id object = test_object_id(i);
        enum sd_err err = store_begin(store, deadline_in_ms(1000));
        if (err == SD_OK)
            err = facet_put(store, &object, FACET_SOURCE, span_of(bytes, sizeof bytes));
        if (err == SD_OK)
            err = store_commit(store);
        if (err == SD_ERR_FULL) {
            store_rollback(store);
            return i == 0 ? 3 : 0;
        }
        if (err)
            return 2;
    }
    return 4;
}

static void disk_full(SD_UNUSED void **state) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(write_until_full());
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    struct store *store = test_store_open(&dir); /* and with room again everything goes on */
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(LIMIT_STORE_ROW_BYTES);
    struct object_id first = test_object_id(0);
    assert_int_equal(facet_get(store, &first, FACET_SOURCE, &sealed), SD_OK);
    assert_int_equal(sealed.n, LIMIT_STORE_ROW_BYTES);
    test_begin(store);
    assert_int_equal(test_file(store, 1, 1, SPAN("support"), 1), SD_OK);
    assert_int_equal(store_commit(store), SD_OK);
    store_close(&store);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(create_and_open),
        CASE(confined),
        CASE(schema_mismatch),
        CASE(writers_do_not_starve),
        CASE(lock_has_a_deadline),
        CASE(killed_inside_a_transaction),
        CASE(disk_full),
        CASE(brought_up_to_date),
        CASE(a_later_version_is_not_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
