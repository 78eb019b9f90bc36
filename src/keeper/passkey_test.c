/* Passkeys: the way in for those who need one, further ones, gestures, and everything that is not let through. */
#include "core/codec.h"
#include "keeper/challenge.h"
#include "keeper/permit.h"
#include "keeper/test_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FROM .origin = SPAN("192.0.2.1")

static struct rig rig;
static struct rig_person admin, agent, security;
static const uint8_t act[16] = {7}, other_act[16] = {8};

static int setup(SD_UNUSED void **state) {
    rig_new(&rig);
    rig_add(&rig, "admin@example.test", "admin", NULL, &admin);
    rig_add(&rig, "agent@example.test", "agent", "support", &agent);
    rig_add(&rig, "security@example.test", "security", NULL, &security);
    return 0;
}

static int teardown(SD_UNUSED void **state) {
    rig_free(&rig);
    return 0;
}

static struct span token_of(const struct rig_person *person) {
    return span_of(person->token, 32);
}

static enum sd_err session(const struct rig_person *person, struct keeper_session_rep *rep) {
    struct keeper_session_req req = {.token = token_of(person), FROM};
    return RIG_CALL(&rig, RIG_DESK, session, &req, rep);
}

static struct span object(const uint8_t id[16]) {
    return span_of(id, 16);
}

/* ---- those who need one ---- */

static enum sd_err open_something(const struct rig_person *person) {
    struct keeper_open_req req = {.token = token_of(person), FROM, .object = object(act), .facet = FACET_TEXT};
    struct keeper_open_rep rep;
    return RIG_CALL(&rig, RIG_DESK, open, &req, &rep);
}

static void limited_until_there_is_one(SD_UNUSED void **state) {
    struct keeper_session_rep rep;
    uint8_t before[32];
    assert_int_equal(rig_sign_in(&rig, "admin@example.test", RIG_PASSWORD, &admin), SIGN_IN_OK);
    assert_int_equal(session(&admin, &rep), SD_OK);
    assert_true(rep.limited);
    assert_int_equal(rep.verbs, VERB_BIT(FACTORS));
    assert_int_equal(rep.queues.count, 0);
    assert_int_equal(open_something(&admin), SD_ERR_DENIED);
    assert_true(rig_records(&rig, "\"reason\":\"limited\"") == 1);
    memcpy(before, admin.token, 32);
    rig_add_passkey(&rig, &admin);
    assert_memory_not_equal(before, admin.token, 32);
    assert_int_equal(session(&admin, &rep), SD_OK);
    assert_false(rep.limited);
    assert_int_equal(rep.factor, FACTOR_PASSKEY);
    assert_true(rep.verbs & VERB_BIT(PEOPLE));
    memcpy(admin.token, before, 32); /* the token of the limited session is void at once */
    assert_int_equal(session(&admin, &rep), SD_ERR_DENIED);
}

static void then_only_with_it(SD_UNUSED void **state) {
    struct keeper_session_rep rep;
    assert_int_equal(rig_sign_in(&rig, "admin@example.test", RIG_PASSWORD, &admin), SIGN_IN_PASSKEY);
    assert_true(rig_records(&rig, "\"reason\":\"passkey-required\"") >= 1);
    assert_int_equal(rig_passkey_sign_in(&rig, &admin), SIGN_IN_OK);
    assert_int_equal(session(&admin, &rep), SD_OK);
    assert_false(rep.limited);
}

/* A new role or a new setting that asks for a passkey takes effect in sessions that are there. */
static void a_new_role_limits_sessions(SD_UNUSED void **state) {
    struct keeper_session_rep rep;
    struct access_settings settings = rig.k->access, before = settings;
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    assert_int_equal(session(&agent, &rep), SD_OK);
    assert_false(rep.limited);
    settings.passkey_roles |= 1u << ROLE_AGENT;
    keeper_set_access(rig.k, &settings);
    assert_int_equal(session(&agent, &rep), SD_OK);
    assert_true(rep.limited);
    keeper_set_access(rig.k, &before);
}

