/* Signing in: throttling with a scripted clock, codes once, sessions that end; who may ask what; people. */
#include "core/codec.h"
#include "keeper/test_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct rig rig;
static struct rig_person agent;

static int setup(SD_UNUSED void **state) {
    rig_new(&rig);
    rig_add(&rig, "agent@example.test", "agent", "support", &agent);
    return 0;
}

static int teardown(SD_UNUSED void **state) {
    rig_free(&rig);
    return 0;
}

/* As a browser does it: the token is taken over when there is a new one. */
static enum sd_err session(struct rig_person *person, struct keeper_session_rep *rep) {
    struct keeper_session_req req = {.token = span_of(person->token, 32), .origin = SPAN("192.0.2.1")};
    enum sd_err err = RIG_CALL(&rig, RIG_DESK, session, &req, rep);
    if (err == SD_OK && rep->new_token.n == 32)
        memcpy(person->token, rep->new_token.p, 32);
    return err;
}

static void signs_in_and_out(SD_UNUSED void **state) {
    struct keeper_session_rep rep;
    struct sha256 csrf;
    assert_int_equal(rig_sign_in(&rig, "AGENT@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    assert_int_equal(session(&agent, &rep), SD_OK);
    assert_int_equal(session_csrf(rig.k, rep.session, &csrf), SD_OK);
    assert_memory_equal(rep.csrf.p, csrf.b, 32);
    assert_int_equal(rep.role, ROLE_AGENT);
    assert_int_equal(rep.queues.count, 1);
    assert_int_equal(rep.expires_ms, rig_now_ms + SESSION_IDLE_MS);
    struct keeper_sign_out_req out = {.token = span_of(agent.token, 32), .origin = SPAN("192.0.2.1")};
    struct keeper_sign_out_rep done;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, sign_out, &out, &done), SD_OK);
    assert_int_equal(session(&agent, &rep), SD_ERR_DENIED);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, sign_out, &out, &done), SD_ERR_DENIED);
    assert_int_equal(rig_records(&rig, "\"action\":\"sign-in\""), 1);
    assert_int_equal(rig_records(&rig, "\"action\":\"sign-out\""), 2);
}

static void one_code_once(SD_UNUSED void **state) {
    char code[7];
    rig_now_ms += 60000;
    rig_code(&agent, code);
    assert_int_equal(rig_try(&rig, "agent@example.test", RIG_PASSWORD, code, "192.0.2.1", NULL), SIGN_IN_OK);
    assert_int_equal(rig_try(&rig, "agent@example.test", RIG_PASSWORD, code, "192.0.2.1", NULL), SIGN_IN_FAILED);
    rig_now_ms += 30000;
    assert_int_equal(rig_try(&rig, "agent@example.test", RIG_PASSWORD, code, "192.0.2.1", NULL), SIGN_IN_FAILED);
    rig_now_ms += 30000;
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
}

/* A code is not used up by somebody who does not know the password. */
static void wrong_password_keeps_the_code(SD_UNUSED void **state) {
    char code[7];
    rig_now_ms += 60000;
    rig_code(&agent, code);
    assert_int_equal(rig_try(&rig, "agent@example.test", "some other password", code, "192.0.2.2", NULL), SIGN_IN_FAILED);
    assert_int_equal(rig_try(&rig, "agent@example.test", RIG_PASSWORD, code, "192.0.2.2", NULL), SIGN_IN_OK);
}

static void throttled(const char *email) {
    static const uint32_t waits_s[] = {0, 0, 1, 2, 4, 8, 16, 32, 64, 1800};
    char origin[32];
    uint32_t wait = 0;
    for (size_t i = 0; i < SD_COUNT(waits_s); i++) {
        (void)snprintf(origin, sizeof origin, "198.51.100.%zu",
                       i); /* another address each time: it is the account that waits */
        assert_int_equal(rig_try(&rig, email, "wrong password here", "000000", origin, NULL), SIGN_IN_FAILED);
        if (waits_s[i] == 0)
            continue;
        assert_int_equal(rig_try(&rig, email, RIG_PASSWORD, "000000", "203.0.113.9", &wait), SIGN_IN_THROTTLED);
        assert_int_equal(wait, waits_s[i]);
        rig_now_ms += waits_s[i] * INT64_C(1000) - 1;
        assert_int_equal(rig_try(&rig, email, RIG_PASSWORD, "000000", "203.0.113.9", &wait), SIGN_IN_THROTTLED);
        assert_int_equal(wait, 1);
        rig_now_ms += 1;
    }
}

