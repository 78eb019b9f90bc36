/* test_rig_passkey.c - people of the rig with passkeys. */
#include "keeper/test_rig.h"

#include <stdarg.h>
#include <string.h>

#include <setjmp.h>
/* cmocka.h wants the headers above */
#include <cmocka.h>

#define FROM .origin = SPAN("192.0.2.1")

enum sd_err rig_challenge(struct rig *rig, struct span token, uint8_t purpose, enum verb verb, struct span object,
                          struct buf *to) {
    struct keeper_challenge_req req = {.token = token, FROM, .purpose = purpose, .verb = (uint8_t)verb, .object = object};
    struct keeper_challenge_rep rep;
    enum sd_err err = RIG_CALL(rig, RIG_DESK, challenge, &req, &rep);
    if (err == SD_OK)
        buf_put(to, rep.challenge);
    return err;
}

enum sd_err rig_offer_passkey(struct rig *rig, struct rig_person *person, struct test_passkey *passkey, const char *code,
                              struct keeper_passkey_add_rep *ret) {
    struct buf challenge SD_CLEANUP(buf_free) = buf_new(128);
    enum sd_err err = rig_challenge(rig, span_of(person->token, 32), CHALLENGE_ADD, VERB_NONE, SPAN_NONE, &challenge);
    if (err)
        return err;
    struct test_answer answer SD_CLEANUP(test_answer_free) = test_passkey_create(passkey, buf_span(&challenge),
                                                                                 span_of(person->id, 16));
    struct keeper_passkey_add_req req = {.token = span_of(person->token, 32),
                                         FROM,
                                         .name = SPAN("test key"),
                                         .totp = span_cstr(code),
                                         .challenge = buf_span(&challenge),
                                         .client_data = buf_span(&answer.client_data),
                                         .attestation = buf_span(&answer.attestation)};
    err = RIG_CALL(rig, RIG_DESK, passkey_add, &req, ret);
    if (err == SD_OK && ret->new_token.n == 32)
        memcpy(person->token, ret->new_token.p, 32);
    return err;
}

struct test_passkey *rig_new_passkey(struct rig *rig) {
    memcpy(rig->origin, rig->k->access.origin, sizeof rig->origin);
    memcpy(rig->rp_id, rig->k->access.rp_id, sizeof rig->rp_id);
    return test_passkey_new(rig->origin, rig->rp_id);
}

void rig_add_passkey(struct rig *rig, struct rig_person *person) {
    struct keeper_passkey_add_rep rep;
    struct test_passkey *passkey = rig_new_passkey(rig);
    char code[7] = "";
    if (person->passkey) {
        assert_int_equal(rig_gesture(rig, person, VERB_FACTORS, SPAN_NONE), SD_OK);
    } else {
        rig_now_ms += 30000;
        rig_code(person, code);
    }
    assert_int_equal(rig_offer_passkey(rig, person, passkey, code, &rep), SD_OK);
    assert_int_equal(rep.problem.n, 0);
    person->passkey = passkey;
}

unsigned rig_passkey_sign_in(struct rig *rig, struct rig_person *person) {
    struct buf challenge SD_CLEANUP(buf_free) = buf_new(128);
    assert_int_equal(rig_challenge(rig, SPAN_NONE, CHALLENGE_SIGN_IN, VERB_NONE, SPAN_NONE, &challenge), SD_OK);
    struct test_passkey *passkey = person->passkey;
    struct test_answer answer SD_CLEANUP(test_answer_free) = test_passkey_get(passkey, buf_span(&challenge));
    struct keeper_passkey_sign_in_req req = {FROM,
                                             .challenge = buf_span(&challenge),
                                             .credential = span_of(passkey->id, sizeof passkey->id),
                                             .client_data = buf_span(&answer.client_data),
                                             .authenticator_data = buf_span(&answer.authenticator_data),
                                             .signature = buf_span(&answer.signature),
                                             .user = span_of(passkey->user, passkey->user_bytes)};
    struct keeper_passkey_sign_in_rep rep;
    assert_int_equal(RIG_CALL(rig, RIG_DESK, passkey_sign_in, &req, &rep), SD_OK);
    if (rep.outcome == SIGN_IN_OK)
        memcpy(person->token, rep.token.p, 32);
    else
        assert_int_equal(rep.token.n + rep.csrf.n + rep.person.n + rep.name.n, 0);
    return rep.outcome;
}

