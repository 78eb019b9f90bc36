/* long: a case per rule of one subject, all on the same six people. Who may, by whom else, how much: rules, four eyes, grants,
 * emergency access, budgets, API tokens, warrants, alarms. */
#include "core/codec.h"
#include "core/ipc/cards.h"
#include "keeper/budget.h"
#include "keeper/permit.h"
#include "keeper/test_rig.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
/* cmocka.h wants the headers above */
#include <cmocka.h>

#define ORIGIN SPAN("192.0.2.1")
#define WHY SPAN("The customer called and asked.")

static struct rig rig;
static struct rig_person agent, boss, admin, guard, officer;

static int setup(SD_UNUSED void **state) {
    rig_new(&rig);
    rig_without_passkeys(&rig);
    rig_add_signed_in(&rig, "agent@example.test", "agent", "support", &agent);
    rig_add_signed_in(&rig, "boss@example.test", "supervisor", "support", &boss);
    rig_add_signed_in(&rig, "admin@example.test", "admin", NULL, &admin);
    rig_add_signed_in(&rig, "guard@example.test", "security", NULL, &guard);
    rig_add_signed_in(&rig, "officer@example.test", "privacy", NULL, &officer);
    return 0;
}

static int teardown(SD_UNUSED void **state) {
    rig_free(&rig);
    return 0;
}

static struct span token_of(const struct rig_person *person) {
    return span_of(person->token, 32);
}

/* As if the person had just made a gesture with a passkey for this. */
static void gesture(const struct rig_person *person, enum verb verb, struct span object, bool totp) {
    struct who who SD_CLEANUP(who_free) = {0};
    assert_int_equal(session_check(rig.k, token_of(person), ORIGIN, &who), SD_OK);
    assert_int_equal(who.verdict, SESSION_LIVE);
    assert_int_equal(gesture_add(rig.k, &who, verb, object, totp), SD_OK);
}

static enum sd_err opens(const struct rig_person *person, const struct rig_letter *letter, unsigned facet) {
    uint8_t id[16];
    struct keeper_open_rep rep;
    rig_object_id(letter, id);
    struct keeper_open_req req = {
        .token = token_of(person), .origin = ORIGIN, .object = span_of(id, 16), .facet = (uint8_t)facet};
    return RIG_CALL(&rig, RIG_DESK, open, &req, &rep);
}

static enum sd_err act(const struct rig_person *person, const uint8_t ticket[16], unsigned action, const char *detail) {
    struct keeper_act_rep rep;
    struct keeper_act_req req = {.token = token_of(person),
                                 .origin = ORIGIN,
                                 .ticket = span_of(ticket, 16),
                                 .action = (uint8_t)action,
                                 .detail = span_cstr(detail)};
    return RIG_CALL(&rig, RIG_DESK, act, &req, &rep);
}

static struct span rule_card(struct ipc_out *out, bool allow, uint32_t verbs, const char *queue, uint8_t categories,
                             int64_t until_ms) {
    struct cards_rule_v1 rule = {
        .allow = allow, .verbs = verbs, .queue = span_cstr(queue), .categories = categories, .until_ms = until_ms};
    assert_int_equal(cards_rule_v1_encode(out, &rule), SD_OK);
    return buf_span(&out->body);
}

static bool grants(const struct rig_person *by, const char *to, bool allow, uint32_t verbs, const char *queue,
                   uint8_t categories, int64_t until_ms, uint64_t *ret) {
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(512);
    struct keeper_grant_add_rep rep;
    struct keeper_grant_add_req req = {.token = by ? token_of(by) : SPAN_NONE,
                                       .origin = ORIGIN,
                                       .person = span_cstr(to),
                                       .rule = rule_card(&card, allow, verbs, queue, categories, until_ms),
                                       .reason = WHY};
    assert_int_equal(RIG_CALL(&rig, by ? RIG_DESK : RIG_ADMIN, grant_add, &req, &rep), SD_OK);
    *ret = rep.grant;
    return rep.problem.n == 0;
}

/* ---- categories, grants, denial ---- */

static void categories_open_to_some(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(1);
    struct rig_adopted a;
    uint64_t number = 0;
    rig_adopt(&rig, &letter, &a);
    assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_OK);
    assert_int_equal(act(&agent, a.ticket, ACTION_CLASSIFY, "secret"), SD_ERR_PARSE);
    assert_int_equal(act(&agent, a.ticket, ACTION_CLASSIFY, "confidential"), SD_OK);
    assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_ERR_DENIED);
    assert_int_equal(opens(&agent, &letter, FACET_HEAD), SD_ERR_DENIED);
    assert_int_equal(act(&agent, a.ticket, ACTION_CLASSIFY, "normal"), SD_ERR_DENIED); /* not back by the same hand */
    assert_int_equal(opens(&boss, &letter, FACET_TEXT), SD_OK);
    assert_int_equal(act(&boss, a.ticket, ACTION_CLASSIFY, "special"), SD_OK);
    assert_int_equal(opens(&boss, &letter, FACET_TEXT), SD_ERR_DENIED);
    assert_true(
        grants(NULL, "boss@example.test", true, VERB_BIT(OPEN), "support", 1 << CATEGORY_SPECIAL, rig_now_ms + 60000, &number));
    assert_int_equal(opens(&boss, &letter, FACET_TEXT), SD_OK);
    assert_int_equal(opens(&boss, &letter, FACET_HEAD), SD_ERR_DENIED); /* only what was granted */
    rig_now_ms += 60000;
    assert_int_equal(opens(&boss, &letter, FACET_TEXT), SD_ERR_DENIED); /* only for as long */
}

