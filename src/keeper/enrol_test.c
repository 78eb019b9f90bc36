/* How people get in for the first time and anew: links, codes, what must be set up, recovery codes, passwords; no side door. */
#include "core/codec.h"
#include "keeper/enrolment.h"
#include "keeper/permit.h"
#include "keeper/test_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FROM .origin = SPAN("192.0.2.1")
#define HOUR_MS (INT64_C(60) * 60 * 1000)

static struct rig rig;
static struct rig_person admin, other_admin;

static int setup(SD_UNUSED void **state) {
    rig_new(&rig);
    rig_add(&rig, "admin@example.test", "admin", NULL, &admin);
    rig_add(&rig, "other@example.test", "admin", NULL, &other_admin);
    rig_enter(&rig, "admin@example.test", &admin);
    return 0;
}

/* Nobody waits for what a test before did. */
static int rest(SD_UNUSED void **state) {
    rig_now_ms += 25 * HOUR_MS;
    return 0;
}

static int teardown(SD_UNUSED void **state) {
    rig_free(&rig);
    return 0;
}

static struct span token_of(const struct rig_person *person) {
    return span_of(person->token, 32);
}

static void copy_link(struct rig_link *link, struct span bytes, struct span code) {
    assert_int_equal(bytes.n, 32);
    memcpy(link->link, bytes.p, 32);
    if (code.n)
        (void)snprintf(link->code, sizeof link->code, "%.*s", SPAN_FMT(code));
}

/* As the desk does it: a gesture, then the invitation. */
static void invite(const char *email, const char *role, struct rig_link *link, struct rig_person *person) {
    struct keeper_person_invite_req req = {
        .token = token_of(&admin), FROM, .email = span_cstr(email), .name = SPAN("Somebody New"), .role = span_cstr(role)};
    struct keeper_person_invite_rep rep;
    *person = (struct rig_person){0};
    assert_int_equal(rig_passkey_sign_in(&rig, &admin), SIGN_IN_OK);
    req.token = token_of(&admin);
    assert_int_equal(rig_gesture(&rig, &admin, VERB_PEOPLE, SPAN_NONE), SD_OK);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, person_invite, &req, &rep), SD_OK);
    assert_int_equal(rep.problem.n, 0);
    assert_int_equal(hex_to_bytes(rep.person, person->id, 16), SD_OK);
    copy_link(link, rep.link, rep.code);
}

static unsigned begin(const struct rig_link *link, const char *code) {
    struct keeper_enrol_start_req req = {.link = span_of(link->link, 32), .code = span_cstr(code), FROM};
    struct keeper_enrol_start_rep rep;
    rig_now_ms += 60000;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, enrol_start, &req, &rep), SD_OK);
    if (rep.outcome != ENROL_OK)
        assert_int_equal(rep.email.n + rep.name.n + rep.otpauth.n, 0);
    return rep.outcome;
}

/* ---- the way in ---- */

static void with_an_authenticator(SD_UNUSED void **state) {
    struct rig_link link;
    struct rig_person agent;
    uint8_t before[20];
    invite("agent@example.test", "agent", &link, &agent);
    assert_int_equal(rig_try(&rig, "agent@example.test", RIG_PASSWORD, "000000", "192.0.2.77", NULL), SIGN_IN_FAILED);
    assert_int_equal(begin(&link, link.code), ENROL_OK);
    assert_string_equal(rig_enrol(&rig, &link, false, NULL, &agent),
                        "Set up an authenticator app or a passkey besides the password.");
    memcpy(before, agent.totp, 20);
    rig_now_ms += 60000;
    assert_string_equal(rig_enrol(&rig, &link, true, NULL, &agent), "");
    assert_memory_equal(before, agent.totp, 20); /* the same each time */
    assert_int_equal(rig_records(&rig, "\"reason\":\"password, one-time codes\""), 1);
    char code[7];
    rig_code(&agent, code);
    assert_int_equal(rig_try(&rig, "agent@example.test", RIG_PASSWORD, code, "192.0.2.1", NULL), SIGN_IN_FAILED); /* used */
    assert_int_equal(rig_sign_in(&rig, "agent@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    assert_int_equal(begin(&link, link.code), ENROL_NO); /* spent */
}

static void with_a_passkey(SD_UNUSED void **state) {
    struct rig_link link;
    struct rig_person agent;
    invite("keyed@example.test", "agent", &link, &agent);
    assert_string_equal(rig_enrol(&rig, &link, false, rig_new_passkey(&rig), &agent), "");
    assert_int_equal(rig_records(&rig, "\"reason\":\"password, passkey\""), 1);
    assert_int_equal(rig_passkey_sign_in(&rig, &agent), SIGN_IN_OK);
    /* no authenticator: no code is right, not even none */
    assert_int_equal(rig_try(&rig, "keyed@example.test", RIG_PASSWORD, "", "192.0.2.1", NULL), SIGN_IN_FAILED);
    rig_now_ms += 60000;
    assert_int_equal(rig_sign_in(&rig, "keyed@example.test", RIG_PASSWORD, &agent), SIGN_IN_FAILED);
    rig_now_ms += 60000;
    struct keeper_recovery_make_req req = {.token = token_of(&agent), FROM};
    struct keeper_recovery_make_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, recovery_make, &req, &rep), SD_OK);
    assert_true(rep.problem.n > 0);
}

