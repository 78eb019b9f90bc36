/* Those who administer people, and root: what they may, what nobody may to themselves, who stays; sessions of others. */
#include "core/codec.h"
#include "core/ipc/cards.h"
#include "keeper/permit.h"
#include "keeper/test_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FROM .origin = SPAN("192.0.2.1")
#define WHY SPAN("because the test says so")

static struct rig rig;
static struct rig_person admin, agent, boss;

static int setup(SD_UNUSED void **state) {
    rig_new(&rig);
    rig_add(&rig, "admin@example.test", "admin", NULL, &admin);
    rig_add(&rig, "agent@example.test", "agent", "support", &agent);
    rig_add(&rig, "boss@example.test", "supervisor", "support", &boss);
    rig_enter(&rig, "admin@example.test", &admin);
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    assert_int_equal(rig_sign_in(&rig, "boss@example.test", RIG_PASSWORD, &boss), SIGN_IN_OK);
    return 0;
}

static int teardown(SD_UNUSED void **state) {
    rig_free(&rig);
    return 0;
}

static struct span token_of(const struct rig_person *person) {
    return span_of(person->token, 32);
}

/* The last answer's problem. */
static char problem[257];

static void keep_problem(struct span text) {
    (void)snprintf(problem, sizeof problem, "%.*s", SPAN_FMT(text));
}

static struct keeper_person_change_rep changed;

static enum sd_err change_req(enum rig_peer peer, struct keeper_person_change_req *req) {
    changed = (struct keeper_person_change_rep){0};
    enum sd_err err = RIG_CALL(&rig, peer, person_change, req, &changed);
    keep_problem(err ? SPAN_NONE : changed.problem);
    return err;
}

/* By the admin at the desk, with the gesture for it. */
static enum sd_err by_admin(const struct rig_person *person, uint8_t what, const char *value, const char *item) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(256), hex SD_CLEANUP(buf_free) = buf_new(64);
    put_hex(&hex, span_of(person->id, 16));
    assert_int_equal(rig_passkey_sign_in(&rig, &admin), SIGN_IN_OK);
    assert_int_equal(rig_gesture(&rig, &admin, VERB_PEOPLE, span_of(person->id, 16)), SD_OK);
    struct keeper_person_change_req req = {
        .token = token_of(&admin), FROM, .person = buf_span(&hex), .what = what, .value = span_cstr(value)};
    if (item)
        ipc_list_add(&req.queues, &raw, span_cstr(item));
    return change_req(RIG_DESK, &req);
}

static enum sd_err by_root(const char *person, uint8_t what, const char *value, struct span reason) {
    struct keeper_person_change_req req = {
        .person = span_cstr(person), .what = what, .value = span_cstr(value), .reason = reason};
    return change_req(RIG_ADMIN, &req);
}

static enum sd_err session(const struct rig_person *person, struct keeper_session_rep *rep) {
    struct keeper_session_req req = {.token = token_of(person), FROM};
    return RIG_CALL(&rig, RIG_DESK, session, &req, rep);
}

/* ---- changes ---- */

static void a_gesture_for_each(SD_UNUSED void **state) {
    struct keeper_person_change_req req = {
        .token = token_of(&admin), FROM, .person = SPAN("agent@example.test"), .what = PERSON_NAME, .value = SPAN("Agent")};
    assert_int_equal(rig_gesture(&rig, &admin, VERB_PEOPLE, span_of(boss.id, 16)), SD_OK);
    assert_int_equal(change_req(RIG_DESK, &req), SD_ERR_GESTURE); /* it was for somebody else */
    assert_int_equal(rig_gesture(&rig, &admin, VERB_PEOPLE, span_of(agent.id, 16)), SD_OK);
    req.value = SPAN("\n");
    assert_int_equal(change_req(RIG_DESK, &req), SD_OK);
    assert_true(*problem); /* what is refused costs no gesture */
    req.value = SPAN("Agent");
    assert_int_equal(change_req(RIG_DESK, &req), SD_OK);
    assert_string_equal(problem, "");
    assert_int_equal(change_req(RIG_DESK, &req), SD_ERR_GESTURE);
    req.token = token_of(&agent);
    assert_int_equal(change_req(RIG_DESK, &req), SD_ERR_DENIED);
    req.person = SPAN("nobody@example.test"); /* who may not is not told who is there */
    assert_int_equal(change_req(RIG_DESK, &req), SD_ERR_DENIED);
    req.token = token_of(&admin);
    assert_int_equal(change_req(RIG_DESK, &req), SD_OK);
    assert_string_equal(problem, "There is no such person.");
    req.what = 0;
    assert_int_equal(change_req(RIG_DESK, &req), SD_ERR_PARSE);
    req.what = 99;
    assert_int_equal(change_req(RIG_DESK, &req), SD_ERR_PARSE);
}

