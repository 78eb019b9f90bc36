/* challenge_ops.c - questions for passkeys to answer. They change nothing, and leave no record. */
#include "keeper/attempts.h"
#include "keeper/enrolment.h"
#include "keeper/own_factors.h"

struct asked {
    struct challenge_bound bound;
    struct person person; /* not there: SIGN_IN */
    struct buf raw;
    struct ipc_list credentials;
};

static void asked_free(struct asked *asked) {
    person_free(&asked->person);
    buf_free(&asked->raw);
}

static enum sd_err answer(struct keeper *k, struct ipc_call *call, struct asked *asked) {
    uint8_t challenge[CHALLENGE_BYTES];
    struct keeper_challenge_rep rep = {.challenge = span_of(challenge, sizeof challenge),
                                       .rp_id = span_cstr(k->access.rp_id),
                                       .user_name = buf_span(&asked->person.email),
                                       .display_name = buf_span(&asked->person.name)};
    enum sd_err err = challenge_make(k, &asked->bound, challenge);
    if (err == SD_OK && asked->person.there) {
        rep.user = span_of(asked->person.id, ID_BYTES);
        err = passkey_ids(k, rep.user, asked->bound.purpose == CHALLENGE_GESTURE, &asked->raw, &asked->credentials);
    }
    rep.credentials = asked->credentials;
    if (err == SD_OK)
        keeper_challenge_reply(call, &rep);
    return err;
}

/* A gesture can be made for any act there is; whether it is theirs to do is asked when they do it. */
static bool is_act(const struct keeper_challenge_req *req) {
    return req->purpose == CHALLENGE_GESTURE && req->verb != VERB_NONE && verb_facts(req->verb) &&
           (req->object.n == 0 || req->object.n == ID_BYTES);
}

static enum sd_err in_session(struct keeper *k, struct ipc_call *call, const struct keeper_challenge_req *req,
                              struct asked *asked) {
    struct who who SD_CLEANUP(who_free) = {0};
    const char *reason = NULL;
    enum sd_err err = own_session(k, req->token, req->origin, &who, &reason);
    if (err == SD_OK && (reason || (who.limited && req->purpose == CHALLENGE_GESTURE && req->verb != VERB_FACTORS)))
        err = SD_ERR_DENIED;
    if (err == SD_OK)
        err = person_by_id(k, span_of(who.person, ID_BYTES), &asked->person);
    if (err)
        return err;
    asked->bound = (struct challenge_bound){.purpose = req->purpose, .to = span_of(who.session, ID_BYTES)};
    if (req->purpose == CHALLENGE_GESTURE) {
        asked->bound.verb = req->verb;
        asked->bound.object = req->object;
    }
    return answer(k, call, asked);
}

/* The code is asked for here, too, and counted: or it could be guessed by asking. */
static enum sd_err to_enrol(struct keeper *k, struct ipc_call *call, const struct keeper_challenge_req *req,
                            struct asked *asked) {
    struct enrolment enrolment SD_CLEANUP(enrolment_free) = {0};
    int64_t wait_ms = 0;
    enum sd_err err = address_charge(k, req->origin, &wait_ms);
    if (err || wait_ms)
        return err ? err : SD_ERR_BUSY;
    err = enrolment_check(k, req->link, req->code, &enrolment);
    if (err || enrolment.verdict != ENROLMENT_LIVE)
        return err ? err : SD_ERR_DENIED;
    err = address_forgive(k, req->origin);
    if (err)
        return err;
    asked->bound.to = span_of(enrolment.hash.b, SHA256_BYTES);
    asked->person = enrolment.person;
    enrolment.person = (struct person){0};
    return answer(k, call, asked);
}

enum sd_err keeper_on_challenge(void *ctx, struct ipc_call *call, const struct keeper_challenge_req *req) {
    struct keeper *k = ctx;
    struct asked asked SD_CLEANUP(asked_free) = {.raw = buf_new(LIMIT_IPC_INLINE_BYTES)};
    asked.bound.purpose = req->purpose;
    if (req->purpose == CHALLENGE_SIGN_IN)
        return answer(k, call, &asked);
    if (req->purpose == CHALLENGE_ADD || is_act(req))
        return in_session(k, call, req, &asked);
    return req->purpose == CHALLENGE_ENROL ? to_enrol(k, call, req, &asked) : SD_ERR_PARSE;
}
