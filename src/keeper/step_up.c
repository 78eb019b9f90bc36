/* step_up.c - a gesture for one act: with a passkey, or, where the administrator relaxed it, with a one-time code. */
#include "keeper/own_factors.h"

struct stepping {
    struct who who;
    struct leaf leaf;
    struct records records;
};

static enum sd_err send_granted(struct keeper *k, struct ipc_call *call, struct stepping *s) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    enum sd_err err = keeper_step_up_rep_encode(&out, &(struct keeper_step_up_rep){});
    (void)k;
    return err ? err : records_send(&s->records, call, SD_OK, &out);
}

static enum sd_err grant(struct keeper *k, struct ipc_call *call, const struct keeper_step_up_req *req, struct stepping *s,
                         const struct passkey_proof *proof, const struct passkey_judged *judged) {
    s->leaf.outcome = OUTCOME_GRANTED;
    s->leaf.reason = verb_text(req->verb);
    s->leaf.detail = proof ? SPAN_NONE : SPAN("with a one-time code");
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    if (proof)
        err = passkey_used(k, proof, judged);
    if (err == SD_OK)
        err = gesture_add(k, &s->who, (enum verb)req->verb, req->object, !proof);
    if (err == SD_OK)
        records_add_changed(&s->records, &s->leaf);
    err = db_end(k->db, err ? err : s->records.err);
    return err ? err : send_granted(k, call, s);
}

static enum sd_err refuse(struct keeper *k, struct ipc_call *call, struct stepping *s, enum sd_err status, const char *reason) {
    s->leaf.reason = reason;
    return refuse_recorded(k, call, status, &s->leaf);
}

static enum sd_err by_code(struct keeper *k, struct ipc_call *call, const struct keeper_step_up_req *req, struct stepping *s) {
    enum own_code code = OWN_CODE_WRONG;
    if (!k->access.totp_step_up)
        return refuse(k, call, s, SD_ERR_DENIED, REASON_LIMITED);
    enum sd_err err = own_code_check(k, &s->who, req->totp, req->origin, &code);
    if (err)
        return err;
    if (code != OWN_CODE_GOOD)
        return refuse(k, call, s, code == OWN_CODE_THROTTLED ? SD_ERR_BUSY : SD_ERR_DENIED, own_code_reason(code));
    return grant(k, call, req, s, NULL, NULL);
}

static enum sd_err refuse_clone(struct keeper *k, struct ipc_call *call, struct stepping *s, const struct passkey_proof *proof,
                                const struct passkey_judged *judged) {
    s->leaf.reason = judged->reason;
    enum sd_err err = passkey_suspend(k, proof, judged, &s->leaf, &s->records);
    return err ? err : records_send(&s->records, call, SD_ERR_DENIED, NULL);
}

static enum sd_err by_passkey(struct keeper *k, struct ipc_call *call, const struct keeper_step_up_req *req,
                              struct stepping *s) {
    struct challenge_bound bound = {CHALLENGE_GESTURE, req->verb, span_of(s->who.session, ID_BYTES), req->object};
    struct passkey_proof proof = {req->challenge, req->credential, req->client_data, req->authenticator_data, req->signature};
    struct passkey_judged judged;
    enum sd_err err = passkey_judge(k, &bound, &proof, &judged);
    if (err)
        return err;
    bool mine = judged.there && span_eq(span_of(judged.person, ID_BYTES), span_of(s->who.person, ID_BYTES));
    if (judged.verdict == PASSKEY_CLONED)
        return refuse_clone(k, call, s, &proof, &judged);
    if (judged.verdict == PASSKEY_GOOD && mine)
        return grant(k, call, req, s, &proof, &judged);
    return refuse(k, call, s, SD_ERR_DENIED, judged.verdict == PASSKEY_GOOD ? "not-their-passkey" : judged.reason);
}

static void stepping_free(struct stepping *s) {
    who_free(&s->who);
    records_free(&s->records);
}

enum sd_err keeper_on_step_up(void *ctx, struct ipc_call *call, const struct keeper_step_up_req *req) {
    struct keeper *k = ctx;
    struct stepping s SD_CLEANUP(stepping_free) = {0};
    const char *reason = NULL;
    records_start(&s.records, k);
    if (req->verb == VERB_NONE || !verb_facts(req->verb) || (req->object.n && req->object.n != ID_BYTES))
        return SD_ERR_PARSE;
    enum sd_err err = own_session(k, req->token, req->origin, &s.who, &reason);
    if (err)
        return err;
    s.leaf = leaf_by(&s.who, req->origin, "step-up");
    s.leaf.object = "act";
    s.leaf.object_id = req->object;
    s.leaf.detail = span_cstr(verb_text(req->verb));
    if (!reason && s.who.limited && req->verb != VERB_FACTORS)
        reason = REASON_LIMITED;
    if (reason)
        return refuse(k, call, &s, SD_ERR_DENIED, reason);
    return req->totp.n ? by_code(k, call, req, &s) : by_passkey(k, call, req, &s);
}