/* ---- adding ---- */

static void further_ones_need_a_gesture(SD_UNUSED void **state) {
    struct keeper_passkey_add_rep rep;
    struct test_passkey *second = rig_new_passkey(&rig);
    char code[7];
    rig_now_ms += 60000;
    rig_code(&admin, code);
    assert_int_equal(rig_offer_passkey(&rig, &admin, second, code, &rep), SD_ERR_GESTURE); /* a code no longer does */
    assert_int_equal(rig_gesture(&rig, &admin, VERB_FACTORS, SPAN_NONE), SD_OK);
    assert_int_equal(rig_offer_passkey(&rig, &admin, second, "", &rep), SD_OK);
    assert_int_equal(rep.problem.n, 0);
    assert_int_equal(rig_offer_passkey(&rig, &admin, rig_new_passkey(&rig), "", &rep), SD_ERR_GESTURE); /* one buys one */
    assert_int_equal(rig_gesture(&rig, &admin, VERB_FACTORS, SPAN_NONE), SD_OK);
    assert_int_equal(rig_offer_passkey(&rig, &admin, second, "", &rep), SD_OK);
    assert_true(span_eq(rep.problem, SPAN("This passkey is already there.")));
    admin.passkey = second;
    assert_int_equal(rig_passkey_sign_in(&rig, &admin), SIGN_IN_OK);
}

static void the_first_needs_a_code(SD_UNUSED void **state) {
    struct keeper_passkey_add_rep rep;
    struct test_passkey *passkey = rig_new_passkey(&rig);
    char code[7];
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    rig_code(&agent, code); /* the one they signed in with */
    assert_int_equal(rig_offer_passkey(&rig, &agent, passkey, code, &rep), SD_ERR_DENIED);
    assert_int_equal(rig_offer_passkey(&rig, &agent, passkey, "", &rep), SD_ERR_DENIED);
    passkey->origin = "https://desk.elsewhere.example";
    rig_now_ms += 60000;
    rig_code(&agent, code);
    assert_int_equal(rig_offer_passkey(&rig, &agent, passkey, code, &rep), SD_OK);
    assert_true(rep.problem.n > 0);
    passkey->origin = rig.origin;
    passkey->flags = TEST_UP;
    rig_now_ms += 60000;
    rig_code(&agent, code);
    assert_int_equal(rig_offer_passkey(&rig, &agent, passkey, code, &rep), SD_OK);
    assert_true(rep.problem.n > 0);
    assert_int_equal(rig_records(&rig, "\"reason\":\"not-verified\""), 1);
    rig_add_passkey(&rig, &agent);
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK); /* either will do for agents */
    assert_int_equal(rig_passkey_sign_in(&rig, &agent), SIGN_IN_OK);
}

static void at_most_32(SD_UNUSED void **state) {
    struct rig_person many;
    struct keeper_passkey_add_rep rep;
    rig_add(&rig, "many@example.test", "agent", "support", &many);
    rig_enter(&rig, "many@example.test", &many);
    for (unsigned i = 1; i < 32; i++)
        rig_add_passkey(&rig, &many);
    assert_int_equal(rig_gesture(&rig, &many, VERB_FACTORS, SPAN_NONE), SD_OK);
    assert_int_equal(rig_offer_passkey(&rig, &many, rig_new_passkey(&rig), "", &rep), SD_OK);
    assert_true(rep.problem.n > 0);
    struct keeper_passkey_list_rep list;
    struct keeper_passkey_list_req req = {.token = token_of(&many), FROM};
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, passkey_list, &req, &list), SD_OK);
    assert_int_equal(list.passkeys.count, 32);
}

/* ---- signing in ---- */

struct entry {
    struct buf challenge;
    struct test_answer answer;
    struct test_passkey *passkey;
    struct span user;
};

static void entry_free(struct entry *entry) {
    buf_free(&entry->challenge);
    test_answer_free(&entry->answer);
}

