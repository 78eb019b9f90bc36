/*
 * A keeper that cannot open: sealed with a passphrase or a credential, without its root, with a wrong one, with a damaged
 * database. It says so, opens and signs nothing, drops nobody, and the edge goes on getting its key; and it opens when it can.
 */
#include "keeper/test_rig.h"
#include "keeper/unlock.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PHRASE "a phrase of more than fifteen characters"

static struct rig rig;

static int setup(SD_UNUSED void **state) {
    rig_new(&rig);
    return 0;
}

static int teardown(SD_UNUSED void **state) {
    rig_free(&rig);
    return 0;
}

static void run(const char *format, ...) SD_PRINTF(1, 2);
static void run(const char *format, ...) {
    char command[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(command, sizeof command, format, args);
    va_end(args);
    assert_int_equal(system(command), 0);
}

static void restart_as(enum root_source root) {
    if (rig.k)
        rig_crash(&rig);
    rig.root = root;
    rig_open(&rig);
}

static enum keeper_lock lock_now(void) {
    return (enum keeper_lock)atomic_load(&rig.k->lock);
}

static enum sd_err adopt(uint8_t number) {
    struct rig_letter letter = RIG_LETTER(number);
    struct rig_adopted adopted;
    return rig_adopt_many(&rig, &letter, 1, &adopted);
}

static bool edge_has_key(void) {
    struct keeper_intake_key_rep rep;
    struct keeper_intake_key_req req = {.holds = span_of(rig.key_id, 16)};
    return RIG_CALL(&rig, RIG_EDGE, intake_key, &req, &rep) == SD_OK && span_eq(rep.id, span_of(rig.key_id, 16));
}

static bool state_says(const char *text) {
    struct keeper_state_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, state, &(struct keeper_state_req){}, &rep), SD_OK);
    return !rep.open && span_search(rep.reason, span_cstr(text)) < rep.reason.n;
}

/* Every peer is answered, and asks again. */
static void is_locked(enum keeper_lock lock, const char *text) {
    struct keeper_session_rep session;
    struct keeper_session_req req = {.token = SPAN("none"), .origin = SPAN("192.0.2.1")};
    struct keeper_public_keys_rep keys;
    assert_int_equal(lock_now(), lock);
    assert_true(state_says(text));
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(adopt(1), SD_ERR_LOCKED);
        assert_int_equal(RIG_CALL(&rig, RIG_DESK, session, &req, &session), SD_ERR_LOCKED);
        assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, public_keys, &(struct keeper_public_keys_req){}, &keys), SD_ERR_LOCKED);
    }
    keeper_tick(rig.k);
}

static bool wrap(uint8_t how, const char *phrase) {
    struct keeper_root_wrap_req req = {.how = how, .passphrase = span_cstr(phrase)};
    struct keeper_root_wrap_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, root_wrap, &req, &rep), SD_OK);
    return rep.problem.n == 0;
}

static bool unlock(const char *phrase) {
    struct keeper_unlock_req req = {.passphrase = span_cstr(phrase)};
    struct keeper_unlock_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, unlock, &req, &rep), SD_OK);
    return rep.problem.n == 0;
}

static void rotate_root(void) {
    struct keeper_key_rotate_req req = {.kind = SPAN("root")};
    struct keeper_key_rotate_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, key_rotate, &req, &rep), SD_OK);
    assert_int_equal(rep.problem.n, 0);
}

/* ---- a passphrase ---- */

static void opened_with_a_passphrase(SD_UNUSED void **state) {
    assert_false(wrap(WRAP_PASSPHRASE, "too short"));
    assert_true(wrap(WRAP_PASSPHRASE, PHRASE));
    run("test ! -e '%s/root.key' && test \"$(stat -c %%a '%s/root.sealed')\" = 600", rig.dir, rig.dir);
    assert_int_equal(adopt(1), SD_OK); /* it goes on */
    restart_as(ROOT_PASSPHRASE);
    is_locked(LOCK_PASSPHRASE, "run sealdesk unlock");
    assert_true(edge_has_key());
    assert_false(unlock("another phrase of enough characters"));
    assert_false(unlock(""));
    is_locked(LOCK_PASSPHRASE, "run sealdesk unlock");
    assert_true(unlock(PHRASE));
    assert_true(keeper_is_open(rig.k));
    assert_int_equal(adopt(2), SD_OK);
    assert_int_equal(rig_records(&rig, "\"action\":\"unlock\""), 1);
    assert_int_equal(rig_records(&rig, "wrong attempts before: 2"), 1);
    assert_int_equal(rig_records(&rig, "\"action\":\"root-wrap\""), 2);
    assert_false(unlock(PHRASE)); /* it is open */
}