static void a_queue_has_a_category(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(17);
    struct rig_adopted a;
    struct queue_setting queues[] = {{SPAN("support"), SPAN(RIG_SUPPORT), CATEGORY_SPECIAL}};
    assert_int_equal(keeper_set_queues(rig.k, queues, 1), SD_OK);
    rig_adopt(&rig, &letter, &a);
    assert_int_equal(opens(&boss, &letter, FACET_HEAD), SD_ERR_DENIED);
}

static void a_denial_wins(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(2);
    struct rig_adopted a;
    uint64_t number = 0, ignored = 0;
    rig_adopt(&rig, &letter, &a);
    assert_true(grants(NULL, "agent@example.test", false, VERB_BIT(OPEN), "support", CATEGORIES_ALL, 0, &number));
    assert_true(grants(NULL, "agent@example.test", true, VERB_BIT(OPEN), "*", CATEGORIES_ALL, 0, &ignored));
    assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_ERR_DENIED);
    assert_int_equal(opens(&agent, &letter, FACET_HEAD), SD_OK);
    struct keeper_grant_remove_rep rep;
    struct keeper_grant_remove_req req = {.origin = ORIGIN, .grant = number};
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, grant_remove, &req, &rep), SD_OK);
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, grant_remove, &req, &rep), SD_ERR_NOTFOUND);
    assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_OK);
}

static void grants_need_a_gesture_and_a_reason(SD_UNUSED void **state) {
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(512);
    struct keeper_grant_add_rep rep;
    struct keeper_grant_add_req req = {.token = token_of(&admin),
                                       .origin = ORIGIN,
                                       .person = SPAN("agent@example.test"),
                                       .rule = rule_card(&card, true, VERB_BIT(OPEN), "*", CATEGORIES_ALL, 0),
                                       .reason = WHY};
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, grant_add, &req, &rep), SD_ERR_GESTURE);
    gesture(&admin, VERB_PEOPLE, SPAN_NONE, false);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, grant_add, &req, &rep), SD_ERR_GESTURE); /* it was for another object */
    gesture(&admin, VERB_PEOPLE, span_of(agent.id, 16), false);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, grant_add, &req, &rep), SD_OK);
    assert_int_equal(rep.problem.n, 0);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, grant_add, &req, &rep), SD_ERR_GESTURE); /* spent */
    gesture(&admin, VERB_PEOPLE, span_of(agent.id, 16), false);
    req.reason = SPAN("because");
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, grant_add, &req, &rep), SD_OK);
    assert_true(rep.problem.n > 0);
    gesture(&admin, VERB_PEOPLE, span_of(admin.id, 16), false);
    req.reason = WHY;
    req.person = SPAN("admin@example.test");
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, grant_add, &req, &rep), SD_OK);
    assert_true(rep.problem.n > 0); /* not to oneself */
    req.token = token_of(&agent);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, grant_add, &req, &rep), SD_ERR_DENIED);
    req.token = token_of(&guard);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, grant_add, &req, &rep), SD_ERR_DENIED);
}

static void the_reason_is_listed(SD_UNUSED void **state) {
    uint64_t number = 0;
    struct keeper_audit_list_rep rep;
    assert_true(grants(NULL, "boss@example.test", true, VERB_BIT(OPEN), "*", CATEGORIES_ALL, 0, &number));
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, audit_list, &(struct keeper_audit_list_req){.from = 0}, &rep), SD_OK);
    assert_true(span_search(rep.records.raw, SPAN("\"note_text\":\"The customer called and asked.\"}")) < rep.records.raw.n);
}

static void duties_stay_separate(SD_UNUSED void **state) {
    uint64_t number = 0;
    assert_false(grants(NULL, "admin@example.test", true, VERB_BIT(PURGE), "*", CATEGORIES_ALL, 0, &number));
    assert_false(grants(NULL, "officer@example.test", true, VERB_BIT(PEOPLE), "*", CATEGORIES_ALL, rig_now_ms + 1000, &number));
    assert_true(grants(NULL, "guard@example.test", true, VERB_BIT(PEOPLE), "*", CATEGORIES_ALL, 0, &number));
    assert_false(grants(NULL, "guard@example.test", true, VERB_BIT(POLICY), "*", CATEGORIES_ALL, 0, &number));
}

/* ---- roles of one's own ---- */

static bool set_role(const char *name, uint32_t verbs, const char *queue, bool remove) {
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(512);
    struct buf raw SD_CLEANUP(buf_free) = buf_new(1024);
    struct keeper_role_set_req req = {.origin = ORIGIN, .name = span_cstr(name), .remove = remove};
    struct keeper_role_set_rep rep;
    if (!remove)
        ipc_list_add(&req.rules, &raw, rule_card(&card, true, verbs, queue, CATEGORIES_ALL, 0));
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, role_set, &req, &rep), SD_OK);
    return rep.problem.n == 0;
}

