/* open.c - opening: the key of one facet of one object, or of many heads for a list. Who, may they, is it fit, the record, the
 * key. */
#include "keeper/budget.h"
#include "keeper/handlers.h"
#include "keeper/opened.h"
#include "keeper/permit.h"

#include <string.h>

static const uint8_t no_digest[SHA256_BYTES];

/* The verdict on one facet of one object for one person: SD_OK, or the refusal and why. */
struct verdict {
    enum sd_err status;
    const char *reason;
};

static struct verdict judge_facet(struct keeper *k, const struct object_facts *facts, unsigned facet, const char *reason) {
    enum right right = right_facet(facts, right_attachments(&k->trust.gates, facts), facet);
    if (right == RIGHT_GRANTED)
        return (struct verdict){SD_OK, reason};
    if (right == RIGHT_DENIED)
        return (struct verdict){SD_ERR_DENIED, REASON_NOT_YOURS};
    if (facts->destroyed)
        return (struct verdict){SD_ERR_UNSUPPORTED, REASON_DESTROYED};
    bool by_gate = right_facet(facts, GATE_OPENS, facet) == RIGHT_GRANTED;
    return (struct verdict){SD_ERR_UNSUPPORTED, by_gate ? REASON_ATTACHMENTS : REASON_UNFIT};
}

static enum sd_err judge(struct keeper *k, const struct who *who, struct span id, unsigned facet, struct object_row *row,
                         struct verdict *ret) {
    struct permission permission = {.status = SD_ERR_DENIED, .reason = REASON_NOT_YOURS};
    *ret = (struct verdict){.status = SD_ERR_DENIED};
    enum sd_err err = object_find(k, id, row);
    if (err == SD_OK && row->there) {
        struct demand demand = {.verb = facet_verb(facet), .queue = row->queue, .category = row->category, .object = id};
        err = permit(k, who, &demand, &permission);
    }
    if (err)
        return err;
    *ret = (struct verdict){permission.status, permission.reason};
    if (permission.status == SD_OK)
        *ret = judge_facet(k, &row->facts, facet, permission.reason);
    return SD_OK;
}

static enum sd_err release(struct keeper *k, const struct object_row *row, unsigned facet, struct secret *ret) {
    struct secret key SD_CLEANUP(secret_free) = {0};
    enum sd_err err = pages_find(&k->pages, row->page, row->slot, &key);
    return err ? err : facet_key(secret_span(&key), (enum facet)facet, ret);
}

static enum sd_err answer_open(struct keeper *k, struct ipc_call *call, const struct object_row *row, unsigned facet,
                               const struct leaf *leaf) {
    struct secret key SD_CLEANUP(secret_free) = {0};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct keeper_open_rep rep = {.digest = span_of(no_digest, sizeof no_digest), .ticket = span_of(row->ticket, ID_BYTES)};
    enum sd_err err = release(k, row, facet, &key);
    if (err)
        return err;
    rep.key = secret_span(&key);
    if (facet == FACET_SOURCE || facet == FACET_FILE)
        rep.digest = span_of(row->digest.b, SHA256_BYTES);
    err = keeper_open_rep_encode(&out, &rep);
    return err ? err : answer_recorded(k, call, &out, leaf);
}

enum sd_err keeper_on_open(void *ctx, struct ipc_call *call, const struct keeper_open_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct object_row row = {0};
    struct verdict verdict = {.status = SD_ERR_DENIED};
    enum sd_err err = session_check(k, req->token, req->origin, &who);
    if (err == SD_OK && who.verdict == SESSION_LIVE)
        err = judge(k, &who, req->object, req->facet, &row, &verdict);
    if (err)
        return err;
    struct leaf leaf = leaf_by(&who, req->origin, "open");
    leaf.object = row.there ? object_kind_text(row.facts.kind) : "object";
    leaf.object_id = req->object;
    leaf.detail = span_cstr(facet_name((enum facet)req->facet));
    if (row.there)
        leaf.ticket = span_of(row.ticket, ID_BYTES);
    if (who.verdict == SESSION_LIVE)
        leaf.reason = verdict.reason;
    if (verdict.status)
        return refuse_recorded(k, call, verdict.status, &leaf);
    bool alarm = false, again = req->facet == FACET_PREVIEW && opened_lately(k, &who, req->object, FACET_PREVIEW);
    if (!again)
        err = budget_charge(k, &who, req->facet == FACET_HEAD ? BUDGET_HEADS : BUDGET_OPENS, 1, &verdict.status, &alarm);
    if (err || verdict.status)
        return err ? err : budget_refuse(k, call, &who, verdict.status, alarm, &leaf);
    leaf.outcome = OUTCOME_GRANTED;
    if (!again)
        opened_note(k, &who, req->object, req->facet);
    return answer_open(k, call, &row, req->facet, &leaf);
}