static void a_sealed_root_is_replaced(SD_UNUSED void **state) {
    assert_true(wrap(WRAP_PASSPHRASE, PHRASE));
    run("cp '%s/root.sealed' '%s/kept'", rig.dir, rig.dir);
    rotate_root();
    restart_as(ROOT_PASSPHRASE);
    assert_true(unlock(PHRASE)); /* the same phrase, another root */
    assert_int_equal(adopt(1), SD_OK);
    run("cp '%s/kept' '%s/root.sealed'", rig.dir, rig.dir);
    restart_as(ROOT_PASSPHRASE);
    assert_false(unlock(PHRASE));
    assert_int_equal(lock_now(), LOCK_WRONG_ROOT);
    assert_true(edge_has_key());
}

static void kept_plain_again(SD_UNUSED void **state) {
    assert_true(wrap(WRAP_PASSPHRASE, PHRASE));
    restart_as(ROOT_FILE); /* the configuration was not changed */
    is_locked(LOCK_SEALED, "set keeper.root");
    restart_as(ROOT_PASSPHRASE);
    assert_true(unlock(PHRASE));
    assert_true(wrap(WRAP_FILE, NULL));
    run("test ! -e '%s/root.sealed' && test -e '%s/root.key'", rig.dir, rig.dir);
    restart_as(ROOT_PASSPHRASE); /* nor this time: it is not wrapped, and opens */
    assert_true(keeper_is_open(rig.k));
    restart_as(ROOT_FILE);
    assert_int_equal(adopt(1), SD_OK);
}

/* While the plain file still stands beside the sealed one. */
static void killed_while_sealing(SD_UNUSED void **state) {
    run("cp '%s/root.key' '%s/kept'", rig.dir, rig.dir);
    assert_true(wrap(WRAP_PASSPHRASE, PHRASE));
    run("cp '%s/kept' '%s/root.key'", rig.dir, rig.dir);
    restart_as(ROOT_FILE);
    assert_true(keeper_is_open(rig.k));
    restart_as(ROOT_PASSPHRASE);
    assert_true(unlock(PHRASE));
    run("test ! -e '%s/root.key'", rig.dir);
}

/* ---- a credential ---- */

static void opened_with_a_credential(SD_UNUSED void **state) {
    assert_false(wrap(WRAP_CREDENTIAL, NULL)); /* none was handed over */
    rig.credential = "short";
    restart_as(ROOT_CREDENTIAL);
    assert_true(keeper_is_open(rig.k)); /* not wrapped yet */
    assert_false(wrap(WRAP_CREDENTIAL, NULL));
    rig.credential = "0123456789abcdef0123456789abcdef";
    restart_as(ROOT_CREDENTIAL);
    assert_true(wrap(WRAP_CREDENTIAL, NULL));
    restart_as(ROOT_CREDENTIAL);
    assert_true(keeper_is_open(rig.k));
    rotate_root();
    restart_as(ROOT_CREDENTIAL);
    assert_int_equal(adopt(1), SD_OK);
    rig.credential = "another one, that is long enough";
    restart_as(ROOT_CREDENTIAL);
    is_locked(LOCK_WRONG_CREDENTIAL, "does not open the root");
    assert_true(edge_has_key());
    rig.credential = NULL;
    restart_as(ROOT_CREDENTIAL);
    is_locked(LOCK_NO_CREDENTIAL, "LoadCredential=");
}

/* ---- what is missing or wrong ---- */

