#include "keeper/db.h"
#include "core/log.h"
#include "crypt/seal.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

/* Versions of the schema, each a step behind the one before; a new database is made by the same steps as an old one is brought
 * up to date by, all of them in one transaction. */
static const char version_1[] =
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE key(name TEXT PRIMARY KEY, wrapped BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE page(id INTEGER PRIMARY KEY, key BLOB NOT NULL, keys BLOB NOT NULL, used INTEGER NOT NULL);"
    "CREATE TABLE intake_key(id BLOB NOT NULL UNIQUE, public BLOB NOT NULL, private BLOB NOT NULL, made_ms INTEGER NOT NULL,"
    " fresh_ms INTEGER NOT NULL, replaced_ms INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE queue(name TEXT PRIMARY KEY, address TEXT NOT NULL, active INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE person(id BLOB PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role INTEGER NOT NULL,"
    " password BLOB NOT NULL, totp BLOB NOT NULL, totp_last INTEGER NOT NULL DEFAULT 0, totp_before INTEGER NOT NULL DEFAULT 0,"
    " made_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE person_queue(person BLOB NOT NULL, queue TEXT NOT NULL, PRIMARY KEY(person,queue)) WITHOUT ROWID;"
    "CREATE TABLE session(hash BLOB PRIMARY KEY, person BLOB NOT NULL, made_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE throttle(key BLOB PRIMARY KEY, failures INTEGER NOT NULL, last_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX throttle_last ON throttle(last_ms);"
    "CREATE TABLE ticket(id BLOB PRIMARY KEY, queue TEXT NOT NULL, state INTEGER NOT NULL, made_ms INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE object(id BLOB PRIMARY KEY, kind INTEGER NOT NULL, page INTEGER NOT NULL, slot INTEGER NOT NULL,"
    " ticket BLOB NOT NULL, state INTEGER NOT NULL, disposition INTEGER NOT NULL, digest BLOB NOT NULL, opened INTEGER NOT "
    "NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE participant(ticket BLOB NOT NULL, person BLOB NOT NULL, PRIMARY KEY(ticket,person)) WITHOUT ROWID;"
    "CREATE TABLE message_id(hash BLOB NOT NULL, ticket BLOB NOT NULL, PRIMARY KEY(hash,ticket)) WITHOUT ROWID;"
    "CREATE TABLE reply_token(hash BLOB PRIMARY KEY, ticket BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE warrant(id BLOB PRIMARY KEY, object BLOB NOT NULL, purpose TEXT NOT NULL, digest BLOB NOT NULL,"
    " mail_from TEXT NOT NULL, recipients BLOB NOT NULL, person BLOB NOT NULL, made_ms INTEGER NOT NULL,"
    " expires_ms INTEGER NOT NULL, uses INTEGER NOT NULL, spent INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
    "CREATE TABLE dkim(domain TEXT NOT NULL, selector TEXT NOT NULL, algorithm INTEGER NOT NULL, public BLOB NOT NULL,"
    " private BLOB NOT NULL, made_ms INTEGER NOT NULL, PRIMARY KEY(domain,selector)) WITHOUT ROWID;"
    "CREATE TABLE outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, rest BLOB NOT NULL);"
    "CREATE TABLE history(ticket BLOB NOT NULL, seq INTEGER NOT NULL, segment INTEGER NOT NULL, offset INTEGER NOT NULL,"
    " PRIMARY KEY(ticket,seq)) WITHOUT ROWID;";

/*
 * Who sent what. Of letters from before it is not known, so their objects have the least trust, and whoever took part by then
 * is to be verified; a ticket that is not in Review was decided on by a person, or never had to be.
 */
static const char version_2[] =
    "ALTER TABLE ticket ADD COLUMN decisions INTEGER NOT NULL DEFAULT 0;"
    "UPDATE ticket SET decisions=1 WHERE state<>0;"
    "ALTER TABLE object ADD COLUMN trust INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE object ADD COLUMN files INTEGER NOT NULL DEFAULT 1;"
    "ALTER TABLE object ADD COLUMN decisions INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE object ADD COLUMN signals INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE object ADD COLUMN known INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE object ADD COLUMN known_since_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE object ADD COLUMN domain_tag BLOB NOT NULL DEFAULT x'00000000000000000000000000000000';"
    "ALTER TABLE object ADD COLUMN as_customer INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE object ADD COLUMN encrypted INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE participant ADD COLUMN trust INTEGER NOT NULL DEFAULT 2;"
    "ALTER TABLE message_id ADD COLUMN ours INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE contact(person BLOB PRIMARY KEY, verified INTEGER NOT NULL, unverified INTEGER NOT NULL,"
    " first_ms INTEGER NOT NULL, verified_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, letter BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE known_domain(domain BLOB PRIMARY KEY, last_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX known_domain_last ON known_domain(last_ms);"
    "CREATE TABLE known_look(look BLOB NOT NULL, domain BLOB NOT NULL, PRIMARY KEY(look,domain)) WITHOUT ROWID;"
    "CREATE INDEX known_look_domain ON known_look(domain);"
    "CREATE TABLE known_name(name BLOB NOT NULL, person BLOB NOT NULL, PRIMARY KEY(name,person)) WITHOUT ROWID;"
    "CREATE INDEX known_name_person ON known_name(person);";

/*
 * Who may, and how they prove it: passkeys, recovery codes, links to enrol by, sessions with an id and a token that is
 * replaced, API tokens, roles of one's own, rules, four eyes, budgets, alarms, warrants of more than one kind, generations of
 * keys, free text kept apart from the log. Sessions of before end: they have no id.
 */
static const char version_3[] =
    "ALTER TABLE person ADD COLUMN state INTEGER NOT NULL DEFAULT 1;" /* enum person_state */
    "ALTER TABLE person ADD COLUMN used_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE person DROP COLUMN totp_before;" /* a code uses up its step and all before it */
    "ALTER TABLE ticket ADD COLUMN category INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE queue ADD COLUMN category INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE object ADD COLUMN destroyed_ms INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX object_ticket ON object(ticket);"
    "CREATE INDEX object_page ON object(page);"
    "CREATE TABLE passkey(id BLOB PRIMARY KEY, person BLOB NOT NULL, name TEXT NOT NULL, key BLOB NOT NULL,"
    " algorithm INTEGER NOT NULL, count INTEGER NOT NULL, flags INTEGER NOT NULL, made_ms INTEGER NOT NULL,"
    " used_ms INTEGER NOT NULL DEFAULT 0, suspended INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
    "CREATE INDEX passkey_person ON passkey(person);"
    "CREATE TABLE recovery(hash BLOB PRIMARY KEY, person BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX recovery_person ON recovery(person);"
    "CREATE TABLE enrolment(hash BLOB PRIMARY KEY, person BLOB NOT NULL, code BLOB NOT NULL, totp BLOB NOT NULL,"
    " made_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, wrong INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
    "CREATE INDEX enrolment_person ON enrolment(person);"
    "DROP TABLE session;"
    "CREATE TABLE session(id BLOB PRIMARY KEY, hash BLOB NOT NULL UNIQUE, before BLOB NOT NULL DEFAULT x'',"
    " replaced_ms INTEGER NOT NULL, person BLOB NOT NULL, made_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL,"
    " origin TEXT NOT NULL, factor INTEGER NOT NULL, limited INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX session_person ON session(person);"
    "CREATE INDEX session_before ON session(before) WHERE before<>x'';"
    "CREATE TABLE token(id BLOB PRIMARY KEY, hash BLOB NOT NULL UNIQUE, person BLOB NOT NULL, name TEXT NOT NULL,"
    " verbs INTEGER NOT NULL, queues BLOB NOT NULL, addresses BLOB NOT NULL, made_ms INTEGER NOT NULL,"
    " expires_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL DEFAULT 0, revoked_ms INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
    "CREATE INDEX token_person ON token(person);"
    "CREATE TABLE role(name TEXT PRIMARY KEY, made_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE person_role(person BLOB NOT NULL, role TEXT NOT NULL, PRIMARY KEY(person,role)) WITHOUT ROWID;"
    /* a rule is a role's or a person's: the other one is empty */
    "CREATE TABLE rule(id INTEGER PRIMARY KEY AUTOINCREMENT, role TEXT NOT NULL, person BLOB NOT NULL, allow INTEGER NOT NULL,"
    " verbs INTEGER NOT NULL, queue TEXT NOT NULL, categories INTEGER NOT NULL, from_ms INTEGER NOT NULL,"
    " until_ms INTEGER NOT NULL, note BLOB NOT NULL, made_by BLOB NOT NULL, made_ms INTEGER NOT NULL);"
    "CREATE INDEX rule_person ON rule(person) WHERE person<>x'';"
    "CREATE INDEX rule_role ON rule(role) WHERE role<>'';"
    "CREATE TABLE request(id BLOB PRIMARY KEY, verb INTEGER NOT NULL, object BLOB NOT NULL, note BLOB NOT NULL,"
    " person BLOB NOT NULL, made_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, state INTEGER NOT NULL DEFAULT 0,"
    " decided_by BLOB NOT NULL DEFAULT x'', decided_ms INTEGER NOT NULL DEFAULT 0, code BLOB NOT NULL DEFAULT x'')"
    " WITHOUT ROWID;"
    "CREATE TABLE budget(person BLOB PRIMARY KEY, day INTEGER NOT NULL, opened INTEGER NOT NULL, listed INTEGER NOT NULL,"
    " bought INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE alarm(id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, at_ms INTEGER NOT NULL, person BLOB NOT "
    "NULL,"
    " note BLOB NOT NULL);"
    "CREATE TABLE alarm_seen(person BLOB NOT NULL, alarm INTEGER NOT NULL, PRIMARY KEY(person,alarm)) WITHOUT ROWID;"
    "CREATE TABLE note(id BLOB PRIMARY KEY, text BLOB NOT NULL) WITHOUT ROWID;" /* sealed with the field key */
    /* purpose 'deliver' has one object; the others a scope: a ticket or a queue */
    "ALTER TABLE warrant ADD COLUMN scope_ticket BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE warrant ADD COLUMN scope_queue TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE warrant ADD COLUMN policy TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE warrant ADD COLUMN used INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE warrant ADD COLUMN revoked_ms INTEGER NOT NULL DEFAULT 0;"
    /* root and vault keys that there were: kind, number, since and until when; no key is in here */
    "CREATE TABLE generation(kind TEXT NOT NULL, number INTEGER NOT NULL, made_ms INTEGER NOT NULL,"
    " ended_ms INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(kind,number)) WITHOUT ROWID;"
    "ALTER TABLE dkim ADD COLUMN from_ms INTEGER NOT NULL DEFAULT 0;" /* signs from then on */
    "ALTER TABLE dkim ADD COLUMN ended_ms INTEGER NOT NULL DEFAULT 0;";

/*
 * What was found in letters and attachments, by what scanner and when; who released what; what came out afterwards. An object's
 * own state is kept apart from the worst of its parts, which `state` is. Attachments of before were never looked into, whatever
 * their rows say: they are unscanned and due. Objects have a number, in the order that they came; attachments know their
 * letter, which until now followed from their ids alone.
 */
static const char version_4[] =
    "ALTER TABLE object ADD COLUMN own_state INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE object ADD COLUMN findings INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE object ADD COLUMN signature TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE object ADD COLUMN engine TEXT NOT NULL DEFAULT '';" /* empty: none */
    "ALTER TABLE object ADD COLUMN scanned_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE object ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE object ADD COLUMN scan_due_ms INTEGER NOT NULL DEFAULT 0;" /* of letters; 0: not due */
    "ALTER TABLE object ADD COLUMN scan_tries INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE object ADD COLUMN made_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE object ADD COLUMN opened_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE object ADD COLUMN released_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE object ADD COLUMN released_by BLOB NOT NULL DEFAULT x'';" /* empty: root */
    "ALTER TABLE object ADD COLUMN released_note BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE object ADD COLUMN released_state INTEGER NOT NULL DEFAULT 0;" /* what was known then */
    "ALTER TABLE object ADD COLUMN letter BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE object ADD COLUMN place INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE object ADD COLUMN number INTEGER NOT NULL DEFAULT 0;"
    "WITH RECURSIVE file(letter,place,id) AS (SELECT id,0,attachment_id(id,0) FROM object WHERE kind=1 "
    " UNION ALL SELECT f.letter,f.place+1,attachment_id(f.letter,f.place+1) FROM file f JOIN object o ON o.id=f.id) "
    "UPDATE object SET letter=file.letter,place=file.place FROM file WHERE file.id=object.id;"
    "UPDATE object SET made_ms=ifnull((SELECT t.made_ms FROM ticket t WHERE t.id=object.ticket),0);"
    "UPDATE object SET number=n.number FROM (SELECT id,row_number() OVER (ORDER BY made_ms,id) AS number FROM object) n "
    " WHERE n.id=object.id;"
    "UPDATE object SET state=0 WHERE state=1 AND (kind=2 OR id IN (SELECT letter FROM object WHERE kind=2));"
    "UPDATE object SET own_state=state;"
    "UPDATE object SET scan_due_ms=1 WHERE kind=1 AND destroyed_ms=0 AND"
    " (state=0 OR id IN (SELECT letter FROM object WHERE kind=2));"
    "CREATE UNIQUE INDEX object_number ON object(number);"
    "CREATE INDEX object_held ON object(number) WHERE kind<>3 AND released_ms=0 AND destroyed_ms=0 AND"
    " (state<>1 OR (kind=1 AND disposition=2));"
    "CREATE INDEX object_due ON object(scan_due_ms) WHERE scan_due_ms>0;"
    "CREATE INDEX object_unseen ON object(scan_due_ms) WHERE scan_due_ms>0 AND scanned_ms=0;"
    "CREATE INDEX object_files ON object(number) WHERE kind=1 AND files=1;"
    "CREATE INDEX object_opened ON object(number) WHERE kind=1 AND opened_ms>0;"
    "CREATE TABLE scan_epoch(number INTEGER PRIMARY KEY AUTOINCREMENT, engine TEXT NOT NULL UNIQUE, first_ms INTEGER NOT NULL);"
    "CREATE TABLE incident(id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, object BLOB NOT NULL,"
    " letter BLOB NOT NULL, ticket BLOB NOT NULL, kind INTEGER NOT NULL, signature TEXT NOT NULL, opened BLOB NOT NULL,"
    " closed_ms INTEGER NOT NULL DEFAULT 0, closed_by BLOB NOT NULL DEFAULT x'', note BLOB NOT NULL DEFAULT x'');";

static const struct {
    const char *sql, *done;
} versions[] = {
    {version_1, "PRAGMA user_version=1"},
    {version_2, "PRAGMA user_version=2"},
    {version_3, "PRAGMA user_version=3"},
    {version_4, "PRAGMA user_version=4"},
};

/* What is only of use while the keeper runs. When a session was last used is written to disk once a minute; in between it is
 * here. */
static const char setup[] =
    "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
    "PRAGMA secure_delete=ON; PRAGMA trusted_schema=OFF; PRAGMA cache_size=-4096; PRAGMA mmap_size=0;"
    "CREATE TEMP TABLE used(id BLOB PRIMARY KEY, used_ms INTEGER NOT NULL) WITHOUT ROWID;"
    /* of challenges: used ones until they would have run out; gestures that wait for their act */
    "CREATE TEMP TABLE spent(nonce BLOB PRIMARY KEY, expires_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TEMP TABLE gesture(session BLOB NOT NULL, verb INTEGER NOT NULL, object BLOB NOT NULL, expires_ms INTEGER NOT NULL,"
    " totp INTEGER NOT NULL, PRIMARY KEY(session,verb,object)) WITHOUT ROWID;";

static const char *const texts[] = {
#define X(name, text) text,
#include "keeper/statements.def"
#undef X
};

struct db {
    sqlite3 *handle;
    bool damaged, lazy;
    sqlite3_stmt *stmts[SQL_COUNT];
};

static enum sd_err from_sqlite(int rc) {
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return SD_OK;
    case SQLITE_NOMEM:
        return SD_ERR_NOMEM;
    case SQLITE_FULL:
        return SD_ERR_FULL;
    case SQLITE_CONSTRAINT:
        return SD_ERR_EXISTS;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return SD_ERR_BUSY;
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_ERROR:
        return SD_ERR_BUG;
    default:
        return SD_ERR_IO;
    }
}

