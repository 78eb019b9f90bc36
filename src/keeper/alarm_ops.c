/* alarm_ops.c - alarms as people see them, and that they have. */
#include "core/json_out.h"
#include "keeper/asker.h"

#include <stdio.h>

struct alarm_list {
    struct buf raw, line, note, name;
    struct ipc_list list;
    uint64_t next;
};

static void list_free(struct alarm_list *list) {
    buf_free(&list->raw);
    buf_free(&list->line);
    buf_free(&list->note);
    buf_free(&list->name);
}

static enum sd_err put_alarm(struct keeper *k, struct query *q, struct alarm_list *list) {
    unsigned kind = (unsigned)query_get_int(q, 1);
    struct span person = query_get(q, 3), note = query_get(q, 4);
    buf_reset(&list->line);
    buf_reset(&list->note);
    buf_reset(&list->name);
    enum sd_err err = note.n ? note_get(k, note, &list->note) : SD_OK;
    if (err == SD_OK && person.n)
        err = person_name(k, person, &list->name);
    struct json_out j = json_out(&list->line);
    json_begin_object(&j, NULL);
    json_int(&j, "id", query_get_int(q, 0));
    json_cstr(&j, "kind", alarm_text(kind));
    json_cstr(&j, "sentence", alarm_sentence(kind));
    json_time(&j, "at", query_get_int(q, 2));
    json_hex(&j, "person", person);
    json_text(&j, "name", buf_span(&list->name));
    json_text(&j, "reason", buf_span(&list->note));
    json_bool(&j, "seen", query_get_int(q, 5) != 0);
    json_end(&j);
    list->next = (uint64_t)query_get_int(q, 0);
    if (err == SD_OK)
        ipc_list_add(&list->list, &list->raw, buf_span(&list->line));
    return err ? err : buf_err(&list->line);
}

#define LIST_MAX 50
#define ALL_KINDS 0xffffffff

static enum sd_err list_alarms(struct keeper *k, struct span me, uint32_t kinds, uint64_t before, struct alarm_list *list) {
    struct query q = db_query(k->db, SQL_ALARM_LIST);
    enum sd_err err = SD_OK;
    query_blob(&q, me);
    query_int(&q, kinds);
    query_int(&q, before ? (int64_t)before : INT64_MAX);
    while (err == SD_OK && list->list.count < LIST_MAX && query_row(&q))
        err = put_alarm(k, &q, list);
    if (list->list.count < LIST_MAX)
        list->next = 0;
    enum sd_err end = query_end(&q);
    return err ? err : end;
}

enum sd_err keeper_on_alarm_list(void *ctx, struct ipc_call *call, const struct keeper_alarm_list_req *req) {
    struct keeper *k = ctx;
    struct asker asker SD_CLEANUP(asker_free) = {0};
    uint32_t kinds = ALL_KINDS;
    struct alarm_list list SD_CLEANUP(list_free) = {
        .raw = buf_new(LIMIT_IPC_INLINE_BYTES), .line = buf_new(2048), .note = buf_new(512), .name = buf_new(1024)};
    enum sd_err err = asker_find(k, call, req->token, req->origin, &asker);
    if (err == SD_OK && !asker.root && (asker.who.verdict != SESSION_LIVE || asker.who.limited))
        err = SD_ERR_DENIED;
    if (err == SD_OK && !asker.root)
        err = alarm_kinds(k, &asker.who, &kinds);
    if (err == SD_OK)
        err = list_alarms(k, asker_id(&asker), kinds, req->before, &list);
    if (err == SD_OK)
        err = buf_err(&list.raw);
    if (err == SD_OK)
        keeper_alarm_list_reply(call, &(struct keeper_alarm_list_rep){.alarms = list.list, .next = list.next});
    return err;
}

/* Whether there is such an alarm for this person: of others nothing is told. */
static enum sd_err is_told(struct keeper *k, const struct who *who, uint64_t alarm, bool *ret) {
    uint32_t kinds = 0;
    enum sd_err err = alarm_kinds(k, who, &kinds);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_ALARM_GET);
    query_int(&q, (int64_t)alarm);
    *ret = query_row(&q) && (kinds >> query_get_int(&q, 0) & 1);
    return query_end(&q);
}

static enum sd_err mark_seen(struct keeper *k, struct ipc_call *call, const struct who *who, uint64_t alarm,
                             struct leaf *leaf) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    enum sd_err err = keeper_alarm_seen_rep_encode(&out, &(struct keeper_alarm_seen_rep){});
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_ALARM_SEEN);
    query_blob(&q, span_of(who->person, ID_BYTES));
    query_int(&q, (int64_t)alarm);
    leaf->outcome = OUTCOME_GRANTED;
    return answer_changed(k, call, &q, leaf, &out);
}

enum sd_err keeper_on_alarm_seen(void *ctx, struct ipc_call *call, const struct keeper_alarm_seen_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    bool told = false;
    char text[24];
    enum sd_err err = session_check(k, req->token, req->origin, &who);
    struct leaf leaf = leaf_by(&who, req->origin, "alarm-seen");
    leaf.object = "alarm";
    if (err == SD_OK && who.verdict == SESSION_LIVE && !who.limited && who.factor != FACTOR_TOKEN)
        err = is_told(k, &who, req->alarm, &told);
    if (err)
        return err;
    if (!told)
        return refuse_denied(k, call, &leaf);
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)req->alarm);
    leaf.detail = span_of(text, (size_t)n);
    return mark_seen(k, call, &who, req->alarm, &leaf);
}
