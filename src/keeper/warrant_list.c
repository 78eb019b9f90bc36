/* warrant_list.c - warrants as people see them, and their end. */
#include "core/json_out.h"
#include "keeper/asker.h"
#include "keeper/wall_clock.h"
#include "keeper/warrant.h"

struct warrant_rows {
    struct buf raw, line, by, next;
    struct ipc_list list;
};

static void rows_free(struct warrant_rows *rows) {
    buf_free(&rows->raw);
    buf_free(&rows->line);
    buf_free(&rows->by);
    buf_free(&rows->next);
}

static const char *state_of(struct keeper *k, struct query *q) {
    if (query_get_int(q, 10))
        return "revoked";
    if (query_get_int(q, 11) || query_get_int(q, 5) == 0)
        return "used-up";
    return query_get_int(q, 7) <= k->spec.now_ms() ? "expired" : "live";
}

static const char *process_of(struct span purpose) {
    switch (purpose_facts(warrant_purpose_from(purpose))->process) {
    case PEER_COURIER:
        return "courier";
    case PEER_CLERK:
        return "clerk";
    default:
        return "none";
    }
}

static void put_scope(struct json_out *j, struct query *q) {
    struct span ticket = query_get(q, 2), queue = query_get(q, 3), object = query_get(q, 4);
    json_begin_object(j, "scope");
    if (ticket.n)
        json_hex(j, "ticket", ticket);
    else if (queue.n)
        json_text(j, "queue", queue);
    else
        json_hex(j, "message", object);
    json_end(j);
}

static enum sd_err put_row(struct keeper *k, struct query *q, struct warrant_rows *rows) {
    struct span person = query_get(q, 8), policy = query_get(q, 9);
    buf_reset(&rows->line);
    buf_reset(&rows->by);
    enum sd_err err = person.n ? person_name(k, person, &rows->by) : SD_OK;
    struct json_out j = json_out(&rows->line);
    json_begin_object(&j, NULL);
    json_hex(&j, "id", query_get(q, 0));
    json_text(&j, "purpose", query_get(q, 1));
    json_cstr(&j, "process", process_of(query_get(q, 1)));
    put_scope(&j, q);
    json_int(&j, "uses", query_get_int(q, 5));
    json_int(&j, "used", query_get_int(q, 6));
    json_time(&j, "expires_at", wall_clock_end(query_get_int(q, 7)));
    json_cstr(&j, "issued_by", person.n ? "person" : policy.n ? "policy" : "root");
    if (person.n)
        json_hex(&j, "person", person);
    if (rows->by.n)
        json_text(&j, "name", buf_span(&rows->by));
    if (policy.n)
        json_text(&j, "policy", policy);
    json_cstr(&j, "state", state_of(k, q));
    json_end(&j);
    if (err == SD_OK)
        ipc_list_add(&rows->list, &rows->raw, buf_span(&rows->line));
    return err ? err : buf_err(&rows->line);
}

#define LIST_MAX 50

static enum sd_err list_rows(struct keeper *k, const struct keeper_warrant_list_req *req, struct warrant_rows *rows) {
    struct query q = db_query(k->db, SQL_WARRANT_LIST);
    enum sd_err err = SD_OK;
    query_blob(&q, req->after);
    query_int(&q, req->live);
    query_int(&q, k->spec.now_ms());
    while (err == SD_OK && rows->next.n == 0 && query_row(&q)) {
        err = put_row(k, &q, rows);
        if (rows->list.count == LIST_MAX)
            buf_put(&rows->next, query_get(&q, 0));
    }
    enum sd_err end = query_end(&q);
    return err ? err : end;
}

enum sd_err keeper_on_warrant_list(void *ctx, struct ipc_call *call, const struct keeper_warrant_list_req *req) {
    struct keeper *k = ctx;
    struct asker asker SD_CLEANUP(asker_free) = {0};
    bool may = false;
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct warrant_rows rows SD_CLEANUP(rows_free) = {
        .raw = buf_new(LIMIT_IPC_INLINE_BYTES), .line = buf_new(2048), .by = buf_new(1024), .next = buf_new(16)};
    enum sd_err err = asker_find(k, call, req->token, req->origin, &asker);
    if (err == SD_OK)
        err = asker_may(k, &asker, VERB_WARRANTS, &may);
    if (err)
        return err;
    struct leaf leaf = asker_leaf(&asker, req->origin, "list-warrants");
    leaf.object = "warrants";
    if (!may)
        return refuse_denied(k, call, &leaf);
    err = list_rows(k, req, &rows);
    struct keeper_warrant_list_rep rep = {.warrants = rows.list, .next = buf_span(&rows.next)};
    if (err == SD_OK)
        err = keeper_warrant_list_rep_encode(&out, &rep);
    leaf.outcome = OUTCOME_GRANTED;
    return err ? err : answer_recorded(k, call, &out, &leaf);
}

static enum sd_err revoke(struct keeper *k, struct ipc_call *call, struct span id, struct leaf *leaf) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    enum sd_err err = keeper_warrant_revoke_rep_encode(&out, &(struct keeper_warrant_revoke_rep){});
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_WARRANT_REVOKE);
    query_int(&q, k->spec.now_ms());
    query_blob(&q, id);
    leaf->outcome = OUTCOME_GRANTED;
    return answer_changed(k, call, &q, leaf, &out);
}

static enum sd_err is_there(struct keeper *k, struct span id, bool *ret) {
    struct query q = db_query(k->db, SQL_WARRANT_HAS);
    query_blob(&q, id);
    *ret = query_row(&q);
    return query_end(&q);
}

enum sd_err keeper_on_warrant_revoke(void *ctx, struct ipc_call *call, const struct keeper_warrant_revoke_req *req) {
    struct keeper *k = ctx;
    struct asker asker SD_CLEANUP(asker_free) = {0};
    struct permission permission;
    bool there = false;
    enum sd_err err = asker_find(k, call, req->token, req->origin, &asker);
    if (err == SD_OK)
        err = is_there(k, req->warrant, &there);
    if (err == SD_OK)
        err = asker_permit(k, &asker, &(struct demand){.verb = VERB_WARRANTS, .object = req->warrant}, &permission);
    if (err)
        return err;
    struct leaf leaf = asker_leaf(&asker, req->origin, "warrant-revoke");
    leaf.object = "warrant";
    leaf.object_id = req->warrant;
    if (permission.status == SD_OK && !there)
        permission = (struct permission){.status = SD_ERR_NOTFOUND, .reason = "no-warrant"};
    return permission.status ? refuse_permission(k, call, &permission, &leaf) : revoke(k, call, req->warrant, &leaf);
}
