/* warrant_ops.c - warrants for work without a person: issued by who may or by policy, used by the one process that does such
 * work. */
#include "keeper/asker.h"
#include "keeper/warrant.h"

#include <string.h>

#define LIFE_MAX_MS (INT64_C(30) * 24 * 60 * 60 * 1000)
#define USES_MAX 1000000
#define POLICY_LIFE_MS (INT64_C(24) * 60 * 60 * 1000)
#define POLICY_USES 10000

/* ---- issuing ---- */

static enum sd_err answer_problem(struct keeper *k, struct ipc_call *call, const char *problem, struct leaf *leaf) {
    static const uint8_t nothing[ID_BYTES];
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct keeper_warrant_issue_rep rep = {.problem = span_cstr(problem), .warrant = span_of(nothing, sizeof nothing)};
    leaf->outcome = OUTCOME_FAILED;
    enum sd_err err = keeper_warrant_issue_rep_encode(&out, &rep);
    return err ? err : answer_recorded(k, call, &out, leaf);
}

static enum sd_err check_scope(struct keeper *k, const struct warrant_scope *scope, const char **ret_problem) {
    int64_t now_ms = k->spec.now_ms();
    struct queue_row queue = {.there = true};
    struct ticket ticket = {.there = true};
    enum sd_err err = SD_OK;
    if (scope->purpose == PURPOSE_NONE || scope->purpose == PURPOSE_DELIVER || scope->purpose == PURPOSE_PREVIEW)
        *ret_problem = "The purpose is none of export, rescan, index, learn.";
    else if ((scope->ticket.n == 0) == (scope->queue.n == 0))
        *ret_problem = "A warrant is for one ticket or for one queue.";
    else if (scope->uses < 1 || scope->uses > USES_MAX)
        *ret_problem = "A warrant has 1 to 1000000 uses.";
    else if (scope->expires_ms <= now_ms || scope->expires_ms - now_ms > LIFE_MAX_MS)
        *ret_problem = "A warrant ends within 30 days.";
    if (*ret_problem)
        return SD_OK;
    if (scope->ticket.n)
        err = ticket_find(k, scope->ticket, &ticket);
    else if (!span_eq(scope->queue, SPAN("*")))
        err = queue_find(k, scope->queue, &queue);
    if (err == SD_OK && (!queue.there || !ticket.there))
        *ret_problem = "There is no such ticket or queue.";
    return err;
}

/* Whoever has somebody's mail got out for them may get it out themselves: on that ticket, or on all there is in the queue. */
static enum sd_err may_export(struct keeper *k, const struct asker *asker, const struct warrant_scope *scope, bool *ret) {
    struct ticket ticket = {0};
    struct demand demand = {.verb = VERB_EXPORT, .queue = scope->queue};
    *ret = asker->root || scope->purpose != PURPOSE_EXPORT;
    if (*ret)
        return SD_OK;
    enum sd_err err = scope->ticket.n ? ticket_find(k, scope->ticket, &ticket) : SD_OK;
    if (scope->ticket.n) {
        demand.queue = ticket.queue;
        demand.category = ticket.category;
        return err ? err : permit_peek(k, &asker->who, &demand, ret);
    }
    *ret = true;
    for (unsigned c = 0; c < CATEGORY_COUNT && *ret && err == SD_OK; c++) {
        demand.category = (enum category)c;
        err = permit_peek(k, &asker->who, &demand, ret);
    }
    return err;
}

static enum sd_err issue(struct keeper *k, struct records *records, const struct warrant_scope *scope, struct leaf *leaf,
                         uint8_t ret_id[ID_BYTES]) {
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = warrant_add_scope(k, scope, ret_id);
    leaf->outcome = OUTCOME_GRANTED;
    leaf->object_id = span_of(ret_id, ID_BYTES);
    if (err == SD_OK)
        records_add_changed(records, leaf);
    return db_end(k->db, err ? err : records->err);
}

static enum sd_err issue_asked(struct keeper *k, struct ipc_call *call, const struct warrant_scope *scope, struct leaf *leaf) {
    uint8_t id[ID_BYTES] = {0};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    enum sd_err err = issue(k, &records, scope, leaf, id);
    if (err == SD_OK)
        err = keeper_warrant_issue_rep_encode(&out, &(struct keeper_warrant_issue_rep){.warrant = span_of(id, sizeof id)});
    return err ? err : records_send(&records, call, SD_OK, &out);
}

