/* audit_ops.c - is the log whole; and the keys to check it with. */
#include "keeper/handlers.h"

#include <stdlib.h>

struct verifying {
    struct job job;
    struct ipc_call *call;
    const char *dir;
    struct note_key key;
    struct merkle_range range;
    struct audit_report report;
    enum sd_err err;
};

static void verify_run(struct job *job) {
    struct verifying *v = (struct verifying *)(void *)job;
    v->err = audit_verify(v->dir, &v->key, &v->range, &v->report);
}

static enum sd_err answer_verified(struct keeper *k, struct verifying *v) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    const struct audit_report *report = &v->report;
    if (v->err)
        return v->err;
    struct keeper_audit_verify_rep rep = {.size = report->size,
                                          .root = span_of(report->root.b, SHA256_BYTES),
                                          .good = report->good,
                                          .first_bad = report->first_bad,
                                          .problem = span_cstr(report->problem)};
    enum sd_err err = keeper_audit_verify_rep_encode(&out, &rep);
    if (err)
        return err;
    struct leaf leaf = {.actor = ACTOR_ROOT,
                        .action = "audit-verify",
                        .object = "log",
                        .outcome = report->good ? OUTCOME_GRANTED : OUTCOME_FAILED};
    return answer_recorded(k, v->call, &out, &leaf);
}

static void verify_done(struct keeper *k, struct job *job) {
    struct verifying *v = (struct verifying *)(void *)job;
    enum sd_err err = answer_verified(k, v);
    if (err)
        ipc_refuse(v->call, err);
    free(v);
}

enum sd_err keeper_on_audit_verify(void *ctx, struct ipc_call *call, SD_UNUSED const struct keeper_audit_verify_req *req) {
    struct keeper *k = ctx;
    struct verifying *v = calloc(1, sizeof *v);
    if (!v)
        return SD_ERR_NOMEM;
    *v = (struct verifying){
        .job = {.run = verify_run, .done = verify_done}, .call = call, .dir = (const char *)k->log_dir.p, .key = k->log_key};
    audit_range(k->audit, &v->range);
    enum sd_err err = work_add(&k->checks, &v->job);
    if (err)
        free(v);
    return err;
}

enum sd_err keeper_on_public_keys(void *ctx, struct ipc_call *call, SD_UNUSED const struct keeper_public_keys_req *req) {
    struct keeper *k = ctx;
    struct buf json SD_CLEANUP(buf_free) = buf_new(60000);
    enum sd_err err = keeper_public_json(k, &json);
    if (err == SD_OK)
        keeper_public_keys_reply(call, &(struct keeper_public_keys_rep){.json = buf_span(&json)});
    return err;
}