static void roles_that_need_a_passkey(SD_UNUSED void **state) {
    struct rig_link link;
    struct rig_person person;
    struct keeper_session_rep session;
    invite("guard@example.test", "security", &link, &person);
    assert_string_equal(rig_enrol(&rig, &link, true, NULL, &person), "Your role signs in with a passkey: add one.");
    rig_now_ms += 60000;
    assert_string_equal(rig_enrol(&rig, &link, true, rig_new_passkey(&rig), &person), "");
    assert_int_equal(rig_sign_in(&rig, "guard@example.test", RIG_PASSWORD, &person), SIGN_IN_PASSKEY);
    assert_int_equal(rig_passkey_sign_in(&rig, &person), SIGN_IN_OK);
    struct keeper_session_req req = {.token = token_of(&person), FROM};
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, session, &req, &session), SD_OK);
    assert_false(session.limited);
}

static void passwords_are_looked_at(SD_UNUSED void **state) {
    static const char *const bad[] = {"short", "password12345678", "somebody new 2026!", "example.test example"};
    struct rig_link link;
    struct rig_person person;
    char code[7];
    invite("words@example.test", "agent", &link, &person);
    for (size_t i = 0; i < SD_COUNT(bad); i++) {
        rig_now_ms += 60000;
        rig_code(&person, code);
        struct keeper_enrol_finish_req req = {.link = span_of(link.link, 32),
                                              .code = span_cstr(link.code),
                                              FROM,
                                              .password = span_cstr(bad[i]),
                                              .totp = span_cstr(code)};
        struct keeper_enrol_finish_rep rep;
        assert_int_equal(RIG_CALL(&rig, RIG_DESK, enrol_finish, &req, &rep), SD_OK);
        assert_true(rep.problem.n > 0);
        assert_int_equal(rep.recovery.count, 0);
    }
    rig_now_ms += 60000;
    assert_string_equal(rig_enrol(&rig, &link, true, NULL, &person), "");
}

/* ---- links and codes ---- */

static void five_wrong_codes_end_it(SD_UNUSED void **state) {
    struct rig_link link;
    struct rig_person person;
    invite("guess@example.test", "agent", &link, &person);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(begin(&link, i % 2 ? "0000-0000" : "not a code"), ENROL_NO);
    assert_int_equal(begin(&link, link.code), ENROL_OK);
    struct keeper_challenge_req req = {
        .purpose = CHALLENGE_ENROL, .link = span_of(link.link, 32), .code = SPAN("0000-0000"), FROM};
    struct keeper_challenge_rep rep;
    rig_now_ms += 60000;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, challenge, &req, &rep), SD_ERR_DENIED); /* asking there counts as well */
    assert_int_equal(begin(&link, link.code), ENROL_NO);
    rig_crash(&rig);
    rig_open(&rig);
    assert_int_equal(begin(&link, link.code), ENROL_NO);
}