static struct entry entry_new(const struct rig_person *person) {
    struct entry entry = {.challenge = buf_new(128), .passkey = person->passkey};
    assert_int_equal(rig_challenge(&rig, SPAN_NONE, CHALLENGE_SIGN_IN, VERB_NONE, SPAN_NONE, &entry.challenge), SD_OK);
    entry.answer = test_passkey_get(entry.passkey, buf_span(&entry.challenge));
    entry.user = span_of(entry.passkey->user, entry.passkey->user_bytes);
    return entry;
}

static unsigned enter(const struct entry *entry, const char *origin) {
    struct keeper_passkey_sign_in_req req = {.origin = span_cstr(origin),
                                             .challenge = buf_span(&entry->challenge),
                                             .credential = span_of(entry->passkey->id, TEST_PASSKEY_ID_BYTES),
                                             .client_data = buf_span(&entry->answer.client_data),
                                             .authenticator_data = buf_span(&entry->answer.authenticator_data),
                                             .signature = buf_span(&entry->answer.signature),
                                             .user = entry->user};
    struct keeper_passkey_sign_in_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, passkey_sign_in, &req, &rep), SD_OK);
    return rep.outcome;
}

static void replayed(SD_UNUSED void **state) {
    struct entry entry SD_CLEANUP(entry_free) = entry_new(&agent);
    assert_int_equal(enter(&entry, "192.0.2.1"), SIGN_IN_OK);
    assert_int_equal(enter(&entry, "192.0.2.1"), SIGN_IN_FAILED);
    assert_true(rig_records(&rig, "\"reason\":\"challenge\"") >= 1);
}

static void too_late(SD_UNUSED void **state) {
    struct entry entry SD_CLEANUP(entry_free) = entry_new(&agent);
    rig_now_ms += CHALLENGE_MS;
    assert_int_equal(enter(&entry, "192.0.2.1"), SIGN_IN_FAILED);
}

/* A used challenge is forgotten when it has run out; a clock that goes back then must not make it good again. */
static void the_clock_goes_back(SD_UNUSED void **state) {
    struct entry entry SD_CLEANUP(entry_free) = entry_new(&agent);
    assert_int_equal(enter(&entry, "192.0.2.1"), SIGN_IN_OK);
    rig_now_ms += 2 * CHALLENGE_MS;
    assert_int_equal(rig_passkey_sign_in(&rig, &agent), SIGN_IN_OK); /* forgets it */
    rig_now_ms -= 2 * CHALLENGE_MS;
    assert_int_equal(enter(&entry, "192.0.2.1"), SIGN_IN_FAILED);
    assert_true(rig_records(&rig, "\"reason\":\"challenge\"") >= 2);
    rig_now_ms += 2 * CHALLENGE_MS;
}

static void restarted(SD_UNUSED void **state) {
    struct entry entry SD_CLEANUP(entry_free) = entry_new(&agent);
    assert_int_equal(enter(&entry, "192.0.2.1"), SIGN_IN_OK);
    rig_crash(&rig);
    rig_open(&rig);
    assert_int_equal(enter(&entry, "192.0.2.1"), SIGN_IN_FAILED);
}