static void without_its_root(SD_UNUSED void **state) {
    rig_crash(&rig);
    run("mv '%s/root.key' '%s/away'", rig.dir, rig.dir);
    rig_open(&rig);
    is_locked(LOCK_NO_ROOT, "root.key is missing");
    assert_true(edge_has_key());
    rig_crash(&rig);
    run("cp '%s/away' '%s/root.key' && chmod 640 '%s/root.key'", rig.dir, rig.dir, rig.dir);
    rig_open(&rig);
    is_locked(LOCK_ROOT_MODE, "chmod 600");
    rig_crash(&rig);
    run("echo nothing > '%s/root.key' && chmod 600 '%s/root.key'", rig.dir, rig.dir);
    rig_open(&rig);
    is_locked(LOCK_ROOT_FORM, "holds no root key");
    rig_crash(&rig);
    run("head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n' > '%s/root.key'", rig.dir);
    rig_open(&rig);
    is_locked(LOCK_WRONG_ROOT, "not the one of this keeper.db");
    assert_true(edge_has_key());
    rig_crash(&rig);
    run("mv '%s/away' '%s/root.key'", rig.dir, rig.dir);
    rig_open(&rig);
    assert_true(keeper_is_open(rig.k));
    assert_int_equal(adopt(1), SD_OK);
}

static bool edge_is_told_to_go_on(void) {
    struct keeper_intake_key_rep rep;
    return RIG_CALL(&rig, RIG_EDGE, intake_key, &(struct keeper_intake_key_req){}, &rep) == SD_ERR_LOCKED;
}

static void with_a_damaged_database(SD_UNUSED void **state) {
    for (uint8_t i = 1; i < 30; i++)
        assert_int_equal(adopt(i), SD_OK);
    rig_crash(&rig);
    run("cp '%s/keeper.db' '%s/kept'", rig.dir, rig.dir);
    run("dd if=/dev/urandom of='%s/keeper.db' bs=4096 seek=1 count=20 conv=notrunc 2>/dev/null", rig.dir);
    rig_open(&rig);
    is_locked(LOCK_DAMAGED, "keeper.db is damaged");
    assert_true(edge_is_told_to_go_on());
    rig_crash(&rig);
    run("echo nothing at all > '%s/keeper.db'", rig.dir);
    rig_open(&rig);
    is_locked(LOCK_DAMAGED, "keeper.db is damaged");
    rig_crash(&rig);
    run("rm '%s/keeper.db'", rig.dir);
    rig_open(&rig);
    is_locked(LOCK_NO_DATABASE, "keeper.db is missing");
    rig_crash(&rig);
    run("cp '%s/kept' '%s/keeper.db'", rig.dir, rig.dir);
    rig_open(&rig);
    assert_true(keeper_is_open(rig.k));
}

/* While it runs: the next look at a damaged page ends it. */
static void damaged_while_open(SD_UNUSED void **state) {
    char path[96];
    for (uint8_t i = 1; i < 200; i++)
        assert_int_equal(adopt(i), SD_OK);
    rig_crash(&rig);
    rig_open(&rig); /* nothing is cached, nothing in the write-ahead log */
    (void)snprintf(path, sizeof path, "%s/keeper.db", rig.dir);
    run("dd if=/dev/urandom of='%s' bs=4096 seek=1 count=90 conv=notrunc 2>/dev/null", path);
    (void)sqlite3_db_release_memory(db_handle(rig.k->db)); /* else it would see what it has read before */
    for (uint8_t i = 1; i < 200 && keeper_is_open(rig.k); i++) {
        (void)adopt(i);
        keeper_tick(rig.k);
    }
    is_locked(LOCK_DAMAGED, "keeper.db is damaged");
    assert_null(rig.k->vault.vault.p);
    assert_null(rig.k->root.secret.p);
    assert_int_equal(rig.k->pages.open.id, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(opened_with_a_passphrase), CASE(a_sealed_root_is_replaced), CASE(kept_plain_again),
        CASE(killed_while_sealing),     CASE(opened_with_a_credential),  CASE(without_its_root),
        CASE(with_a_damaged_database),  CASE(damaged_while_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