/* ---- lists ---- */

struct heads {
    struct buf keys;    /* blobs */
    struct buf granted; /* ids one after another: what the record names */
    struct ipc_list list;
    uint8_t ticket[ID_BYTES]; /* when all are of one ticket */
    bool one_ticket, any;
    uint32_t refused; /* asked for and not released */
};

static void heads_free(struct heads *heads) {
    buf_free(&heads->keys);
    buf_free(&heads->granted);
}

static void note_ticket(struct heads *heads, const uint8_t ticket[ID_BYTES]) {
    if (!heads->any)
        memcpy(heads->ticket, ticket, ID_BYTES);
    heads->one_ticket = (!heads->any || heads->one_ticket) && memcmp(heads->ticket, ticket, ID_BYTES) == 0;
    heads->any = true;
}

static enum sd_err add_head(struct keeper *k, const struct who *who, struct span id, struct heads *heads) {
    struct secret key SD_CLEANUP(secret_free) = {0};
    struct object_row row = {0};
    struct verdict verdict = {.status = SD_ERR_DENIED};
    if (id.n != ID_BYTES)
        return SD_ERR_PARSE;
    enum sd_err err = judge(k, who, id, FACET_HEAD, &row, &verdict);
    if (err == SD_OK && verdict.status == SD_OK)
        err = release(k, &row, FACET_HEAD, &key);
    if (err)
        return err;
    ipc_list_add(&heads->list, &heads->keys, secret_span(&key));
    if (verdict.status == SD_OK) {
        buf_put(&heads->granted, id);
        note_ticket(heads, row.ticket);
    } else {
        heads->refused++;
    }
    return SD_OK;
}

static enum sd_err answer_heads(struct keeper *k, struct ipc_call *call, struct heads *heads, struct leaf *leaf) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    enum sd_err err = keeper_open_heads_rep_encode(&out, &(struct keeper_open_heads_rep){.keys = heads->list});
    if (err)
        return err;
    leaf->outcome = heads->any ? OUTCOME_GRANTED : OUTCOME_REFUSED;
    leaf->reason = heads->any ? NULL : REASON_NOT_YOURS;
    struct buf refused SD_CLEANUP(buf_free) = buf_new(16);
    buf_printf(&refused, "%u", heads->refused);
    if (heads->any && heads->refused) { /* whoever tries ids among those of a list shows */
        leaf->reason = "not released:";
        leaf->detail = buf_span(&refused);
    }
    leaf->objects = buf_span(&heads->granted);
    if (heads->one_ticket)
        leaf->ticket = span_of(heads->ticket, ID_BYTES);
    return answer_recorded(k, call, &out, leaf);
}

static enum sd_err charge_heads(struct keeper *k, struct ipc_call *call, const struct who *who, struct heads *heads,
                                struct leaf *leaf) {
    enum sd_err status = SD_OK;
    bool alarm = false;
    uint32_t count = (uint32_t)(heads->granted.n / ID_BYTES);
    enum sd_err err = budget_charge(k, who, BUDGET_HEADS, count, &status, &alarm);
    if (err == SD_OK && status)
        return budget_refuse(k, call, who, status, alarm, leaf);
    return err ? err : answer_heads(k, call, heads, leaf);
}

enum sd_err keeper_on_open_heads(void *ctx, struct ipc_call *call, const struct keeper_open_heads_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct heads heads SD_CLEANUP(heads_free) = {.keys = buf_new(8192), .granted = buf_new(8192)};
    enum sd_err err = session_check(k, req->token, req->origin, &who);
    if (err)
        return err;
    struct leaf leaf = leaf_by(&who, req->origin, "list");
    leaf.object = "heads";
    if (who.verdict != SESSION_LIVE)
        return refuse_recorded(k, call, SD_ERR_DENIED, &leaf);
    struct ipc_list_iter iter = ipc_list_start(req->objects);
    struct span id;
    while (err == SD_OK && ipc_list_next(&iter, &id))
        err = add_head(k, &who, id, &heads);
    if (err == SD_OK)
        err = buf_err(&heads.keys);
    return err ? err : charge_heads(k, call, &who, &heads, &leaf);
}
