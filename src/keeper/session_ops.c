/* session_ops.c - who is behind a cookie, and signing out. */
#include "core/codec.h"
#include "keeper/handlers.h"

enum sd_err keeper_on_session(void *ctx, struct ipc_call *call, const struct keeper_session_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct sha256 csrf;
    struct buf id SD_CLEANUP(buf_free) = buf_new(64), raw SD_CLEANUP(buf_free) = buf_new(8192);
    struct keeper_session_rep rep = {0};
    enum sd_err err = session_check(k, req->token, &who);
    if (err == SD_OK && who.verdict != SESSION_LIVE)
        err = SD_ERR_DENIED; /* nothing was asked for yet: no record */
    if (err == SD_OK)
        err = session_csrf(req->token, &csrf);
    if (err == SD_OK)
        err = person_queues(k, who.person, &raw, &rep.queues);
    if (err)
        return err;
    put_hex(&id, span_of(who.person, ID_BYTES));
    rep.csrf = span_of(csrf.b, SHA256_BYTES);
    rep.person = buf_span(&id);
    rep.name = buf_span(&who.name);
    rep.role = (uint8_t)who.role;
    rep.expires_ms = who.expires_ms;
    keeper_session_reply(call, &rep);
    return SD_OK;
}

static enum sd_err end_session(struct keeper *k, const struct sha256 *hash, struct records *records, const struct leaf *leaf) {
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    for (size_t i = 0; i < 2 && err == SD_OK; i++) {
        struct query q = db_query(k->db, i == 0 ? SQL_SESSION_END : SQL_SESSION_END_USED);
        query_blob(&q, span_of(hash->b, SHA256_BYTES));
        err = query_run(&q);
    }
    if (err == SD_OK)
        records_add_changed(records, leaf);
    return db_end(k->db, err ? err : records->err);
}

enum sd_err keeper_on_sign_out(void *ctx, struct ipc_call *call, const struct keeper_sign_out_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct sha256 hash;
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    enum sd_err err = session_check(k, req->token, &who);
    if (err)
        return err;
    struct leaf leaf = leaf_by(&who, req->origin, "sign-out");
    if (who.verdict != SESSION_LIVE)
        return refuse_recorded(k, call, SD_ERR_DENIED, &leaf);
    leaf.outcome = OUTCOME_GRANTED;
    err = crypt_sha256(req->token, &hash);
    if (err == SD_OK)
        err = keeper_sign_out_rep_encode(&out, &(struct keeper_sign_out_rep){});
    if (err == SD_OK)
        err = end_session(k, &hash, &records, &leaf);
    return err ? err : records_send(&records, call, SD_OK, &out);
}
