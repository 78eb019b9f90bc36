/* api_token_ops.c - API tokens: made by who will own them, shown once, listed, revoked. */
#include "core/codec.h"
#include "core/json_out.h"
#include "core/network.h"
#include "keeper/rule_json.h"
#include "keeper/wall_clock.h"

#include <string.h>

#define YEAR_MS (INT64_C(366) * 24 * 60 * 60 * 1000)

/* ---- making ---- */

static enum sd_err answer_problem(struct keeper *k, struct ipc_call *call, const char *problem, struct leaf *leaf) {
    static const uint8_t nothing[ID_BYTES];
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct keeper_token_make_rep rep = {.problem = span_cstr(problem), .id = span_of(nothing, sizeof nothing)};
    leaf->outcome = OUTCOME_FAILED;
    enum sd_err err = keeper_token_make_rep_encode(&out, &rep);
    return err ? err : answer_recorded(k, call, &out, leaf);
}

/* Acts that a machine can do: those that need no gesture, which it could not make. */
static uint32_t machine_verbs(void) {
    uint32_t verbs = 0;
    for (unsigned v = 0; v < VERB_COUNT; v++)
        if (verb_facts(v)->step_up == STEP_UP_FREE && verb_facts(v)->eyes == EYES_ALONE)
            verbs |= UINT32_C(1) << v;
    return verbs;
}

static enum sd_err check_lists(struct keeper *k, const struct keeper_token_make_req *req, const char **ret_problem) {
    struct ipc_list_iter queues = ipc_list_start(req->queues), addresses = ipc_list_start(req->addresses);
    struct span item;
    struct network network;
    enum sd_err err = SD_OK;
    while (err == SD_OK && ipc_list_next(&queues, &item)) {
        struct queue_row row;
        err = queue_find(k, item, &row);
        if (err == SD_OK && !row.there)
            *ret_problem = "There is no such queue.";
    }
    while (ipc_list_next(&addresses, &item))
        if (network_parse(item, &network) != SD_OK)
            *ret_problem = "An address is none: \"192.0.2.7\" or \"192.0.2.0/24\".";
    return err;
}

static enum sd_err check_token(struct keeper *k, const struct who *who, const struct keeper_token_make_req *req,
                               const char **ret_problem) {
    struct rules rules;
    int64_t now_ms = k->spec.now_ms();
    enum sd_err err = rules_of(k, span_of(who->person, ID_BYTES), &rules);
    if (err)
        return err;
    if (span_trim(req->name).n == 0)
        *ret_problem = "Give the token a name: what will use it.";
    else if (req->verbs == 0 || (req->verbs & ~machine_verbs()))
        *ret_problem = "A token can only do what needs no gesture and no second person.";
    else if (req->verbs & ~rights_verbs(rules.rules, rules.count, now_ms))
        *ret_problem = "A token can do no more than its owner may.";
    else if (req->expires_ms <= now_ms || req->expires_ms - now_ms > YEAR_MS)
        *ret_problem = "A token ends within a year.";
    return *ret_problem ? SD_OK : check_lists(k, req, ret_problem);
}

static void put_blobs(struct buf *to, struct ipc_list list) {
    struct ipc_list_iter iter = ipc_list_start(list);
    struct span item;
    while (ipc_list_next(&iter, &item))
        buf_blob(to, item);
}

static enum sd_err add_token(struct keeper *k, const struct who *who, const struct keeper_token_make_req *req, struct span id,
                             struct span secret) {
    struct sha256 hash;
    struct buf queues SD_CLEANUP(buf_free) = buf_new(8192), addresses SD_CLEANUP(buf_free) = buf_new(4096);
    put_blobs(&queues, req->queues);
    put_blobs(&addresses, req->addresses);
    enum sd_err err = buf_err(&queues) ? buf_err(&queues) : buf_err(&addresses);
    if (err == SD_OK)
        err = crypt_sha256(secret, &hash);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_TOKEN_MAKE);
    query_blob(&q, id);
    query_blob(&q, span_of(hash.b, SHA256_BYTES));
    query_blob(&q, span_of(who->person, ID_BYTES));
    query_text(&q, span_trim(req->name));
    query_int(&q, req->verbs);
    query_blob(&q, buf_span(&queues));
    query_blob(&q, buf_span(&addresses));
    query_int(&q, k->spec.now_ms());
    query_int(&q, req->expires_ms);
    return query_run(&q);
}