static void another_purpose(SD_UNUSED void **state) {
    static const uint8_t purposes[] = {CHALLENGE_ADD, CHALLENGE_GESTURE};
    assert_int_equal(rig_passkey_sign_in(&rig, &agent), SIGN_IN_OK);
    for (size_t i = 0; i < SD_COUNT(purposes); i++) {
        struct entry entry SD_CLEANUP(entry_free) = entry_new(&agent);
        buf_reset(&entry.challenge);
        assert_int_equal(rig_challenge(&rig, token_of(&agent), purposes[i], VERB_EXPORT, object(act), &entry.challenge), SD_OK);
        test_answer_free(&entry.answer);
        entry.answer = test_passkey_get(agent.passkey, buf_span(&entry.challenge));
        rig_now_ms += 60000;
        assert_int_equal(enter(&entry, "192.0.2.1"), SIGN_IN_FAILED);
    }
    struct buf nothing SD_CLEANUP(buf_free) = buf_new(128);
    assert_int_equal(rig_challenge(&rig, SPAN_NONE, CHALLENGE_ADD, VERB_NONE, SPAN_NONE, &nothing), SD_ERR_DENIED);
    assert_int_equal(rig_challenge(&rig, token_of(&agent), CHALLENGE_NONE, VERB_NONE, SPAN_NONE, &nothing), SD_ERR_PARSE);
    assert_int_equal(rig_challenge(&rig, token_of(&agent), CHALLENGE_GESTURE, VERB_NONE, SPAN_NONE, &nothing), SD_ERR_PARSE);
    assert_int_equal(rig_challenge(&rig, token_of(&agent), CHALLENGE_GESTURE, VERB_EXPORT, SPAN("x"), &nothing), SD_ERR_PARSE);
}

/* Unknown, suspended, another's handle, another page, a bit turned: one answer. */
static void one_answer(SD_UNUSED void **state) {
    struct test_passkey *good = agent.passkey, stranger = *rig_new_passkey(&rig);
    for (unsigned i = 0; i < 7; i++) {
        rig_now_ms += 600000;
        good->origin = i == 0 ? "https://desk.elsewhere.example" : rig.origin;
        good->rp_id = i == 1 ? "elsewhere.example" : rig.rp_id;
        good->flags = i == 2 ? TEST_UP : TEST_UP | TEST_UV;
        struct entry entry SD_CLEANUP(entry_free) = entry_new(&agent);
        if (i == 3)
            entry.user = span_of(admin.id, 16);
        if (i == 4)
            entry.user = SPAN_NONE;
        if (i == 5)
            entry.passkey = &stranger;
        if (i == 6)
            entry.answer.signature.p[20] ^= 1;
        assert_int_equal(enter(&entry, "192.0.2.1"), SIGN_IN_FAILED);
    }
    rig_now_ms += 600000;
    assert_int_equal(rig_passkey_sign_in(&rig, &agent), SIGN_IN_OK);
}

static void addresses_are_throttled(SD_UNUSED void **state) {
    for (unsigned i = 0; i < 3; i++) {
        struct entry entry SD_CLEANUP(entry_free) = entry_new(&agent);
        entry.answer.signature.p[20] ^= 1;
        assert_int_equal(enter(&entry, i == 1 ? "2001:db8::1" : "2001:db8::2"), SIGN_IN_FAILED);
    }
    struct entry entry SD_CLEANUP(entry_free) = entry_new(&agent);
    assert_int_equal(enter(&entry, "2001:db8::3"), SIGN_IN_THROTTLED); /* one network, one customer */
    assert_int_equal(enter(&entry, "2001:db8:0:1::1"), SIGN_IN_OK);
}

static int64_t rows_of_throttle(void) {
    /* what is counted in memory is not written: a flood of addresses costs no disk */
    struct query q = db_query(rig.k->db, SQL_THROTTLE_COUNT);
    int64_t count = query_row(&q) ? query_get_int(&q, 0) : -1;
    assert_int_equal(query_end(&q), SD_OK);
    return count;
}

/* Nobody else waits for them: none is hashed, none is written but as a record. */
static void a_flood_is_cheap(SD_UNUSED void **state) {
    struct ipc_ticket *tickets[64];
    struct keeper_passkey_sign_in_rep rep;
    char origin[32];
    int64_t before = rows_of_throttle();
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < SD_COUNT(tickets); i++) {
            (void)snprintf(origin, sizeof origin, "10.0.%u.%u", round, i);
            struct keeper_passkey_sign_in_req req = {
                .origin = span_cstr(origin), .challenge = SPAN("not ours"), .credential = SPAN("x")};
            assert_int_equal(keeper_passkey_sign_in_start(rig.clients[RIG_DESK], &req, rig_deadline(), &tickets[i]), SD_OK);
        }
        rig_turn(&rig);
        for (unsigned i = 0; i < SD_COUNT(tickets); i++)
            assert_int_equal(
                keeper_passkey_sign_in_wait(rig.clients[RIG_DESK], &tickets[i], rig_deadline(), rig_msg(&rig), &rep), SD_OK);
        assert_int_equal(rep.outcome, SIGN_IN_FAILED);
    }
    assert_int_equal(rows_of_throttle(), before);
}