enum sd_err keeper_on_warrant_issue(void *ctx, struct ipc_call *call, const struct keeper_warrant_issue_req *req) {
    struct keeper *k = ctx;
    struct asker asker SD_CLEANUP(asker_free) = {0};
    struct permission permission = {.status = SD_ERR_DENIED};
    const char *problem = NULL;
    bool may = false;
    enum sd_err err = asker_find(k, call, req->token, req->origin, &asker);
    if (err)
        return err;
    struct warrant_scope scope = {.purpose = warrant_purpose_from(req->purpose),
                                  .ticket = req->ticket,
                                  .queue = req->queue,
                                  .person = asker_id(&asker),
                                  .uses = req->uses,
                                  .expires_ms = req->expires_ms};
    struct leaf leaf = asker_leaf(&asker, req->origin, "warrant-issue");
    leaf.object = "warrant";
    leaf.detail = span_cstr(purpose_facts(scope.purpose)->word);
    err = check_scope(k, &scope, &problem);
    if (err == SD_OK && !problem)
        err = may_export(k, &asker, &scope, &may);
    if (err == SD_OK && (may || problem))
        err = asker_permit(k, &asker, &(struct demand){.verb = VERB_WARRANTS}, &permission);
    if (err)
        return err;
    if (permission.status)
        return refuse_permission(k, call, &permission, &leaf);
    return problem ? answer_problem(k, call, problem, &leaf) : issue_asked(k, call, &scope, &leaf);
}

enum sd_err keeper_on_warrant_by_policy(void *ctx, struct ipc_call *call, const struct keeper_warrant_by_policy_req *req) {
    struct keeper *k = ctx;
    const char *problem = NULL;
    uint8_t id[ID_BYTES] = {0};
    struct warrant_scope scope = {.purpose = warrant_purpose_from(req->purpose),
                                  .queue = req->queue,
                                  .uses = POLICY_USES,
                                  .expires_ms = k->spec.now_ms() + POLICY_LIFE_MS};
    const struct purpose_facts *facts = purpose_facts(scope.purpose);
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    scope.policy = facts->word;
    struct leaf leaf = {.actor = ACTOR_SYSTEM,
                        .action = "warrant-issue",
                        .object = "warrant",
                        .outcome = OUTCOME_REFUSED,
                        .reason = "policy",
                        .detail = span_cstr(facts->word)};
    enum sd_err err = check_scope(k, &scope, &problem);
    if (err)
        return err;
    if (problem || !(k->access.warrant_policies >> scope.purpose & 1) || !(facts->process & ipc_conn_peer(call->conn)))
        return refuse_recorded(k, call, SD_ERR_DENIED, &leaf);
    err = issue(k, &records, &scope, &leaf, id);
    struct keeper_warrant_by_policy_rep rep = {
        .warrant = span_of(id, sizeof id), .uses = scope.uses, .expires_ms = scope.expires_ms};
    if (err == SD_OK)
        err = keeper_warrant_by_policy_rep_encode(&out, &rep);
    return err ? err : records_send(&records, call, SD_OK, &out);
}

/* ---- using ---- */

struct scope_row {
    bool there, live;
    enum warrant_purpose purpose;
    uint8_t ticket[ID_BYTES], object[ID_BYTES];
    bool of_ticket, of_object, everywhere;
    uint8_t queue[QUEUE_NAME_MAX];
    size_t queue_n;
};

static void read_scope(struct keeper *k, struct query *q, struct scope_row *row) {
    struct span ticket = query_get(q, 1), queue = span_sub(query_get(q, 2), 0, QUEUE_NAME_MAX), object = query_get(q, 6);
    row->there = true;
    row->purpose = warrant_purpose_from(query_get(q, 0));
    row->live = query_get_int(q, 3) > k->spec.now_ms() && query_get_int(q, 4) > 0 && query_get_int(q, 5) == 0;
    row->of_object = object.n == ID_BYTES;
    if (row->of_object)
        memcpy(row->object, object.p, ID_BYTES);
    row->of_ticket = ticket.n == ID_BYTES;
    if (row->of_ticket)
        memcpy(row->ticket, ticket.p, ID_BYTES);
    row->everywhere = span_eq(queue, SPAN("*"));
    row->queue_n = queue.n;
    if (queue.n)
        memcpy(row->queue, queue.p, queue.n);
}

