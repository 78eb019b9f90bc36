/* preview.c - somebody who may read wants pictures of an attachment that was not shown before: a warrant with which the clerk
 * gets it rendered. */
#include "keeper/budget.h"
#include "keeper/opened.h"
#include "keeper/permit.h"
#include "keeper/warrant.h"

#include <string.h>

#define PREVIEW_USES 4 /* the file, and the key that its pictures are sealed with; and once more, after a crash */
#define PREVIEW_LIFE_MS (10 * 60 * 1000)

static enum sd_err judge(struct keeper *k, const struct who *who, struct span id, struct object_row *row,
                         struct permission *ret) {
    *ret = (struct permission){.status = SD_ERR_DENIED, .reason = REASON_NOT_YOURS};
    enum sd_err err = object_find(k, id, row);
    if (err || !row->there)
        return err;
    struct demand demand = {.verb = facet_verb(FACET_PREVIEW), .queue = row->queue, .category = row->category, .object = id};
    err = permit(k, who, &demand, ret);
    if (err || ret->status)
        return err;
    enum gate_verdict gate = right_attachments(&k->trust.gates, &row->facts);
    enum right right = right_facet(&row->facts, gate, FACET_PREVIEW);
    if (right == RIGHT_DENIED)
        *ret = (struct permission){.status = SD_ERR_DENIED, .reason = REASON_NOT_YOURS};
    else if (right == RIGHT_UNFIT)
        *ret = (struct permission){.status = SD_ERR_UNSUPPORTED,
                                   .reason = row->facts.destroyed ? REASON_DESTROYED : REASON_UNFIT};
    return SD_OK;
}

static enum sd_err issue(struct keeper *k, struct ipc_call *call, const struct who *who, struct span object,
                         struct leaf *leaf) {
    uint8_t id[ID_BYTES] = {0};
    struct warrant_scope scope = {.purpose = PURPOSE_PREVIEW,
                                  .object = object,
                                  .person = span_of(who->person, ID_BYTES),
                                  .uses = PREVIEW_USES,
                                  .expires_ms = k->spec.now_ms() + PREVIEW_LIFE_MS};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    leaf->outcome = OUTCOME_GRANTED;
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = warrant_add_scope(k, &scope, id);
    if (err == SD_OK)
        records_add_changed(&records, leaf);
    err = db_end(k->db, err ? err : records.err);
    if (err == SD_OK)
        err = keeper_preview_wanted_rep_encode(&out, &(struct keeper_preview_wanted_rep){.warrant = span_of(id, ID_BYTES)});
    return err ? err : records_send(&records, call, SD_OK, &out);
}

enum sd_err keeper_on_preview_wanted(void *ctx, struct ipc_call *call, const struct keeper_preview_wanted_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct object_row row = {0};
    struct permission permission = {.status = SD_ERR_DENIED};
    bool alarm = false;
    enum sd_err err = session_check(k, req->token, req->origin, &who);
    if (err == SD_OK && who.verdict == SESSION_LIVE)
        err = judge(k, &who, req->object, &row, &permission);
    if (err)
        return err;
    struct leaf leaf = leaf_by(&who, req->origin, "preview");
    leaf.object = row.there ? object_kind_text(row.facts.kind) : "object";
    leaf.object_id = req->object;
    if (row.there)
        leaf.ticket = span_of(row.ticket, ID_BYTES);
    if (who.verdict == SESSION_LIVE)
        leaf.reason = permission.reason;
    if (permission.status)
        return refuse_recorded(k, call, permission.status, &leaf);
    /* Whoever has it made is going to look at it, which then costs nothing more. */
    if (!opened_lately(k, &who, req->object, FACET_PREVIEW)) {
        err = budget_charge(k, &who, BUDGET_OPENS, 1, &permission.status, &alarm);
        if (err || permission.status)
            return err ? err : budget_refuse(k, call, &who, permission.status, alarm, &leaf);
        opened_note(k, &who, req->object, FACET_PREVIEW);
    }
    return issue(k, call, &who, req->object, &leaf);
}
