/* The tests' keeper on passkeys, gestures, rights and four eyes: it notes what it was asked, and says what the test wants said.
 */
#include "desk/fake_keeper.h"
#include "desk/fixture_test.h"

#include <string.h>

static void note_object(struct span object) {
    fake.object_bytes = object.n;
    memset(fake.object, 0, sizeof fake.object);
    if (object.n <= sizeof fake.object && object.n)
        memcpy(fake.object, object.p, object.n);
}

static void note_text(struct span text, char *to, size_t max) {
    size_t n = text.n < max - 1 ? text.n : max - 1;
    if (n)
        memcpy(to, text.p, n);
    to[n] = 0;
}

static struct span problem(void) {
    return span_cstr(fake.problem);
}

static const uint8_t id[16] = {0xaa, 0xbb};

enum sd_err keeper_on_challenge(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_challenge_req *req) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(64);
    struct keeper_challenge_rep rep = {.challenge = SPAN("challenge"), .rp_id = SPAN("localhost")};
    fake.verb = req->verb;
    note_object(req->object);
    note_text(req->code, fake.text, sizeof fake.text);
    if (fake.status)
        return fake.status;
    if (req->purpose != CHALLENGE_SIGN_IN) {
        rep.user = span_of(id, sizeof id);
        rep.user_name = SPAN("ada@example.com");
        rep.display_name = SPAN("Ada");
        ipc_list_add(&rep.credentials, &raw, SPAN("there already"));
    }
    keeper_challenge_reply(call, &rep);
    return SD_OK;
}

enum sd_err keeper_on_passkey_sign_in(SD_UNUSED void *ctx, struct ipc_call *call,
                                      const struct keeper_passkey_sign_in_req *req) {
    uint8_t token[32];
    memset(token, TOKEN_BYTE, sizeof token);
    note_text(req->challenge, fake.challenge, sizeof fake.challenge);
    note_text(req->signature, fake.text, sizeof fake.text);
    struct keeper_passkey_sign_in_rep rep = {.outcome = SIGN_IN_FAILED};
    if (span_eq(req->signature, SPAN("signed")))
        rep = (struct keeper_passkey_sign_in_rep){.outcome = SIGN_IN_OK, .token = span_of(token, sizeof token)};
    keeper_passkey_sign_in_reply(call, &rep);
    return SD_OK;
}

enum sd_err keeper_on_passkey_add(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_passkey_add_req *req) {
    uint8_t next[32];
    memset(next, NEXT_TOKEN_BYTE, sizeof next);
    note_text(req->challenge, fake.challenge, sizeof fake.challenge);
    note_text(req->attestation, fake.text, sizeof fake.text);
    if (fake.status)
        return fake.status;
    keeper_passkey_add_reply(call, &(struct keeper_passkey_add_rep){.problem = problem(),
                                                                    .passkey = SPAN("new"),
                                                                    .new_token = fake.limited ? span_of(next, 32) : SPAN_NONE});
    return SD_OK;
}

enum sd_err keeper_on_passkey_list(SD_UNUSED void *ctx, struct ipc_call *call,
                                   SD_UNUSED const struct keeper_passkey_list_req *req) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(256);
    struct keeper_passkey_list_rep rep = {0};
    ipc_list_add(&rep.passkeys, &raw, SPAN("{\"id\":\"bmV3\",\"name\":\"Phone\"}"));
    keeper_passkey_list_reply(call, &rep);
    return SD_OK;
}

enum sd_err keeper_on_passkey_remove(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_passkey_remove_req *req) {
    note_text(req->passkey, fake.text, sizeof fake.text);
    if (fake.status)
        return fake.status;
    keeper_passkey_remove_reply(call, &(struct keeper_passkey_remove_rep){.problem = problem()});
    return SD_OK;
}

enum sd_err keeper_on_step_up(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_step_up_req *req) {
    fake.verb = req->verb;
    note_object(req->object);
    note_text(req->challenge, fake.challenge, sizeof fake.challenge);
    note_text(req->totp, fake.text, sizeof fake.text);
    if (fake.status)
        return fake.status;
    keeper_step_up_reply(call, &(struct keeper_step_up_rep){});
    return SD_OK;
}

enum sd_err keeper_on_session_list(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_session_list_req *req) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(256);
    struct keeper_session_list_rep rep = {.next = span_of(id, sizeof id)};
    note_text(req->person, fake.text, sizeof fake.text);
    note_object(req->after);
    ipc_list_add(&rep.sessions, &raw, SPAN("{\"mine\":true}"));
    keeper_session_list_reply(call, &rep);
    return SD_OK;
}

enum sd_err keeper_on_session_end(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_session_end_req *req) {
    note_object(req->session);
    note_text(req->person, fake.text, sizeof fake.text);
    keeper_session_end_reply(call, &(struct keeper_session_end_rep){.ended = 3});
    return SD_OK;
}

enum sd_err keeper_on_enrol_start(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_enrol_start_req *req) {
    struct keeper_enrol_start_rep rep = {.outcome = ENROL_NO};
    if (span_eq(req->code, SPAN("ABCD-EFGH")))
        rep = (struct keeper_enrol_start_rep){.outcome = ENROL_OK,
                                              .email = SPAN("ada@example.com"),
                                              .name = SPAN("Ada"),
                                              .role = ROLE_ADMIN,
                                              .passkey_needed = true,
                                              .otpauth = SPAN("otpauth://totp/Sealdesk:ada?secret=GEZDGNBV&issuer=Sealdesk")};
    keeper_enrol_start_reply(call, &rep);
    return SD_OK;
}