static enum sd_err make_token(struct keeper *k, struct ipc_call *call, const struct who *who,
                              const struct keeper_token_make_req *req, struct leaf *leaf) {
    uint8_t id[ID_BYTES], secret[SESSION_TOKEN_BYTES];
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    random_bytes(id, sizeof id);
    random_bytes(secret, sizeof secret);
    struct keeper_token_make_rep rep = {.id = span_of(id, sizeof id), .secret = span_of(secret, sizeof secret)};
    enum sd_err err = keeper_token_make_rep_encode(&out, &rep);
    if (err == SD_OK)
        err = db_begin(k->db);
    if (err)
        return err;
    err = add_token(k, who, req, span_of(id, sizeof id), span_of(secret, sizeof secret));
    leaf->outcome = OUTCOME_GRANTED;
    leaf->object_id = span_of(id, sizeof id);
    if (err == SD_OK)
        records_add_changed(&records, leaf);
    err = db_end(k->db, err ? err : records.err);
    explicit_bzero(secret, sizeof secret);
    return err ? err : records_send(&records, call, SD_OK, &out);
}

enum sd_err keeper_on_token_make(void *ctx, struct ipc_call *call, const struct keeper_token_make_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct permission permission = {.status = SD_OK};
    const char *problem = NULL;
    enum sd_err err = session_check(k, req->token, req->origin, &who);
    if (err == SD_OK && who.verdict == SESSION_LIVE)
        err = check_token(k, &who, req, &problem);
    if (err == SD_OK && !problem)
        err = permit(k, &who, &(struct demand){.verb = VERB_TOKENS}, &permission);
    if (err)
        return err;
    struct leaf leaf = leaf_by(&who, req->origin, "token-make");
    leaf.object = "token";
    if (permission.status)
        return refuse_permission(k, call, &permission, &leaf);
    leaf.reason = permission.reason;
    return problem ? answer_problem(k, call, problem, &leaf) : make_token(k, call, &who, req, &leaf);
}

/* ---- listing ---- */

struct token_list {
    struct buf raw, line, owner, next;
    struct ipc_list list;
};

static void list_free(struct token_list *list) {
    buf_free(&list->raw);
    buf_free(&list->line);
    buf_free(&list->owner);
    buf_free(&list->next);
}

static void put_texts(struct json_out *j, const char *key, struct span blobs) {
    struct reader r = reader_of(blobs);
    json_begin_array(j, key);
    while (r.rest.n && r.err == SD_OK)
        json_text(j, NULL, read_blob(&r, 64));
    json_end(j);
}

static void put_verbs(struct json_out *j, uint32_t verbs) {
    json_begin_array(j, "verbs");
    for (unsigned v = 1; v < VERB_COUNT; v++)
        if (verbs >> v & 1)
            json_cstr(j, NULL, verb_text(v));
    json_end(j);
}

static enum sd_err put_token(struct keeper *k, struct query *q, struct token_list *list) {
    buf_reset(&list->line);
    buf_reset(&list->owner);
    enum sd_err err = person_name(k, query_get(q, 1), &list->owner);
    struct json_out j = json_out(&list->line);
    json_begin_object(&j, NULL);
    json_hex(&j, "id", query_get(q, 0));
    json_text(&j, "name", query_get(q, 2));
    json_hex(&j, "owner", query_get(q, 1));
    json_text(&j, "owner_name", buf_span(&list->owner));
    put_verbs(&j, (uint32_t)query_get_int(q, 3));
    put_texts(&j, "queues", query_get(q, 4));
    put_texts(&j, "addresses", query_get(q, 5));
    json_time(&j, "created_at", query_get_int(q, 6));
    json_time(&j, "expires_at", wall_clock_end(query_get_int(q, 7)));
    if (query_get_int(q, 8))
        json_time(&j, "used_at", query_get_int(q, 8));
    json_bool(&j, "revoked", query_get_int(q, 9) != 0);
    json_end(&j);
    if (err == SD_OK)
        ipc_list_add(&list->list, &list->raw, buf_span(&list->line));
    return err ? err : buf_err(&list->line);
}