static void give_role(const struct rig_person *person, const char *name) {
    struct query q = db_query(rig.k->db, SQL_PERSON_ROLE_ADD);
    query_blob(&q, span_of(person->id, 16));
    query_text(&q, span_cstr(name));
    assert_int_equal(query_run(&q), SD_OK);
    rules_forget(rig.k);
}

static void roles_of_ones_own(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(3);
    struct rig_adopted a;
    assert_false(set_role("agent", VERB_BIT(OPEN), "", false));     /* built in */
    assert_false(set_role("No Name", VERB_BIT(OPEN), "", false));   /* no name */
    assert_false(set_role("nurse", VERB_BIT(NONE), "", false));     /* no act */
    assert_false(set_role("nurse", VERB_BIT(OPEN), "moon", false)); /* no queue */
    assert_true(set_role("nurse", VERB_BIT(OPEN) | VERB_BIT(LIST), "", false));
    rig_adopt(&rig, &letter, &a);
    assert_int_equal(act(&boss, a.ticket, ACTION_CLASSIFY, "special"), SD_OK);
    assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_ERR_DENIED);
    give_role(&agent, "nurse");
    assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_OK); /* on their own queue */
    give_role(&admin, "nurse");
    assert_int_equal(opens(&admin, &letter, FACET_TEXT), SD_ERR_DENIED); /* who has none */
    assert_false(set_role("nurse", VERB_BIT(PURGE), "*", false));        /* an administrator has it */
    assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_OK);
    assert_true(set_role("nurse", 0, "", true));
    assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_ERR_DENIED);
}

/* ---- four eyes ---- */

static bool ask(const struct rig_person *person, enum verb verb, struct span object, enum sd_err status, uint8_t ret[16]) {
    struct keeper_request_make_req req = {
        .token = token_of(person), .origin = ORIGIN, .verb = (uint8_t)verb, .object = object, .reason = WHY};
    struct keeper_request_make_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, request_make, &req, &rep), status);
    if (status == SD_OK)
        memcpy(ret, rep.request.p, 16);
    return status == SD_OK && rep.problem.n == 0;
}

static enum sd_err decide(const struct rig_person *person, const uint8_t request[16], bool approve, size_t *ret_code) {
    struct keeper_request_decide_req req = {
        .token = token_of(person), .origin = ORIGIN, .request = span_of(request, 16), .approve = approve};
    struct keeper_request_decide_rep rep;
    enum sd_err err = RIG_CALL(&rig, RIG_DESK, request_decide, &req, &rep);
    *ret_code = err ? 0 : rep.code.n;
    return err;
}

static enum sd_err may_reset(const struct rig_person *by, const struct rig_person *whom) {
    struct who who SD_CLEANUP(who_free) = {0};
    struct permission permission;
    assert_int_equal(session_check(rig.k, token_of(by), ORIGIN, &who), SD_OK);
    struct demand demand = {.verb = VERB_RESET, .object = span_of(whom->id, 16)};
    assert_int_equal(permit(rig.k, &who, &demand, &permission), SD_OK);
    return permission.status;
}

static void two_people_reset(SD_UNUSED void **state) {
    uint8_t request[16] = {0};
    size_t code = 0;
    struct span whom = span_of(agent.id, 16);
    assert_int_equal(may_reset(&admin, &agent), SD_ERR_APPROVAL);
    assert_false(ask(&agent, VERB_RESET, whom, SD_ERR_DENIED, request));
    assert_true(ask(&admin, VERB_RESET, whom, SD_OK, request));
    assert_int_equal(decide(&agent, request, true, &code), SD_ERR_DENIED);
    gesture(&admin, VERB_RESET, span_of(request, 16), false);
    assert_int_equal(decide(&admin, request, true, &code), SD_ERR_DENIED); /* not one's own */
    assert_int_equal(decide(&guard, request, true, &code), SD_ERR_GESTURE);
    gesture(&guard, VERB_RESET, whom, false); /* for the act, not for the request */
    assert_int_equal(decide(&guard, request, true, &code), SD_ERR_GESTURE);
    gesture(&guard, VERB_RESET, span_of(request, 16), false);
    assert_int_equal(decide(&guard, request, true, &code), SD_OK);
    assert_int_equal(code, 9); /* the typed code is the approver's to pass on */
    gesture(&guard, VERB_RESET, span_of(request, 16), false);
    assert_int_equal(decide(&guard, request, true, &code), SD_ERR_DENIED); /* decided */
    assert_int_equal(may_reset(&admin, &boss), SD_ERR_APPROVAL);           /* for somebody else it is not */
    assert_int_equal(may_reset(&guard, &agent), SD_ERR_APPROVAL);          /* nor of somebody else */
    assert_int_equal(may_reset(&admin, &agent), SD_ERR_GESTURE);
    gesture(&admin, VERB_RESET, whom, false);
    assert_int_equal(may_reset(&admin, &agent), SD_OK);
    gesture(&admin, VERB_RESET, whom, false);
    assert_int_equal(may_reset(&admin, &agent), SD_ERR_APPROVAL); /* once */
}

