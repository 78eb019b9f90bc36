/* audit_ops.c - the log for those who ask: as lists, verified, and the keys to check it with. */
#include "core/codec.h"
#include "core/log.h"
#include "keeper/handlers.h"

#include <stdlib.h>
#include <string.h>

static enum sd_err name_of(struct keeper *k, struct span hex, struct buf *to) {
    uint8_t id[ID_BYTES];
    if (hex_to_bytes(hex, id, sizeof id) != SD_OK)
        return SD_OK;
    struct query q = db_query(k->db, SQL_PERSON_BY_ID);
    query_blob(&q, span_of(id, sizeof id));
    if (query_row(&q))
        buf_put(to, query_get(&q, 1));
    return query_end(&q);
}

enum sd_err listing_line(struct keeper *k, struct span record, struct buf *to) {
    struct buf name SD_CLEANUP(buf_free) = buf_new(1024);
    enum sd_err err = name_of(k, leaf_person(record), &name);
    if (err)
        return err;
    leaf_listing(to, record, buf_span(&name));
    if (to->n > LEAF_LISTED_MAX) { /* a very long name: the id says who it was */
        buf_reset(to);
        leaf_listing(to, record, SPAN_NONE);
    }
    return buf_err(to);
}

/* ---- list ---- */

#define LIST_MAX 90
struct listing {
    struct keeper *k;
    struct buf raw, line;
    struct ipc_list list;
    uint64_t next;
    enum sd_err err;
};

static bool list_record(void *arg, uint64_t seq, uint64_t segment, uint64_t offset, struct span record) {
    struct listing *listing = arg;
    buf_reset(&listing->line);
    listing->err = listing_line(listing->k, record, &listing->line);
    ipc_list_add(&listing->list, &listing->raw, buf_span(&listing->line));
    listing->next = seq + 1;
    listing->k->listed = (struct audit_place){seq + 1, segment, offset + SEGMENT_FRAME_BYTES + record.n};
    return listing->err == SD_OK && listing->list.count < LIST_MAX;
}

static bool list_full(const struct listing *listing, uint64_t until) {
    return listing->err || listing->list.count >= LIST_MAX || listing->next >= until;
}

/* Page follows page: each begins where the one before ended, so that a long log is read once and not once per page. */
static enum sd_err list_page(struct keeper *k, struct listing *listing, uint64_t until) {
    const char *dir = (const char *)k->log_dir.p;
    const struct audit_place place = k->listed;
    enum sd_err err = SD_OK;
    if (place.offset && place.seq == listing->next && !list_full(listing, until))
        err = audit_read_at(dir, &place, until, list_record, listing);
    if (err == SD_OK && !list_full(listing, until))
        err = audit_read(dir, listing->next, until, list_record, listing);
    return err;
}

enum sd_err keeper_on_audit_list(void *ctx, struct ipc_call *call, const struct keeper_audit_list_req *req) {
    struct keeper *k = ctx;
    struct merkle_range range;
    struct listing listing = {
        .k = k, .raw = buf_new((size_t)LIST_MAX * 1024), .line = buf_new(MERKLE_LEAF_MAX), .next = req->from};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    audit_range(k->audit, &range);
    enum sd_err err = list_page(k, &listing, range.size);
    if (err == SD_OK)
        err = listing.err ? listing.err : buf_err(&listing.raw);
    if (err == SD_OK)
        err = keeper_audit_list_rep_encode(&out,
                                           &(struct keeper_audit_list_rep){.records = listing.list, .next = listing.next});
    buf_free(&listing.raw);
    buf_free(&listing.line);
    if (err)
        return err == SD_ERR_PARSE ? SD_ERR_FORGED : err; /* a changed record: verify says which */
    if (req->from > 0) { /* one record for a whole reading, or reading would never come to an end */
        ipc_answer(call, &out);
        return SD_OK;
    }
    struct leaf leaf = {.actor = ACTOR_ROOT, .action = "audit-list", .object = "log", .outcome = OUTCOME_GRANTED};
    return answer_recorded(k, call, &out, &leaf);
}

/* ---- verify ---- */

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