static void addresses_wait(SD_UNUSED void **state) {
    struct keeper_enrol_start_rep rep = {0};
    uint8_t link[32] = {0};
    unsigned no = 0, waits = 0;
    for (unsigned i = 0; i < 20; i++) {
        random_bytes(link, sizeof link);
        struct keeper_enrol_start_req req = {
            .link = span_of(link, 32), .code = SPAN("0000-0000"), .origin = SPAN("198.51.100.7")};
        assert_int_equal(RIG_CALL(&rig, RIG_DESK, enrol_start, &req, &rep), SD_OK);
        no += rep.outcome == ENROL_NO;
        waits += rep.outcome == ENROL_THROTTLED && rep.retry_after_s > 0;
    }
    assert_int_equal(no, 3);
    assert_int_equal(waits, 17);
}

static void links_run_out(SD_UNUSED void **state) {
    struct rig_link link;
    struct rig_person person;
    int64_t begun_ms;
    invite("late@example.test", "agent", &link, &person);
    begun_ms = rig_now_ms;
    rig_now_ms -= HOUR_MS; /* a clock that went back cannot say how old it is */
    assert_int_equal(begin(&link, link.code), ENROL_NO);
    rig_now_ms = begun_ms + 72 * HOUR_MS - 60001;
    assert_int_equal(begin(&link, link.code), ENROL_OK);
    assert_int_equal(begin(&link, link.code), ENROL_NO);
}

static void any_other_link(SD_UNUSED void **state) {
    struct rig_link link, stranger = {.code = "0000-0000"};
    struct rig_person person;
    invite("shape@example.test", "agent", &link, &person);
    assert_int_equal(begin(&stranger, stranger.code), ENROL_NO);
    for (size_t n = 0; n < 32; n += 7) {
        struct keeper_enrol_start_req req = {.link = span_of(link.link, n), .code = span_cstr(link.code), FROM};
        struct keeper_enrol_start_rep rep;
        rig_now_ms += 600000;
        assert_int_equal(RIG_CALL(&rig, RIG_DESK, enrol_start, &req, &rep), SD_OK);
        assert_int_equal(rep.outcome, ENROL_NO);
    }
    rig_now_ms += 600000;
    assert_int_equal(begin(&link, link.code), ENROL_OK);
}

/* A challenge of one link is none of another's, and of no session. */
static void challenges_are_of_one_link(SD_UNUSED void **state) {
    struct rig_link one, two;
    struct rig_person first, second;
    struct keeper_challenge_rep challenge;
    char code[7];
    invite("one@example.test", "agent", &one, &first);
    invite("two@example.test", "agent", &two, &second);
    struct keeper_challenge_req ask = {
        .purpose = CHALLENGE_ENROL, .link = span_of(one.link, 32), .code = span_cstr(one.code), FROM};
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, challenge, &ask, &challenge), SD_OK);
    assert_memory_equal(challenge.user.p, first.id, 16);
    struct buf kept SD_CLEANUP(buf_free) = buf_new(128);
    buf_put(&kept, challenge.challenge);
    struct test_answer answer SD_CLEANUP(test_answer_free) = test_passkey_create(rig_new_passkey(&rig), buf_span(&kept),
                                                                                 span_of(first.id, 16));
    struct keeper_enrol_finish_req req = {.link = span_of(two.link, 32),
                                          .code = span_cstr(two.code),
                                          FROM,
                                          .password = SPAN(RIG_PASSWORD),
                                          .challenge = buf_span(&kept),
                                          .client_data = buf_span(&answer.client_data),
                                          .attestation = buf_span(&answer.attestation)};
    struct keeper_enrol_finish_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, enrol_finish, &req, &rep), SD_OK);
    assert_true(rep.problem.n > 0);
    rig_code(&admin, code);
    struct keeper_passkey_add_req add = {.token = token_of(&admin),
                                         FROM,
                                         .totp = span_cstr(code),
                                         .challenge = buf_span(&kept),
                                         .client_data = buf_span(&answer.client_data),
                                         .attestation = buf_span(&answer.attestation)};
    struct keeper_passkey_add_rep added;
    assert_int_equal(rig_gesture(&rig, &admin, VERB_FACTORS, SPAN_NONE), SD_OK);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, passkey_add, &add, &added), SD_OK);
    assert_true(added.problem.n > 0);
    req.link = span_of(one.link, 32);
    req.code = span_cstr(one.code);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, enrol_finish, &req, &rep), SD_OK);
    assert_int_equal(rep.problem.n, 0);
}