static void account_is_throttled(SD_UNUSED void **state) {
    throttled("agent@example.test");
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK); /* and that is forgotten */
    assert_int_equal(rig_try(&rig, "agent@example.test", "wrong password here", "000000", "192.0.2.7", NULL), SIGN_IN_FAILED);
    assert_int_equal(rig_try(&rig, "agent@example.test", "wrong password here", "000000", "192.0.2.7", NULL), SIGN_IN_FAILED);
}

/* The same for an account that does not exist: nothing tells them apart. */
static void nobody_is_throttled_alike(SD_UNUSED void **state) {
    throttled("nobody@example.test");
}

static void address_is_throttled(SD_UNUSED void **state) {
    char email[32];
    uint32_t wait = 0;
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(email, sizeof email, "guess%u@example.test", i);
        assert_int_equal(rig_try(&rig, email, "wrong password here", "000000", "203.0.113.50", NULL), SIGN_IN_FAILED);
    }
    assert_int_equal(rig_try(&rig, "agent@example.test", RIG_PASSWORD, "000000", "203.0.113.50", &wait), SIGN_IN_THROTTLED);
    assert_int_equal(wait, 1);
    rig_crash(&rig); /* a restart does not help whoever guesses */
    rig_open(&rig);
    assert_int_equal(rig_try(&rig, "agent@example.test", RIG_PASSWORD, "000000", "203.0.113.50", &wait), SIGN_IN_THROTTLED);
    rig_now_ms += 5000;
}

/* Throttled attempts are never hashed, and a full queue says so instead of counting. */
static void a_flood_is_turned_away(SD_UNUSED void **state) {
    struct ipc_ticket *tickets[40];
    struct keeper_sign_in_req req = {.email = SPAN("flood@example.test"),
                                     .password = SPAN("wrong password here"),
                                     .totp = SPAN("000000"),
                                     .origin = SPAN("203.0.113.77")};
    unsigned busy = 0, failed = 0, waiting = 0;
    char emails[40][32];
    for (size_t i = 0; i < SD_COUNT(tickets); i++) {
        int n = snprintf(emails[i], sizeof emails[i], "flood%zu@example.test", i);
        req.email = span_of(emails[i], (size_t)n);
        req.origin = req.email; /* another address each */
        assert_int_equal(keeper_sign_in_start(rig.clients[RIG_DESK], &req, rig_deadline(), &tickets[i]), SD_OK);
    }
    rig_turn(&rig);
    for (size_t i = 0; i < SD_COUNT(tickets); i++) {
        struct keeper_sign_in_rep rep;
        enum sd_err err = keeper_sign_in_wait(rig.clients[RIG_DESK], &tickets[i], rig_deadline(), rig_msg(&rig), &rep);
        busy += err == SD_ERR_BUSY;
        failed += err == SD_OK && rep.outcome == SIGN_IN_FAILED;
        waiting += err == SD_OK && rep.outcome == SIGN_IN_THROTTLED;
    }
    assert_int_equal(busy, 8); /* 32 may wait */
    assert_int_equal(failed, 32);
    assert_int_equal(waiting, 0);
}

static void sessions_end(SD_UNUSED void **state) {
    struct keeper_session_rep rep;
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    rig_now_ms += SESSION_IDLE_MS - 1;
    assert_int_equal(session(&agent, &rep), SD_OK);
    rig_now_ms += SESSION_IDLE_MS;
    assert_int_equal(session(&agent, &rep), SD_ERR_DENIED);
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    int64_t begun_ms = rig_now_ms;
    while (rig_now_ms + 10 * 60 * 1000 < begun_ms + SESSION_LIFE_MS) {
        rig_now_ms += 10 * 60 * 1000;
        keeper_tick(rig.k);
        assert_int_equal(session(&agent, &rep), SD_OK);
        assert_true(rep.expires_ms <= begun_ms + SESSION_LIFE_MS);
    }
    rig_now_ms = begun_ms + SESSION_LIFE_MS;
    assert_int_equal(session(&agent, &rep), SD_ERR_DENIED);
}

/* A clock that goes back prolongs no session and no lock. */
static void the_clock_goes_back(SD_UNUSED void **state) {
    struct keeper_session_rep rep;
    uint32_t wait = 0;
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    rig_now_ms -= SESSION_AHEAD_MS;
    assert_int_equal(session(&agent, &rep), SD_OK);
    rig_now_ms -= 1;
    assert_int_equal(session(&agent, &rep), SD_ERR_DENIED);
    rig_now_ms += SESSION_AHEAD_MS + 1;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(rig_try(&rig, "back@example.test", "wrong password here", "000000", "203.0.113.99", NULL),
                         SIGN_IN_FAILED);
    rig_now_ms -= 24 * 60 * 60 * 1000;
    assert_int_equal(rig_try(&rig, "back@example.test", "wrong password here", "000000", "203.0.113.99", &wait),
                     SIGN_IN_THROTTLED);
    assert_int_equal(wait, 1);
    rig_now_ms += 1000;
    assert_int_equal(rig_try(&rig, "back@example.test", "wrong password here", "000000", "203.0.113.99", NULL), SIGN_IN_FAILED);
    rig_now_ms += 24 * 60 * 60 * 1000;
}