static void nobody_decides_about_themselves(SD_UNUSED void **state) {
    uint8_t request[16] = {0};
    size_t code = 0;
    assert_true(ask(&admin, VERB_RESET, span_of(guard.id, 16), SD_OK, request));
    gesture(&guard, VERB_RESET, span_of(request, 16), false);
    assert_int_equal(decide(&guard, request, true, &code), SD_ERR_DENIED);
    assert_true(ask(&admin, VERB_RESET, span_of(agent.id, 16), SD_OK, request));
    assert_int_equal(decide(&guard, request, false, &code), SD_OK); /* declining needs no gesture */
    assert_int_equal(may_reset(&admin, &agent), SD_ERR_APPROVAL);
    assert_true(ask(&admin, VERB_RESET, span_of(agent.id, 16), SD_OK, request));
    rig_now_ms += INT64_C(24) * 60 * 60 * 1000; /* nobody did within a day */
    assert_int_equal(rig_sign_in(&rig, "guard@example.test", RIG_PASSWORD, &guard), SIGN_IN_OK);
    gesture(&guard, VERB_RESET, span_of(request, 16), false);
    assert_int_equal(decide(&guard, request, true, &code), SD_ERR_DENIED);
}

static void requests_are_listed_to_whom_they_concern(SD_UNUSED void **state) {
    uint8_t request[16] = {0};
    const struct {
        const struct rig_person *person;
        unsigned count;
    } lists[] = {{&admin, 1}, {&guard, 1}, {&agent, 0}, {&boss, 0}, {&officer, 0}};
    assert_true(ask(&admin, VERB_RESET, span_of(agent.id, 16), SD_OK, request));
    for (size_t i = 0; i < SD_COUNT(lists); i++) {
        struct keeper_request_list_req req = {.token = token_of(lists[i].person), .origin = ORIGIN};
        struct keeper_request_list_rep rep;
        assert_int_equal(RIG_CALL(&rig, RIG_DESK, request_list, &req, &rep), SD_OK);
        assert_int_equal(rep.requests.count, lists[i].count);
    }
}

/* A setting can ask for a second person where the table does not. */
static void more_acts_need_two(SD_UNUSED void **state) {
    struct who who SD_CLEANUP(who_free) = {0};
    struct permission permission;
    struct access_settings access = rig.k->access;
    assert_int_equal(session_check(rig.k, token_of(&admin), ORIGIN, &who), SD_OK);
    assert_int_equal(permit(rig.k, &who, &(struct demand){.verb = VERB_KEYS}, &permission), SD_OK);
    assert_int_equal(permission.status, SD_ERR_GESTURE);
    access.four_eyes = VERB_BIT(KEYS);
    keeper_set_access(rig.k, &access);
    assert_int_equal(permit(rig.k, &who, &(struct demand){.verb = VERB_KEYS}, &permission), SD_OK);
    assert_int_equal(permission.status, SD_ERR_APPROVAL);
}

/* ---- gestures ---- */

static void gestures_are_spent(SD_UNUSED void **state) {
    struct who who SD_CLEANUP(who_free) = {0};
    struct permission permission;
    struct access_settings access = rig.k->access;
    struct demand demand = {.verb = VERB_KEYS};
    assert_int_equal(session_check(rig.k, token_of(&admin), ORIGIN, &who), SD_OK);
    gesture(&admin, VERB_KEYS, SPAN_NONE, false);
    assert_int_equal(permit(rig.k, &who, &demand, &permission), SD_OK);
    assert_int_equal(permission.status, SD_OK);
    assert_int_equal(permit(rig.k, &who, &demand, &permission), SD_OK);
    assert_int_equal(permission.status, SD_ERR_GESTURE);
    gesture(&admin, VERB_KEYS, SPAN_NONE, false);
    rig_now_ms += GESTURE_MS;
    assert_int_equal(permit(rig.k, &who, &demand, &permission), SD_OK);
    assert_int_equal(permission.status, SD_ERR_GESTURE); /* too old */
    gesture(&admin, VERB_KEYS, SPAN_NONE, true);
    assert_int_equal(permit(rig.k, &who, &demand, &permission), SD_OK);
    assert_int_equal(permission.status, SD_ERR_GESTURE); /* a code does not step up */
    access.totp_step_up = true;
    keeper_set_access(rig.k, &access);
    assert_int_equal(permit(rig.k, &who, &demand, &permission), SD_OK);
    assert_int_equal(permission.status, SD_OK);
    assert_true(permission.by_totp);
    assert_string_equal(permission.reason, "stepped up with a one-time code");
}

static void a_gesture_is_of_its_session(SD_UNUSED void **state) {
    struct rig_person again = admin;
    struct who who SD_CLEANUP(who_free) = {0};
    struct permission permission;
    assert_int_equal(rig_sign_in(&rig, "admin@example.test", RIG_PASSWORD, &again), SIGN_IN_OK);
    gesture(&admin, VERB_KEYS, SPAN_NONE, false);
    assert_int_equal(session_check(rig.k, token_of(&again), ORIGIN, &who), SD_OK);
    assert_int_equal(permit(rig.k, &who, &(struct demand){.verb = VERB_KEYS}, &permission), SD_OK);
    assert_int_equal(permission.status, SD_ERR_GESTURE);
}

/* ---- emergency access and alarms ---- */

static uint64_t alarms_of(const struct rig_person *person) {
    struct keeper_session_req req = {.token = token_of(person), .origin = ORIGIN};
    struct keeper_session_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, session, &req, &rep), SD_OK);
    return rep.alarms;
}