/* A second invitation replaces the first. */
static void the_newest_counts(SD_UNUSED void **state) {
    struct rig_link first, second;
    struct rig_person person;
    struct keeper_person_change_rep rep;
    invite("again@example.test", "agent", &first, &person);
    struct keeper_person_change_req req = {
        .token = token_of(&admin), FROM, .person = SPAN("again@example.test"), .what = PERSON_INVITE};
    assert_int_equal(rig_gesture(&rig, &admin, VERB_PEOPLE, span_of(person.id, 16)), SD_OK);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, person_change, &req, &rep), SD_OK);
    copy_link(&second, rep.link, rep.code);
    assert_int_equal(begin(&first, first.code), ENROL_NO);
    assert_string_equal(rig_enrol(&rig, &second, true, NULL, &person), "");
    rig_now_ms += 60000;
    assert_int_equal(rig_passkey_sign_in(&rig, &admin), SIGN_IN_OK);
    req.token = token_of(&admin);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, person_change, &req, &rep), SD_OK);
    assert_true(rep.problem.n > 0); /* whoever has enrolled is not invited again: one person could take over the account */
    assert_int_equal(rep.link.n + rep.code.n, 0);
}

/* ---- recovery codes ---- */

static char codes[16][32];

static unsigned keep_codes(struct ipc_list list) {
    struct ipc_list_iter iter = ipc_list_start(list);
    struct span item;
    unsigned n = 0;
    while (ipc_list_next(&iter, &item))
        (void)snprintf(codes[n++], sizeof codes[0], "%.*s", SPAN_FMT(item));
    return n;
}

static unsigned renew(struct rig_person *person) {
    char code[7];
    rig_now_ms += 60000;
    rig_code(person, code);
    struct keeper_recovery_make_req req = {.token = token_of(person), FROM, .totp = span_cstr(code)};
    struct keeper_recovery_make_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, recovery_make, &req, &rep), SD_OK);
    assert_int_equal(rep.problem.n, 0);
    return keep_codes(rep.recovery);
}

static void each_once(SD_UNUSED void **state) {
    struct rig_person agent;
    char lower[32];
    rig_add(&rig, "lost@example.test", "agent", "support", &agent);
    assert_int_equal(rig_sign_in(&rig, "lost@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    assert_int_equal(renew(&agent), 10);
    assert_int_equal(strlen(codes[0]), 19);
    assert_int_equal(rig_try(&rig, "lost@example.test", "wrong password here", codes[0], "192.0.2.1", NULL), SIGN_IN_FAILED);
    assert_int_equal(rig_try(&rig, "lost@example.test", RIG_PASSWORD, codes[0], "192.0.2.1", NULL), SIGN_IN_OK);
    assert_int_equal(rig_records(&rig, "\"reason\":\"recovery-code\""), 1);
    assert_int_equal(rig_records(&rig, "\"reason\":\"recovery-used\""), 1);
    assert_int_equal(rig_try(&rig, "lost@example.test", RIG_PASSWORD, codes[0], "192.0.2.1", NULL), SIGN_IN_FAILED);
    for (size_t i = 0; i < sizeof lower; i++)
        lower[i] = codes[1][i] >= 'A' && codes[1][i] <= 'Z' ? (char)(codes[1][i] | 0x20) : codes[1][i];
    assert_int_equal(rig_try(&rig, "lost@example.test", RIG_PASSWORD, lower, "192.0.2.1", NULL), SIGN_IN_OK);
    (void)snprintf(lower, sizeof lower, "%s", codes[2]);
    assert_int_equal(rig_sign_in(&rig, "lost@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    assert_int_equal(renew(&agent), 10);
    rig_now_ms += 600000;
    assert_int_equal(rig_try(&rig, "lost@example.test", RIG_PASSWORD, lower, "192.0.2.1", NULL), SIGN_IN_FAILED);
    rig_now_ms += 600000;
    assert_int_equal(rig_try(&rig, "admin@example.test", RIG_PASSWORD, codes[3], "192.0.2.1", NULL), SIGN_IN_FAILED);
}

/* Who must have a passkey is helped by none, and gets none. */
static void no_way_around_a_passkey(SD_UNUSED void **state) {
    struct rig_person agent;
    struct keeper_recovery_make_rep rep;
    struct access_settings settings = rig.k->access, before = settings;
    rig_add(&rig, "risen@example.test", "agent", "support", &agent);
    assert_int_equal(rig_sign_in(&rig, "risen@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    assert_int_equal(renew(&agent), 10);
    settings.passkey_roles |= 1u << ROLE_AGENT;
    keeper_set_access(rig.k, &settings);
    assert_int_equal(rig_try(&rig, "risen@example.test", RIG_PASSWORD, codes[0], "192.0.2.1", NULL), SIGN_IN_FAILED);
    struct keeper_recovery_make_req req = {.token = token_of(&agent), FROM};
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, recovery_make, &req, &rep), SD_OK);
    assert_true(rep.problem.n > 0);
    keeper_set_access(rig.k, &before);
    assert_int_equal(rig_try(&rig, "risen@example.test", RIG_PASSWORD, codes[0], "192.0.2.1", NULL), SIGN_IN_OK);
    /* with a passkey, it is the passkey that is asked for */
    assert_int_equal(rig_sign_in(&rig, "risen@example.test", RIG_PASSWORD, &agent), SIGN_IN_OK);
    rig_add_passkey(&rig, &agent);
    char code[7];
    rig_now_ms += 60000;
    rig_code(&agent, code);
    req = (struct keeper_recovery_make_req){.token = token_of(&agent), FROM, .totp = span_cstr(code)};
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, recovery_make, &req, &rep), SD_ERR_GESTURE);
    assert_int_equal(rig_gesture(&rig, &agent, VERB_FACTORS, SPAN_NONE), SD_OK);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, recovery_make, &req, &rep), SD_OK);
    assert_int_equal(rep.recovery.count, 10);
}