/* Told once, when it happens, and only of people who are there. */
static void a_lock_is_told(SD_UNUSED void **state) {
    unsigned before = rig_records(&rig, "\"reason\":\"locked-out\"");
    for (unsigned i = 0; i < 12; i++) {
        char origin[32];
        rig_now_ms += 31 * 60 * 1000;
        (void)snprintf(origin, sizeof origin, "198.51.100.%u", i);
        assert_int_equal(rig_try(&rig, "agent@example.test", "wrong password here", "000000", origin, NULL), SIGN_IN_FAILED);
        assert_int_equal(rig_try(&rig, "nobody-else@example.test", "wrong password here", "000000", origin, NULL),
                         SIGN_IN_FAILED);
    }
    assert_int_equal(rig_records(&rig, "\"reason\":\"locked-out\""), before + 1);
    rig_now_ms += 31 * 60 * 1000;
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
}

static void sessions_survive_a_crash(SD_UNUSED void **state) {
    struct keeper_session_rep rep;
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    rig_now_ms += 10 * 60 * 1000;
    assert_int_equal(session(&agent, &rep), SD_OK);
    rig_crash(&rig);
    rig_open(&rig);
    rig_now_ms += 10 * 60 * 1000;
    assert_int_equal(session(&agent, &rep), SD_OK);
}

static void tokens_of_any_kind(SD_UNUSED void **state) {
    static const uint8_t zero[32];
    struct keeper_session_rep rep;
    for (size_t n = 0; n <= 32; n++) {
        struct keeper_session_req req = {.token = span_of(zero, n)};
        assert_int_equal(RIG_CALL(&rig, RIG_DESK, session, &req, &rep), SD_ERR_DENIED);
    }
}

/* Roles without content sign in and open nothing, even on a queue of theirs. */
static void other_roles_open_nothing(SD_UNUSED void **state) {
    static const char *const roles[] = {"security", "privacy", "admin", "auditor"};
    struct rig_letter letter = RIG_LETTER(1);
    struct rig_adopted a;
    uint8_t id[16];
    rig_adopt(&rig, &letter, &a);
    rig_object_id(&letter, id);
    for (size_t i = 0; i < SD_COUNT(roles); i++) {
        struct rig_person person;
        char email[64];
        (void)snprintf(email, sizeof email, "%s@example.test", roles[i]);
        rig_add(&rig, email, roles[i], "support", &person);
        assert_int_equal(rig_sign_in(&rig, email, RIG_PASSWORD, &person), SIGN_IN_OK);
        struct keeper_open_req req = {.token = span_of(person.token, 32), .object = span_of(id, 16), .facet = FACET_HEAD};
        struct keeper_open_rep rep;
        assert_int_equal(RIG_CALL(&rig, RIG_DESK, open, &req, &rep), SD_ERR_DENIED);
        struct keeper_reply_token_req token = {.token = span_of(person.token, 32), .ticket = span_of(a.ticket, 16)};
        struct keeper_reply_token_rep given;
        assert_int_equal(RIG_CALL(&rig, RIG_DESK, reply_token, &token, &given), SD_ERR_DENIED);
    }
}

/* ---- people ---- */

static void check_problem(const char *email, const char *name, const char *role, const char *queue, const char *password) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(1024);
    struct keeper_user_add_req req = {
        .email = span_cstr(email), .name = span_cstr(name), .role = span_cstr(role), .password = span_cstr(password)};
    struct keeper_user_add_rep rep;
    if (queue)
        ipc_list_add(&req.queues, &raw, span_cstr(queue));
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, user_add, &req, &rep), SD_OK);
    assert_true(rep.problem.n > 0);
    assert_int_equal(rep.otpauth.n, 0);
}