static void suspended_people_are_out(SD_UNUSED void **state) {
    struct keeper_session_rep rep;
    struct rig_person person;
    rig_add(&rig, "away@example.test", "agent", "support", &person);
    rig_enter(&rig, "away@example.test", &person);
    assert_int_equal(session(&person, &rep), SD_OK);
    assert_int_equal(by_admin(&person, PERSON_SUSPEND, "", NULL), SD_OK);
    assert_string_equal(problem, "");
    assert_int_equal(session(&person, &rep), SD_ERR_DENIED);
    assert_int_equal(rig_sign_in(&rig, "away@example.test", RIG_PASSWORD, &person), SIGN_IN_FAILED);
    assert_int_equal(rig_passkey_sign_in(&rig, &person), SIGN_IN_FAILED);
    assert_int_equal(by_admin(&person, PERSON_SUSPEND, "", NULL), SD_OK);
    assert_true(*problem);
    assert_int_equal(by_admin(&person, PERSON_RESUME, "", NULL), SD_OK);
    assert_int_equal(rig_passkey_sign_in(&rig, &person), SIGN_IN_OK);
    assert_int_equal(by_admin(&person, PERSON_RESUME, "", NULL), SD_OK);
    assert_true(*problem);
}

static void removed_people_are_nobody(SD_UNUSED void **state) {
    struct keeper_session_rep rep;
    struct rig_person person;
    rig_add(&rig, "leaves@example.test", "agent", "support", &person);
    rig_enter(&rig, "leaves@example.test", &person);
    assert_int_equal(by_admin(&person, PERSON_REMOVE, "", NULL), SD_OK);
    assert_string_equal(problem, "");
    assert_int_equal(session(&person, &rep), SD_ERR_DENIED);
    assert_int_equal(rig_passkey_sign_in(&rig, &person), SIGN_IN_FAILED);
    assert_int_equal(rig_sign_in(&rig, "leaves@example.test", RIG_PASSWORD, &person), SIGN_IN_FAILED);
    assert_int_equal(by_admin(&person, PERSON_RESUME, "", NULL), SD_OK);
    assert_string_equal(problem, "There is no such person.");
    struct keeper_user_list_rep list;
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, user_list, &(struct keeper_user_list_req){}, &list), SD_OK);
    struct ipc_list_iter iter = ipc_list_start(list.people);
    struct span line;
    while (ipc_list_next(&iter, &line))
        assert_true(span_search(line, SPAN("leaves")) == line.n && span_search(line, SPAN("removed")) == line.n);
    rig_add(&rig, "leaves@example.test", "agent", "support", &person); /* the address is free again */
}