/* ---- passwords ---- */

static enum sd_err change(const struct rig_person *person, const char *old, const char *new,
                          struct keeper_password_change_rep *rep) {
    struct keeper_password_change_req req = {
        .token = token_of(person), FROM, .old = span_cstr(old), .password = span_cstr(new)};
    return RIG_CALL(&rig, RIG_DESK, password_change, &req, rep);
}

static void ones_own_password(SD_UNUSED void **state) {
    struct rig_person here, elsewhere;
    struct keeper_password_change_rep rep;
    struct keeper_session_rep session;
    rig_add(&rig, "renews@example.test", "agent", "support", &here);
    assert_int_equal(rig_sign_in(&rig, "renews@example.test", RIG_PASSWORD, &here), SIGN_IN_OK);
    elsewhere = here;
    assert_int_equal(rig_sign_in(&rig, "renews@example.test", RIG_PASSWORD, &elsewhere), SIGN_IN_OK);
    assert_int_equal(change(&here, RIG_PASSWORD, "password12345678", &rep), SD_OK);
    assert_true(rep.problem.n > 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(change(&here, "wrong password here", "weather kettle brass moth", &rep), SD_OK);
    assert_true(rep.problem.n > 0);
    assert_int_equal(change(&here, RIG_PASSWORD, "weather kettle brass moth", &rep), SD_OK);
    assert_true(rep.problem.n > 0 && rep.retry_after_s == 1);
    rig_now_ms += 600000;
    assert_int_equal(change(&here, RIG_PASSWORD, "weather kettle brass moth", &rep), SD_OK);
    assert_int_equal(rep.problem.n, 0);
    struct keeper_session_req req = {.token = token_of(&here), FROM};
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, session, &req, &session), SD_OK);
    req.token = token_of(&elsewhere);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, session, &req, &session), SD_ERR_DENIED);
    assert_int_equal(rig_sign_in(&rig, "renews@example.test", RIG_PASSWORD, &elsewhere), SIGN_IN_FAILED);
    assert_int_equal(rig_sign_in(&rig, "renews@example.test", "weather kettle brass moth", &elsewhere), SIGN_IN_OK);
    req.token = SPAN("x");
    assert_int_equal(change(&(struct rig_person){0}, RIG_PASSWORD, "weather kettle brass moth", &rep), SD_ERR_DENIED);
}

/* ---- resets ---- */