/* ---- copies ---- */

static void copies_are_suspended(SD_UNUSED void **state) {
    struct test_passkey *passkey;
    rig_enter(&rig, "security@example.test", &security);
    passkey = security.passkey;
    assert_int_equal(rig_passkey_sign_in(&rig, &security), SIGN_IN_OK);
    passkey->count -= 2; /* as the other copy has it */
    assert_int_equal(rig_passkey_sign_in(&rig, &security), SIGN_IN_FAILED);
    assert_int_equal(rig_records(&rig, "\"reason\":\"cloned\""), 1);
    assert_int_equal(rig_records(&rig, "\"reason\":\"cloned-passkey\""), 1);
    passkey->count += 100;
    assert_int_equal(rig_passkey_sign_in(&rig, &security), SIGN_IN_FAILED); /* neither works any more */
    assert_true(rig_records(&rig, "\"reason\":\"suspended\"") >= 1);
    rig_now_ms += 600000;
    /* nor does it open the way back to password and code */
    assert_int_equal(rig_sign_in(&rig, "security@example.test", RIG_PASSWORD, &security), SIGN_IN_PASSKEY);
}

static void copies_make_no_gesture(SD_UNUSED void **state) {
    struct rig_person twice;
    struct keeper_passkey_add_rep rep;
    char code[7];
    rig_add(&rig, "twice@example.test", "agent", "support", &twice);
    rig_enter(&rig, "twice@example.test", &twice);
    assert_int_equal(rig_gesture(&rig, &twice, VERB_FACTORS, object(act)), SD_OK);
    twice.passkey->count -= 1;
    assert_int_equal(rig_gesture(&rig, &twice, VERB_FACTORS, object(act)), SD_ERR_DENIED);
    twice.passkey->count += 100;
    assert_int_equal(rig_gesture(&rig, &twice, VERB_FACTORS, object(act)), SD_ERR_DENIED);
    assert_int_equal(rig_records(&rig, "\"reason\":\"cloned-passkey\""), 2);
    rig_now_ms += 60000; /* an agent's code still does */
    rig_code(&twice, code);
    assert_int_equal(rig_offer_passkey(&rig, &twice, rig_new_passkey(&rig), code, &rep), SD_OK);
    assert_int_equal(rep.problem.n, 0);
}

/* Synchronised passkeys do not count. */
static void some_do_not_count(SD_UNUSED void **state) {
    struct keeper_passkey_add_rep rep;
    struct test_passkey *passkey = rig_new_passkey(&rig);
    passkey->counts = false;
    passkey->flags |= TEST_BE | TEST_BS;
    assert_int_equal(rig_passkey_sign_in(&rig, &agent), SIGN_IN_OK);
    assert_int_equal(rig_gesture(&rig, &agent, VERB_FACTORS, SPAN_NONE), SD_OK);
    assert_int_equal(rig_offer_passkey(&rig, &agent, passkey, "", &rep), SD_OK);
    agent.passkey = passkey;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(rig_passkey_sign_in(&rig, &agent), SIGN_IN_OK);
}

/* ---- gestures ---- */

static enum gesture_verdict take(const struct rig_person *person, enum verb verb, struct span of) {
    struct who who SD_CLEANUP(who_free) = {0};
    enum gesture_verdict verdict = GESTURE_NONE;
    assert_int_equal(session_check(rig.k, token_of(person), SPAN("192.0.2.1"), &who), SD_OK);
    assert_int_equal(gesture_take(rig.k, &who, verb, of, &verdict), SD_OK);
    return verdict;
}

