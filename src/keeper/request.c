/* request.c - four eyes: one person asks for an act, a second one who has the same right approves it; it is then good for one
 * act of who asked, on that object, for a day. */
#include "core/codec.h"
#include "core/json_out.h"
#include "keeper/asker.h"
#include "keeper/enrolment_code.h"
#include "keeper/wall_clock.h"

#include <string.h>

#define REQUEST_MS (INT64_C(24) * 60 * 60 * 1000)
#define REASON_MIN 10 /* characters: a sentence, not a dot */
#define REASON_OWN "own-request"

enum request_state { REQUEST_OPEN = 0, REQUEST_APPROVED = 1, REQUEST_DECLINED = 2, REQUEST_USED = 3 }; /* stored */

static const char *state_text(int64_t state, bool over) {
    static const char *const texts[] = {"open", "approved", "declined", "used"};
    if (over && (state == REQUEST_OPEN || state == REQUEST_APPROVED))
        return "expired";
    return state >= 0 && state < (int64_t)SD_COUNT(texts) ? texts[state] : "unknown";
}

/* What the act would ask of who does it: the queue and category of its object, if it has such. */
static enum sd_err demand_of(struct keeper *k, enum verb verb, struct span object, struct subject *subject,
                             struct demand *ret) {
    const struct verb_facts *facts = verb_facts(verb);
    *ret = (struct demand){.verb = verb, .object = object};
    if (facts->scope == SCOPE_SYSTEM)
        return SD_OK;
    enum sd_err err = subject_find(k, object, subject);
    ret->queue = subject_queue(subject);
    ret->category = subject->category;
    return err;
}

static enum sd_err may_do(struct keeper *k, const struct who *who, enum verb verb, struct span object, bool *ret) {
    struct subject subject = {0};
    struct demand demand;
    *ret = false;
    enum sd_err err = demand_of(k, verb, object, &subject, &demand);
    return err ? err : permit_peek(k, who, &demand, ret);
}

/* ---- asking ---- */

static enum sd_err add_request(struct keeper *k, const struct who *who, const struct keeper_request_make_req *req,
                               uint8_t ret_id[ID_BYTES], uint8_t ret_note[ID_BYTES]) {
    random_bytes(ret_id, ID_BYTES);
    enum sd_err err = note_add(k, req->reason, ret_note);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_REQUEST_ADD);
    query_blob(&q, span_of(ret_id, ID_BYTES));
    query_int(&q, req->verb);
    query_blob(&q, req->object);
    query_blob(&q, span_of(ret_note, ID_BYTES));
    query_blob(&q, span_of(who->person, ID_BYTES));
    query_int(&q, k->spec.now_ms());
    query_int(&q, k->spec.now_ms() + REQUEST_MS);
    return query_run(&q);
}

static enum sd_err make_request(struct keeper *k, struct ipc_call *call, const struct who *who,
                                const struct keeper_request_make_req *req, struct leaf *leaf) {
    uint8_t id[ID_BYTES] = {0}, note[ID_BYTES] = {0};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = add_request(k, who, req, id, note);
    leaf->outcome = OUTCOME_GRANTED;
    leaf->reason = verb_text(req->verb);
    leaf->note = span_of(note, sizeof note);
    if (err == SD_OK)
        records_add_changed(&records, leaf);
    err = db_end(k->db, err ? err : records.err);
    if (err == SD_OK)
        err = keeper_request_make_rep_encode(&out, &(struct keeper_request_make_rep){.request = span_of(id, sizeof id)});
    return err ? err : records_send(&records, call, SD_OK, &out);
}

static enum sd_err answer_problem(struct keeper *k, struct ipc_call *call, const char *problem, struct leaf *leaf) {
    static const uint8_t nothing[ID_BYTES];
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    leaf->outcome = OUTCOME_FAILED;
    enum sd_err err = keeper_request_make_rep_encode(
        &out, &(struct keeper_request_make_rep){.problem = span_cstr(problem), .request = span_of(nothing, sizeof nothing)});
    return err ? err : answer_recorded(k, call, &out, leaf);
}

