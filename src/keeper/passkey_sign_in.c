/* passkey_sign_in.c - a passkey alone, with user verification: what somebody has and what they know or are. Whose it is says
 * the passkey. Every refusal is the same answer. */
#include "keeper/attempts.h"
#include "keeper/passkey.h"
#include "keeper/session_open.h"

static enum sd_err answer_outcome(struct keeper *k, struct ipc_call *call, uint8_t outcome, int64_t wait_ms,
                                  const struct leaf *leaf) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct keeper_passkey_sign_in_rep rep = {.outcome = outcome, .retry_after_s = (uint32_t)((wait_ms + 999) / 1000)};
    enum sd_err err = keeper_passkey_sign_in_rep_encode(&out, &rep);
    return err ? err : attempt_answer(k, call, &out, leaf, wait_ms > 0);
}

static enum sd_err encode_opened(struct ipc_out *out, const struct person *person, const struct session_opened *opened) {
    return keeper_passkey_sign_in_rep_encode(
        out, &(struct keeper_passkey_sign_in_rep){.outcome = SIGN_IN_OK,
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

static enum sd_err let_in(struct keeper *k, struct ipc_call *call, const struct keeper_passkey_sign_in_req *req,
                          const struct passkey_proof *proof, const struct passkey_judged *judged, const struct person *person) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct session_opened opened SD_CLEANUP(session_opened_free) = {0};
    struct session_new session = {.person = person->id, .origin = req->origin, .factor = FACTOR_PASSKEY};
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    struct leaf leaf = sign_in_leaf(person, req->origin);
    leaf.outcome = OUTCOME_GRANTED;
    leaf.reason = sign_in_word(FACTOR_PASSKEY, false);
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = passkey_used(k, proof, judged);
    if (err == SD_OK)
        err = session_open(k, person, &session, &opened);
    if (err == SD_OK)
        err = encode_opened(&out, person, &opened);
    if (err == SD_OK)
        records_add_changed(&records, &leaf);
    err = db_end(k->db, err ? err : records.err);
    if (err == SD_OK)
        err = address_forgive(k, req->origin);
    return err ? err : records_send(&records, call, SD_OK, &out);
}

static enum sd_err turn_away_clone(struct keeper *k, struct ipc_call *call, const struct passkey_proof *proof,
                                   const struct passkey_judged *judged, const struct leaf *leaf) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    enum sd_err err = passkey_suspend(k, proof, judged, leaf, &records);
    if (err == SD_OK)
        err = keeper_passkey_sign_in_rep_encode(&out, &(struct keeper_passkey_sign_in_rep){.outcome = SIGN_IN_FAILED});
    return err ? err : records_send(&records, call, SD_OK, &out);
}

/* WebAuthn §7.2 step 6: who is not named beforehand is named by the authenticator, and the credential must be theirs. */
static bool names_owner(const struct keeper_passkey_sign_in_req *req, const struct passkey_judged *judged) {
    return judged->there && span_eq(req->user, span_of(judged->person, ID_BYTES));
}

static enum sd_err decide(struct keeper *k, struct ipc_call *call, const struct keeper_passkey_sign_in_req *req) {
    struct challenge_bound bound = {.purpose = CHALLENGE_SIGN_IN};
    struct passkey_proof proof = {req->challenge, req->credential, req->client_data, req->authenticator_data, req->signature};
    struct passkey_judged judged;
    struct person person SD_CLEANUP(person_free) = {0};
    enum sd_err err = passkey_judge(k, &bound, &proof, &judged);
    if (err == SD_OK && judged.there)
        err = person_by_id(k, span_of(judged.person, ID_BYTES), &person);
    if (err)
        return err;
    struct leaf leaf = sign_in_leaf(&person, req->origin);
    leaf.reason = judged.reason;
    if (judged.verdict == PASSKEY_CLONED)
        return turn_away_clone(k, call, &proof, &judged, &leaf);
    if (judged.verdict == PASSKEY_GOOD && names_owner(req, &judged) && person_may_enter(&person))
        return let_in(k, call, req, &proof, &judged, &person);
    if (judged.verdict == PASSKEY_GOOD)
        leaf.reason = person_may_enter(&person) ? "user-handle" : "failed";
    return answer_outcome(k, call, SIGN_IN_FAILED, 0, &leaf);
}

enum sd_err keeper_on_passkey_sign_in(void *ctx, struct ipc_call *call, const struct keeper_passkey_sign_in_req *req) {
    struct keeper *k = ctx;
    int64_t wait_ms = 0;
    enum sd_err err = address_charge(k, req->origin, &wait_ms);
    if (err || wait_ms == 0)
        return err ? err : decide(k, call, req);
    struct leaf leaf = sign_in_leaf(NULL, req->origin);
    leaf.reason = "throttled";
    return answer_outcome(k, call, SIGN_IN_THROTTLED, wait_ms, &leaf);
}
