/* session_ops.c - who is behind a cookie, and signing out. */
#include "core/codec.h"
#include "keeper/handlers.h"
#include "keeper/permit.h"

#include <string.h>

/* What the desk is told of who is behind a token, besides the name. */
static enum sd_err describe(struct keeper *k, const struct who *who, struct buf *raw, struct keeper_session_rep *rep) {
    struct rules rules;
    enum sd_err err = rules_of(k, span_of(who->person, ID_BYTES), &rules);
    if (err == SD_OK)
        err = session_queues(k, who, raw, &rep->queues);
    if (err == SD_OK && !who->limited)
        err = alarms_unseen(k, who, &rep->alarms);
    if (err)
        return err;
    rep->verbs = who->limited ? VERB_BIT(FACTORS) : rights_verbs(rules.rules, rules.count, k->spec.now_ms());
    if (who->factor == FACTOR_TOKEN)
        rep->verbs &= who->token_verbs;
    rep->role = (uint8_t)who->role;
    rep->expires_ms = who->expires_ms;
    rep->factor = (uint8_t)who->factor;
    rep->limited = who->limited;
    return SD_OK;
}

enum sd_err keeper_on_session(void *ctx, struct ipc_call *call, const struct keeper_session_req *req) {
    static const uint8_t nothing[ID_BYTES];
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct sha256 csrf;
    uint8_t token[SESSION_TOKEN_BYTES];
    bool replaced = false;
    struct buf id SD_CLEANUP(buf_free) = buf_new(64), raw SD_CLEANUP(buf_free) = buf_new(8192);
    struct keeper_session_rep rep = {0};
    enum sd_err err = session_check(k, req->token, req->origin, &who);
    if (err == SD_OK && who.verdict != SESSION_LIVE)
        err = SD_ERR_DENIED; /* nothing was asked for yet: no record */
    if (err == SD_OK)
        err = session_csrf(k, span_of(who.session, ID_BYTES), &csrf);
    if (err == SD_OK)
        err = describe(k, &who, &raw, &rep);
    if (err == SD_OK)
        err = session_replace(k, &who, token, &replaced);
    if (err)
        return err;
    put_hex(&id, span_of(who.person, ID_BYTES));
    rep.csrf = span_of(csrf.b, SHA256_BYTES);
    rep.person = buf_span(&id);
    rep.name = buf_span(&who.name);
    rep.session = who.factor == FACTOR_TOKEN ? span_of(nothing, ID_BYTES) : span_of(who.session, ID_BYTES);
    rep.new_token = replaced ? span_of(token, sizeof token) : SPAN_NONE;
    keeper_session_reply(call, &rep);
    explicit_bzero(token, sizeof token);
    return SD_OK;
}

static enum sd_err end_recorded(struct keeper *k, const struct who *who, struct records *records, const struct leaf *leaf) {
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = session_end(k, span_of(who->session, ID_BYTES));
    if (err == SD_OK)
        records_add_changed(records, leaf);
    return db_end(k->db, err ? err : records->err);
}

enum sd_err keeper_on_sign_out(void *ctx, struct ipc_call *call, const struct keeper_sign_out_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    enum sd_err err = session_check(k, req->token, req->origin, &who);
    if (err)
        return err;
    struct leaf leaf = leaf_by(&who, req->origin, "sign-out");
    if (who.factor == FACTOR_TOKEN)
        leaf.reason = REASON_TOKEN;
    if (who.verdict != SESSION_LIVE || who.factor == FACTOR_TOKEN)
        return refuse_recorded(k, call, SD_ERR_DENIED, &leaf);
    leaf.outcome = OUTCOME_GRANTED;
    err = keeper_sign_out_rep_encode(&out, &(struct keeper_sign_out_rep){});
    if (err == SD_OK)
        err = end_recorded(k, &who, &records, &leaf);
    return err ? err : records_send(&records, call, SD_OK, &out);
}