enum sd_err keeper_on_request_make(void *ctx, struct ipc_call *call, const struct keeper_request_make_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    bool may = false;
    if (!verb_facts(req->verb) || (req->object.n && req->object.n != ID_BYTES))
        return SD_ERR_PARSE;
    enum sd_err err = session_check(k, req->token, req->origin, &who);
    struct leaf leaf = leaf_by(&who, req->origin, "request");
    leaf.object = "act";
    leaf.object_id = req->object;
    if (err == SD_OK && who.verdict == SESSION_LIVE && who.factor != FACTOR_TOKEN)
        err = may_do(k, &who, (enum verb)req->verb, req->object, &may);
    if (err)
        return err;
    if (!may)
        leaf.reason = who.verdict == SESSION_LIVE ? REASON_NOT_YOURS : REASON_NO_SESSION;
    if (!may)
        return refuse_recorded(k, call, SD_ERR_DENIED, &leaf);
    if (span_trim(req->reason).n < REASON_MIN)
        return answer_problem(k, call, "Say why, in at least ten characters.", &leaf);
    return make_request(k, call, &who, req, &leaf);
}

/* ---- deciding ---- */

struct request_row {
    bool there;
    enum verb verb;
    uint8_t person[ID_BYTES], object_bytes[ID_BYTES];
    struct span object; /* in object_bytes: not copied */
    bool open;
};

static enum sd_err find_request(struct keeper *k, struct span id, struct request_row *ret) {
    struct query q = db_query(k->db, SQL_REQUEST_GET);
    *ret = (struct request_row){0};
    query_blob(&q, id);
    if (query_row(&q)) {
        struct span object = span_sub(query_get(&q, 1), 0, ID_BYTES);
        ret->there = true;
        ret->verb = (enum verb)query_get_int(&q, 0);
        if (object.n)
            memcpy(ret->object_bytes, object.p, object.n);
        ret->object = span_of(ret->object_bytes, object.n);
        query_get_fixed(&q, 2, ret->person, ID_BYTES);
        ret->open = query_get_int(&q, 4) == REQUEST_OPEN && query_get_int(&q, 3) > k->spec.now_ms();
    }
    return query_end(&q);
}

/* Neither who asked nor whom it is about decides. */
static const char *why_not(const struct who *who, const struct request_row *row, bool may) {
    struct span me = span_of(who->person, ID_BYTES);
    if (!row->there || !row->open)
        return "no-request";
    if (span_eq(me, span_of(row->person, ID_BYTES)) || span_eq(me, row->object))
        return REASON_OWN;
    return may ? NULL : REASON_NOT_YOURS;
}

static enum sd_err decide(struct keeper *k, struct ipc_call *call, const struct who *who,
                          const struct keeper_request_decide_req *req, const struct request_row *row, struct leaf *leaf) {
    struct buf code SD_CLEANUP(buf_free) = buf_new(32);
    struct sha256 hmac = {0};
    bool with_code = req->approve && row->verb == VERB_RESET;
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    enum sd_err err = with_code ? enrolment_code_make(k, &code, &hmac) : SD_OK;
    if (err == SD_OK)
        err = keeper_request_decide_rep_encode(&out, &(struct keeper_request_decide_rep){.code = buf_span(&code)});
    if (err == SD_OK)
        err = db_begin(k->db);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_REQUEST_DECIDE);
    query_int(&q, req->approve ? REQUEST_APPROVED : REQUEST_DECLINED);
    query_blob(&q, span_of(who->person, ID_BYTES));
    query_int(&q, k->spec.now_ms());
    query_blob(&q, with_code ? span_of(hmac.b, SHA256_BYTES) : SPAN_NONE);
    query_blob(&q, req->request);
    err = query_run(&q);
    leaf->outcome = OUTCOME_GRANTED;
    leaf->reason = verb_text(row->verb);
    if (err == SD_OK)
        records_add_changed(&records, leaf);
    err = db_end(k->db, err ? err : records.err);
    return err ? err : records_send(&records, call, SD_OK, &out);
}

/* To decline needs no gesture: it lets nothing happen. */
static enum sd_err take_gesture(struct keeper *k, const struct who *who, const struct request_row *row,
                                const struct keeper_request_decide_req *req, enum gesture_verdict *ret) {
    *ret = GESTURE_PASSKEY;
    return req->approve ? gesture_take(k, who, row->verb, req->request, ret) : SD_OK;
}

enum sd_err keeper_on_request_decide(void *ctx, struct ipc_call *call, const struct keeper_request_decide_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct request_row row = {0};
    enum gesture_verdict gesture = GESTURE_NONE;
    bool may = false;
    enum sd_err err = session_check(k, req->token, req->origin, &who);
    struct leaf leaf = leaf_by(&who, req->origin, req->approve ? "approve" : "decline");
    leaf.object = "request";
    leaf.object_id = req->request;
    if (err == SD_OK)
        err = find_request(k, req->request, &row);
    if (err == SD_OK && row.there && who.verdict == SESSION_LIVE)
        err = may_do(k, &who, row.verb, row.object, &may);
    if (err)
        return err;
    if (who.verdict == SESSION_LIVE)
        leaf.reason = why_not(&who, &row, may);
    if (leaf.reason)
        return refuse_recorded(k, call, SD_ERR_DENIED, &leaf);
    err = take_gesture(k, &who, &row, req, &gesture);
    if (err)
        return err;
    if (gesture == GESTURE_NONE) {
        leaf.reason = REASON_GESTURE;
        return refuse_recorded(k, call, SD_ERR_GESTURE, &leaf);
    }
    return decide(k, call, &who, req, &row, &leaf);
}