static void roles_queues_and_rights(SD_UNUSED void **state) {
    struct keeper_session_rep rep;
    struct rig_person person;
    rig_add(&rig, "moves@example.test", "agent", "support", &person);
    assert_int_equal(rig_sign_in(&rig, "moves@example.test", RIG_PASSWORD, &person), SIGN_IN_OK);
    assert_int_equal(by_admin(&person, PERSON_QUEUES, "", "billing"), SD_OK);
    assert_int_equal(session(&person, &rep), SD_OK);
    struct ipc_list_iter iter = ipc_list_start(rep.queues);
    struct span queue;
    assert_true(ipc_list_next(&iter, &queue) && span_eq(queue, SPAN("billing")));
    assert_int_equal(rep.queues.count, 1);
    assert_int_equal(by_admin(&person, PERSON_QUEUES, "", "no-such-queue"), SD_OK);
    assert_true(*problem);
    assert_int_equal(by_admin(&person, PERSON_ROLE, "auditor", NULL), SD_OK);
    assert_int_equal(session(&person, &rep), SD_OK);
    assert_int_equal(rep.queues.count, 0);
    assert_int_equal(by_admin(&person, PERSON_ROLE, "emperor", NULL), SD_OK);
    assert_true(*problem);
    assert_int_equal(by_admin(&person, PERSON_ROLE, "security", NULL), SD_OK); /* needs a passkey: */
    assert_int_equal(session(&person, &rep), SD_OK);
    assert_true(rep.limited);
    assert_int_equal(by_admin(&person, PERSON_ROLES, "", "no-such-role"), SD_OK);
    assert_true(*problem);
}

static void make_role(const char *name, uint32_t verbs) {
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(256);
    struct buf raw SD_CLEANUP(buf_free) = buf_new(512);
    struct cards_rule_v1 rule = {.allow = true, .verbs = verbs, .queue = SPAN("*"), .categories = CATEGORIES_ALL};
    assert_int_equal(cards_rule_v1_encode(&card, &rule), SD_OK);
    struct keeper_role_set_req req = {.name = span_cstr(name)};
    struct keeper_role_set_rep rep;
    ipc_list_add(&req.rules, &raw, buf_span(&card.body));
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, role_set, &req, &rep), SD_OK);
    assert_int_equal(rep.problem.n, 0);
}

/* Nobody comes out of it who both administers people and destroys mail. */
static void duties_are_separate(SD_UNUSED void **state) {
    struct keeper_session_rep rep;
    make_role("helper", VERB_BIT(PEOPLE));
    assert_int_equal(by_admin(&boss, PERSON_ROLES, "", "helper"), SD_OK); /* supervisors purge on their queues */
    assert_true(*problem);
    assert_int_equal(by_admin(&agent, PERSON_ROLES, "", "helper"), SD_OK);
    assert_string_equal(problem, "");
    assert_int_equal(session(&agent, &rep), SD_OK);
    assert_true(rep.verbs & VERB_BIT(PEOPLE));
    assert_int_equal(by_admin(&agent, PERSON_ROLE, "supervisor", NULL), SD_OK);
    assert_true(*problem);
    struct keeper_person_change_req req = {
        .token = token_of(&admin), FROM, .person = SPAN("agent@example.test"), .what = PERSON_NAME, .value = SPAN("Agent")};
    assert_int_equal(change_req(RIG_DESK, &req), SD_OK); /* what is refused in the middle costs no gesture either */
    assert_int_equal(session(&agent, &rep), SD_OK);
    assert_int_equal(rep.role, ROLE_AGENT);
    assert_int_equal(by_admin(&agent, PERSON_ROLES, "", NULL), SD_OK);
    assert_int_equal(session(&agent, &rep), SD_OK);
    assert_false(rep.verbs & VERB_BIT(PEOPLE));
}

static void nobody_to_themselves(SD_UNUSED void **state) {
    static const uint8_t whats[] = {PERSON_SUSPEND, PERSON_REMOVE, PERSON_ROLE, PERSON_QUEUES, PERSON_ROLES};
    for (size_t i = 0; i < SD_COUNT(whats); i++) {
        assert_int_equal(by_admin(&admin, whats[i], "agent", NULL), SD_OK);
        assert_string_equal(problem, "Nobody does this to themselves. Ask somebody else.");
    }
    assert_int_equal(by_admin(&admin, PERSON_NAME, "The Admin", NULL), SD_OK);
    assert_string_equal(problem, "");
}