static void people_are_checked(SD_UNUSED void **state) {
    check_problem("agent@example.test", "A", "agent", NULL, RIG_PASSWORD);
    check_problem("Agent@Example.Test", "A", "agent", NULL, RIG_PASSWORD);
    check_problem("not an address", "A", "agent", NULL, RIG_PASSWORD);
    check_problem("a@example.test", "", "agent", NULL, RIG_PASSWORD);
    check_problem("a@example.test", "A\nB", "agent", NULL, RIG_PASSWORD);
    check_problem("a@example.test", "A", "nobody", NULL, RIG_PASSWORD);
    check_problem("a@example.test", "A", "root", NULL, RIG_PASSWORD);
    check_problem("a@example.test", "A", "agent", "no-such-queue", RIG_PASSWORD);
    check_problem("a@example.test", "A", "agent", NULL, "short");
    check_problem("abcdefghij@example.test", "A", "agent", NULL, "abcdefghij@example.test");
}

static void people_are_listed(SD_UNUSED void **state) {
    struct keeper_user_list_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, user_list, &(struct keeper_user_list_req){}, &rep), SD_OK);
    assert_int_equal(rep.people.count, 5);
    struct ipc_list_iter iter = ipc_list_start(rep.people);
    struct span line;
    bool seen = false;
    while (ipc_list_next(&iter, &line))
        seen |= span_search(line, SPAN("\"email\":\"agent@example.test\",\"name\":\"Test Person\",\"role\":\"agent\","
                                       "\"queues\":[\"support\"],\"state\":\"active\",\"factors\":[\"password\",\"totp\"],"
                                       "\"roles\":[],\"used_at\":\"2026-")) < line.n;
    assert_true(seen);
}

static void people_by_address(SD_UNUSED void **state) {
    struct keeper_person_rep rep;
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    struct keeper_person_req req = {.token = span_of(agent.token, 32), .person = SPAN("Agent@example.test")};
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, person, &req, &rep), SD_OK);
    assert_int_equal(rep.person.n, 32);
    req.person = SPAN("nobody@example.test");
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, person, &req, &rep), SD_ERR_NOTFOUND);
    req.token = SPAN("x");
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, person, &req, &rep), SD_ERR_DENIED);
}

/* ---- the log, as it is listed ---- */

static void the_log_is_listed(SD_UNUSED void **state) {
    struct keeper_audit_list_rep rep;
    uint64_t from = 0;
    unsigned lines = 0, named = 0;
    for (;;) {
        struct keeper_audit_list_req req = {.from = from};
        assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, audit_list, &req, &rep), SD_OK);
        struct ipc_list_iter iter = ipc_list_start(rep.records);
        struct span line;
        while (ipc_list_next(&iter, &line)) {
            named += span_search(line, SPAN("\"name\":\"Test Person\"")) < line.n;
            lines++;
        }
        from = rep.next;
        if (rep.records.count < 90)
            break;
    }
    assert_int_equal(lines, from);
    assert_true(lines > 90);
    assert_true(named > 5);
    assert_int_equal(rig_records(&rig, "Test Person"), 0); /* the name is not in the log itself */
}

static void the_log_is_verified(SD_UNUSED void **state) {
    struct keeper_audit_verify_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, audit_verify, &(struct keeper_audit_verify_req){}, &rep), SD_OK);
    assert_true(rep.good);
    assert_true(rep.size > 90);
    assert_int_equal(rep.problem.n, 0);
}

/* ---- who may ask ---- */

static void peers_that_may_not(SD_UNUSED void **state) {
    struct keeper_user_list_rep list;
    struct keeper_intake_key_rep key;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, user_list, &(struct keeper_user_list_req){}, &list),
                     SD_ERR_UNAVAILABLE); /* dropped */
    assert_null(rig.servers[RIG_DESK]);
    assert_int_equal(RIG_CALL(&rig, RIG_COURIER, intake_key, &(struct keeper_intake_key_req){}, &key), SD_ERR_UNAVAILABLE);
    assert_null(rig.servers[RIG_COURIER]);
    rig_crash(&rig);
    rig_open(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_in_and_out),
        cmocka_unit_test(one_code_once),
        cmocka_unit_test(wrong_password_keeps_the_code),
        cmocka_unit_test(account_is_throttled),
        cmocka_unit_test(nobody_is_throttled_alike),
        cmocka_unit_test(address_is_throttled),
        cmocka_unit_test(a_flood_is_turned_away),
        cmocka_unit_test(sessions_end),
        cmocka_unit_test(the_clock_goes_back),
        cmocka_unit_test(a_lock_is_told),
        cmocka_unit_test(sessions_survive_a_crash),
        cmocka_unit_test(tokens_of_any_kind),
        cmocka_unit_test(other_roles_open_nothing),
        cmocka_unit_test(people_are_checked),
        cmocka_unit_test(people_are_listed),
        cmocka_unit_test(people_by_address),
        cmocka_unit_test(the_log_is_listed),
        cmocka_unit_test(the_log_is_verified),
        cmocka_unit_test(peers_that_may_not),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