static void one_gesture_buys_one_act(SD_UNUSED void **state) {
    struct rig_person elsewhere = agent;
    assert_int_equal(rig_passkey_sign_in(&rig, &agent), SIGN_IN_OK);
    assert_int_equal(rig_passkey_sign_in(&rig, &elsewhere), SIGN_IN_OK);
    assert_int_equal(rig_gesture(&rig, &agent, VERB_EXPORT, object(act)), SD_OK);
    assert_int_equal(take(&agent, VERB_EXPORT, object(other_act)), GESTURE_NONE);
    assert_int_equal(take(&agent, VERB_EXPORT, SPAN_NONE), GESTURE_NONE);
    assert_int_equal(take(&agent, VERB_PURGE, object(act)), GESTURE_NONE);
    assert_int_equal(take(&elsewhere, VERB_EXPORT, object(act)), GESTURE_NONE);
    assert_int_equal(take(&agent, VERB_EXPORT, object(act)), GESTURE_PASSKEY);
    assert_int_equal(take(&agent, VERB_EXPORT, object(act)), GESTURE_NONE);
    assert_int_equal(rig_gesture(&rig, &agent, VERB_EXPORT, object(act)), SD_OK);
    rig_now_ms += GESTURE_MS;
    assert_int_equal(take(&agent, VERB_EXPORT, object(act)), GESTURE_NONE);
    assert_int_equal(rig_gesture(&rig, &agent, VERB_EXPORT, object(act)), SD_OK);
    rig_now_ms -= 30000; /* the clock goes back: it lives no longer for it */
    assert_int_equal(take(&agent, VERB_EXPORT, object(act)), GESTURE_NONE);
    rig_now_ms += 30000;
    assert_true(rig_records(&rig, "\"action\":\"step-up\"") > 3);
}

/* One assertion for one challenge: not for another verb, object or session, and not twice. */
static void gestures_are_bound(SD_UNUSED void **state) {
    struct rig_person elsewhere = agent;
    struct buf challenge SD_CLEANUP(buf_free) = buf_new(128);
    struct keeper_step_up_rep rep;
    assert_int_equal(rig_passkey_sign_in(&rig, &elsewhere), SIGN_IN_OK);
    assert_int_equal(rig_passkey_sign_in(&rig, &agent), SIGN_IN_OK);
    assert_int_equal(rig_challenge(&rig, token_of(&agent), CHALLENGE_GESTURE, VERB_EXPORT, object(act), &challenge), SD_OK);
    struct test_answer answer SD_CLEANUP(test_answer_free) = test_passkey_get(agent.passkey, buf_span(&challenge));
    struct keeper_step_up_req good = {.token = token_of(&agent),
                                      FROM,
                                      .verb = VERB_EXPORT,
                                      .object = object(act),
                                      .challenge = buf_span(&challenge),
                                      .credential = span_of(agent.passkey->id, TEST_PASSKEY_ID_BYTES),
                                      .client_data = buf_span(&answer.client_data),
                                      .authenticator_data = buf_span(&answer.authenticator_data),
                                      .signature = buf_span(&answer.signature)};
    struct keeper_step_up_req req = good;
    req.verb = VERB_PURGE;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, step_up, &req, &rep), SD_ERR_DENIED);
    req = good;
    req.object = object(other_act);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, step_up, &req, &rep), SD_ERR_DENIED);
    req = good;
    req.object = SPAN_NONE;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, step_up, &req, &rep), SD_ERR_DENIED);
    req = good;
    req.token = token_of(&elsewhere);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, step_up, &req, &rep), SD_ERR_DENIED);
    req = good;
    req.token = SPAN("x");
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, step_up, &req, &rep), SD_ERR_DENIED);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, step_up, &good, &rep), SD_OK);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, step_up, &good, &rep), SD_ERR_DENIED);
    req.verb = VERB_NONE;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, step_up, &req, &rep), SD_ERR_PARSE);
    req.verb = VERB_COUNT;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, step_up, &req, &rep), SD_ERR_PARSE);
}