/* Not even root: what nobody administers, nobody can put right from the desk. */
static void the_last_administrator_stays(SD_UNUSED void **state) {
    assert_int_equal(by_root("admin@example.test", PERSON_SUSPEND, "", SPAN_NONE), SD_OK);
    assert_string_equal(problem, "This is the last administrator. Make another one first.");
    assert_int_equal(by_root("admin@example.test", PERSON_REMOVE, "", SPAN_NONE), SD_OK);
    assert_true(*problem);
    assert_int_equal(by_root("admin@example.test", PERSON_ROLE, "agent", SPAN_NONE), SD_OK);
    assert_true(*problem);
    /* one who has not enrolled is no other */
    struct keeper_person_invite_req req = {
        .email = SPAN("second@example.test"), .name = SPAN("Second"), .role = SPAN("admin"), .reason = WHY};
    struct keeper_person_invite_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, person_invite, &req, &rep), SD_OK);
    assert_int_equal(rep.problem.n, 0);
    assert_int_equal(by_root("admin@example.test", PERSON_SUSPEND, "", SPAN_NONE), SD_OK);
    assert_true(*problem);
    assert_int_equal(by_root("second@example.test", PERSON_SUSPEND, "", SPAN_NONE), SD_OK);
    assert_true(*problem); /* not enrolled: to be removed instead */
    assert_int_equal(by_root("second@example.test", PERSON_REMOVE, "", SPAN_NONE), SD_OK);
    assert_string_equal(problem, "");
}

/* ---- root ---- */

static unsigned admin_alarms(void) {
    return rig_records(&rig, "\"reason\":\"administrator-made\"");
}

static void root_makes_administrators_in_the_open(SD_UNUSED void **state) {
    struct keeper_user_add_req add = {
        .email = SPAN("third@example.test"), .name = SPAN("Third"), .role = SPAN("admin"), .password = SPAN(RIG_PASSWORD)};
    struct keeper_user_add_rep added;
    struct keeper_person_invite_req invite = {.email = SPAN("fourth@example.test"), .name = SPAN("F"), .role = SPAN("admin")};
    struct keeper_person_invite_rep invited;
    unsigned before = admin_alarms();
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, user_add, &add, &added), SD_OK);
    assert_true(added.problem.n > 0);
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, person_invite, &invite, &invited), SD_OK);
    assert_true(invited.problem.n > 0);
    assert_int_equal(by_root("agent@example.test", PERSON_ROLE, "admin", SPAN("why")), SD_OK);
    assert_true(*problem);
    assert_int_equal(admin_alarms(), before);
    add.reason = invite.reason = WHY;
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, user_add, &add, &added), SD_OK);
    assert_int_equal(added.problem.n, 0);
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, person_invite, &invite, &invited), SD_OK);
    assert_int_equal(invited.problem.n, 0);
    assert_int_equal(by_root("agent@example.test", PERSON_ROLE, "admin", WHY), SD_OK);
    assert_string_equal(problem, "");
    assert_int_equal(admin_alarms(), before + 3);
    /* the invitation of an administrator, and one who was suspended, are such ways, too */
    assert_int_equal(by_root("fourth@example.test", PERSON_INVITE, "", SPAN_NONE), SD_OK);
    assert_true(*problem);
    assert_int_equal(by_root("third@example.test", PERSON_SUSPEND, "", SPAN_NONE), SD_OK);
    assert_int_equal(by_root("third@example.test", PERSON_RESUME, "", SPAN_NONE), SD_OK);
    assert_true(*problem);
    assert_int_equal(by_root("third@example.test", PERSON_RESUME, "", WHY), SD_OK);
    assert_int_equal(admin_alarms(), before + 4);
    assert_int_equal(by_root("third@example.test", PERSON_REMOVE, "", SPAN_NONE), SD_OK);
    assert_int_equal(by_root("fourth@example.test", PERSON_REMOVE, "", SPAN_NONE), SD_OK);
    assert_int_equal(by_root("agent@example.test", PERSON_ROLE, "agent", SPAN_NONE), SD_OK);
    assert_string_equal(problem, "");
}