static void breaking_glass_tells_everybody(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(4);
    struct rig_adopted a;
    struct keeper_break_glass_rep rep;
    letter.queue = "billing";
    rig_adopt(&rig, &letter, &a);
    assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_ERR_DENIED);
    struct keeper_break_glass_req req = {
        .token = token_of(&agent), .origin = ORIGIN, .queue = SPAN("billing"), .reason = WHY, .minutes = 30};
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, break_glass, &req, &rep), SD_ERR_GESTURE);
    gesture(&agent, VERB_BREAK_GLASS, SPAN_NONE, false);
    req.minutes = 61;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, break_glass, &req, &rep), SD_OK);
    assert_true(rep.problem.n > 0);
    assert_int_equal(alarms_of(&boss), 0);
    gesture(&agent, VERB_BREAK_GLASS, SPAN_NONE, false);
    req.minutes = 30;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, break_glass, &req, &rep), SD_OK);
    assert_int_equal(rep.problem.n, 0);
    assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_OK);
    assert_int_equal(alarms_of(&boss), 1);
    assert_int_equal(alarms_of(&officer), 1);
    struct keeper_alarm_list_req list = {.token = token_of(&boss), .origin = ORIGIN};
    struct keeper_alarm_list_rep alarms;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, alarm_list, &list, &alarms), SD_OK);
    assert_int_equal(alarms.alarms.count, 1);
    assert_true(span_search(alarms.alarms.raw, WHY) < alarms.alarms.raw.n);
    struct keeper_alarm_seen_req seen = {.token = token_of(&boss), .origin = ORIGIN, .alarm = 1};
    struct keeper_alarm_seen_rep done;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, alarm_seen, &seen, &done), SD_OK);
    assert_int_equal(alarms_of(&boss), 0);
    assert_int_equal(alarms_of(&officer), 1);
    seen.alarm = 2;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, alarm_seen, &seen, &done), SD_ERR_DENIED);
    rig_now_ms += 30 * 60 * 1000;
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_ERR_DENIED); /* over */
    assert_true(rig_records(&rig, "\"action\":\"break-glass\"") >= 2);
    assert_int_equal(rig_records(&rig, "The customer called"), 0); /* what people write stays out of the log */
}

/* ---- budgets ---- */

static void set_budget(uint32_t minute, uint32_t day) {
    struct access_settings access = rig.k->access;
    access.budget = (struct budget_limits){minute, day, 1000, 1000};
    keeper_set_access(rig.k, &access);
}

static void the_budget_ends(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(5);
    struct rig_adopted a;
    rig_adopt(&rig, &letter, &a);
    set_budget(3, 100);
    rig_now_ms -= rig_now_ms % 60000;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_OK);
    assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_ERR_BUDGET);
    assert_int_equal(opens(&boss, &letter, FACET_TEXT), SD_OK); /* of one person */
    assert_int_equal(alarms_of(&guard), 0);
    gesture(&agent, VERB_EXCEED, SPAN_NONE, false);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_OK); /* as much again */
    gesture(&agent, VERB_EXCEED, SPAN_NONE, false);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_ERR_SPENT); /* and no more */
    assert_int_equal(alarms_of(&guard), 1);                                 /* one alarm, not three */
    assert_int_equal(alarms_of(&boss), 0);
    rig_now_ms += 60000;
    assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_OK);
}

static void another_session_is_no_other_budget(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(6);
    struct rig_adopted a;
    struct rig_person again = agent;
    rig_adopt(&rig, &letter, &a);
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &again), SIGN_IN_OK);
    set_budget(2, 100);
    rig_now_ms += 60000 - rig_now_ms % 60000;
    assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_OK);
    assert_int_equal(opens(&again, &letter, FACET_TEXT), SD_OK);
    assert_int_equal(opens(&again, &letter, FACET_TEXT), SD_ERR_BUDGET);
    rig_now_ms -= 120000; /* the clock goes back: no new minute */
    assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_ERR_BUDGET);
}

static void a_day_survives_a_restart(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(7);
    struct rig_adopted a;
    rig_adopt(&rig, &letter, &a);
    set_budget(100, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_OK);
    keeper_tick(rig.k);
    rig_crash(&rig);
    rig_open(&rig);
    set_budget(100, 3);
    assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_ERR_BUDGET);
    rig_now_ms += INT64_C(24) * 60 * 60 * 1000;
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_OK);
}

static void lists_have_a_budget_too(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(8);
    struct rig_adopted a;
    struct buf raw SD_CLEANUP(buf_free) = buf_new(4096);
    uint8_t id[16];
    struct access_settings access = rig.k->access;
    rig_adopt(&rig, &letter, &a);
    rig_object_id(&letter, id);
    access.budget.heads_per_minute = 3;
    keeper_set_access(rig.k, &access);
    struct keeper_open_heads_req req = {.token = token_of(&agent), .origin = ORIGIN};
    struct keeper_open_heads_rep rep;
    ipc_list_add(&req.objects, &raw, span_of(id, 16));
    ipc_list_add(&req.objects, &raw, span_of(id, 16));
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, open_heads, &req, &rep), SD_OK);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, open_heads, &req, &rep), SD_ERR_BUDGET);
}