static enum sd_err find_scope(struct keeper *k, struct span id, struct scope_row *ret) {
    struct query q = db_query(k->db, SQL_WARRANT_SCOPE_GET);
    *ret = (struct scope_row){0};
    query_blob(&q, id);
    if (query_row(&q))
        read_scope(k, &q, ret);
    return query_end(&q);
}

static bool covers(const struct scope_row *scope, struct span id, const struct object_row *object) {
    if (scope->of_object)
        return span_eq(span_of(scope->object, ID_BYTES), id);
    if (scope->of_ticket)
        return memcmp(scope->ticket, object->ticket, ID_BYTES) == 0;
    return scope->everywhere || span_eq(span_of(scope->queue, scope->queue_n), object->queue);
}

/* What pictures may be seen of is taken apart for that, though nobody may have it itself. */
static bool fit(struct keeper *k, enum warrant_purpose purpose, const struct object_facts *object, unsigned facet) {
    if (object->destroyed)
        return false;
    if (purpose == PURPOSE_PREVIEW)
        return right_facet(object, right_attachments(&k->trust.gates, object), FACET_PREVIEW) == RIGHT_GRANTED;
    return purpose_facts(purpose)->fit == FIT_ANY || right_facet(object, GATE_OPENS, facet) == RIGHT_GRANTED;
}

/* NULL: may; else why not, for the record. */
static const char *why_not(struct keeper *k, const struct scope_row *scope, struct span id, const struct object_row *object,
                           uint32_t peer, unsigned facet) {
    const struct purpose_facts *purpose = purpose_facts(scope->purpose);
    if (!scope->there || !(purpose->process & peer))
        return "no-warrant";
    if (!scope->live)
        return "warrant-over";
    if (!object->there || !covers(scope, id, object) || facet >= 32 || !(purpose->facets >> facet & 1))
        return "not-covered";
    return fit(k, scope->purpose, &object->facts, facet) ? NULL : REASON_UNFIT;
}

static enum sd_err release(struct keeper *k, const struct object_row *object, unsigned facet, struct ipc_out *out) {
    struct secret data SD_CLEANUP(secret_free) = {0}, key SD_CLEANUP(secret_free) = {0};
    enum sd_err err = pages_find(&k->pages, object->page, object->slot, &data);
    if (err == SD_OK)
        err = facet_key(secret_span(&data), (enum facet)facet, &key);
    if (err)
        return err;
    struct keeper_warrant_open_rep rep = {.key = secret_span(&key), .digest = span_of(object->digest.b, SHA256_BYTES)};
    return keeper_warrant_open_rep_encode(out, &rep);
}

enum sd_err keeper_on_warrant_open(void *ctx, struct ipc_call *call, const struct keeper_warrant_open_req *req) {
    struct keeper *k = ctx;
    struct scope_row scope;
    struct object_row object = {0};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    enum sd_err err = find_scope(k, req->warrant, &scope);
    if (err == SD_OK)
        err = object_find(k, req->object, &object);
    if (err)
        return err;
    struct leaf leaf = {.actor = ACTOR_WARRANT,
                        .actor_id = scope.there ? req->warrant : SPAN_NONE, /* what is not there does not act */
                        .action = "open",
                        .object = object.there ? object_kind_text(object.facts.kind) : "object",
                        .object_id = req->object,
                        .outcome = OUTCOME_REFUSED,
                        .reason = why_not(k, &scope, req->object, &object, ipc_conn_peer(call->conn), req->facet),
                        .detail = span_cstr(facet_name((enum facet)req->facet))};
    if (object.there)
        leaf.ticket = span_of(object.ticket, ID_BYTES);
    if (leaf.reason)
        return refuse_recorded(k, call, SD_ERR_DENIED, &leaf);
    leaf.outcome = OUTCOME_GRANTED;
    leaf.reason = purpose_facts(scope.purpose)->word;
    err = release(k, &object, req->facet, &out);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_WARRANT_USE);
    query_blob(&q, req->warrant);
    return answer_changed(k, call, &q, &leaf, &out);
}
