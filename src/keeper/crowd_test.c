/*
 * Many at once, on the real process: a thousand sessions that all read at the same time; ten thousand attempts to sign in,
 * while agents go on reading and mail goes on being taken in. argv[1]: sealdesk-keeper.
 */
#include "keeper/adversary.h"
#include "keeper/audit.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SESSIONS 1000
#define ATTEMPTS 10000
#define TRIED_MAX 400              /* attempts that are hashed meanwhile, at tens of milliseconds each */
#define MEMORY_MAX_KIB (96 * 1024) /* one attempt is hashed in 64 MiB */

static const char *program;
static struct world *world;
static uint8_t tokens[SESSIONS][32];

static void put_sessions(void) {
    char path[256];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    struct sha256 hash;
    (void)snprintf(path, sizeof path, "%s/keeper/keeper.db", world->p.dir);
    MUST(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK);
    MUST(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK);
    MUST(sqlite3_prepare_v2(db,
                            "INSERT INTO session(id,hash,person,replaced_ms,made_ms,used_ms,origin,factor,limited) "
                            "VALUES(?1,?2,?3,?4,?4,?4,'192.0.2.1',1,0)",
                            -1, &stmt, NULL) == SQLITE_OK);
    for (size_t i = 0; i < SESSIONS; i++) {
        random_bytes(tokens[i], 32);
        MUST(crypt_sha256(span_of(tokens[i], 32), &hash) == SD_OK);
        sqlite3_bind_blob(stmt, 1, hash.b, 16, SQLITE_TRANSIENT);
        sqlite3_bind_blob(stmt, 2, hash.b, 32, SQLITE_TRANSIENT);
        sqlite3_bind_blob(stmt, 3, world->people[i % 2 ? PERSON_OF_AGENT : PERSON_OF_HONEST], 16, SQLITE_TRANSIENT);
        sqlite3_bind_int64(stmt, 4, clock_unix_ms());
        MUST(sqlite3_step(stmt) == SQLITE_DONE && sqlite3_reset(stmt) == SQLITE_OK);
    }
    MUST(sqlite3_finalize(stmt) == SQLITE_OK && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
    MUST(sqlite3_close(db) == SQLITE_OK);
}

static void start(void) {
    world_start(world);
    process_stop(&world->p);
    put_sessions();
    process_start(&world->p);
}

static struct span first_letter(void) {
    return span_of(world->objects[0].mail.id, 16);
}

static void a_thousand_sessions(SD_UNUSED void **state) {
    static struct ipc_ticket *who[SESSIONS], *opens[SESSIONS];
    start();
    long memory_kib = process_memory_kib(&world->p, "VmRSS");
    for (size_t i = 0; i < SESSIONS; i++) {
        struct keeper_session_req session = {.token = span_of(tokens[i], 32), .origin = SPAN("192.0.2.1")};
        struct keeper_open_req open = {
            .token = session.token, .origin = session.origin, .object = first_letter(), .facet = FACET_TEXT};
        assert_int_equal(keeper_session_start(world->p.desk, &session, rig_soon(), &who[i]), SD_OK);
        assert_int_equal(keeper_open_start(world->p.desk, &open, rig_soon(), &opens[i]), SD_OK);
    }
    for (size_t i = 0; i < SESSIONS; i++) {
        struct keeper_session_rep session;
        struct keeper_open_rep open;
        struct ipc_msg *first SD_CLEANUP(ipc_msg_free) = NULL, *second SD_CLEANUP(ipc_msg_free) = NULL;
        assert_int_equal(keeper_session_wait(world->p.desk, &who[i], rig_soon(), &first, &session), SD_OK);
        assert_int_equal(keeper_open_wait(world->p.desk, &opens[i], rig_soon(), &second, &open), SD_OK);
    }
    assert_true(process_memory_kib(&world->p, "VmRSS") - memory_kib < MEMORY_MAX_KIB);
    assert_true(process_ready(&world->p));
    process_stop(&world->p);
}

/* ---- the flood ---- */

static bool count_one(void *arg, SD_UNUSED uint64_t seq, SD_UNUSED uint64_t segment, SD_UNUSED uint64_t offset,
                      struct span record) {
    unsigned *count = arg;
    *count += span_search(record, SPAN("\"action\":\"sign-in\"")) < record.n;
    return true;
}

static unsigned sign_ins_recorded(void) {
    char dir[256];
    unsigned count = 0;
    (void)snprintf(dir, sizeof dir, "%s/keeper/log", world->p.dir);
    MUST(audit_read(dir, 0, UINT64_MAX, count_one, &count) == SD_OK);
    return count;
}

#define AT_ONCE 100

static void try_many(struct ipc_client *desk, unsigned from, bool one_address) {
    struct ipc_ticket *tickets[AT_ONCE];
    for (unsigned i = 0; i < AT_ONCE; i++) {
        char origin[32];
        int n = snprintf(origin, sizeof origin, one_address ? "192.0.2.7" : "198.51.%u.%u", (from + i) / 250, (from + i) % 250);
        struct keeper_sign_in_req req = {.email = SPAN("agent@example.test"),
                                         .password = SPAN("correct horse battery"),
                                         .totp = SPAN("000000"),
                                         .origin = span_of(origin, (size_t)n)};
        assert_int_equal(keeper_sign_in_start(desk, &req, rig_soon(), &tickets[i]), SD_OK);
    }
    for (unsigned i = 0; i < AT_ONCE; i++) {
        struct keeper_sign_in_rep rep = {0};
        struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
        enum sd_err err = keeper_sign_in_wait(desk, &tickets[i], rig_soon(), &msg, &rep);
        assert_true(err == SD_ERR_BUSY || (err == SD_OK && rep.outcome != SIGN_IN_OK));
    }
}

static void take_in(struct dice *dice) {
    uint8_t ticket[16];
    rig_adopt_mail(&world->p, &world->intake, world_letter(world, dice), ticket);
}

/* Half of one address, half of one each, all for one account: throttled; reading and mail go on; the log does not grow with
 * them. */
static void ten_thousand_attempts(SD_UNUSED void **state) {
    struct dice dice = {world->seed};
    int64_t slowest_ns = 0;
    start();
    struct ipc_client *desk = process_client(&world->p, PEER_DESK);
    for (unsigned from = 0; from < ATTEMPTS; from += AT_ONCE) {
        try_many(desk, from, from < ATTEMPTS / 2);
        int64_t took_ns = world_probe(world);
        slowest_ns = took_ns > slowest_ns ? took_ns : slowest_ns;
        take_in(&dice);
    }
    assert_true(slowest_ns < INT64_C(2000) * 1000000);
    assert_true(process_ready(&world->p));
    ipc_client_free(&desk);
    process_stop(&world->p);
    unsigned recorded = sign_ins_recorded();
    print_message("%u attempts, %u records of them; others waited at most %lld ms\n", ATTEMPTS, recorded,
                  (long long)(slowest_ns / 1000000));
    assert_true(recorded > 0 && recorded < TRIED_MAX);
}

static int make(SD_UNUSED void **state) {
    world = malloc(sizeof *world);
    MUST(world != NULL);
    world_make(world, program, 1);
    return 0;
}

static int drop(SD_UNUSED void **state) {
    world_free(world);
    free(world);
    return 0;
}

int main(int argc, char **argv) {
    program = argc > 1 ? argv[1] : NULL;
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_thousand_sessions), cmocka_unit_test(ten_thousand_attempts)};
    return program ? cmocka_run_group_tests(tests, make, drop) : 1;
}