static void invitations_are_checked(SD_UNUSED void **state) {
    struct keeper_person_invite_req req = {.email = SPAN("Agent@Example.Test"), .name = SPAN("A"), .role = SPAN("agent")};
    struct keeper_person_invite_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, person_invite, &req, &rep), SD_OK);
    assert_true(rep.problem.n > 0 && rep.link.n == 0 && rep.code.n == 0);
    req.email = SPAN("fresh@example.test");
    req.token = token_of(&agent);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, person_invite, &req, &rep), SD_ERR_DENIED);
    assert_int_equal(rig_passkey_sign_in(&rig, &admin), SIGN_IN_OK);
    req.token = token_of(&admin);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, person_invite, &req, &rep), SD_ERR_GESTURE);
    assert_int_equal(rig_gesture(&rig, &admin, VERB_PEOPLE, SPAN_NONE), SD_OK);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, person_invite, &req, &rep), SD_OK);
    assert_int_equal(rep.problem.n, 0);
    assert_int_equal(rep.link.n, 32);
    assert_int_equal(rep.code.n, 9);
    assert_int_equal(rep.expires_ms, rig_now_ms + rig.k->access.enrol_ms);
}

static void those_who_may_see_the_list(SD_UNUSED void **state) {
    struct keeper_person_list_req req = {.token = token_of(&agent), FROM};
    struct keeper_person_list_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, person_list, &req, &rep), SD_ERR_DENIED);
    assert_int_equal(rig_passkey_sign_in(&rig, &admin), SIGN_IN_OK);
    req.token = token_of(&admin);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, person_list, &req, &rep), SD_OK);
    struct ipc_list_iter iter = ipc_list_start(rep.people);
    struct span line;
    bool seen = false, invited = false;
    while (ipc_list_next(&iter, &line)) {
        seen |= span_search(line, SPAN("\"state\":\"active\",\"factors\":[\"password\",\"totp\",\"passkey\"]")) < line.n;
        invited |= span_search(line, SPAN("\"state\":\"invited\",\"factors\":[],\"roles\":[],\"used_at\":null")) < line.n;
    }
    assert_true(seen && invited);
}

/* ---- sessions ---- */

static enum sd_err list(struct span token, const char *person, struct keeper_session_list_rep *rep) {
    struct keeper_session_list_req req = {.token = token, FROM, .person = span_cstr(person)};
    return RIG_CALL(&rig, token.n ? RIG_DESK : RIG_ADMIN, session_list, &req, rep);
}

static enum sd_err end(struct span token, struct span one, const char *person, uint32_t *ret_ended) {
    struct keeper_session_end_req req = {.token = token, FROM, .session = one, .person = span_cstr(person)};
    struct keeper_session_end_rep rep = {0};
    enum sd_err err = RIG_CALL(&rig, token.n ? RIG_DESK : RIG_ADMIN, session_end, &req, &rep);
    *ret_ended = rep.ended;
    return err;
}

static void ones_own_sessions(SD_UNUSED void **state) {
    struct rig_person elsewhere = agent, third = agent;
    struct keeper_session_list_rep rep;
    struct keeper_session_rep mine;
    uint32_t ended = 0;
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    assert_int_equal(end(token_of(&agent), SPAN_NONE, "", &ended), SD_OK);
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &elsewhere), SIGN_IN_OK);
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &third), SIGN_IN_OK);
    assert_int_equal(list(token_of(&agent), "", &rep), SD_OK);
    assert_int_equal(rep.sessions.count, 3);
    struct ipc_list_iter iter = ipc_list_start(rep.sessions);
    struct span line;
    unsigned is_mine = 0;
    while (ipc_list_next(&iter, &line))
        is_mine += span_ends(line, SPAN("\"origin\":\"192.0.2.1\",\"factor\":\"totp\",\"limited\":false,\"mine\":true}"));
    assert_int_equal(is_mine, 1);
    assert_int_equal(session(&elsewhere, &mine), SD_OK);
    uint8_t id[16];
    memcpy(id, mine.session.p, 16);
    assert_int_equal(end(token_of(&agent), span_of(id, 16), "", &ended), SD_OK);
    assert_int_equal(ended, 1);
    assert_int_equal(session(&elsewhere, &mine), SD_ERR_DENIED);
    assert_int_equal(end(token_of(&agent), SPAN_NONE, "", &ended), SD_OK);
    assert_int_equal(ended, 1); /* all but this one */
    assert_int_equal(session(&third, &mine), SD_ERR_DENIED);
    assert_int_equal(session(&agent, &mine), SD_OK);
}

