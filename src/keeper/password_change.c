/* password_change.c - one's own password: the present one is asked for, throttled as signing in is; all other sessions end. */
#include "keeper/attempts.h"
#include "keeper/own_factors.h"
#include "keeper/people.h"

#include <stdlib.h>

struct changing {
    struct job job;
    struct ipc_call *call;
    struct keeper_password_change_req req; /* spans in the call's message */
    struct person person;
    struct attempt_count count;
    struct password_cost cost;
    struct buf encoded; /* the new one */
    enum password_verdict verdict;
    enum sd_err err;
};

static void changing_free(struct changing *c) {
    person_free(&c->person);
    buf_free(&c->encoded);
    free(c);
}

static enum sd_err answer(struct keeper *k, struct ipc_call *call, const struct keeper_password_change_rep *rep,
                          const struct leaf *leaf) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    enum sd_err err = keeper_password_change_rep_encode(&out, rep);
    return err ? err : answer_recorded(k, call, &out, leaf);
}

static struct leaf change_leaf(const struct who *who, const struct keeper_password_change_req *req) {
    struct leaf leaf = leaf_by(who, req->origin, "password-change");
    leaf.object = "person";
    leaf.object_id = leaf.actor_id;
    return leaf;
}

static enum sd_err put_password(struct keeper *k, const struct changing *c, const struct who *who) {
    struct span id = span_of(who->person, ID_BYTES);
    struct buf password SD_CLEANUP(buf_free) = buf_new(1024), none SD_CLEANUP(buf_free) = buf_new(16);
    struct person_factors factors = {.password = buf_span(&c->encoded)};
    uint32_t ended = 0;
    enum sd_err err = person_wrap_factors(k, id, &factors, &password, &none);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_PERSON_PASSWORD);
    query_blob(&q, buf_span(&password));
    query_blob(&q, id);
    err = query_run(&q);
    if (err == SD_OK)
        err = attempt_forgive(k, &c->count);
    return err ? err : session_end_all(k, id, who->session, &ended);
}

static enum sd_err change(struct keeper *k, const struct changing *c, const struct who *who, struct leaf *leaf) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    leaf->outcome = OUTCOME_GRANTED;
    leaf->reason = NULL;
    enum sd_err err = keeper_password_change_rep_encode(&out, &(struct keeper_password_change_rep){});
    if (err == SD_OK)
        err = db_begin(k->db);
    if (err)
        return err;
    err = put_password(k, c, who);
    if (err == SD_OK)
        records_add_changed(&records, leaf);
    err = db_end(k->db, err ? err : records.err);
    return err ? err : records_send(&records, c->call, SD_OK, &out);
}

/* The session may have ended while the passwords were hashed. */
static enum sd_err decide(struct keeper *k, struct changing *c) {
    struct who who SD_CLEANUP(who_free) = {0};
    const char *reason = NULL;
    enum sd_err err = c->err ? c->err : own_session(k, c->req.token, c->req.origin, &who, &reason);
    if (err)
        return err;
    struct leaf leaf = change_leaf(&who, &c->req);
    leaf.reason = reason ? reason : "failed";
    if (reason)
        return refuse_recorded(k, c->call, SD_ERR_DENIED, &leaf);
    if (c->verdict == PASSWORD_RIGHT)
        return change(k, c, &who, &leaf);
    return answer(k, c->call, &(struct keeper_password_change_rep){.problem = SPAN("The present password is not right.")},
                  &leaf);
}

static void hash_both(struct job *job) {
    struct changing *c = (struct changing *)(void *)job;
    c->err = password_verify(buf_span(&c->person.password), c->req.old, &c->verdict);
    if (c->err == SD_OK && c->verdict == PASSWORD_RIGHT)
        c->err = password_hash(c->req.password, c->cost, &c->encoded);
}

static void hashed(struct keeper *k, struct job *job) {
    struct changing *c = (struct changing *)(void *)job;
    enum sd_err err = decide(k, c);
    if (err)
        ipc_refuse(c->call, err);
    changing_free(c);
}

static enum sd_err answer_unfit(struct keeper *k, struct ipc_call *call, const char *problem, struct leaf *leaf) {
    leaf->outcome = OUTCOME_FAILED;
    leaf->reason = "unfit";
    return answer(k, call, &(struct keeper_password_change_rep){.problem = span_cstr(problem)}, leaf);
}

static enum sd_err answer_throttled(struct keeper *k, struct ipc_call *call, int64_t wait_ms, struct leaf *leaf) {
    leaf->reason = "throttled";
    return answer(k, call,
                  &(struct keeper_password_change_rep){.problem = SPAN("Too many attempts. Wait a while, then try again."),
                                                       .retry_after_s = (uint32_t)((wait_ms + 999) / 1000)},
                  leaf);
}

static enum sd_err start(struct keeper *k, struct ipc_call *call, struct changing *c, const struct who *who, bool *ret_kept) {
    struct leaf leaf = change_leaf(who, &c->req);
    struct span id = span_of(who->person, ID_BYTES);
    int64_t wait_ms = 0;
    enum sd_err err = person_by_id(k, id, &c->person);
    if (err)
        return err;
    const char *unfit = password_unfit(k, c->req.password, buf_span(&c->person.email), buf_span(&c->person.name));
    if (unfit)
        return answer_unfit(k, call, unfit, &leaf);
    err = attempt_by_person(k, id, c->req.origin, &c->count);
    if (err == SD_OK)
        err = attempt_charge(k, &c->count, &wait_ms);
    if (err || wait_ms > 0)
        return err ? err : answer_throttled(k, call, wait_ms, &leaf);
    c->call = call;
    err = work_add(&k->sign_ins, &c->job);
    *ret_kept = err == SD_OK;
    return err;
}

static enum sd_err refuse_or_start(struct keeper *k, struct ipc_call *call, struct changing *c, bool *ret_kept) {
    struct who who SD_CLEANUP(who_free) = {0};
    const char *reason = NULL;
    enum sd_err err = own_session(k, c->req.token, c->req.origin, &who, &reason);
    if (err)
        return err;
    struct leaf leaf = change_leaf(&who, &c->req);
    leaf.reason = reason;
    if (reason)
        return refuse_recorded(k, call, SD_ERR_DENIED, &leaf);
    return work_full(&k->sign_ins) ? SD_ERR_BUSY : start(k, call, c, &who, ret_kept);
}

enum sd_err keeper_on_password_change(void *ctx, struct ipc_call *call, const struct keeper_password_change_req *req) {
    struct keeper *k = ctx;
    bool kept = false;
    struct changing *c = calloc(1, sizeof *c);
    if (!c)
        return SD_ERR_NOMEM;
    c->job = (struct job){.run = hash_both, .done = hashed};
    c->req = *req;
    c->cost = k->spec.cost;
    c->encoded = buf_new(PASSWORD_HASH_MAX);
    enum sd_err err = refuse_or_start(k, call, c, &kept);
    if (!kept)
        changing_free(c);
    return err;
}
