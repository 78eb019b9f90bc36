/* quarantine.c - what is held: objects that are not clean, and letters that were quarantined, as long as nobody released them.
 */
#include "keeper/asker.h"
#include "keeper/custody_json.h"

#include <string.h>

#define LIST_MAX 50
#define LOOKED_AT_MAX 2000 /* rows for one answer: those of other queues cost no more than that */

struct held {
    struct keeper *k;
    const struct asker *asker;
    struct buf raw, line;
    struct ipc_list list;
    uint64_t next;
    struct { /* queues and categories that were decided on already */
        uint8_t queue[QUEUE_NAME_MAX];
        size_t queue_n;
        enum category category;
        bool may;
    } known[16];
    size_t known_count;
};

static void held_free(struct held *held) {
    buf_free(&held->raw);
    buf_free(&held->line);
}

static enum sd_err may_release(struct held *held, struct span queue, enum category category, bool *ret) {
    struct demand demand = {.verb = VERB_RELEASE, .queue = queue, .category = category};
    *ret = held->asker->root;
    if (*ret)
        return SD_OK;
    for (size_t i = 0; i < held->known_count; i++)
        if (held->known[i].category == category && span_eq(span_of(held->known[i].queue, held->known[i].queue_n), queue)) {
            *ret = held->known[i].may;
            return SD_OK;
        }
    enum sd_err err = permit_peek(held->k, &held->asker->who, &demand, ret);
    if (err == SD_OK && held->known_count < SD_COUNT(held->known) && queue.n && queue.n <= QUEUE_NAME_MAX) {
        size_t i = held->known_count++;
        memcpy(held->known[i].queue, queue.p, queue.n);
        held->known[i].queue_n = queue.n;
        held->known[i].category = category;
        held->known[i].may = *ret;
    }
    return err;
}

static enum sd_err put_row(struct held *held, struct query *q) {
    enum object_kind kind = (enum object_kind)query_get_int(q, 3);
    buf_reset(&held->line);
    struct json_out j = json_out(&held->line);
    json_begin_object(&j, NULL);
    json_hex(&j, "id", query_get(q, 1));
    json_hex(&j, "letter", kind == OBJECT_FILE ? query_get(q, 2) : query_get(q, 1));
    json_cstr(&j, "kind", object_kind_text(kind));
    json_int(&j, "index", query_get_int(q, 4));
    json_hex(&j, "ticket", query_get(q, 5));
    json_text(&j, "queue", query_get(q, 6));
    json_cstr(&j, "category", category_text(category_stored(query_get_int(q, 7))));
    json_cstr(&j, "state", object_state_text((unsigned)query_get_int(q, 8)));
    json_findings(&j, (uint64_t)query_get_int(q, 9), FINDING_COUNT);
    json_text(&j, "signature", query_get(q, 10));
    json_text(&j, "engine", query_get(q, 11));
    json_time_or_null(&j, "scanned_at", query_get_int(q, 12));
    json_time_or_null(&j, "received_at", query_get_int(q, 13));
    json_cstr(&j, "disposition", disposition_word((unsigned)query_get_int(q, 14)));
    json_end(&j);
    ipc_list_add(&held->list, &held->raw, buf_span(&held->line));
    return buf_err(&held->line);
}

static enum sd_err list_held(struct held *held, uint64_t before) {
    struct query q = db_query(held->k->db, SQL_HELD_LIST);
    enum sd_err err = SD_OK;
    bool more = true;
    query_int(&q, before && before < INT64_MAX ? (int64_t)before : INT64_MAX);
    for (unsigned i = 0; i < LOOKED_AT_MAX && held->list.count < LIST_MAX && held->raw.n < LIMIT_IPC_INLINE_BYTES - 2048 &&
                         err == SD_OK && (more = query_row(&q));
         i++) {
        bool may = false;
        held->next = (uint64_t)query_get_int(&q, 0);
        err = may_release(held, query_get(&q, 6), category_stored(query_get_int(&q, 7)), &may);
        if (err == SD_OK && may)
            err = put_row(held, &q);
    }
    if (!more)
        held->next = 0;
    enum sd_err end = query_end(&q);
    return err ? err : end;
}

/* Whoever may release on no queue has nothing to look at here. */
static enum sd_err may_list(struct keeper *k, const struct asker *asker, bool *ret) {
    struct rules rules;
    *ret = asker->root;
    if (asker->root || asker->who.verdict != SESSION_LIVE || asker->who.limited)
        return SD_OK;
    if (asker->who.factor == FACTOR_TOKEN && !(asker->who.token_verbs >> VERB_RELEASE & 1))
        return SD_OK;
    enum sd_err err = rules_of(k, span_of(asker->who.person, ID_BYTES), &rules);
    if (err == SD_OK)
        *ret = rights_verbs(rules.rules, rules.count, k->spec.now_ms()) >> VERB_RELEASE & 1;
    return err;
}

enum sd_err keeper_on_quarantine_list(void *ctx, struct ipc_call *call, const struct keeper_quarantine_list_req *req) {
    struct keeper *k = ctx;
    struct asker asker SD_CLEANUP(asker_free) = {0};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct held held SD_CLEANUP(held_free) = {
        .k = k, .asker = &asker, .raw = buf_new(LIMIT_IPC_INLINE_BYTES), .line = buf_new(4096)};
    bool may = false;
    enum sd_err err = asker_find(k, call, req->token, req->origin, &asker);
    if (err == SD_OK)
        err = may_list(k, &asker, &may);
    if (err)
        return err;
    struct leaf leaf = asker_leaf(&asker, req->origin, "quarantine-list");
    leaf.object = "installation";
    if (!may)
        return refuse_denied(k, call, &leaf);
    err = list_held(&held, req->before);
    if (err == SD_OK)
        err = buf_err(&held.raw);
    if (err == SD_OK)
        err = keeper_quarantine_list_rep_encode(&out,
                                                &(struct keeper_quarantine_list_rep){.items = held.list, .next = held.next});
    leaf.outcome = OUTCOME_GRANTED;
    return err ? err : answer_recorded(k, call, &out, &leaf);
}
