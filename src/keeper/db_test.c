/* Databases of earlier versions: brought up to date when they are opened, as a whole or not at all. */
#include "keeper/test_rig.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Version 1, as it was. */
static const char first_schema[] =
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
    " PRIMARY KEY(ticket,seq)) WITHOUT ROWID;"
    "PRAGMA user_version=1;";

static char path[64];

static int setup(SD_UNUSED void **state) {
    (void)snprintf(path, sizeof path, "/tmp/keeper-db-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 || close(fd) != 0;
}

static int teardown(SD_UNUSED void **state) {
    char command[256];
    (void)snprintf(command, sizeof command, "rm -f '%s' '%s-wal' '%s-shm'", path, path, path);
    return system(command) == 0 ? 0 : 1;
}

static void run_on(const char *file, const char *sql) {
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        print_error("%s\n", sqlite3_errmsg(db));
    assert_int_equal(rc, SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t number_of(const char *file, const char *sql) {
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return number;
}

static void every_statement_prepares(struct db *db) {
    for (unsigned sql = 0; sql < SQL_COUNT; sql++) {
        struct query q = db_query(db, (enum db_sql)sql);
        assert_int_equal(query_end(&q), SD_OK);
    }
}

#define ROWS                                                                                                                   \
    "INSERT INTO ticket VALUES(x'01','support',1,5),(x'02','support',0,5);"                                                    \
    "INSERT INTO object VALUES(x'0a',1,1,0,x'01',1,3,x'00',1),(x'0b',1,1,1,x'02',1,5,x'00',1);"                                \
    "INSERT INTO participant VALUES(x'01',x'99');INSERT INTO message_id VALUES(x'77',x'01');"

static void from_version_1(SD_UNUSED void **state) {
    struct db *db = NULL;
    run_on(path, first_schema);
    run_on(path, ROWS);
    for (unsigned i = 0; i < 2; i++) { /* and once more, when there is nothing to do */
        assert_int_equal(db_open(path, false, &db), SD_OK);
        every_statement_prepares(db);
        db_close(&db);
    }
    assert_int_equal(number_of(path, "PRAGMA user_version"), 4);
    /* nobody knows how these people and letters were trusted: the least of letters, the most asked of people */
    assert_int_equal(number_of(path, "SELECT count(*) FROM object WHERE trust=0 AND files=1 AND decisions=0"), 2);
    assert_int_equal(number_of(path, "SELECT trust FROM participant"), TRUST_VERIFIED);
    assert_int_equal(number_of(path, "SELECT ours FROM message_id"), 0);
    assert_int_equal(number_of(path, "SELECT decisions FROM ticket WHERE id=x'01'"), 1);
    assert_int_equal(number_of(path, "SELECT decisions FROM ticket WHERE id=x'02'"), 0); /* in Review: nobody has decided */
}

/* A step that fails in its middle leaves the version before, whole. */
static void all_or_nothing(SD_UNUSED void **state) {
    struct db *db = NULL;
    run_on(path, first_schema);
    run_on(path, ROWS "CREATE TABLE known_name(x);"); /* in the way of the last table */
    assert_int_not_equal(db_open(path, false, &db), SD_OK);
    assert_null(db);
    assert_int_equal(number_of(path, "PRAGMA user_version"), 1);
    assert_int_equal(number_of(path, "SELECT count(*) FROM pragma_table_info('object')"), 9);
    run_on(path, "DROP TABLE known_name");
    assert_int_equal(db_open(path, false, &db), SD_OK);
    db_close(&db);
}

static void versions_that_are_none(SD_UNUSED void **state) {
    struct db *db = NULL;
    assert_int_equal(db_open(path, false, &db), SD_ERR_CONFIG); /* empty */
    run_on(path, first_schema);
    assert_int_equal(db_open(path, true, &db), SD_ERR_CONFIG); /* there is one */
    run_on(path, "PRAGMA user_version=5");
    assert_int_equal(db_open(path, false, &db), SD_ERR_CONFIG); /* of a later program */
    assert_null(db);
}

#define BACK_TO_VERSION_3                                                                                                      \
    "DROP INDEX object_number; DROP INDEX object_held; DROP INDEX object_due; DROP INDEX object_unseen;"                       \
    "DROP INDEX object_files; DROP INDEX object_opened; DROP TABLE scan_epoch; DROP TABLE incident;"                           \
    "UPDATE object SET state=1;"                                                                                               \
    "ALTER TABLE object DROP COLUMN own_state; ALTER TABLE object DROP COLUMN findings;"                                       \
    "ALTER TABLE object DROP COLUMN signature; ALTER TABLE object DROP COLUMN engine;"                                         \
    "ALTER TABLE object DROP COLUMN scanned_ms; ALTER TABLE object DROP COLUMN epoch;"                                         \
    "ALTER TABLE object DROP COLUMN scan_due_ms; ALTER TABLE object DROP COLUMN scan_tries;"                                   \
    "ALTER TABLE object DROP COLUMN made_ms; ALTER TABLE object DROP COLUMN opened_ms;"                                        \
    "ALTER TABLE object DROP COLUMN released_ms; ALTER TABLE object DROP COLUMN released_by;"                                  \
    "ALTER TABLE object DROP COLUMN released_note; ALTER TABLE object DROP COLUMN released_state;"                             \
    "ALTER TABLE object DROP COLUMN letter; ALTER TABLE object DROP COLUMN place; ALTER TABLE object DROP COLUMN number;"

/* A keeper that ran before: what was readable is, a ticket in Review is decided on by a person, and letters go on coming. */
#define BACK_TO_VERSION_2                                                                                                      \
    BACK_TO_VERSION_3                                                                                                          \
    "DROP INDEX object_ticket; DROP INDEX object_page; DROP INDEX passkey_person; DROP INDEX recovery_person;"                 \
    "DROP INDEX enrolment_person; DROP INDEX token_person; DROP INDEX rule_person; DROP INDEX rule_role;"                      \
    "ALTER TABLE person ADD COLUMN totp_before INTEGER NOT NULL DEFAULT 0; ALTER TABLE queue DROP COLUMN category; ALTER "     \
    "TABLE person DROP COLUMN state; ALTER TABLE person DROP COLUMN used_ms; "                                                 \
    "ALTER TABLE ticket DROP COLUMN category;"                                                                                 \
    "ALTER TABLE object DROP COLUMN destroyed_ms; ALTER TABLE warrant DROP COLUMN scope_ticket;"                               \
    "ALTER TABLE warrant DROP COLUMN scope_queue; ALTER TABLE warrant DROP COLUMN policy;"                                     \
    "ALTER TABLE warrant DROP COLUMN used; ALTER TABLE warrant DROP COLUMN revoked_ms; ALTER TABLE dkim DROP COLUMN ended_ms;" \
    "ALTER TABLE dkim DROP COLUMN from_ms;"                                                                                    \
    "DROP TABLE passkey; DROP TABLE recovery; DROP TABLE enrolment; DROP TABLE session; DROP TABLE token; DROP TABLE role;"    \
    "DROP TABLE person_role; DROP TABLE rule; DROP TABLE request; DROP TABLE budget; DROP TABLE alarm; DROP TABLE alarm_seen;" \
    "DROP TABLE note; DROP TABLE generation;"                                                                                  \
    "CREATE TABLE session(hash BLOB PRIMARY KEY, person BLOB NOT NULL, made_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL)"    \
    " WITHOUT ROWID;"
#define BACK_TO_VERSION_1                                                                                                      \
    BACK_TO_VERSION_2                                                                                                          \
    "ALTER TABLE ticket DROP COLUMN decisions; ALTER TABLE object DROP COLUMN trust; ALTER TABLE object DROP COLUMN files;"    \
    "ALTER TABLE object DROP COLUMN decisions; ALTER TABLE object DROP COLUMN signals; ALTER TABLE object DROP COLUMN known;"  \
    "ALTER TABLE object DROP COLUMN known_since_ms; ALTER TABLE object DROP COLUMN domain_tag;"                                \
    "ALTER TABLE object DROP COLUMN as_customer; ALTER TABLE object DROP COLUMN encrypted;"                                    \
    "ALTER TABLE participant DROP COLUMN trust; ALTER TABLE message_id DROP COLUMN ours;"                                      \
    "DROP TABLE contact; DROP TABLE known_domain; DROP TABLE known_look; DROP TABLE known_name; PRAGMA user_version=1;"

static enum sd_err open_file(struct rig *rig, const struct rig_person *agent, const struct rig_letter *letter) {
    struct object_id id, parent;
    rig_object_id(letter, parent.b);
    assert_int_equal(attachment_object_id(&parent, 0, &id), SD_OK);
    struct keeper_open_req req = {
        .token = span_of(agent->token, 32), .origin = SPAN("192.0.2.1"), .object = span_of(id.b, 16), .facet = FACET_FILE};
    struct keeper_open_rep rep;
    return RIG_CALL(rig, RIG_DESK, open, &req, &rep);
}

/* So many letters wait to be looked into; whatever was handed out is put off. */
static void due_are(struct rig *rig, unsigned expected) {
    struct keeper_scan_due_rep rep;
    rig_now_ms += 2 * 60 * 60 * 1000;
    assert_int_equal(rig_scanner(rig, true, "ClamAV 1/1/1"), SD_OK);
    assert_int_equal(RIG_CALL(rig, RIG_CLERK, scan_due, &(struct keeper_scan_due_req){}, &rep), SD_OK);
    assert_int_equal(rep.retry.count, expected);
    rig_now_ms -= 2 * 60 * 60 * 1000;
}

static void a_keeper_that_ran_before(SD_UNUSED void **state) {
    struct rig rig;
    struct rig_person agent;
    struct rig_adopted a, b, c;
    struct rig_letter open = RIG_LETTER(1), held = RIG_LETTER(2), next = RIG_LETTER(3);
    char file[96];
    rig_new(&rig);
    rig_add(&rig, "agent@example.test", "agent", "support", &agent);
    open.attachments = held.attachments = 1;
    open.message_id = "<first@customer.example>";
    held.disposition = DISPOSITION_REVIEW;
    rig_adopt(&rig, &open, &a);
    rig_adopt(&rig, &held, &b);
    (void)snprintf(file, sizeof file, "%s/keeper.db", rig.dir);
    rig_crash(&rig);
    run_on(file, BACK_TO_VERSION_1);
    rig_open(&rig);
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    /* attachments of before were never looked into: they are now, and then open as they did */
    assert_int_equal(open_file(&rig, &agent, &open), SD_ERR_UNSUPPORTED);
    due_are(&rig, 2);
    rig_find_clean(&rig, &open);
    rig_find_clean(&rig, &held);
    due_are(&rig, 0);
    assert_int_equal(open_file(&rig, &agent, &open), SD_OK);
    assert_int_equal(open_file(&rig, &agent, &held), SD_ERR_UNSUPPORTED);
    struct keeper_act_req act = {.token = span_of(agent.token, 32),
                                 .origin = SPAN("192.0.2.1"),
                                 .ticket = span_of(b.ticket, 16),
                                 .action = ACTION_STATE,
                                 .detail = SPAN("open")};
    struct keeper_act_rep done;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, act, &act, &done), SD_OK);
    assert_int_equal(open_file(&rig, &agent, &held), SD_OK);
    next.reference = "<first@customer.example>";
    rig_adopt(&rig, &next, &c);
    assert_memory_equal(a.ticket, c.ticket, 16);
    assert_true(c.as_customer);
    rig_adopt(&rig, &open, &c);
    assert_int_equal(c.outcome, ADOPT_ALREADY);
    rig_free(&rig);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(from_version_1),
        CASE(all_or_nothing),
        CASE(versions_that_are_none),
        cmocka_unit_test(a_keeper_that_ran_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
