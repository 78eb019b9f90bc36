/* Somebody sets the clock: back by an hour, by a day, to 1970; forward by ten years, and right again. Nothing that was over
 * opens again, nobody is locked out for good, and it is told, once. */
#include "core/ipc/cards.h"
#include "keeper/permit.h"
#include "keeper/test_rig.h"
#include "keeper/totp.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
/* cmocka.h wants the headers above */
#include <cmocka.h>

#define ORIGIN SPAN("192.0.2.1")
#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)
#define YEAR_MS (365 * DAY_MS)
#define SOON_MS 120000 /* when everything here ends */

static struct rig rig;
static struct rig_person agent, boss;
static struct rig_letter letter, foreign;
static struct rig_adopted adopted;
static uint8_t warrant[16], machine[32];

static struct span token_of(const struct rig_person *person) {
    return span_of(person->token, 32);
}

static struct who who_is(const struct rig_person *person) {
    struct who who = {0};
    assert_int_equal(session_check(rig.k, token_of(person), ORIGIN, &who), SD_OK);
    return who;
}

static void gesture(const struct rig_person *person, enum verb verb, struct span object) {
    struct who who SD_CLEANUP(who_free) = who_is(person);
    assert_int_equal(gesture_add(rig.k, &who, verb, object, false), SD_OK);
}

static void issue_warrant(void) {
    struct keeper_warrant_issue_rep rep;
    struct keeper_warrant_issue_req req = {
        .purpose = SPAN("export"), .queue = SPAN("support"), .uses = 1000, .expires_ms = rig_now_ms + SOON_MS};
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, warrant_issue, &req, &rep), SD_OK);
    assert_int_equal(rep.problem.n, 0);
    memcpy(warrant, rep.warrant.p, 16);
}

static void make_token(void) {
    struct keeper_token_make_rep rep;
    struct keeper_token_make_req req = {.token = token_of(&boss),
                                        .origin = ORIGIN,
                                        .name = SPAN("machine"),
                                        .verbs = VERB_BIT(OPEN),
                                        .expires_ms = rig_now_ms + SOON_MS};
    gesture(&boss, VERB_TOKENS, SPAN_NONE);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, token_make, &req, &rep), SD_OK);
    assert_int_equal(rep.problem.n, 0);
    memcpy(machine, rep.secret.p, 32);
}

/* The other queue's mail, for two minutes. */
static void grant(void) {
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(512);
    struct keeper_grant_add_rep rep;
    struct cards_rule_v1 rule = {.allow = true,
                                 .verbs = VERB_BIT(OPEN),
                                 .queue = SPAN("billing"),
                                 .categories = CATEGORIES_ALL,
                                 .until_ms = rig_now_ms + SOON_MS};
    assert_int_equal(cards_rule_v1_encode(&card, &rule), SD_OK);
    struct keeper_grant_add_req req = {.origin = ORIGIN,
                                       .person = SPAN("agent@example.test"),
                                       .rule = buf_span(&card.body),
                                       .reason = SPAN("The customer called and asked.")};
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, grant_add, &req, &rep), SD_OK);
    assert_int_equal(rep.problem.n, 0);
}

static void sign_in(void) {
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    assert_int_equal(rig_sign_in(&rig, "boss@example.test", RIG_PASSWORD, &boss), SIGN_IN_OK);
}

static int setup(SD_UNUSED void **state) {
    rig_new(&rig);
    rig_add(&rig, "agent@example.test", "agent", "support", &agent);
    rig_add(&rig, "boss@example.test", "supervisor", "support", &boss);
    sign_in();
    letter = (struct rig_letter)RIG_LETTER(1);
    foreign = (struct rig_letter)RIG_LETTER(2);
    foreign.queue = "billing";
    rig_adopt(&rig, &foreign, &adopted);
    rig_adopt(&rig, &letter, &adopted);
    issue_warrant();
    make_token();
    grant();
    keeper_tick(rig.k);
    return 0;
}

static int teardown(SD_UNUSED void **state) {
    rig_free(&rig);
    return 0;
}

static enum sd_err opens(struct span token, const struct rig_letter *what) {
    uint8_t id[16];
    struct keeper_open_rep rep;
    rig_object_id(what, id);
    struct keeper_open_req req = {.token = token, .origin = ORIGIN, .object = span_of(id, 16), .facet = FACET_TEXT};
    return RIG_CALL(&rig, RIG_DESK, open, &req, &rep);
}

static enum sd_err warrant_opens(void) {
    uint8_t id[16];
    struct keeper_warrant_open_rep rep;
    rig_object_id(&letter, id);
    struct keeper_warrant_open_req req = {.warrant = span_of(warrant, 16), .object = span_of(id, 16), .facet = FACET_TEXT};
    return RIG_CALL(&rig, RIG_CLERK, warrant_open, &req, &rep);
}

static void all_open(void) {
    assert_int_equal(warrant_opens(), SD_OK);
    assert_int_equal(opens(span_of(machine, 32), &letter), SD_OK);
    assert_int_equal(opens(token_of(&agent), &foreign), SD_OK);
}

static void none_opens(void) {
    assert_int_equal(warrant_opens(), SD_ERR_DENIED);
    assert_int_equal(opens(span_of(machine, 32), &letter), SD_ERR_DENIED);
    assert_int_equal(opens(token_of(&agent), &foreign), SD_ERR_DENIED);
}

static unsigned alarms(void) {
    return rig_records(&rig, "\"reason\":\"clock-back\"");
}