static void reset_by_root(SD_UNUSED void **state) {
    struct rig_person person, before;
    struct rig_link link;
    struct keeper_factors_reset_rep rep;
    struct keeper_factors_reset_req req = {.person = SPAN("phone@example.test")};
    rig_add(&rig, "phone@example.test", "agent", "support", &person);
    assert_int_equal(rig_sign_in(&rig, "phone@example.test", RIG_PASSWORD, &person), SIGN_IN_OK);
    rig_add_passkey(&rig, &person);
    before = person;
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, factors_reset, &req, &rep), SD_OK);
    assert_true(rep.problem.n > 0); /* says why, or it is not done */
    req.reason = SPAN("lost the telephone and the key");
    assert_int_equal(RIG_CALL(&rig, RIG_ADMIN, factors_reset, &req, &rep), SD_OK);
    assert_int_equal(rep.problem.n, 0);
    copy_link(&link, rep.link, rep.code);
    assert_int_equal(rig_records(&rig, "\"reason\":\"factors-reset\""), 1);
    assert_int_equal(rig_records(&rig, "lost the telephone"), 0); /* the text is kept apart */
    struct keeper_session_rep session;
    struct keeper_session_req ask = {.token = token_of(&before), FROM};
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, session, &ask, &session), SD_ERR_DENIED);
    assert_int_equal(rig_passkey_sign_in(&rig, &before), SIGN_IN_FAILED);
    assert_int_equal(rig_sign_in(&rig, "phone@example.test", RIG_PASSWORD, &before), SIGN_IN_FAILED);
    rig_now_ms += 600000;
    assert_string_equal(rig_enrol(&rig, &link, true, NULL, &person), "");
    rig_now_ms += 600000;
    assert_int_equal(rig_sign_in(&rig, "phone@example.test", RIG_PASSWORD, &person), SIGN_IN_OK);
}

static void approve(const uint8_t request[16], struct rig_link *link) {
    struct keeper_request_decide_req req = {
        .token = token_of(&other_admin), FROM, .request = span_of(request, 16), .approve = true};
    struct keeper_request_decide_rep rep;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, request_decide, &req, &rep), SD_ERR_GESTURE);
    assert_int_equal(rig_gesture(&rig, &other_admin, VERB_RESET, span_of(request, 16)), SD_OK);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, request_decide, &req, &rep), SD_OK);
    assert_true(rep.code.n > 0);
    (void)snprintf(link->code, sizeof link->code, "%.*s", SPAN_FMT(rep.code));
}

/* One gets the link, the other the code; neither gets in alone. */
static void reset_by_two(SD_UNUSED void **state) {
    struct rig_person person;
    struct rig_link link = {0};
    struct keeper_request_make_rep made;
    struct keeper_factors_reset_rep rep;
    uint8_t request[16];
    rig_add(&rig, "reset@example.test", "agent", "support", &person);
    assert_int_equal(rig_passkey_sign_in(&rig, &admin), SIGN_IN_OK);
    rig_enter(&rig, "other@example.test", &other_admin);
    struct keeper_factors_reset_req req = {.token = token_of(&admin), FROM, .person = SPAN("reset@example.test")};
    assert_int_equal(rig_gesture(&rig, &admin, VERB_RESET, span_of(person.id, 16)), SD_OK);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, factors_reset, &req, &rep), SD_ERR_APPROVAL);
    struct keeper_request_make_req ask = {.token = token_of(&admin),
                                          FROM,
                                          .verb = VERB_RESET,
                                          .object = span_of(person.id, 16),
                                          .reason = SPAN("lost the telephone")};
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, request_make, &ask, &made), SD_OK);
    memcpy(request, made.request.p, 16);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, factors_reset, &req, &rep), SD_ERR_APPROVAL);
    approve(request, &link);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, factors_reset, &req, &rep), SD_OK);
    assert_int_equal(rep.problem.n, 0);
    assert_int_equal(rep.code.n, 0); /* who asked has the link alone */
    copy_link(&link, rep.link, SPAN_NONE);
    assert_int_equal(rig_gesture(&rig, &admin, VERB_RESET, span_of(person.id, 16)), SD_OK);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, factors_reset, &req, &rep), SD_ERR_APPROVAL); /* good for one */
    assert_int_equal(begin(&link, "0000-0000"), ENROL_NO);
    assert_string_equal(rig_enrol(&rig, &link, true, NULL, &person), "");
    assert_int_equal(rig_sign_in(&rig, "reset@example.test", RIG_PASSWORD, &person), SIGN_IN_OK);
}