/* The same, remembering damage. */
static enum sd_err outcome(struct db *db, int rc) {
    if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB)
        db->damaged = true;
    return from_sqlite(rc);
}

static enum sd_err run_text(struct db *db, const char *sql) {
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        log_error("keeper.db", "code=%d", sqlite3_extended_errcode(db->handle));
    return outcome(db, rc);
}

static enum sd_err read_version(struct db *db, int *ret) {
    sqlite3_stmt *stmt = NULL;
    int version = 0;
    int rc = sqlite3_prepare_v2(db->handle, "PRAGMA user_version", -1, &stmt, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        version = sqlite3_column_int(stmt, 0);
    (void)sqlite3_finalize(stmt);
    enum sd_err err = outcome(db, rc);
    if (err == SD_OK)
        *ret = version;
    return err;
}

/* attachment_id(letter, place), for version 4. */
static void attachment_id(sqlite3_context *context, SD_UNUSED int count, sqlite3_value **values) {
    struct object_id letter, file;
    const void *p = sqlite3_value_blob(values[0]);
    if (!p || sqlite3_value_bytes(values[0]) != sizeof letter.b) {
        sqlite3_result_null(context);
        return;
    }
    memcpy(letter.b, p, sizeof letter.b);
    if (attachment_object_id(&letter, (uint16_t)sqlite3_value_int(values[1]), &file) != SD_OK)
        sqlite3_result_error_nomem(context);
    else
        sqlite3_result_blob(context, file.b, sizeof file.b, SQLITE_TRANSIENT);
}

/* create: from nothing. Else version 0 is no database of ours, nor is one from a later keeper. */
static enum sd_err bring_up_to_date(struct db *db, bool create) {
    int version = 0, newest = (int)SD_COUNT(versions);
    enum sd_err err = read_version(db, &version);
    if (err == SD_OK && (version < 0 || version > newest || (version == 0) != create)) {
        log_error("keeper.db", "version=%d, not one of 1 to %d", version, newest);
        return SD_ERR_CONFIG;
    }
    if (err || version == newest)
        return err;
    err = from_sqlite(sqlite3_create_function(db->handle, "attachment_id", 2, SQLITE_UTF8, NULL, attachment_id, NULL, NULL));
    if (err == SD_OK)
        err = run_text(db, "BEGIN IMMEDIATE");
    for (; version < newest && err == SD_OK; version++) {
        err = run_text(db, versions[version].sql);
        if (err == SD_OK)
            err = run_text(db, versions[version].done);
    }
    if (err == SD_OK)
        err = run_text(db, "COMMIT");
    if (err && !sqlite3_get_autocommit(db->handle))
        (void)run_text(db, "ROLLBACK");
    return err;
}

/* One line, "ok", when pages and rows are what they must be. Reads the whole file: half a second for a gigabyte in memory. */
static enum sd_err check_whole(struct db *db) {
    sqlite3_stmt *stmt = NULL;
    bool good = false;
    int rc = sqlite3_prepare_v2(db->handle, "PRAGMA quick_check(1)", -1, &stmt, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        good = strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;
    (void)sqlite3_finalize(stmt);
    enum sd_err err = outcome(db, rc);
    db->damaged |= err == SD_OK && !good;
    return err;
}

bool db_damaged(const struct db *db) {
    return db && db->damaged;
}

enum sd_err db_open(const char *path, bool create, struct db **ret) {
    struct db *db = calloc(1, sizeof *db);
    if (!db)
        return SD_ERR_NOMEM;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0);
    enum sd_err err = from_sqlite(sqlite3_open_v2(path, &db->handle, flags, NULL));
    if (err == SD_OK && sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK)
        err = SD_ERR_BUG;
    if (err == SD_OK)
        err = run_text(db, setup);
    if (err == SD_OK && !create)
        err = check_whole(db);
    if (err == SD_OK && !db->damaged)
        err = bring_up_to_date(db, create);
    if (db->damaged) {
        log_error("keeper.db", "damaged");
        err = SD_ERR_FORGED;
    }
    if (err)
        db_close(&db);
    else
        *ret = db;
    return err;
}

void db_close(struct db **db) {
    if (!*db)
        return;
    for (size_t i = 0; i < SQL_COUNT; i++)
        (void)sqlite3_finalize((*db)->stmts[i]);
    (void)sqlite3_close((*db)->handle);
    free(*db);
    *db = NULL;
}

struct query db_query(struct db *db, enum db_sql sql) {
    struct query q = {.db = db};
    sqlite3_stmt **stmt = &db->stmts[sql];
    if (!*stmt) {
        q.err = outcome(db, sqlite3_prepare_v3(db->handle, texts[sql], -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL));
        if (q.err)
            log_error("keeper.db", "statement=%d error=%s", (int)sql, sd_err_name(q.err));
    }
    q.stmt = *stmt;
    return q;
}

static void bound(struct query *q, int rc) {
    if (q->err == SD_OK)
        q->err = from_sqlite(rc);
}

void query_blob(struct query *q, struct span value) {
    if (q->err == SD_OK)
        bound(q, sqlite3_bind_blob64(q->stmt, ++q->bound, value.n ? (const void *)value.p : "", value.n, SQLITE_STATIC));
}

void query_text(struct query *q, struct span value) {
    if (q->err == SD_OK)
        bound(q, sqlite3_bind_text64(q->stmt, ++q->bound, value.n ? (const char *)value.p : "", value.n, SQLITE_STATIC,
                                     SQLITE_UTF8));
}

void query_int(struct query *q, int64_t value) {
    if (q->err == SD_OK)
        bound(q, sqlite3_bind_int64(q->stmt, ++q->bound, value));
}

bool query_row(struct query *q) {
    if (q->err)
        return false;
    q->used = true;
    int rc = sqlite3_step(q->stmt);
    if (rc != SQLITE_ROW)
        q->err = outcome(q->db, rc);
    return rc == SQLITE_ROW;
}

struct span query_get(struct query *q, int column) {
    if (q->err)
        return SPAN_NONE;
    const void *p = sqlite3_column_type(q->stmt, column) == SQLITE_TEXT ? (const void *)sqlite3_column_text(q->stmt, column)
                                                                        : sqlite3_column_blob(q->stmt, column);
    return span_of(p, p ? (size_t)sqlite3_column_bytes(q->stmt, column) : 0);
}

int64_t query_get_int(struct query *q, int column) {
    return q->err ? 0 : sqlite3_column_int64(q->stmt, column);
}

void query_get_fixed(struct query *q, int column, void *to, size_t n) {
    struct span value = query_get(q, column);
    memset(to, 0, n);
    if (value.n == n)
        memcpy(to, value.p, n);
    else if (q->err == SD_OK)
        q->err = SD_ERR_BUG;
}

enum sd_err query_end(struct query *q) {
    if (q->stmt) {
        (void)sqlite3_reset(q->stmt);
        (void)sqlite3_clear_bindings(q->stmt);
    }
    return q->err;
}

enum sd_err query_run(struct query *q) {
    while (query_row(q))
        ;
    return query_end(q);
}

static enum sd_err run(struct db *db, enum db_sql sql) {
    struct query q = db_query(db, sql);
    return query_run(&q);
}

/* SQLite wants it between transactions. */
static enum sd_err set_lazy(struct db *db, bool lazy) {
    enum sd_err err = SD_OK;
    if (db->lazy != lazy)
        err = run_text(db, lazy ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL");
    if (err == SD_OK)
        db->lazy = lazy;
    return err;
}

enum sd_err db_begin(struct db *db) {
    enum sd_err err = set_lazy(db, false);
    return err ? err : run(db, SQL_BEGIN);
}

enum sd_err db_begin_lazy(struct db *db) {
    enum sd_err err = set_lazy(db, true);
    return err ? err : run(db, SQL_BEGIN);
}

void db_rollback(struct db *db) {
    if (!sqlite3_get_autocommit(db->handle) && run(db, SQL_ROLLBACK) != SD_OK)
        log_error("keeper.db", "rollback failed code=%d", sqlite3_extended_errcode(db->handle));
}

enum sd_err db_commit(struct db *db) {
    enum sd_err err = run(db, SQL_COMMIT);
    if (err)
        db_rollback(db);
    else if (db->lazy)
        err = set_lazy(db, false);
    return err;
}

enum sd_err db_end(struct db *db, enum sd_err err) {
    if (err == SD_OK)
        return db_commit(db);
    db_rollback(db);
    return err;
}

struct sqlite3 *db_handle(struct db *db) {
    return db->handle;
}

int64_t db_last_id(struct db *db) {
    return sqlite3_last_insert_rowid(db->handle);
}

unsigned db_changes(struct db *db) {
    return (unsigned)sqlite3_changes(db->handle);
}
