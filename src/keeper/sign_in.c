/*
 * sign_in.c - password and one-time code, or a recovery code in its place. Throttling is decided before anything is hashed;
 * every attempt is counted as a failure before it is tried. A person who is not there, is suspended or has not enrolled costs
 * the same work and gets the same answer as a wrong password.
 *
 * Whose role needs a passkey gets in with it alone (passkey_sign_in.c). Before they have one, password and code open a session
 * in which they can add one, and nothing else.
 */
#include "keeper/attempts.h"
#include "keeper/passkey.h"
#include "keeper/recovery.h"
#include "keeper/session_open.h"

#include <stdlib.h>
#include <string.h>

struct attempt {
    struct job job;
    struct ipc_call *call;
    struct keeper_sign_in_req req; /* spans in the call's message */
    struct attempt_count count;
    struct buf encoded;
    enum password_verdict verdict;
    enum sd_err err;
};

/* ---- the answer ---- */

static enum sd_err encode_outcome(struct ipc_out *out, uint8_t outcome, int64_t wait_ms) {
    struct keeper_sign_in_rep rep = {.outcome = outcome, .retry_after_s = (uint32_t)((wait_ms + 999) / 1000)};
    return keeper_sign_in_rep_encode(out, &rep);
}

static enum sd_err encode_opened(struct ipc_out *out, const struct person *person, const struct session_opened *opened) {
    return keeper_sign_in_rep_encode(out, &(struct keeper_sign_in_rep){.outcome = SIGN_IN_OK,
                                                                       .token = span_of(opened->token, SESSION_TOKEN_BYTES),
                                                                       .csrf = span_of(opened->csrf.b, SHA256_BYTES),
                                                                       .person = buf_span(&opened->person),
                                                                       .name = buf_span(&person->name),
                                                                       .role = (uint8_t)person->role,
                                                                       .queues = opened->queues,
                                                                       .expires_ms = opened->expires_ms,
                                                                       .factor = (uint8_t)opened->factor,
                                                                       .limited = opened->limited});
}

/* The second factor that was typed. */
struct second {
    enum factor factor; /* NONE: neither */
    struct recovery_found recovery;
};

/* Within a transaction: what was typed is used up. */
static enum sd_err use_up(struct keeper *k, struct attempt *attempt, const struct person *person, const struct second *second,
                          struct records *records) {
    struct alarm_new alarm = {.kind = ALARM_RECOVERY_USED, .person = span_of(person->id, ID_BYTES)};
    enum sd_err err = attempt_forgive(k, &attempt->count);
    if (err)
        return err;
    if (second->factor != FACTOR_RECOVERY)
        return person_store_step(k, person);
    err = recovery_spend(k, &second->recovery);
    return err ? err : alarm_raise(k, &alarm, records);
}

static enum sd_err let_in(struct keeper *k, struct attempt *attempt, const struct person *person, const struct second *second) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct session_opened opened SD_CLEANUP(session_opened_free) = {0};
    struct records records SD_CLEANUP(records_free);
    struct session_new session = {.person = person->id,
                                  .origin = attempt->req.origin,
                                  .factor = second->factor,
                                  .limited = role_needs_passkey(k, person->role)};
    records_start(&records, k);
    struct leaf leaf = sign_in_leaf(person, attempt->req.origin);
    leaf.outcome = OUTCOME_GRANTED;
    leaf.reason = sign_in_word(second->factor, session.limited);
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = use_up(k, attempt, person, second, &records);
    if (err == SD_OK)
        err = session_open(k, person, &session, &opened);
    if (err == SD_OK)
        err = encode_opened(&out, person, &opened);
    if (err == SD_OK)
        records_add_changed(&records, &leaf);
    err = db_end(k->db, err ? err : records.err);
    return err ? err : records_send(&records, attempt->call, SD_OK, &out);
}

/* Right so far; this person goes on with their passkey. */
static enum sd_err ask_for_passkey(struct keeper *k, struct attempt *attempt, const struct person *person,
                                   const struct second *second) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    struct leaf leaf = sign_in_leaf(person, attempt->req.origin);
    leaf.reason = REASON_LIMITED;
    enum sd_err err = encode_outcome(&out, SIGN_IN_PASSKEY, 0);
    if (err == SD_OK)
        err = db_begin(k->db);
    if (err)
        return err;
    err = use_up(k, attempt, person, second, &records);
    if (err == SD_OK)
        records_add_changed(&records, &leaf);
    err = db_end(k->db, err ? err : records.err);
    return err ? err : records_send(&records, attempt->call, SD_OK, &out);
}

static enum sd_err turn_away(struct keeper *k, struct attempt *attempt, const struct person *person) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    struct alarm_new alarm = {.kind = ALARM_LOCKED_OUT, .person = span_of(person->id, ID_BYTES)};
    bool locked = person->there && attempt->count.failures == THROTTLE_LOCK; /* this one did it: told once */
    records_start(&records, k);
    struct leaf leaf = sign_in_leaf(person, attempt->req.origin);
    leaf.reason = "failed";
    enum sd_err err = encode_outcome(&out, SIGN_IN_FAILED, 0);
    if (err == SD_OK && locked)
        err = db_begin(k->db);
    if (err == SD_OK && locked)
        err = db_end(k->db, alarm_raise(k, &alarm, &records));
    if (err)
        return err;
    records_add(&records, &leaf);
    return records_send(&records, attempt->call, SD_OK, &out);
}