/* ---- API tokens ---- */

static bool make_token(const struct rig_person *by, uint32_t verbs, const char *queue, const char *network,
                       struct rig_person *ret, uint8_t ret_id[16]) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(512), nets SD_CLEANUP(buf_free) = buf_new(512);
    struct keeper_token_make_rep rep;
    struct keeper_token_make_req req = {
        .token = token_of(by), .origin = ORIGIN, .name = SPAN("crm"), .verbs = verbs, .expires_ms = rig_now_ms + 3600000};
    if (queue)
        ipc_list_add(&req.queues, &raw, span_cstr(queue));
    if (network)
        ipc_list_add(&req.addresses, &nets, span_cstr(network));
    gesture(by, VERB_TOKENS, SPAN_NONE, false);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, token_make, &req, &rep), SD_OK);
    if (rep.problem.n)
        return false;
    memcpy(ret->token, rep.secret.p, 32);
    memcpy(ret_id, rep.id.p, 16);
    return true;
}

static void tokens_do_what_they_are_for(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(9);
    struct rig_adopted a;
    struct rig_person machine = agent;
    uint8_t id[16];
    rig_adopt(&rig, &letter, &a);
    assert_false(make_token(&agent, VERB_BIT(KEYS), NULL, NULL, &machine, id));     /* needs a gesture: never a machine's */
    assert_false(make_token(&agent, VERB_BIT(SESSIONS), NULL, NULL, &machine, id)); /* more than the owner's */
    assert_false(make_token(&agent, VERB_BIT(OPEN), "moon", NULL, &machine, id));
    assert_false(make_token(&agent, VERB_BIT(OPEN), NULL, "192.0.2.0/33", &machine, id));
    assert_true(make_token(&agent, VERB_BIT(OPEN), "support", "192.0.2.0/24", &machine, id));
    assert_int_equal(opens(&machine, &letter, FACET_TEXT), SD_OK);
    assert_int_equal(opens(&machine, &letter, FACET_SOURCE), SD_ERR_DENIED); /* another verb */
    assert_int_equal(act(&machine, a.ticket, ACTION_STATE, "closed"), SD_ERR_DENIED);
    assert_int_equal(act(&boss, a.ticket, ACTION_CLASSIFY, "confidential"), SD_OK);
    assert_int_equal(opens(&machine, &letter, FACET_TEXT), SD_ERR_DENIED); /* its owner may not */
    assert_int_equal(act(&boss, a.ticket, ACTION_CLASSIFY, "normal"), SD_OK);
    struct keeper_token_revoke_req req = {.token = token_of(&agent), .origin = ORIGIN, .id = span_of(id, 16)};
    struct keeper_token_revoke_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, token_revoke, &req, &rep), SD_OK);
    assert_int_equal(opens(&machine, &letter, FACET_TEXT), SD_ERR_DENIED);
}

static void tokens_end_and_are_bound(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(10);
    struct rig_adopted a;
    struct rig_person machine = agent, elsewhere = agent, other = agent;
    uint8_t id[16];
    rig_adopt(&rig, &letter, &a);
    assert_true(make_token(&agent, VERB_BIT(OPEN), NULL, NULL, &machine, id));
    assert_true(make_token(&agent, VERB_BIT(OPEN), NULL, "198.51.100.7", &elsewhere, id));
    assert_true(make_token(&boss, VERB_BIT(OPEN), "billing", NULL, &other, id));
    assert_int_equal(opens(&machine, &letter, FACET_TEXT), SD_OK);
    assert_int_equal(opens(&elsewhere, &letter, FACET_TEXT), SD_ERR_DENIED);
    assert_int_equal(opens(&other, &letter, FACET_TEXT), SD_ERR_DENIED); /* another queue */
    struct who who SD_CLEANUP(who_free) = {0};
    assert_int_equal(session_check(rig.k, token_of(&machine), ORIGIN, &who), SD_OK);
    assert_int_equal(who.factor, FACTOR_TOKEN);
    assert_int_equal(gesture_add(rig.k, &who, VERB_OPEN, SPAN_NONE, false), SD_ERR_DENIED); /* no hands */
    rig_now_ms += 3600000;
    assert_int_equal(opens(&machine, &letter, FACET_TEXT), SD_ERR_DENIED);
}

/* ---- warrants ---- */

static enum sd_err use(enum rig_peer peer, const uint8_t warrant[16], const struct rig_letter *letter, unsigned facet) {
    uint8_t id[16];
    struct keeper_warrant_open_rep rep;
    rig_object_id(letter, id);
    struct keeper_warrant_open_req req = {.warrant = span_of(warrant, 16), .object = span_of(id, 16), .facet = (uint8_t)facet};
    return RIG_CALL(&rig, peer, warrant_open, &req, &rep);
}

static void issue(const char *purpose, const char *queue, uint32_t uses, uint8_t ret[16]) {
    struct keeper_warrant_issue_rep rep;
    struct keeper_warrant_issue_req req = {
        .purpose = span_cstr(purpose), .queue = span_cstr(queue), .uses = uses, .expires_ms = rig_now_ms + 60000};
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, warrant_issue, &req, &rep), SD_OK);
    assert_int_equal(rep.problem.n, 0);
    memcpy(ret, rep.warrant.p, 16);
}

