/* recovery_ops.c - new recovery codes for oneself. */
#include "keeper/own_factors.h"
#include "keeper/recovery.h"

static enum sd_err answer_problem(struct keeper *k, struct ipc_call *call, const char *problem, struct leaf *leaf) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    leaf->outcome = OUTCOME_FAILED;
    enum sd_err err = keeper_recovery_make_rep_encode(&out, &(struct keeper_recovery_make_rep){.problem = span_cstr(problem)});
    return err ? err : answer_recorded(k, call, &out, leaf);
}

static enum sd_err make(struct keeper *k, struct ipc_call *call, const struct who *who, struct leaf *leaf) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(1024);
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct keeper_recovery_make_rep rep = {0};
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    leaf->outcome = OUTCOME_GRANTED;
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = recovery_renew(k, span_of(who->person, ID_BYTES), &raw, &rep.recovery);
    if (err == SD_OK)
        err = keeper_recovery_make_rep_encode(&out, &rep);
    if (err == SD_OK)
        records_add_changed(&records, leaf);
    err = db_end(k->db, err ? err : records.err);
    return err ? err : records_send(&records, call, SD_OK, &out);
}

/* They stand in for an authenticator beside the password: of no use to who has none, or may not sign in that way. */
static enum sd_err find_problem(struct keeper *k, const struct who *who, const char **problem) {
    struct person person SD_CLEANUP(person_free) = {0};
    enum sd_err err = person_by_id(k, span_of(who->person, ID_BYTES), &person);
    if (err)
        return err;
    if (role_needs_passkey(k, who->role))
        *problem = "Your role signs in with a passkey: recovery codes would not help. Add a second passkey instead.";
    else if (person.totp.n == 0)
        *problem = "Recovery codes stand in for an authenticator app, and you have none. Add a second passkey instead.";
    return SD_OK;
}

enum sd_err keeper_on_recovery_make(void *ctx, struct ipc_call *call, const struct keeper_recovery_make_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct permission permission = {.status = SD_ERR_DENIED};
    const char *problem = NULL;
    enum sd_err err = own_session(k, req->token, req->origin, &who, &permission.reason);
    if (err)
        return err;
    struct leaf leaf = leaf_by(&who, req->origin, "recovery-make");
    leaf.object = "person";
    leaf.object_id = leaf.actor_id;
    if (permission.reason)
        return refuse_permission(k, call, &permission, &leaf);
    err = find_problem(k, &who, &problem);
    if (err || problem)
        return err ? err : answer_problem(k, call, problem, &leaf);
    err = own_proof(k, &who, req->totp, req->origin, &permission);
    if (err)
        return err;
    leaf.reason = permission.reason;
    return permission.status ? refuse_permission(k, call, &permission, &leaf) : make(k, call, &who, &leaf);
}
