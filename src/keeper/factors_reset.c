/*
 * factors_reset.c - a new start for somebody with their factors: what they had is void at once. Takes two people, of whom one
 * gets the link and the other the code; or root, who then has both, and of which everybody is told.
 */
#include "keeper/enrolment.h"
#include "keeper/enrolment_code.h"
#include "keeper/people.h"

#include <string.h>

struct reset {
    const struct keeper_factors_reset_req *req;
    struct asker asker;
    struct person person;
    struct leaf leaf;
    struct records records;
    struct buf code;
    struct enrolment_made made;
    uint8_t note[ID_BYTES];
    const char *problem;
};

static void reset_free(struct reset *r) {
    asker_free(&r->asker);
    person_free(&r->person);
    records_free(&r->records);
    buf_free(&r->code);
    explicit_bzero(r->made.link, sizeof r->made.link);
}

static const char *find_problem(const struct reset *r) {
    bool oneself = !r->asker.root && span_eq(span_of(r->asker.who.person, ID_BYTES), span_of(r->person.id, ID_BYTES));
    if (!r->person.there)
        return "There is no such person.";
    if (oneself)
        return "Nobody does this to themselves. Ask somebody else.";
    if (r->person.state == PERSON_INVITED)
        return "This person has not enrolled yet. Invite them again.";
    if (r->person.state == PERSON_SUSPENDED)
        return "This person is suspended. Resume them first.";
    if (r->asker.root && !is_reason(r->req->reason))
        return "A reset from the command line is emergency access: say why (--break-glass), in at least ten characters; "
               "everybody is told.";
    return NULL;
}

/* The code that the second person got when they approved. */
static enum sd_err approved_code(struct keeper *k, const struct permission *permission, struct sha256 *ret) {
    struct span request = span_of(permission->request, ID_BYTES);
    struct query q = db_query(k->db, SQL_REQUEST_CODE);
    query_blob(&q, request);
    if (query_row(&q))
        query_get_fixed(&q, 0, ret->b, SHA256_BYTES);
    else
        q.err = q.err ? q.err : SD_ERR_BUG; /* nobody resets alone: there is no approval without its row */
    enum sd_err err = query_end(&q);
    if (err)
        return err;
    q = db_query(k->db, SQL_REQUEST_CODE_END);
    query_blob(&q, request);
    return query_run(&q);
}

static enum sd_err note_reason(struct keeper *k, struct reset *r) {
    struct span id = span_of(r->person.id, ID_BYTES);
    if (r->req->reason.n)
        r->leaf.note = span_of(r->note, ID_BYTES);
    if (r->asker.root)
        return break_glass_raise(k, ALARM_FACTORS_RESET, id, r->req->reason, r->note, &r->records);
    return r->req->reason.n ? note_add(k, r->req->reason, r->note) : SD_OK;
}

static enum sd_err reset(struct keeper *k, struct reset *r, struct permission *permission) {
    struct span id = span_of(r->person.id, ID_BYTES);
    struct sha256 code = {0};
    enum sd_err err = asker_permit(k, &r->asker, &(struct demand){.verb = VERB_RESET, .object = id}, permission);
    if (err || permission->status)
        return err;
    err = r->asker.root ? enrolment_code_make(k, &r->code, &code) : approved_code(k, permission, &code);
    if (err == SD_OK)
        err = person_shut_out(k, id);
    if (err == SD_OK)
        err = person_drop_factors(k, id);
    if (err == SD_OK)
        err = enrolment_make(k, id, &code, &r->made);
    if (err == SD_OK)
        err = note_reason(k, r);
    r->leaf.outcome = OUTCOME_GRANTED;
    r->leaf.reason = permission->reason;
    if (err == SD_OK)
        records_add_changed(&r->records, &r->leaf);
    return err ? err : r->records.err;
}

static enum sd_err answer_problem(struct keeper *k, struct ipc_call *call, struct reset *r) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    r->leaf.outcome = OUTCOME_FAILED;
    enum sd_err err = keeper_factors_reset_rep_encode(&out,
                                                      &(struct keeper_factors_reset_rep){.problem = span_cstr(r->problem)});
    return err ? err : answer_recorded(k, call, &out, &r->leaf);
}

static enum sd_err reset_or_refuse(struct keeper *k, struct ipc_call *call, struct reset *r) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct permission permission = {.status = SD_ERR_DENIED};
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = reset(k, r, &permission);
    if (err == SD_OK && permission.status) {
        db_rollback(k->db);
        return refuse_permission(k, call, &permission, &r->leaf);
    }
    struct keeper_factors_reset_rep rep = {
        .link = span_of(r->made.link, ENROL_LINK_BYTES), .code = buf_span(&r->code), .expires_ms = r->made.expires_ms};
    if (err == SD_OK)
        err = keeper_factors_reset_rep_encode(&out, &rep);
    err = db_end(k->db, err);
    return err ? err : records_send(&r->records, call, SD_OK, &out);
}

enum sd_err keeper_on_factors_reset(void *ctx, struct ipc_call *call, const struct keeper_factors_reset_req *req) {
    struct keeper *k = ctx;
    struct reset r SD_CLEANUP(reset_free) = {.req = req, .code = buf_new(32)};
    bool may = false;
    records_start(&r.records, k);
    enum sd_err err = asker_find(k, call, req->token, req->origin, &r.asker);
    if (err == SD_OK)
        err = person_named(k, req->person, &r.person);
    if (err == SD_OK)
        err = asker_may(k, &r.asker, VERB_RESET, &may);
    if (err)
        return err;
    if (may)
        r.problem = find_problem(&r);
    r.leaf = asker_leaf(&r.asker, req->origin, "reset-factors");
    r.leaf.object = "person";
    r.leaf.object_id = r.person.there ? span_of(r.person.id, ID_BYTES) : SPAN_NONE;
    return r.problem ? answer_problem(k, call, &r) : reset_or_refuse(k, call, &r);
}