#define LIST_MAX 20
#define LIST_BYTES ((size_t)32 * 1024) /* of one answer, before its last line */

static enum sd_err list_tokens(struct keeper *k, struct span owner, struct span after, struct token_list *list) {
    struct query q = db_query(k->db, SQL_TOKEN_LIST);
    enum sd_err err = SD_OK;
    query_blob(&q, after);
    query_blob(&q, owner);
    while (err == SD_OK && list->next.n == 0 && query_row(&q)) {
        err = put_token(k, &q, list);
        if (list->list.count == LIST_MAX || list->raw.n > LIST_BYTES)
            buf_put(&list->next, query_get(&q, 0));
    }
    enum sd_err end = query_end(&q);
    return err ? err : end;
}

enum sd_err keeper_on_token_list(void *ctx, struct ipc_call *call, const struct keeper_token_list_req *req) {
    struct keeper *k = ctx;
    struct asker asker SD_CLEANUP(asker_free) = {0};
    bool may = false;
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct token_list list SD_CLEANUP(list_free) = {
        .raw = buf_new(LIMIT_IPC_INLINE_BYTES), .line = buf_new(16384), .owner = buf_new(1024), .next = buf_new(16)};
    enum sd_err err = asker_find(k, call, req->token, req->origin, &asker);
    bool live = asker.root || (asker.who.verdict == SESSION_LIVE && !asker.who.limited && asker.who.factor != FACTOR_TOKEN);
    if (err == SD_OK && req->all)
        err = asker_may(k, &asker, VERB_PEOPLE, &may);
    if (err)
        return err;
    struct leaf leaf = asker_leaf(&asker, req->origin, "list-tokens");
    leaf.object = "tokens";
    if (!live || (req->all && !may))
        return refuse_denied(k, call, &leaf);
    err = list_tokens(k, req->all ? SPAN_NONE : asker_id(&asker), req->after, &list);
    struct keeper_token_list_rep rep = {.tokens = list.list, .next = buf_span(&list.next)};
    if (err == SD_OK)
        err = keeper_token_list_rep_encode(&out, &rep);
    leaf.outcome = OUTCOME_GRANTED;
    if (err)
        return err;
    if (req->all)
        return answer_recorded(k, call, &out, &leaf);
    ipc_answer(call, &out);
    return SD_OK;
}

/* ---- revoking ---- */

static enum sd_err may_revoke(struct keeper *k, const struct asker *asker, struct span id, bool *ret) {
    struct query q = db_query(k->db, SQL_TOKEN_OWNER);
    query_blob(&q, id);
    bool there = query_row(&q);
    bool own = there && !asker->root && asker->who.verdict == SESSION_LIVE && asker->who.factor != FACTOR_TOKEN &&
               span_eq(query_get(&q, 0), asker_id(asker));
    enum sd_err err = query_end(&q);
    *ret = own;
    if (err || own || !there)
        return err;
    return asker_may(k, asker, VERB_PEOPLE, ret);
}

static enum sd_err revoke(struct keeper *k, struct ipc_call *call, struct span id, struct leaf *leaf) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    enum sd_err err = keeper_token_revoke_rep_encode(&out, &(struct keeper_token_revoke_rep){});
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_TOKEN_REVOKE);
    query_int(&q, k->spec.now_ms());
    query_blob(&q, id);
    leaf->outcome = OUTCOME_GRANTED;
    return answer_changed(k, call, &q, leaf, &out);
}

enum sd_err keeper_on_token_revoke(void *ctx, struct ipc_call *call, const struct keeper_token_revoke_req *req) {
    struct keeper *k = ctx;
    struct asker asker SD_CLEANUP(asker_free) = {0};
    bool may = false;
    enum sd_err err = asker_find(k, call, req->token, req->origin, &asker);
    if (err == SD_OK)
        err = may_revoke(k, &asker, req->id, &may);
    if (err)
        return err;
    struct leaf leaf = asker_leaf(&asker, req->origin, "token-revoke");
    leaf.object = "token";
    leaf.object_id = req->id;
    if (!may)
        return refuse_denied(k, call, &leaf);
    return revoke(k, call, req->id, &leaf);
}