/* A good passkey, but a colleague's. */
static void only_ones_own(SD_UNUSED void **state) {
    struct rig_person mixed = admin;
    assert_int_equal(rig_passkey_sign_in(&rig, &agent), SIGN_IN_OK);
    memcpy(mixed.token, agent.token, 32);
    assert_int_equal(rig_gesture(&rig, &mixed, VERB_EXPORT, object(act)), SD_ERR_DENIED);
    assert_int_equal(rig_records(&rig, "\"reason\":\"not-their-passkey export\""), 1);
    assert_int_equal(take(&agent, VERB_EXPORT, object(act)), GESTURE_NONE);
}

static enum sd_err step_up_by_code(const struct rig_person *person, const char *code) {
    struct keeper_step_up_req req = {
        .token = token_of(person), FROM, .verb = VERB_EXPORT, .object = object(act), .totp = span_cstr(code)};
    struct keeper_step_up_rep rep;
    return RIG_CALL(&rig, RIG_DESK, step_up, &req, &rep);
}

static void codes_where_they_are_allowed(SD_UNUSED void **state) {
    struct access_settings settings = rig.k->access, before = settings;
    char code[7];
    assert_int_equal(rig_passkey_sign_in(&rig, &agent), SIGN_IN_OK);
    rig_now_ms += 60000;
    rig_code(&agent, code);
    assert_int_equal(step_up_by_code(&agent, code), SD_ERR_DENIED);
    settings.totp_step_up = true;
    keeper_set_access(rig.k, &settings);
    assert_int_equal(step_up_by_code(&agent, code), SD_OK);
    assert_int_equal(step_up_by_code(&agent, code), SD_ERR_DENIED); /* each once, */
    rig_now_ms += 30000;
    assert_int_equal(rig_try(&rig, "agent@example.test", RIG_PASSWORD, code, "192.0.2.1", NULL), SIGN_IN_FAILED);
    assert_int_equal(take(&agent, VERB_EXPORT, object(act)), GESTURE_TOTP);
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    rig_code(&agent, code); /* and wherever */
    assert_int_equal(step_up_by_code(&agent, code), SD_ERR_DENIED);
    assert_int_equal(rig_records(&rig, "\"reason\":\"export with a one-time code\""), 1);
    for (unsigned i = 0; i < 2; i++)
        (void)step_up_by_code(&agent, "000000");
    rig_now_ms += 500;
    assert_int_equal(step_up_by_code(&agent, "000000"), SD_ERR_BUSY);
    rig_now_ms += 600000;
    rig_code(&agent, code);
    assert_int_equal(step_up_by_code(&agent, code), SD_OK);
    keeper_set_access(rig.k, &before);
    assert_int_equal(take(&agent, VERB_EXPORT, object(act)), GESTURE_NONE); /* no longer allowed: no longer good */
}

/* ---- seeing and removing ---- */

static enum sd_err list_of(const struct rig_person *person, const uint8_t *whose, struct keeper_passkey_list_rep *rep) {
    struct buf hex SD_CLEANUP(buf_free) = buf_new(64);
    if (whose)
        put_hex(&hex, object(whose));
    struct keeper_passkey_list_req req = {.token = token_of(person), FROM, .person = buf_span(&hex)};
    return RIG_CALL(&rig, RIG_DESK, passkey_list, &req, rep);
}

static void they_are_listed(SD_UNUSED void **state) {
    struct keeper_passkey_list_rep rep;
    assert_int_equal(list_of(&agent, NULL, &rep), SD_OK);
    assert_true(rep.passkeys.count >= 2);
    unsigned before = rig_records(&rig, "\"action\":\"list-passkeys\"");
    assert_int_equal(list_of(&agent, agent.id, &rep), SD_OK);
    assert_int_equal(rig_records(&rig, "\"action\":\"list-passkeys\""), before);
    assert_int_equal(list_of(&agent, admin.id, &rep), SD_ERR_DENIED);
    assert_int_equal(rig_passkey_sign_in(&rig, &admin), SIGN_IN_OK);
    assert_int_equal(list_of(&admin, security.id, &rep), SD_OK);
    assert_int_equal(rep.passkeys.count, 1);
    struct ipc_list_iter iter = ipc_list_start(rep.passkeys);
    struct span line;
    assert_true(ipc_list_next(&iter, &line));
    assert_true(span_search(line, SPAN("\"name\":\"test key\"")) < line.n);
    assert_true(span_ends(line, SPAN("\"backed_up\":false,\"suspended\":true}")));
    assert_int_equal(rig_records(&rig, "\"action\":\"list-passkeys\""), before + 2);
}

