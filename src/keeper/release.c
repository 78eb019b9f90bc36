/* release.c - lets an attachment be opened whatever was found in it, or a letter be read that was quarantined: by who may, with
 * a reason, on the record. What is then found anew closes it again (verdict_apply.c). */
#include "keeper/asker.h"

#include <string.h>

#define REASON_MAX_BYTES 256

struct releasing {
    const struct keeper_release_req *req;
    struct object_row row;
    struct asker asker;
    const char *problem; /* NULL: none */
    enum ticket_state ticket_state;
};

static void releasing_free(struct releasing *r) {
    asker_free(&r->asker);
}

static const char *problem_of(const struct keeper_release_req *req, const struct object_row *row) {
    bool letter = row->facts.kind == OBJECT_LETTER;
    if (!row->there || (!letter && row->facts.kind != OBJECT_FILE))
        return "There is no such letter or attachment.";
    if (row->facts.destroyed)
        return "It was destroyed.";
    if (row->facts.released)
        return "It was released already.";
    if (row->facts.state == OBJECT_CLEAN && !(letter && row->facts.disposition == DISPOSITION_QUARANTINE))
        return "It is clean: nothing holds it.";
    if (span_trim(req->reason).n == 0 || req->reason.n > REASON_MAX_BYTES)
        return "A release needs a reason of at most 256 bytes.";
    return NULL;
}

/* What is wrong with it is told to those who may, and costs them no gesture. */
static enum sd_err decide(struct keeper *k, struct releasing *r, struct permission *ret) {
    struct demand demand = {.verb = VERB_RELEASE, .queue = r->row.queue, .category = r->row.category, .object = r->req->object};
    bool may = r->asker.root;
    *ret = (struct permission){.status = SD_ERR_DENIED, .reason = REASON_NOT_YOURS};
    enum sd_err err = may || !r->row.there ? SD_OK : permit_peek(k, &r->asker.who, &demand, &may);
    r->problem = may ? problem_of(r->req, &r->row) : NULL;
    if (err == SD_OK && r->problem)
        ret->status = SD_OK;
    else if (err == SD_OK && r->row.there)
        err = asker_permit(k, &r->asker, &demand, ret);
    return err;
}

static enum sd_err answer_problem(struct keeper *k, struct ipc_call *call, const struct releasing *r, struct leaf *leaf) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct keeper_release_rep rep = {.problem = span_cstr(r->problem),
                                     .ticket = span_of(r->row.ticket, ID_BYTES),
                                     .ticket_state = (uint8_t)r->row.ticket_state};
    leaf->outcome = OUTCOME_FAILED;
    enum sd_err err = keeper_release_rep_encode(&out, &rep);
    return err ? err : answer_recorded(k, call, &out, leaf);
}

static enum sd_err put_ticket(struct keeper *k, struct releasing *r) {
    if (r->row.ticket_state != TICKET_QUARANTINE)
        return SD_OK;
    r->ticket_state = TICKET_REVIEW;
    struct query q = db_query(k->db, SQL_TICKET_STATE);
    query_int(&q, r->ticket_state);
    query_blob(&q, span_of(r->row.ticket, ID_BYTES));
    return query_run(&q);
}

static enum sd_err release_within(struct keeper *k, struct releasing *r, uint8_t note[ID_BYTES], struct leaf *leaf,
                                  struct records *records) {
    enum sd_err err = note_add(k, r->req->reason, note);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_OBJECT_RELEASE);
    query_int(&q, k->spec.now_ms());
    query_blob(&q, asker_id(&r->asker));
    query_blob(&q, span_of(note, ID_BYTES));
    query_blob(&q, r->req->object);
    err = query_run(&q);
    if (err == SD_OK)
        err = put_ticket(k, r);
    leaf->note = span_of(note, ID_BYTES);
    if (err == SD_OK)
        records_add_changed(records, leaf);
    return err ? err : records->err;
}

static enum sd_err release(struct keeper *k, struct ipc_call *call, struct releasing *r, struct leaf *leaf) {
    uint8_t note[ID_BYTES] = {0};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    leaf->outcome = OUTCOME_GRANTED;
    leaf->detail = span_cstr(object_state_text(r->row.facts.state));
    enum sd_err err = db_begin(k->db);
    if (err == SD_OK)
        err = db_end(k->db, release_within(k, r, note, leaf, &records));
    struct keeper_release_rep rep = {.ticket = span_of(r->row.ticket, ID_BYTES), .ticket_state = (uint8_t)r->ticket_state};
    if (err == SD_OK)
        err = keeper_release_rep_encode(&out, &rep);
    return err ? err : records_send(&records, call, SD_OK, &out);
}

enum sd_err keeper_on_release(void *ctx, struct ipc_call *call, const struct keeper_release_req *req) {
    struct keeper *k = ctx;
    struct releasing r SD_CLEANUP(releasing_free) = {.req = req};
    struct permission permission = {.status = SD_ERR_DENIED};
    enum sd_err err = asker_find(k, call, req->token, req->origin, &r.asker);
    if (err == SD_OK)
        err = object_find(k, req->object, &r.row);
    r.ticket_state = r.row.ticket_state;
    if (err == SD_OK && (r.asker.root || r.asker.who.verdict == SESSION_LIVE))
        err = decide(k, &r, &permission);
    if (err)
        return err;
    struct leaf leaf = asker_leaf(&r.asker, req->origin, "release");
    leaf.object = r.row.there ? object_kind_text(r.row.facts.kind) : "object";
    leaf.object_id = req->object;
    if (r.row.there)
        leaf.ticket = span_of(r.row.ticket, ID_BYTES);
    if (permission.status)
        return refuse_permission(k, call, &permission, &leaf);
    if (r.problem)
        return answer_problem(k, call, &r, &leaf);
    leaf.reason = permission.reason;
    return release(k, call, &r, &leaf);
}