/* ---- listing ---- */

struct request_list {
    struct buf raw, line, note, name;
    struct ipc_list list;
};

static void list_free(struct request_list *list) {
    buf_free(&list->raw);
    buf_free(&list->line);
    buf_free(&list->note);
    buf_free(&list->name);
}

static enum sd_err put_request(struct keeper *k, const struct who *who, struct query *q, struct request_list *list) {
    struct span by = query_get(q, 4);
    bool over = query_get_int(q, 6) <= k->spec.now_ms();
    buf_reset(&list->line);
    buf_reset(&list->note);
    buf_reset(&list->name);
    enum sd_err err = note_get(k, query_get(q, 3), &list->note);
    if (err == SD_OK)
        err = person_name(k, by, &list->name);
    struct json_out j = json_out(&list->line);
    json_begin_object(&j, NULL);
    json_hex(&j, "id", query_get(q, 0));
    json_cstr(&j, "verb", verb_text((unsigned)query_get_int(q, 1)));
    json_hex(&j, "object", query_get(q, 2));
    json_text(&j, "reason", buf_span(&list->note));
    json_hex(&j, "by", by);
    json_text(&j, "by_name", buf_span(&list->name));
    json_time(&j, "at", query_get_int(q, 5));
    json_time(&j, "expires_at", wall_clock_end(query_get_int(q, 6)));
    json_cstr(&j, "state", state_text(query_get_int(q, 7), over));
    json_bool(&j, "mine", span_eq(by, span_of(who->person, ID_BYTES)));
    json_end(&j);
    if (err == SD_OK)
        ipc_list_add(&list->list, &list->raw, buf_span(&list->line));
    return err ? err : buf_err(&list->line);
}

/* One's own, and open ones that one could decide. */
static enum sd_err concerns(struct keeper *k, const struct who *who, struct query *q, bool *ret) {
    uint8_t object[ID_BYTES] = {0};
    struct span raw = span_sub(query_get(q, 2), 0, ID_BYTES), me = span_of(who->person, ID_BYTES);
    enum verb verb = (enum verb)query_get_int(q, 1);
    *ret = span_eq(query_get(q, 4), me);
    bool open = query_get_int(q, 7) == REQUEST_OPEN && query_get_int(q, 6) > k->spec.now_ms();
    if (*ret || !open || !verb_facts(verb) || span_eq(raw, me))
        return SD_OK;
    if (raw.n)
        memcpy(object, raw.p, raw.n);
    return may_do(k, who, verb, span_of(object, raw.n), ret);
}

#define LIST_MAX 50

static enum sd_err list_requests(struct keeper *k, const struct who *who, struct request_list *list) {
    struct query q = db_query(k->db, SQL_REQUEST_LIST);
    enum sd_err err = SD_OK;
    bool mine = false;
    query_int(&q, k->spec.now_ms() - REQUEST_MS);
    while (err == SD_OK && list->list.count < LIST_MAX && query_row(&q)) {
        err = concerns(k, who, &q, &mine);
        if (err == SD_OK && mine)
            err = put_request(k, who, &q, list);
    }
    enum sd_err end = query_end(&q);
    return err ? err : end;
}

enum sd_err keeper_on_request_list(void *ctx, struct ipc_call *call, const struct keeper_request_list_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct request_list list SD_CLEANUP(list_free) = {
        .raw = buf_new(LIMIT_IPC_INLINE_BYTES), .line = buf_new(2048), .note = buf_new(512), .name = buf_new(1024)};
    enum sd_err err = session_check(k, req->token, req->origin, &who);
    if (err == SD_OK && (who.verdict != SESSION_LIVE || who.limited || who.factor == FACTOR_TOKEN))
        err = SD_ERR_DENIED;
    if (err == SD_OK)
        err = list_requests(k, &who, &list);
    if (err == SD_OK)
        err = buf_err(&list.raw);
    if (err == SD_OK)
        keeper_request_list_reply(call, &(struct keeper_request_list_rep){.requests = list.list});
    return err;
}