enum sd_err keeper_on_enrol_finish(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_enrol_finish_req *req) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(256);
    struct keeper_enrol_finish_rep rep = {.problem = problem()};
    note_text(req->passkey_name, fake.text, sizeof fake.text);
    note_text(req->challenge, fake.challenge, sizeof fake.challenge);
    ipc_list_add(&rep.recovery, &raw, SPAN("AAAA-BBBB"));
    keeper_enrol_finish_reply(call, &rep);
    return SD_OK;
}

enum sd_err keeper_on_recovery_make(SD_UNUSED void *ctx, struct ipc_call *call,
                                    SD_UNUSED const struct keeper_recovery_make_req *req) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(256);
    struct keeper_recovery_make_rep rep = {.problem = problem()};
    ipc_list_add(&rep.recovery, &raw, SPAN("AAAA-BBBB"));
    if (fake.status)
        return fake.status;
    keeper_recovery_make_reply(call, &rep);
    return SD_OK;
}

enum sd_err keeper_on_person_invite(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_person_invite_req *req) {
    uint8_t link[32] = {0};
    note_text(req->role, fake.text, sizeof fake.text);
    keeper_person_invite_reply(call, &(struct keeper_person_invite_rep){.problem = problem(),
                                                                        .person = SPAN(PERSON_AGENT),
                                                                        .link = span_of(link, sizeof link),
                                                                        .code = SPAN("ABCD-EFGH"),
                                                                        .expires_ms = 1795435200000});
    return SD_OK;
}

enum sd_err keeper_on_person_change(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_person_change_req *req) {
    fake.verb = req->what;
    note_text(req->value, fake.text, sizeof fake.text);
    if (fake.status)
        return fake.status;
    keeper_person_change_reply(call, &(struct keeper_person_change_rep){.problem = problem()});
    return SD_OK;
}

enum sd_err keeper_on_grant_add(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_grant_add_req *req) {
    note_text(req->rule, fake.text, sizeof fake.text);
    fake.object_bytes = req->rule.n;
    if (fake.status)
        return fake.status;
    keeper_grant_add_reply(call, &(struct keeper_grant_add_rep){.problem = problem(), .grant = 7});
    return SD_OK;
}

enum sd_err keeper_on_grant_list(SD_UNUSED void *ctx, struct ipc_call *call,
                                 SD_UNUSED const struct keeper_grant_list_req *req) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(256);
    struct keeper_grant_list_rep rep = {.next = 300};
    ipc_list_add(&rep.grants, &raw, SPAN("{\"id\":7,\"person\":\"01010101010101010101010101010101\"}"));
    keeper_grant_list_reply(call, &rep);
    return SD_OK;
}

enum sd_err keeper_on_grant_remove(SD_UNUSED void *ctx, struct ipc_call *call,
                                   SD_UNUSED const struct keeper_grant_remove_req *req) {
    if (fake.status)
        return fake.status;
    keeper_grant_remove_reply(call, &(struct keeper_grant_remove_rep){});
    return SD_OK;
}

enum sd_err keeper_on_explain(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_explain_req *req) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(256);
    struct keeper_explain_rep rep = {.may = true, .person = SPAN(PERSON_AGENT), .name = SPAN("Ada")};
    fake.verb = req->verb;
    note_object(req->ticket);
    ipc_list_add(&rep.lines, &raw, SPAN("The built-in role agent allows it."));
    keeper_explain_reply(call, &rep);
    return SD_OK;
}

enum sd_err keeper_on_token_make(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_token_make_req *req) {
    uint8_t secret[32];
    memset(secret, TOKEN_BYTE, sizeof secret);
    fake.verb = (uint8_t)req->verbs;
    if (fake.status)
        return fake.status;
    keeper_token_make_reply(call, &(struct keeper_token_make_rep){
                                      .problem = problem(), .id = span_of(id, sizeof id), .secret = span_of(secret, 32)});
    return SD_OK;
}

enum sd_err keeper_on_request_list(SD_UNUSED void *ctx, struct ipc_call *call,
                                   SD_UNUSED const struct keeper_request_list_req *req) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(256);
    struct keeper_request_list_rep rep = {0};
    ipc_list_add(&rep.requests, &raw, SPAN("{\"id\":\"01010101010101010101010101010101\",\"verb\":\"purge\"}"));
    keeper_request_list_reply(call, &rep);
    return SD_OK;
}

enum sd_err keeper_on_request_decide(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_request_decide_req *req) {
    note_object(req->request);
    if (fake.status)
        return fake.status;
    keeper_request_decide_reply(call, &(struct keeper_request_decide_rep){.problem = problem(), .code = SPAN("ABCD-EFGH")});
    return SD_OK;
}

enum sd_err keeper_on_alarm_list(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_alarm_list_req *req) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(256);
    struct keeper_alarm_list_rep rep = {.next = req->before ? 0 : 9};
    ipc_list_add(&rep.alarms, &raw, SPAN("{\"id\":9}"));
    keeper_alarm_list_reply(call, &rep);
    return SD_OK;
}

enum sd_err keeper_on_destroy(SD_UNUSED void *ctx, struct ipc_call *call, const struct keeper_destroy_req *req) {
    note_object(req->ticket.n ? req->ticket : req->object);
    if (fake.status)
        return fake.status;
    keeper_destroy_reply(call, &(struct keeper_destroy_rep){.destroyed = 1});
    return SD_OK;
}