/* ---- deciding ---- */

/* A recovery code helps nobody whose role needs a passkey: it would be a way around it. */
static enum sd_err check_second(struct keeper *k, const struct attempt *attempt, struct person *person, struct second *ret) {
    enum totp_verdict code = TOTP_REFUSED;
    *ret = (struct second){.factor = FACTOR_NONE};
    enum sd_err err = person_check_totp(k, person, attempt->req.totp, &code);
    if (err == SD_OK && code != TOTP_GOOD)
        err = recovery_check(k, span_of(person->id, ID_BYTES), attempt->req.totp, &ret->recovery);
    if (err)
        return err;
    if (code == TOTP_GOOD)
        ret->factor = FACTOR_TOTP;
    else if (ret->recovery.verdict == RECOVERY_GOOD && !role_needs_passkey(k, person->role))
        ret->factor = FACTOR_RECOVERY;
    return SD_OK;
}

/* Password and code are both looked at whatever the other is. */
static enum sd_err decide(struct keeper *k, struct attempt *attempt) {
    struct person person SD_CLEANUP(person_free) = {0};
    struct passkey_numbers passkeys = {0};
    struct second second;
    enum sd_err err = attempt->err ? attempt->err : person_by_email(k, attempt->req.email, &person);
    if (err == SD_OK)
        err = check_second(k, attempt, &person, &second);
    if (err == SD_OK)
        err = passkey_count(k, span_of(person.id, ID_BYTES), &passkeys);
    if (err)
        return err;
    bool right = attempt->verdict == PASSWORD_RIGHT && second.factor != FACTOR_NONE && person.password.n &&
                 span_eq(buf_span(&person.password), buf_span(&attempt->encoded)); /* still the one that was compared */
    if (!right || !person_may_enter(&person))
        return turn_away(k, attempt, &person);
    /* One that is suspended counts: whoever has a copy of it could otherwise get around it. */
    if (role_needs_passkey(k, person.role) && passkeys.all)
        return ask_for_passkey(k, attempt, &person, &second);
    return let_in(k, attempt, &person, &second);
}

static void attempt_free(struct attempt *attempt) {
    buf_free(&attempt->encoded);
    free(attempt);
}

static void hash_attempt(struct job *job) {
    struct attempt *attempt = (struct attempt *)(void *)job;
    attempt->err = password_verify(buf_span(&attempt->encoded), attempt->req.password, &attempt->verdict);
}

static void attempt_done(struct keeper *k, struct job *job) {
    struct attempt *attempt = (struct attempt *)(void *)job;
    enum sd_err err = decide(k, attempt);
    if (err)
        ipc_refuse(attempt->call, err);
    attempt_free(attempt);
}

static enum sd_err answer_throttled(struct keeper *k, struct ipc_call *call, struct attempt *attempt, int64_t wait_ms) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct leaf leaf = sign_in_leaf(NULL, attempt->req.origin);
    leaf.reason = "throttled";
    enum sd_err err = encode_outcome(&out, SIGN_IN_THROTTLED, wait_ms);
    return err ? err : attempt_answer(k, call, &out, &leaf, true);
}

static enum sd_err prepare(struct keeper *k, struct attempt *attempt) {
    struct person person SD_CLEANUP(person_free) = {0};
    enum sd_err err = attempt_by_account(k, attempt->req.email, attempt->req.origin, &attempt->count);
    if (err == SD_OK)
        err = person_by_email(k, attempt->req.email, &person);
    if (err)
        return err;
    buf_put(&attempt->encoded, buf_span(person.password.n ? &person.password : &k->dummy_password));
    return buf_err(&attempt->encoded);
}

static enum sd_err start(struct keeper *k, struct ipc_call *call, struct attempt *attempt, bool *ret_kept) {
    int64_t wait_ms = 0;
    if (work_full(&k->sign_ins))
        return SD_ERR_BUSY; /* before it is counted: a flood must not lock people out of their accounts for free */
    enum sd_err err = prepare(k, attempt);
    if (err == SD_OK)
        err = attempt_charge(k, &attempt->count, &wait_ms);
    if (err || wait_ms > 0)
        return err ? err : answer_throttled(k, call, attempt, wait_ms);
    attempt->call = call;
    err = work_add(&k->sign_ins, &attempt->job);
    *ret_kept = err == SD_OK;
    return err;
}

enum sd_err keeper_on_sign_in(void *ctx, struct ipc_call *call, const struct keeper_sign_in_req *req) {
    struct keeper *k = ctx;
    bool kept = false;
    struct attempt *attempt = calloc(1, sizeof *attempt);
    if (!attempt)
        return SD_ERR_NOMEM;
    attempt->job = (struct job){.run = hash_attempt, .done = attempt_done};
    attempt->req = *req;
    attempt->encoded = buf_new(PASSWORD_HASH_MAX);
    enum sd_err err = start(k, call, attempt, &kept);
    if (!kept)
        attempt_free(attempt);
    return err;
}