static void nobody_resets_themselves(SD_UNUSED void **state) {
    struct keeper_factors_reset_rep rep;
    assert_int_equal(rig_passkey_sign_in(&rig, &admin), SIGN_IN_OK);
    struct keeper_factors_reset_req req = {.token = token_of(&admin), FROM, .person = SPAN("admin@example.test")};
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, factors_reset, &req, &rep), SD_OK);
    assert_true(rep.problem.n > 0);
    req.person = SPAN("nobody@example.test");
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, factors_reset, &req, &rep), SD_OK);
    assert_true(rep.problem.n > 0);
    req.token = SPAN("x");
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, factors_reset, &req, &rep), SD_ERR_DENIED);
}

/* A session that is limited does nothing but its factors. */
static void limited_sessions_do_nothing_else(SD_UNUSED void **state) {
    struct rig_person person;
    rig_add(&rig, "newadmin@example.test", "admin", NULL, &person);
    assert_int_equal(rig_sign_in(&rig, "newadmin@example.test", RIG_PASSWORD, &person), SIGN_IN_OK);
    struct span token = token_of(&person), someone = span_of(admin.id, 16);
    struct buf challenge SD_CLEANUP(buf_free) = buf_new(128);
    struct keeper_person_list_rep people;
    struct keeper_session_list_rep sessions;
    struct keeper_session_end_rep ended;
    struct keeper_person_invite_rep invited;
    struct keeper_person_change_rep changed;
    struct keeper_factors_reset_rep reset;
    struct keeper_step_up_rep stepped;
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, person_list, &((struct keeper_person_list_req){.token = token, FROM}), &people),
                     SD_ERR_DENIED);
    assert_int_equal(
        RIG_CALL(&rig, RIG_DESK, session_list, &((struct keeper_session_list_req){.token = token, FROM}), &sessions),
        SD_ERR_DENIED);
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, session_end, &((struct keeper_session_end_req){.token = token, FROM}), &ended),
                     SD_ERR_DENIED);
    struct keeper_person_invite_req invite_req = {
        .token = token, FROM, .email = SPAN("x@example.test"), .name = SPAN("X"), .role = SPAN("agent")};
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, person_invite, &invite_req, &invited), SD_ERR_DENIED);
    struct keeper_person_change_req change_req = {
        .token = token, FROM, .person = SPAN("other@example.test"), .what = PERSON_SUSPEND};
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, person_change, &change_req, &changed), SD_ERR_DENIED);
    struct keeper_factors_reset_req reset_req = {.token = token, FROM, .person = SPAN("other@example.test")};
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, factors_reset, &reset_req, &reset), SD_ERR_DENIED);
    assert_int_equal(rig_challenge(&rig, token, CHALLENGE_GESTURE, VERB_PEOPLE, someone, &challenge), SD_ERR_DENIED);
    struct keeper_step_up_req step = {.token = token, FROM, .verb = VERB_PEOPLE, .totp = SPAN("000000")};
    assert_int_equal(RIG_CALL(&rig, RIG_DESK, step_up, &step, &stepped), SD_ERR_DENIED);
    assert_int_equal(rig_challenge(&rig, token, CHALLENGE_ADD, VERB_NONE, SPAN_NONE, &challenge), SD_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(with_an_authenticator, rest),
        cmocka_unit_test_setup(with_a_passkey, rest),
        cmocka_unit_test_setup(roles_that_need_a_passkey, rest),
        cmocka_unit_test_setup(passwords_are_looked_at, rest),
        cmocka_unit_test_setup(five_wrong_codes_end_it, rest),
        cmocka_unit_test_setup(addresses_wait, rest),
        cmocka_unit_test_setup(links_run_out, rest),
        cmocka_unit_test_setup(any_other_link, rest),
        cmocka_unit_test_setup(challenges_are_of_one_link, rest),
        cmocka_unit_test_setup(the_newest_counts, rest),
        cmocka_unit_test_setup(each_once, rest),
        cmocka_unit_test_setup(no_way_around_a_passkey, rest),
        cmocka_unit_test_setup(ones_own_password, rest),
        cmocka_unit_test_setup(reset_by_root, rest),
        cmocka_unit_test_setup(reset_by_two, rest),
        cmocka_unit_test_setup(nobody_resets_themselves, rest),
        cmocka_unit_test_setup(limited_sessions_do_nothing_else, rest),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
