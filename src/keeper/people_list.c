/* people_list.c - our people in pages, by address: for root, and for those at the desk who have the right "people". */
#include "core/codec.h"
#include "core/json_out.h"
#include "keeper/people.h"

static const char *state_text(int64_t state) {
    return state == PERSON_INVITED ? "invited" : state == PERSON_ACTIVE ? "active" : "suspended";
}

static enum sd_err put_names(struct keeper *k, struct json_out *j, const char *key, enum db_sql sql, struct span id) {
    struct query q = db_query(k->db, sql);
    json_begin_array(j, key);
    query_blob(&q, id);
    while (query_row(&q))
        json_text(j, NULL, query_get(&q, 0));
    json_end(j);
    return query_end(&q);
}

static void put_factors(struct json_out *j, struct query *row) {
    static const char *const words[] = {"password", "totp", "passkey", "recovery"};
    json_begin_array(j, "factors");
    for (int i = 0; i < (int)SD_COUNT(words); i++)
        if (query_get_int(row, 6 + i))
            json_cstr(j, NULL, words[i]);
    json_end(j);
}

static enum sd_err put_person(struct keeper *k, struct query *row, struct buf *line) {
    uint8_t bytes[ID_BYTES];
    struct span id = span_of(bytes, sizeof bytes);
    struct json_out j = json_out(line);
    query_get_fixed(row, 0, bytes, sizeof bytes);
    json_begin_object(&j, NULL);
    json_hex(&j, "id", id);
    json_text(&j, "email", query_get(row, 1));
    json_text(&j, "name", query_get(row, 2));
    json_cstr(&j, "role", person_role_text((unsigned)query_get_int(row, 3)));
    enum sd_err err = put_names(k, &j, "queues", SQL_PERSON_QUEUES, id);
    json_cstr(&j, "state", state_text(query_get_int(row, 4)));
    put_factors(&j, row);
    if (err == SD_OK)
        err = put_names(k, &j, "roles", SQL_PERSON_ROLES_OF, id);
    if (query_get_int(row, 5))
        json_time(&j, "used_at", query_get_int(row, 5));
    else
        json_put_null(&j, "used_at");
    json_end(&j);
    return err ? err : buf_err(line);
}

#define LIST_BYTES ((size_t)32 * 1024) /* of one answer, before its last line */

/* Lines as far as they fit one answer; the next one begins behind the last address. */
static enum sd_err list_people(struct keeper *k, struct span after, unsigned most, struct buf *raw, struct ipc_list *ret,
                               struct buf *next) {
    struct buf line SD_CLEANUP(buf_free) = buf_new(16384);
    enum sd_err err = SD_OK;
    bool full = false;
    struct query q = db_query(k->db, SQL_PERSON_PAGE);
    query_text(&q, after);
    while (err == SD_OK && !full && query_row(&q)) {
        buf_reset(&line);
        err = put_person(k, &q, &line);
        ipc_list_add(ret, raw, buf_span(&line));
        full = raw->n > LIST_BYTES || ret->count == most;
        if (full)
            buf_put(next, query_get(&q, 1));
    }
    enum sd_err end = query_end(&q);
    err = err ? err : end;
    return err ? err : buf_err(raw);
}

enum sd_err keeper_on_user_list(void *ctx, struct ipc_call *call, const struct keeper_user_list_req *req) {
    struct keeper *k = ctx;
    struct buf raw SD_CLEANUP(buf_free) = buf_new(LIMIT_IPC_INLINE_BYTES), next SD_CLEANUP(buf_free) = buf_new(512);
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct keeper_user_list_rep rep = {0};
    enum sd_err err = list_people(k, req->after, 200, &raw, &rep.people, &next);
    rep.next = buf_span(&next);
    if (err == SD_OK)
        err = keeper_user_list_rep_encode(&out, &rep);
    if (err)
        return err;
    struct leaf leaf = {.actor = ACTOR_ROOT, .action = "user-list", .object = "people", .outcome = OUTCOME_GRANTED};
    return answer_recorded(k, call, &out, &leaf);
}

enum sd_err keeper_on_person_list(void *ctx, struct ipc_call *call, const struct keeper_person_list_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct buf raw SD_CLEANUP(buf_free) = buf_new(LIMIT_IPC_INLINE_BYTES), next SD_CLEANUP(buf_free) = buf_new(512);
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct keeper_person_list_rep rep = {0};
    bool may = false;
    enum sd_err err = session_check(k, req->token, req->origin, &who);
    if (err == SD_OK)
        err = permit_peek(k, &who, &(struct demand){.verb = VERB_PEOPLE}, &may);
    if (err)
        return err;
    struct leaf leaf = leaf_by(&who, req->origin, "user-list");
    leaf.object = "people";
    if (!may) {
        leaf.reason = who.verdict == SESSION_LIVE ? REASON_NOT_YOURS : REASON_NO_SESSION;
        return refuse_recorded(k, call, SD_ERR_DENIED, &leaf);
    }
    err = list_people(k, req->after, 100, &raw, &rep.people, &next);
    rep.next = buf_span(&next);
    if (err == SD_OK)
        err = keeper_person_list_rep_encode(&out, &rep);
    leaf.outcome = OUTCOME_GRANTED;
    return err ? err : answer_recorded(k, call, &out, &leaf);
}
