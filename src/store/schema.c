#include "core/log.h"
#include "crypt/crypt.h"
#include "store/sql.h"

/* A later version is one more step behind the others, never an edit: the hash of what is in the file must match, and a new
 * file is made by the same steps as an old one is brought up to date. */
#define SCHEMA_VERSION 4
#define SCHEMA_BYTES_MAX ((size_t)64 * 1024)

static const char version_1[] =
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
    " bytes BLOB NOT NULL, PRIMARY KEY (set_aside, chunk));"

    "INSERT INTO counter (name, value) VALUES ('ticket', 0);";

/* Who sent incoming messages. ticket and trust are those of the message: the filters of lists read this table's indexes alone.
 */
static const char version_2[] =
    "CREATE TABLE message_trust (object BLOB NOT NULL PRIMARY KEY REFERENCES message (object), ticket BLOB NOT NULL,"
    " trust INTEGER NOT NULL, signals INTEGER NOT NULL, known INTEGER NOT NULL, known_since_ms INTEGER NOT NULL,"
    " domain_tag BLOB, as_customer INTEGER NOT NULL, encrypted INTEGER NOT NULL, stricter INTEGER NOT NULL);"
    "CREATE INDEX message_trust_by_ticket ON message_trust (ticket, trust, signals);"
    "CREATE INDEX message_trust_by_domain ON message_trust (domain_tag, ticket, trust, signals);"

    "INSERT INTO message_trust (object, ticket, trust, signals, known, known_since_ms, as_customer, encrypted, stricter)"
    " SELECT object, ticket, trust, 0, 0, 0, 0, 0, 0 FROM message WHERE direction = 1;";

/* For display: what a category opens and to whom is the keeper's business. */
static const char version_3[] = "ALTER TABLE ticket ADD COLUMN category INTEGER NOT NULL DEFAULT 0;";

/* Pictures of attachments (preview.h), and how far the spam filter has learned (learn.h): of all events it looks at few. */
static const char version_4[] =
    "CREATE TABLE preview (object BLOB NOT NULL PRIMARY KEY REFERENCES attachment (object), warrant BLOB NOT NULL,"
    " state INTEGER NOT NULL, sealing INTEGER NOT NULL, reason TEXT, asked_ms INTEGER NOT NULL, done_ms INTEGER NOT NULL,"
    " pages INTEGER NOT NULL);"
    "CREATE INDEX preview_by_time ON preview (state, asked_ms);"

    "CREATE TABLE learn_position (one INTEGER NOT NULL PRIMARY KEY, event INTEGER NOT NULL);"
    "CREATE INDEX event_of_spam ON event (sequence) WHERE kind IN (10, 11);";

static const struct {
    const char *sql;
    const char *version;
} steps[SCHEMA_VERSION] = {
    {version_1, "PRAGMA user_version = 1"},
    {version_2, "PRAGMA user_version = 2"},
    {version_3, "PRAGMA user_version = 3"},
    {version_4, "PRAGMA user_version = 4"},
};

static enum sd_err read_version(sqlite3 *db, int *ret) {
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL);
    int version = 0;
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        version = sqlite3_column_int(stmt, 0);
    enum sd_err err = sql_err(db, rc);
    (void)sqlite3_finalize(stmt);
    if (err == SD_OK)
        *ret = version;
    return err;
}

static enum sd_err run_steps(sqlite3 *db) {
    int version = 0;
    enum sd_err err = read_version(db, &version);
    if (err == SD_OK && (version < 0 || version > SCHEMA_VERSION))
        err = SD_ERR_CONFIG;
    for (; err == SD_OK && version < SCHEMA_VERSION; version++) {
        err = sql_exec(db, steps[version].sql);
        if (err == SD_OK)
            err = sql_exec(db, steps[version].version);
    }
    return err;
}

enum sd_err schema_apply(sqlite3 *db) {
    enum sd_err err = sql_exec(db, "BEGIN IMMEDIATE");
    if (err == SD_OK)
        err = run_steps(db);
    if (err == SD_OK)
        return sql_exec(db, "COMMIT");
    if (!sqlite3_get_autocommit(db) && sql_exec(db, "ROLLBACK") != SD_OK)
        log_error("store.schema", "error=rollback");
    return err;
}

enum sd_err schema_is_old(sqlite3 *db, bool *ret) {
    int version = 0;
    enum sd_err err = read_version(db, &version);
    if (err == SD_OK)
        *ret = version > 0 && version < SCHEMA_VERSION;
    return err;
}

static enum sd_err put_statements(sqlite3 *db, sqlite3_stmt *stmt, struct buf *to) {
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        for (int i = 0; i < 3; i++)
            buf_blob(to, span_cstr((const char *)sqlite3_column_text(stmt, i)));
    enum sd_err err = sql_err(db, rc);
    return err ? err : buf_err(to);
}

static enum sd_err schema_hash(sqlite3 *db, struct sha256 *ret) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(SCHEMA_BYTES_MAX);
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name", -1,
                                &stmt, NULL);
    enum sd_err err = rc == SQLITE_OK ? put_statements(db, stmt, &text) : sql_err(db, rc);
    (void)sqlite3_finalize(stmt);
    return err ? err : crypt_sha256(buf_span(&text), ret);
}

/* The expected hash is that of a fresh database in memory: the text above is the only place that says what the schema is. */
static enum sd_err expected_hash(struct sha256 *ret) {
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    enum sd_err err = sql_err(NULL, rc);
    if (err == SD_OK)
        err = schema_apply(db);
    if (err == SD_OK)
        err = schema_hash(db, ret);
    (void)sqlite3_close(db);
    return err;
}

enum sd_err schema_check(sqlite3 *db) {
    struct sha256 want, have;
    enum sd_err err = expected_hash(&want);
    if (err == SD_OK)
        err = schema_hash(db, &have);
    if (err == SD_ERR_LIMIT || (err == SD_OK && !span_eq(span_of(want.b, SHA256_BYTES), span_of(have.b, SHA256_BYTES)))) {
        log_error("store.schema", "error=mismatch version=%d", SCHEMA_VERSION);
        return SD_ERR_CONFIG;
    }
    return err;
}