static struct span code_of(const struct rig_link *link) {
    return span_cstr(link->code);
}

static void read_secret(struct rig *rig, const struct rig_link *link, struct rig_person *person) {
    struct keeper_enrol_start_req req = {.link = span_of(link->link, 32), .code = code_of(link), FROM};
    struct keeper_enrol_start_rep rep;
    assert_int_equal(RIG_CALL(rig, RIG_DESK, enrol_start, &req, &rep), SD_OK);
    assert_int_equal(rep.outcome, ENROL_OK);
    rig_read_otpauth(rep.otpauth, person->totp);
}

static void offer(struct rig *rig, const struct rig_link *link, struct test_passkey *passkey, struct buf *challenge,
                  struct test_answer *answer) {
    struct keeper_challenge_req req = {
        .purpose = CHALLENGE_ENROL, .link = span_of(link->link, 32), .code = code_of(link), FROM};
    struct keeper_challenge_rep rep;
    assert_int_equal(RIG_CALL(rig, RIG_DESK, challenge, &req, &rep), SD_OK);
    buf_put(challenge, rep.challenge);
    *answer = test_passkey_create(passkey, rep.challenge, rep.user);
}

const char *rig_enrol(struct rig *rig, const struct rig_link *link, bool totp, struct test_passkey *passkey,
                      struct rig_person *person) {
    static char problem[257];
    char code[7] = "";
    struct buf challenge SD_CLEANUP(buf_free) = buf_new(128);
    struct test_answer answer SD_CLEANUP(test_answer_free) = {0};
    read_secret(rig, link, person);
    if (passkey)
        offer(rig, link, passkey, &challenge, &answer);
    if (totp)
        rig_code(person, code);
    struct keeper_enrol_finish_req req = {.link = span_of(link->link, 32),
                                          .code = code_of(link),
                                          FROM,
                                          .password = SPAN(RIG_PASSWORD),
                                          .totp = span_cstr(code),
                                          .challenge = buf_span(&challenge),
                                          .client_data = buf_span(&answer.client_data),
                                          .attestation = buf_span(&answer.attestation)};
    struct keeper_enrol_finish_rep rep;
    assert_int_equal(RIG_CALL(rig, RIG_DESK, enrol_finish, &req, &rep), SD_OK);
    memcpy(problem, rep.problem.p ? (const char *)rep.problem.p : "", rep.problem.n);
    problem[rep.problem.n] = 0;
    if (rep.problem.n == 0)
        person->passkey = passkey;
    return problem;
}

void rig_enter(struct rig *rig, const char *email, struct rig_person *person) {
    if (person->passkey) {
        assert_int_equal(rig_passkey_sign_in(rig, person), SIGN_IN_OK);
        return;
    }
    assert_int_equal(rig_sign_in(rig, email, RIG_PASSWORD, person), SIGN_IN_OK);
    rig_add_passkey(rig, person);
}

enum sd_err rig_gesture(struct rig *rig, struct rig_person *person, enum verb verb, struct span object) {
    struct buf challenge SD_CLEANUP(buf_free) = buf_new(128);
    struct test_passkey *passkey = person->passkey;
    enum sd_err err = rig_challenge(rig, span_of(person->token, 32), CHALLENGE_GESTURE, verb, object, &challenge);
    if (err)
        return err;
    struct test_answer answer SD_CLEANUP(test_answer_free) = test_passkey_get(passkey, buf_span(&challenge));
    struct keeper_step_up_req req = {.token = span_of(person->token, 32),
                                     FROM,
                                     .verb = (uint8_t)verb,
                                     .object = object,
                                     .challenge = buf_span(&challenge),
                                     .credential = span_of(passkey->id, sizeof passkey->id),
                                     .client_data = buf_span(&answer.client_data),
                                     .authenticator_data = buf_span(&answer.authenticator_data),
                                     .signature = buf_span(&answer.signature)};
    struct keeper_step_up_rep rep;
    return RIG_CALL(rig, RIG_DESK, step_up, &req, &rep);
}