/* ---- back ---- */

static void what_is_over_stays_so(int64_t back_ms) {
    all_open();
    rig_now_ms += SOON_MS;
    none_opens();
    keeper_tick(rig.k);
    int64_t right_ms = rig_now_ms;
    rig_now_ms = back_ms ? rig_now_ms - back_ms : 1000;
    keeper_tick(rig.k);
    rig_turn(&rig);
    none_opens();
    sign_in(); /* whoever may comes in again, by this clock */
    assert_int_equal(opens(token_of(&agent), &letter), SD_OK);
    none_opens();
    rig_now_ms = right_ms;
}

static void back_by_an_hour(SD_UNUSED void **state) {
    what_is_over_stays_so(HOUR_MS);
}

static void back_by_a_day(SD_UNUSED void **state) {
    what_is_over_stays_so(DAY_MS);
}

static void back_to_1970(SD_UNUSED void **state) {
    what_is_over_stays_so(0);
}

static void a_session_of_the_future_is_none(SD_UNUSED void **state) {
    rig_now_ms -= HOUR_MS;
    assert_int_equal(opens(token_of(&agent), &letter), SD_ERR_DENIED);
    rig_now_ms += HOUR_MS;
}

static void a_gesture_does_not_last_longer(SD_UNUSED void **state) {
    struct keeper_warrant_revoke_rep rep;
    struct keeper_warrant_revoke_req req = {.token = token_of(&boss), .origin = ORIGIN, .warrant = span_of(warrant, 16)};
    rig_now_ms += 2 * 60000; /* the session, too, is from then */
    sign_in();
    gesture(&boss, VERB_WARRANTS, SPAN_NONE);
    rig_now_ms -= 4 * 60000;
    assert_int_not_equal(RIG_CALL(&rig, RIG_DESK, warrant_revoke, &req, &rep), SD_OK);
    rig_now_ms += 4 * 60000;
}

/* ---- the alarm ---- */

static void it_is_told_once(SD_UNUSED void **state) {
    rig_now_ms -= 50000; /* as time servers may */
    keeper_tick(rig.k);
    rig_turn(&rig);
    assert_int_equal(alarms(), 0);
    rig_now_ms -= 20000;
    keeper_tick(rig.k);
    keeper_tick(rig.k);
    rig_turn(&rig);
    assert_int_equal(alarms(), 1);
    rig_now_ms += 1000;
    keeper_tick(rig.k);
    rig_turn(&rig);
    assert_int_equal(alarms(), 1);
    rig_now_ms += 69000;
}

static void while_the_keeper_was_down(SD_UNUSED void **state) {
    rig_now_ms += 60000;
    keeper_tick(rig.k);
    rig_turn(&rig);
    rig_crash(&rig);
    rig_now_ms -= HOUR_MS;
    rig_open(&rig);
    keeper_tick(rig.k);
    rig_turn(&rig);
    assert_int_equal(alarms(), 1);
    assert_true(rig_verify(&rig).good);
    rig_crash(&rig);
    rig_open(&rig);
    keeper_tick(rig.k);
    rig_turn(&rig);
    assert_int_equal(alarms(), 1);
    rig_now_ms += HOUR_MS;
}

/* ---- forward by mistake, used by everybody meanwhile, and right again ---- */

static unsigned wrong_code(void) {
    return rig_try(&rig, "agent@example.test", RIG_PASSWORD, "000000", "192.0.2.1", NULL);
}

static void nobody_is_locked_out(SD_UNUSED void **state) {
    int64_t right_ms = rig_now_ms;
    rig_now_ms += 10 * YEAR_MS;
    keeper_tick(rig.k);
    sign_in(); /* uses up one-time codes of then */
    for (unsigned i = 0; i < 60; i++)
        assert_int_not_equal(opens(token_of(&agent), &letter), SD_ERR_DENIED); /* and the budget of that day's minute */
    for (unsigned i = 0; i < 4; i++)
        (void)wrong_code();
    rig_now_ms = right_ms;
    keeper_tick(rig.k);
    rig_turn(&rig);
    rig_now_ms += 60000;                                                 /* the next minute of the budget */
    (void)rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent); /* failures of then count as of now: a second's wait */
    sign_in();
    assert_int_equal(opens(token_of(&agent), &letter), SD_OK);
    none_opens(); /* what was over then has to be made anew */
    issue_warrant();
    make_token();
    grant();
    all_open();
}

/* A code is not good twice because the clock went back a little. */
static void codes_count_once(SD_UNUSED void **state) {
    char code[7];
    rig_now_ms += 30000;
    rig_code(&agent, code);
    assert_int_equal(rig_try(&rig, "agent@example.test", RIG_PASSWORD, code, "192.0.2.1", NULL), SIGN_IN_OK);
    rig_now_ms -= 30000;
    assert_int_equal(rig_try(&rig, "agent@example.test", RIG_PASSWORD, code, "192.0.2.1", NULL), SIGN_IN_FAILED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(back_by_an_hour, setup, teardown),
        cmocka_unit_test_setup_teardown(back_by_a_day, setup, teardown),
        cmocka_unit_test_setup_teardown(back_to_1970, setup, teardown),
        cmocka_unit_test_setup_teardown(a_session_of_the_future_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(a_gesture_does_not_last_longer, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(while_the_keeper_was_down, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_is_locked_out, setup, teardown),
        cmocka_unit_test_setup_teardown(codes_count_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