static void sessions_of_others(SD_UNUSED void **state) {
    struct keeper_session_list_rep rep;
    struct keeper_session_rep mine;
    uint32_t ended = 0;
    uint8_t id[16];
    assert_int_equal(rig_sign_in(&rig, "boss@example.test", RIG_PASSWORD, &boss), SIGN_IN_OK);
    assert_int_equal(rig_passkey_sign_in(&rig, &admin), SIGN_IN_OK);
    assert_int_equal(session(&boss, &mine), SD_OK);
    memcpy(id, mine.session.p, 16);
    assert_int_equal(list(token_of(&agent), "*", &rep), SD_ERR_DENIED);
    assert_int_equal(list(token_of(&agent), "boss@example.test", &rep), SD_ERR_DENIED);
    assert_int_equal(list(token_of(&agent), "nobody@example.test", &rep), SD_ERR_DENIED);
    assert_int_equal(end(token_of(&agent), span_of(id, 16), "", &ended), SD_ERR_DENIED);
    assert_int_equal(end(token_of(&agent), SPAN_NONE, "boss@example.test", &ended), SD_ERR_DENIED);
    assert_int_equal(session(&boss, &mine), SD_OK);
    assert_int_equal(list(token_of(&admin), "*", &rep), SD_OK);
    assert_true(rep.sessions.count >= 3);
    assert_int_equal(list(token_of(&admin), "nobody@example.test", &rep), SD_ERR_NOTFOUND);
    assert_int_equal(end(token_of(&admin), span_of(id, 16), "", &ended), SD_OK);
    assert_int_equal(session(&boss, &mine), SD_ERR_DENIED);
    assert_int_equal(end(token_of(&admin), span_of(id, 16), "", &ended), SD_OK);
    assert_int_equal(ended, 0);
    assert_int_equal(list(SPAN_NONE, "*", &rep), SD_OK);
    assert_int_equal(end(SPAN_NONE, SPAN_NONE, "agent@example.test", &ended), SD_OK);
    assert_true(ended >= 1);
    assert_int_equal(session(&agent, &mine), SD_ERR_DENIED);
    assert_int_equal(end(SPAN_NONE, SPAN_NONE, "*", &ended), SD_OK);
    assert_int_equal(ended, 0); /* not everybody's at once */
    assert_int_equal(session(&admin, &mine), SD_OK);
}

static void sessions_in_pages(SD_UNUSED void **state) {
    struct keeper_session_list_rep rep;
    uint8_t next[16], token[32], id[16];
    uint32_t ended = 0;
    unsigned seen = 0;
    assert_int_equal(end(SPAN_NONE, SPAN_NONE, "boss@example.test", &ended), SD_OK);
    struct session_new new = {.person = boss.id, .origin = SPAN("192.0.2.1"), .factor = FACTOR_TOTP};
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(session_make(rig.k, &new, id, token), SD_OK);
    struct keeper_session_list_req req = {.person = SPAN("boss@example.test")};
    do {
        assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, session_list, &req, &rep), SD_OK);
        seen += rep.sessions.count;
        if (rep.next.n)
            memcpy(next, rep.next.p, 16);
        req.after = span_of(next, rep.next.n);
    } while (req.after.n);
    assert_int_equal(seen, 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gesture_for_each),
        cmocka_unit_test(suspended_people_are_out),
        cmocka_unit_test(removed_people_are_nobody),
        cmocka_unit_test(roles_queues_and_rights),
        cmocka_unit_test(duties_are_separate),
        cmocka_unit_test(nobody_to_themselves),
        cmocka_unit_test(the_last_administrator_stays),
        cmocka_unit_test(root_makes_administrators_in_the_open),
        cmocka_unit_test(invitations_are_checked),
        cmocka_unit_test(those_who_may_see_the_list),
        cmocka_unit_test(ones_own_sessions),
        cmocka_unit_test(sessions_of_others),
        cmocka_unit_test(sessions_in_pages),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