static void warrants_cover_what_they_name(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(11), other = RIG_LETTER(12), held = RIG_LETTER(13);
    struct rig_adopted a;
    uint8_t export[16], rescan[16];
    other.queue = "billing";
    held.state = OBJECT_UNSCANNED;
    rig_adopt(&rig, &letter, &a);
    rig_adopt(&rig, &other, &a);
    rig_adopt(&rig, &held, &a);
    issue("export", "support", 2, export);
    issue("rescan", "support", 10, rescan);
    assert_int_equal(use(RIG_COURIER, export, &letter, FACET_TEXT), SD_ERR_DENIED); /* not its process */
    assert_int_equal(use(RIG_CLERK, export, &other, FACET_TEXT), SD_ERR_DENIED);    /* not its queue */
    assert_int_equal(use(RIG_CLERK, export, &letter, FACET_RECEIPT), SD_ERR_DENIED);
    assert_int_equal(use(RIG_CLERK, export, &held, FACET_SOURCE), SD_ERR_DENIED); /* not fit */
    assert_int_equal(use(RIG_CLERK, rescan, &held, FACET_SOURCE), SD_OK);         /* to be scanned it is */
    assert_int_equal(use(RIG_CLERK, rescan, &letter, FACET_TEXT), SD_ERR_DENIED);
    assert_int_equal(use(RIG_CLERK, export, &letter, FACET_TEXT), SD_OK);
    assert_int_equal(use(RIG_CLERK, export, &letter, FACET_SOURCE), SD_OK);
    assert_int_equal(use(RIG_CLERK, export, &letter, FACET_TEXT), SD_ERR_DENIED); /* used up */
    rig_now_ms += 60000;
    assert_int_equal(use(RIG_CLERK, rescan, &held, FACET_SOURCE), SD_ERR_DENIED); /* over */
    assert_int_equal(rig_records(&rig, "\"actor\":{\"kind\":\"warrant\""), 10);   /* each use and each try */
}

static void warrants_are_revoked(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(14);
    struct rig_adopted a;
    uint8_t warrant[16];
    rig_adopt(&rig, &letter, &a);
    issue("export", "*", 5, warrant);
    assert_int_equal(use(RIG_CLERK, warrant, &letter, FACET_TEXT), SD_OK);
    struct keeper_warrant_revoke_req req = {.token = token_of(&guard), .origin = ORIGIN, .warrant = span_of(warrant, 16)};
    struct keeper_warrant_revoke_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, warrant_revoke, &req, &rep), SD_ERR_GESTURE);
    gesture(&guard, VERB_WARRANTS, span_of(warrant, 16), false);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, warrant_revoke, &req, &rep), SD_OK);
    assert_int_equal(use(RIG_CLERK, warrant, &letter, FACET_TEXT), SD_ERR_DENIED);
    struct keeper_warrant_list_req list = {.token = token_of(&guard), .origin = ORIGIN};
    struct keeper_warrant_list_rep rows;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, warrant_list, &list, &rows), SD_OK);
    assert_int_equal(rows.warrants.count, 1);
    assert_true(span_search(rows.warrants.raw, SPAN("\"used\":1")) < rows.warrants.raw.n);
    assert_true(span_search(rows.warrants.raw, SPAN("\"state\":\"revoked\"")) < rows.warrants.raw.n);
    list.token = token_of(&agent);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, warrant_list, &list, &rows), SD_ERR_DENIED);
}

static void export_warrants_need_the_right_to_export(SD_UNUSED void **state) {
    struct keeper_warrant_issue_rep rep;
    struct keeper_warrant_issue_req req = {.token = token_of(&guard),
                                           .origin = ORIGIN,
                                           .purpose = SPAN("export"),
                                           .queue = SPAN("support"),
                                           .uses = 1,
                                           .expires_ms = rig_now_ms + 60000};
    gesture(&guard, VERB_WARRANTS, SPAN_NONE, false);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, warrant_issue, &req, &rep), SD_ERR_DENIED);
    req.token = token_of(&officer);
    gesture(&officer, VERB_WARRANTS, SPAN_NONE, false);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, warrant_issue, &req, &rep), SD_OK);
    assert_int_equal(rep.problem.n, 0);
    req.purpose = SPAN("deliver");
    gesture(&officer, VERB_WARRANTS, SPAN_NONE, false);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, warrant_issue, &req, &rep), SD_OK);
    assert_true(rep.problem.n > 0);
}

static void a_policy_issues_what_it_names(SD_UNUSED void **state) {
    struct keeper_warrant_by_policy_rep rep;
    struct keeper_warrant_by_policy_req req = {.purpose = SPAN("rescan"), .queue = SPAN("support")};
    struct access_settings access = rig.k->access;
    access.warrant_policies = 0;
    keeper_set_access(rig.k, &access);
    assert_int_equal(RIG_CALL(&rig, RIG_CLERK, warrant_by_policy, &req, &rep), SD_ERR_DENIED);
    access = access_settings_default(); /* rescan, and nothing else */
    keeper_set_access(rig.k, &access);
    assert_int_equal(RIG_CALL(&rig, RIG_CLERK, warrant_by_policy, &req, &rep), SD_OK);
    assert_int_equal(RIG_CALL(&rig, RIG_COURIER, warrant_by_policy, &req, &rep), SD_ERR_DENIED);
    static const char *const others[] = {"export", "preview", "learn", "index", "deliver"};
    for (size_t i = 0; i < SD_COUNT(others); i++) {
        req.purpose = span_cstr(others[i]);
        assert_int_equal(RIG_CALL(&rig, RIG_CLERK, warrant_by_policy, &req, &rep), SD_ERR_DENIED);
    }
}

