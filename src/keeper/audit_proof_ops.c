/* audit_proof_ops.c - checkpoints and proofs for those who ask. Proofs are made by the worker that also verifies: one may have
 * to read the whole log. */
#include "keeper/audit_prove.h"
#include "keeper/handlers.h"

#include <stdlib.h>
#include <string.h>

static enum sd_err put_note(struct ipc_out *out, struct span note) {
    return keeper_checkpoint_rep_encode(out, &(struct keeper_checkpoint_rep){.note = note});
}

enum sd_err keeper_on_checkpoint(void *ctx, struct ipc_call *call, const struct keeper_checkpoint_req *req) {
    struct keeper *k = ctx;
    struct buf note SD_CLEANUP(buf_free) = buf_new(NOTE_MAX_BYTES);
    audit_checkpoint(k->audit, &note);
    if (!req->now) {
        keeper_checkpoint_reply(call, &(struct keeper_checkpoint_rep){.note = buf_span(&note)});
        return SD_OK;
    }
    bool clerk = ipc_conn_peer(call->conn) == PEER_CLERK;
    struct leaf leaf = {
        .actor = clerk ? ACTOR_SYSTEM : ACTOR_ROOT, .action = "audit-checkpoint", .object = "log", .outcome = OUTCOME_GRANTED};
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    records_add(&records, &leaf);
    if (records.first)
        records.first->with_checkpoint = put_note;
    return records_send(&records, call, SD_OK, NULL);
}

/* ---- proofs ---- */

struct proving {
    struct job job;
    struct ipc_call *call;
    const char *dir;
    struct note_key key;
    struct buf note;    /* the newest checkpoint */
    struct buf earlier; /* to be continued; empty: a record is to be proven */
    uint64_t index;
    /* what came of it */
    struct buf line;
    uint64_t earlier_size;
    struct merkle_proof proof;
    const char *problem; /* NULL: proven */
    enum sd_err err;
};

static void proving_free(struct proving *p) {
    buf_free(&p->note);
    buf_free(&p->earlier);
    buf_free(&p->line);
    free(p);
}

static void prove_record(struct proving *p, const struct checkpoint *newest) {
    struct sha256 leaf;
    p->err = p->index < newest->size ? audit_read_record(p->dir, p->index, &p->line, &leaf) : SD_ERR_NOTFOUND;
    if (p->err == SD_OK)
        p->err = audit_prove_record(p->dir, p->index, &leaf, newest, &p->proof);
    if (p->err == SD_ERR_FORGED || p->err == SD_ERR_PARSE) {
        p->problem = "The log is not what its newest checkpoint covers: `sealdesk audit verify` says from where on.";
        p->err = SD_OK;
    }
}

static void prove_continuation(struct proving *p, const struct checkpoint *newest) {
    struct checkpoint earlier = {0};
    enum sd_err err = note_read(&p->key, buf_span(&p->earlier), &earlier);
    p->earlier_size = earlier.size;
    if (err == SD_ERR_PARSE)
        p->problem = "That is no checkpoint of this log.";
    else if (err == SD_ERR_FORGED)
        p->problem = "That checkpoint does not carry this log's signature.";
    else if (err == SD_OK && earlier.size == 0)
        p->problem = "That checkpoint covers nothing: every log continues it.";
    else if (err == SD_OK && earlier.size > newest->size)
        p->problem = "That checkpoint covers more records than the newest one: the log was cut off or put back.";
    else if (err == SD_OK && (err = audit_prove_continuation(p->dir, &earlier, newest, &p->proof)) == SD_ERR_FORGED)
        p->problem = "The log is not the one that this checkpoint covered: its past was changed.";
    p->err = p->problem ? SD_OK : err;
}

static void prove_run(struct job *job) {
    struct proving *p = (struct proving *)(void *)job;
    struct checkpoint newest;
    p->err = note_read(&p->key, buf_span(&p->note), &newest);
    if (p->err == SD_OK && p->earlier.n)
        prove_continuation(p, &newest);
    else if (p->err == SD_OK)
        prove_record(p, &newest);
}

static enum sd_err encode(const struct proving *p, struct ipc_out *out) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new((size_t)MERKLE_PROOF_MAX * (SHA256_BYTES + 4));
    struct ipc_list hashes = {0};
    for (size_t i = 0; i < p->proof.count && !p->problem; i++)
        ipc_list_add(&hashes, &raw, span_of(p->proof.hashes[i].b, SHA256_BYTES));
    if (p->earlier.n)
        return keeper_audit_continues_rep_encode(
            out, &(struct keeper_audit_continues_rep){
                     .problem = span_cstr(p->problem), .size = p->earlier_size, .note = buf_span(&p->note), .hashes = hashes});
    return keeper_audit_prove_rep_encode(
        out, &(struct keeper_audit_prove_rep){
                 .problem = span_cstr(p->problem), .line = buf_span(&p->line), .note = buf_span(&p->note), .hashes = hashes});
}

static enum sd_err answer_proven(struct keeper *k, const struct proving *p) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    enum sd_err err = p->err ? p->err : encode(p, &out);
    if (err)
        return err;
    struct leaf leaf = {.actor = ACTOR_ROOT,
                        .action = "audit-prove",
                        .object = "log",
                        .outcome = p->problem ? OUTCOME_FAILED : OUTCOME_GRANTED};
    return answer_recorded(k, p->call, &out, &leaf);
}

static void prove_done(struct keeper *k, struct job *job) {
    struct proving *p = (struct proving *)(void *)job;
    enum sd_err err = answer_proven(k, p);
    if (err)
        ipc_refuse(p->call, err);
    proving_free(p);
}

static enum sd_err start_proving(struct keeper *k, struct ipc_call *call, struct span earlier, uint64_t index) {
    struct proving *p = calloc(1, sizeof *p);
    if (!p)
        return SD_ERR_NOMEM;
    *p = (struct proving){.job = {.run = prove_run, .done = prove_done},
                          .call = call,
                          .dir = (const char *)k->log_dir.p,
                          .key = k->log_key,
                          .note = buf_new(NOTE_MAX_BYTES),
                          .earlier = buf_new(NOTE_MAX_BYTES),
                          .line = buf_new(MERKLE_LEAF_MAX),
                          .index = index};
    audit_checkpoint(k->audit, &p->note);
    buf_put(&p->earlier, earlier);
    enum sd_err err = p->note.n ? buf_err(&p->earlier) : SD_ERR_NOTFOUND;
    if (err == SD_OK)
        err = work_add(&k->checks, &p->job);
    if (err)
        proving_free(p);
    return err;
}

enum sd_err keeper_on_audit_prove(void *ctx, struct ipc_call *call, const struct keeper_audit_prove_req *req) {
    return start_proving(ctx, call, SPAN_NONE, req->record);
}

enum sd_err keeper_on_audit_continues(void *ctx, struct ipc_call *call, const struct keeper_audit_continues_req *req) {
    return start_proving(ctx, call, req->earlier.n ? req->earlier : SPAN("\n"), 0);
}