static enum sd_err remove_one(const struct rig_person *person, const struct test_passkey *passkey, size_t *ret_problem) {
    struct keeper_passkey_remove_req req = {
        .token = token_of(person), FROM, .passkey = span_of(passkey->id, TEST_PASSKEY_ID_BYTES)};
    struct keeper_passkey_remove_rep rep = {0};
    enum sd_err err = RIG_CALL(&rig, RIG_DESK, passkey_remove, &req, &rep);
    *ret_problem = rep.problem.n;
    return err;
}

static void removing_needs_a_gesture(SD_UNUSED void **state) {
    struct rig_person person;
    size_t problem = 0;
    rig_add(&rig, "leaver@example.test", "security", NULL, &person);
    rig_enter(&rig, "leaver@example.test", &person);
    struct test_passkey *first = person.passkey;
    struct sha256 hash;
    assert_int_equal(crypt_sha256(span_of(first->id, TEST_PASSKEY_ID_BYTES), &hash), SD_OK);
    struct span of = span_of(hash.b, 16);
    assert_int_equal(rig_gesture(&rig, &person, VERB_FACTORS, of), SD_OK);
    assert_int_equal(remove_one(&person, first, &problem), SD_OK);
    assert_true(problem > 0); /* the last one stays */
    rig_add_passkey(&rig, &person);
    rig_now_ms += GESTURE_MS;
    assert_int_equal(remove_one(&person, first, &problem), SD_ERR_GESTURE);
    assert_int_equal(remove_one(&person, admin.passkey, &problem), SD_ERR_DENIED);
    assert_int_equal(rig_gesture(&rig, &person, VERB_FACTORS, of), SD_OK);
    assert_int_equal(remove_one(&person, first, &problem), SD_OK);
    assert_int_equal(problem, 0);
    assert_int_equal(remove_one(&person, first, &problem), SD_ERR_DENIED);
    struct rig_person with_first = person;
    with_first.passkey = first;
    assert_int_equal(rig_passkey_sign_in(&rig, &with_first), SIGN_IN_FAILED);
    assert_int_equal(rig_passkey_sign_in(&rig, &person), SIGN_IN_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limited_until_there_is_one),
        cmocka_unit_test(then_only_with_it),
        cmocka_unit_test(a_new_role_limits_sessions),
        cmocka_unit_test(further_ones_need_a_gesture),
        cmocka_unit_test(the_first_needs_a_code),
        cmocka_unit_test(at_most_32),
        cmocka_unit_test(replayed),
        cmocka_unit_test(too_late),
        cmocka_unit_test(the_clock_goes_back),
        cmocka_unit_test(restarted),
        cmocka_unit_test(another_purpose),
        cmocka_unit_test(one_answer),
        cmocka_unit_test(addresses_are_throttled),
        cmocka_unit_test(a_flood_is_cheap),
        cmocka_unit_test(copies_are_suspended),
        cmocka_unit_test(copies_make_no_gesture),
        cmocka_unit_test(some_do_not_count),
        cmocka_unit_test(one_gesture_buys_one_act),
        cmocka_unit_test(gestures_are_bound),
        cmocka_unit_test(only_ones_own),
        cmocka_unit_test(codes_where_they_are_allowed),
        cmocka_unit_test(they_are_listed),
        cmocka_unit_test(removing_needs_a_gesture),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