/* ---- explaining ---- */

static bool explained(const struct rig_person *by, const char *whom, enum verb verb, const uint8_t *ticket, enum sd_err status,
                      const char *line) {
    struct keeper_explain_rep rep;
    struct keeper_explain_req req = {.token = by ? token_of(by) : SPAN_NONE,
                                     .origin = ORIGIN,
                                     .person = span_cstr(whom),
                                     .verb = (uint8_t)verb,
                                     .ticket = ticket ? span_of(ticket, 16) : SPAN_NONE};
    assert_int_equal(RIG_CALL(&rig, by ? RIG_DESK : RIG_ADMIN, explain, &req, &rep), status);
    if (status == SD_OK && line)
        assert_true(span_search(rep.lines.raw, span_cstr(line)) < rep.lines.raw.n);
    return status == SD_OK && rep.may;
}

static void it_explains_itself(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(15);
    struct rig_adopted a;
    uint64_t number = 0;
    rig_adopt(&rig, &letter, &a);
    assert_true(
        explained(NULL, "agent", VERB_OPEN, a.ticket, SD_OK, "allows: the built-in role agent allows open on queue support"));
    assert_false(explained(NULL, "admin@example.test", VERB_OPEN, a.ticket, SD_OK, "No rule allows it."));
    assert_true(grants(NULL, "agent@example.test", false, VERB_BIT(OPEN), "*", CATEGORIES_ALL, 0, &number));
    assert_false(explained(NULL, "agent", VERB_OPEN, a.ticket, SD_OK, "DENIES, and that wins: grant 1 denies open"));
    assert_true(explained(NULL, "boss", VERB_PURGE, a.ticket, SD_OK, "A second person who may do it too has to approve"));
    assert_true(explained(&boss, "boss", VERB_OPEN, a.ticket, SD_OK, NULL)); /* about oneself */
    assert_false(explained(&boss, "agent", VERB_OPEN, a.ticket, SD_ERR_DENIED, NULL));
    assert_true(explained(&admin, "boss", VERB_OPEN, a.ticket, SD_OK, NULL));
    assert_false(explained(NULL, "nobody@example.test", VERB_OPEN, a.ticket, SD_ERR_NOTFOUND, NULL));
    struct keeper_who_can_req req = {.verb = VERB_OPEN, .ticket = span_of(a.ticket, 16)};
    struct keeper_who_can_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, who_can, &req, &rep), SD_OK);
    assert_int_equal(rep.people.count, 1);
    assert_true(span_search(rep.people.raw, SPAN("boss@example.test")) < rep.people.raw.n);
    req.token = token_of(&boss);
    req.origin = ORIGIN;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, who_can, &req, &rep), SD_ERR_DENIED);
}

/* What a suspended person had is nothing any more: sessions, tokens, rules. */
static void suspended_people_may_nothing(SD_UNUSED void **state) {
    struct rig_letter letter = RIG_LETTER(16);
    struct rig_adopted a;
    struct rig_person machine = agent;
    uint8_t id[16];
    rig_adopt(&rig, &letter, &a);
    assert_true(make_token(&agent, VERB_BIT(OPEN), NULL, NULL, &machine, id));
    struct query q = db_query(rig.k->db, SQL_PERSON_STATE);
    query_int(&q, PERSON_SUSPENDED);
    query_blob(&q, span_of(agent.id, 16));
    assert_int_equal(query_run(&q), SD_OK);
    rules_forget(rig.k);
    assert_int_equal(opens(&agent, &letter, FACET_TEXT), SD_ERR_DENIED);
    assert_int_equal(opens(&machine, &letter, FACET_TEXT), SD_ERR_DENIED);
    assert_false(explained(NULL, "agent", VERB_OPEN, a.ticket, SD_OK, "suspended"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(categories_open_to_some),
        CASE(a_queue_has_a_category),
        CASE(a_denial_wins),
        CASE(grants_need_a_gesture_and_a_reason),
        CASE(the_reason_is_listed),
        CASE(duties_stay_separate),
        CASE(roles_of_ones_own),
        CASE(two_people_reset),
        CASE(nobody_decides_about_themselves),
        CASE(requests_are_listed_to_whom_they_concern),
        CASE(more_acts_need_two),
        CASE(gestures_are_spent),
        CASE(a_gesture_is_of_its_session),
        CASE(breaking_glass_tells_everybody),
        CASE(the_budget_ends),
        CASE(another_session_is_no_other_budget),
        CASE(a_day_survives_a_restart),
        CASE(lists_have_a_budget_too),
        CASE(tokens_do_what_they_are_for),
        CASE(tokens_end_and_are_bound),
        CASE(warrants_cover_what_they_name),
        CASE(warrants_are_revoked),
        CASE(export_warrants_need_the_right_to_export),
        CASE(a_policy_issues_what_it_names),
        CASE(it_explains_itself),
        CASE(suspended_people_may_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
