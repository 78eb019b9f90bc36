/* grants.c - rules for one person: for a time or for good; and emergency access, which everybody is told of. */
#include "keeper/rule_json.h"

#include <stdio.h>
#include <string.h>

#define REASON_MIN 10 /* characters: a sentence, not a dot */

static struct span number_text(uint64_t number, char to[24]) {
    int n = snprintf(to, 24, "%llu", (unsigned long long)number);
    return span_of(to, (size_t)n);
}

/* ---- granting ---- */

static enum sd_err answer_problem(struct keeper *k, struct ipc_call *call, const char *problem, struct leaf *leaf) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    leaf->outcome = OUTCOME_FAILED;
    enum sd_err err = keeper_grant_add_rep_encode(&out, &(struct keeper_grant_add_rep){.problem = span_cstr(problem)});
    return err ? err : answer_recorded(k, call, &out, leaf);
}

/* The rule, its reason and its record. *ret_conflict: nothing was done, because of the separation of duties. */
static enum sd_err write_grant(struct keeper *k, const struct cards_rule_v1 *rule, struct span person, struct span by,
                               struct span reason, struct records *records, struct leaf *leaf, uint64_t *ret_number,
                               bool *ret_conflict) {
    uint8_t note[ID_BYTES] = {0};
    char text[24];
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = note_add(k, reason, note);
    struct rule_row row = {.person = person, .note = span_of(note, sizeof note), .made_by = by};
    if (err == SD_OK)
        err = rule_add(k, rule, &row, ret_number);
    if (err == SD_OK)
        err = person_conflicts(k, person, ret_conflict);
    leaf->outcome = OUTCOME_GRANTED;
    leaf->detail = number_text(*ret_number, text);
    leaf->note = span_of(note, sizeof note);
    if (err == SD_OK && !*ret_conflict)
        records_add_changed(records, leaf);
    leaf->detail = leaf->note = SPAN_NONE;
    err = db_end(k->db, err ? err : *ret_conflict ? SD_ERR_EXISTS : records->err);
    rules_forget(k);
    return *ret_conflict ? SD_OK : err;
}

static enum sd_err grant(struct keeper *k, struct ipc_call *call, const struct asker *asker, const struct cards_rule_v1 *rule,
                         const struct person_found *person, struct span reason, struct leaf *leaf) {
    uint64_t number = 0;
    bool conflict = false;
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    enum sd_err err = write_grant(k, rule, span_of(person->id, ID_BYTES), asker_id(asker), reason, &records, leaf, &number,
                                  &conflict);
    if (err == SD_OK && conflict)
        return answer_problem(k, call, PROBLEM_CONFLICT, leaf);
    if (err == SD_OK)
        err = keeper_grant_add_rep_encode(&out, &(struct keeper_grant_add_rep){.grant = number});
    return err ? err : records_send(&records, call, SD_OK, &out);
}

static enum sd_err check_grant(struct keeper *k, const struct asker *asker, const struct cards_rule_v1 *rule,
                               const struct person_found *person, struct span reason, const char **ret_problem) {
    if (!person->there || person->state == PERSON_SUSPENDED)
        *ret_problem = "There is no such person.";
    else if (!asker->root && span_eq(asker_id(asker), span_of(person->id, ID_BYTES)))
        *ret_problem = "Nobody gives rights to themselves; ask somebody else who may.";
    else if (span_trim(reason).n < REASON_MIN)
        *ret_problem = "Say why, in at least ten characters.";
    return *ret_problem ? SD_OK : rule_problem(k, rule, ret_problem);
}

enum sd_err keeper_on_grant_add(void *ctx, struct ipc_call *call, const struct keeper_grant_add_req *req) {
    struct keeper *k = ctx;
    struct asker asker SD_CLEANUP(asker_free) = {0};
    struct person_found person SD_CLEANUP(person_found_free) = {0};
    struct permission permission;
    struct cards_rule_v1 rule;
    const char *problem = NULL;
    if (cards_rule_v1_decode(req->rule, NULL, &rule) != SD_OK)
        return SD_ERR_PARSE;
    enum sd_err err = asker_find(k, call, req->token, req->origin, &asker);
    if (err == SD_OK)
        err = person_resolve(k, req->person, &person);
    if (err)
        return err;
    struct leaf leaf = asker_leaf(&asker, req->origin, "grant");
    leaf.object = "person";
    leaf.object_id = person.there ? span_of(person.id, ID_BYTES) : SPAN_NONE;
    err = asker_permit(k, &asker, &(struct demand){.verb = VERB_PEOPLE, .object = leaf.object_id}, &permission);
    if (err == SD_OK && permission.status)
        return refuse_permission(k, call, &permission, &leaf);
    if (err == SD_OK)
        err = check_grant(k, &asker, &rule, &person, req->reason, &problem);
    leaf.reason = rule.allow ? "allow" : "deny";
    if (err)
        return err;
    return problem ? answer_problem(k, call, problem, &leaf) : grant(k, call, &asker, &rule, &person, req->reason, &leaf);
}

/* ---- taking back ---- */

static enum sd_err find_grantee(struct keeper *k, uint64_t number, uint8_t ret[ID_BYTES], bool *ret_there) {
    struct query q = db_query(k->db, SQL_RULE_PERSON);
    query_int(&q, (int64_t)number);
    *ret_there = query_row(&q);
    if (*ret_there)
        query_get_fixed(&q, 0, ret, ID_BYTES);
    return query_end(&q);
}

static enum sd_err take_back(struct keeper *k, struct ipc_call *call, uint64_t number, struct leaf *leaf) {
    char text[24];
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    enum sd_err err = keeper_grant_remove_rep_encode(&out, &(struct keeper_grant_remove_rep){});
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_RULE_END);
    query_int(&q, (int64_t)number);
    leaf->outcome = OUTCOME_GRANTED;
    leaf->detail = number_text(number, text);
    err = answer_changed(k, call, &q, leaf, &out);
    rules_forget(k);
    return err;
}

enum sd_err keeper_on_grant_remove(void *ctx, struct ipc_call *call, const struct keeper_grant_remove_req *req) {
    struct keeper *k = ctx;
    struct asker asker SD_CLEANUP(asker_free) = {0};
    struct permission permission;
    uint8_t person[ID_BYTES] = {0};
    bool there = false;
    enum sd_err err = asker_find(k, call, req->token, req->origin, &asker);
    if (err == SD_OK)
        err = find_grantee(k, req->grant, person, &there);
    if (err)
        return err;
    struct leaf leaf = asker_leaf(&asker, req->origin, "grant-remove");
    leaf.object = "person";
    leaf.object_id = there ? span_of(person, ID_BYTES) : SPAN_NONE;
    err = asker_permit(k, &asker, &(struct demand){.verb = VERB_PEOPLE, .object = leaf.object_id}, &permission);
    if (err)
        return err;
    if (permission.status == SD_OK && !there)
        permission = (struct permission){.status = SD_ERR_NOTFOUND, .reason = "no-such-grant"};
    if (permission.status == SD_OK && !asker.root && span_eq(asker_id(&asker), leaf.object_id))
        permission = (struct permission){.status = SD_ERR_DENIED, .reason = "own-rights"}; /* a denial, say */
    return permission.status ? refuse_permission(k, call, &permission, &leaf) : take_back(k, call, req->grant, &leaf);
}

/* ---- listing ---- */

struct grant_list {
    struct buf raw, line, note, name, by;
    struct ipc_list list;
    uint64_t next;
};

static void list_free(struct grant_list *list) {
    buf_free(&list->raw);
    buf_free(&list->line);
    buf_free(&list->note);
    buf_free(&list->name);
    buf_free(&list->by);
}

static enum sd_err read_texts(struct keeper *k, struct query *q, struct grant_list *list) {
    struct span by = query_get(q, 8);
    buf_reset(&list->line);
    buf_reset(&list->note);
    buf_reset(&list->name);
    buf_reset(&list->by);
    enum sd_err err = note_get(k, query_get(q, 7), &list->note);
    if (err == SD_OK)
        err = person_name(k, query_get(q, 1), &list->name);
    if (err == SD_OK && by.n)
        err = person_name(k, by, &list->by);
    else if (err == SD_OK)
        buf_text(&list->by, "root");
    return err;
}

static enum sd_err put_grant(struct keeper *k, struct query *q, struct grant_list *list) {
    enum sd_err err = read_texts(k, q, list);
    struct json_out j = json_out(&list->line);
    json_begin_object(&j, NULL);
    json_int(&j, "id", query_get_int(q, 0));
    json_hex(&j, "person", query_get(q, 1));
    json_text(&j, "name", buf_span(&list->name));
    put_rule_members(&j, query_get_int(q, 2) != 0, (uint32_t)query_get_int(q, 3), query_get(q, 4),
                     (unsigned)query_get_int(q, 5));
    if (query_get_int(q, 10))
        json_time(&j, "from", query_get_int(q, 10));
    if (query_get_int(q, 6))
        json_time(&j, "until", query_get_int(q, 6));
    json_text(&j, "reason", buf_span(&list->note));
    json_text(&j, "by", buf_span(&list->by));
    json_time(&j, "at", query_get_int(q, 9));
    json_end(&j);
    list->next = (uint64_t)query_get_int(q, 0);
    if (err == SD_OK)
        ipc_list_add(&list->list, &list->raw, buf_span(&list->line));
    return err ? err : buf_err(&list->line);
}

#define LIST_MAX 50

static enum sd_err list_grants(struct keeper *k, struct span person, uint64_t after, struct grant_list *list) {
    struct query q = db_query(k->db, SQL_RULE_LIST);
    enum sd_err err = SD_OK;
    query_int(&q, (int64_t)after);
    query_blob(&q, person);
    query_int(&q, k->spec.now_ms());
    while (err == SD_OK && list->list.count < LIST_MAX && query_row(&q))
        err = put_grant(k, &q, list);
    if (list->list.count < LIST_MAX)
        list->next = 0;
    enum sd_err end = query_end(&q);
    return err ? err : end;
}

/* Whose: one's own, or with the right somebody's. */
static enum sd_err choose_person(struct keeper *k, const struct asker *asker, struct span text, struct person_found *person,
                                 struct span *ret, bool *ret_own, enum sd_err *ret_status) {
    bool may = false;
    *ret_own = !asker->root && (text.n == 0);
    *ret = asker_id(asker);
    *ret_status = asker->root || asker->who.verdict == SESSION_LIVE ? SD_OK : SD_ERR_DENIED;
    if (*ret_own || *ret_status)
        return SD_OK;
    enum sd_err err = asker_may(k, asker, VERB_PEOPLE, &may);
    if (err == SD_OK && !may)
        *ret_status = SD_ERR_DENIED;
    if (err || *ret_status)
        return err;
    *ret = SPAN_NONE;
    if (text.n == 0 || span_eq(text, SPAN("*")))
        return SD_OK;
    err = person_resolve(k, text, person);
    if (err == SD_OK && !person->there)
        *ret_status = SD_ERR_NOTFOUND;
    *ret = span_of(person->id, ID_BYTES);
    return err;
}

enum sd_err keeper_on_grant_list(void *ctx, struct ipc_call *call, const struct keeper_grant_list_req *req) {
    struct keeper *k = ctx;
    struct asker asker SD_CLEANUP(asker_free) = {0};
    struct person_found person SD_CLEANUP(person_found_free) = {0};
    struct grant_list list SD_CLEANUP(list_free) = {.raw = buf_new(LIMIT_IPC_INLINE_BYTES),
                                                    .line = buf_new(2048),
                                                    .note = buf_new(512),
                                                    .name = buf_new(1024),
                                                    .by = buf_new(1024)};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct span whose = SPAN_NONE;
    bool own = false;
    enum sd_err status = SD_OK, err = asker_find(k, call, req->token, req->origin, &asker);
    if (err == SD_OK)
        err = choose_person(k, &asker, req->person, &person, &whose, &own, &status);
    if (err)
        return err;
    struct leaf leaf = asker_leaf(&asker, req->origin, "list-grants");
    leaf.object = "people";
    if (status) {
        leaf.reason = leaf.reason ? leaf.reason : REASON_NOT_YOURS;
        return refuse_recorded(k, call, status, &leaf);
    }
    err = list_grants(k, whose, req->after, &list);
    struct keeper_grant_list_rep rep = {.grants = list.list, .next = list.next};
    if (err == SD_OK)
        err = keeper_grant_list_rep_encode(&out, &rep);
    if (err)
        return err;
    leaf.outcome = OUTCOME_GRANTED;
    if (!own)
        return answer_recorded(k, call, &out, &leaf);
    ipc_answer(call, &out);
    return SD_OK;
}

/* ---- emergency access ---- */

#define GLASS_VERBS (VERB_BIT(LIST) | VERB_BIT(OPEN) | VERB_BIT(REPLY) | VERB_BIT(HISTORY) | VERB_BIT(STATE))

static enum sd_err glass_problem(struct keeper *k, const struct keeper_break_glass_req *req, const char **ret) {
    struct queue_row queue = {0};
    enum sd_err err = queue_find(k, req->queue, &queue);
    if (err == SD_OK && !queue.there)
        *ret = "There is no such queue.";
    else if (span_trim(req->reason).n < REASON_MIN)
        *ret = "Say why, in at least ten characters: everybody will read it.";
    else if (req->minutes == 0 || req->minutes * INT64_C(60000) > k->access.break_glass_ms)
        *ret = "Emergency access for so long is not to be had.";
    return err;
}

static enum sd_err answer_glass_problem(struct keeper *k, struct ipc_call *call, const char *problem, struct leaf *leaf) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    leaf->outcome = OUTCOME_FAILED;
    enum sd_err err = keeper_break_glass_rep_encode(&out, &(struct keeper_break_glass_rep){.problem = span_cstr(problem)});
    return err ? err : answer_recorded(k, call, &out, leaf);
}

static enum sd_err write_glass(struct keeper *k, const struct who *who, const struct cards_rule_v1 *rule, struct span reason,
                               struct records *records, struct leaf *leaf, uint64_t *ret_number) {
    uint8_t note[ID_BYTES] = {0};
    struct span person = span_of(who->person, ID_BYTES);
    struct rule_row row = {.person = person, .note = span_of(note, sizeof note), .made_by = person};
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = note_add(k, reason, note);
    if (err == SD_OK)
        err = rule_add(k, rule, &row, ret_number);
    leaf->note = span_of(note, sizeof note);
    if (err == SD_OK)
        records_add_changed(records, leaf);
    leaf->note = SPAN_NONE;
    struct alarm_new alarm = {.kind = ALARM_BREAK_GLASS, .person = person, .note = span_of(note, sizeof note)};
    if (err == SD_OK)
        err = alarm_raise(k, &alarm, records);
    err = db_end(k->db, err ? err : records->err);
    rules_forget(k);
    return err;
}

static enum sd_err break_glass(struct keeper *k, struct ipc_call *call, const struct who *who,
                               const struct keeper_break_glass_req *req, struct leaf *leaf) {
    uint64_t number = 0;
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    struct cards_rule_v1 rule = {.allow = true,
                                 .verbs = GLASS_VERBS,
                                 .queue = req->queue,
                                 .categories = CATEGORIES_ALL,
                                 .from_ms = k->spec.now_ms(),
                                 .until_ms = k->spec.now_ms() + req->minutes * INT64_C(60000)};
    records_start(&records, k);
    leaf->outcome = OUTCOME_GRANTED;
    enum sd_err err = write_glass(k, who, &rule, req->reason, &records, leaf, &number);
    struct keeper_break_glass_rep rep = {.grant = number, .until_ms = rule.until_ms};
    if (err == SD_OK)
        err = keeper_break_glass_rep_encode(&out, &rep);
    return err ? err : records_send(&records, call, SD_OK, &out);
}

enum sd_err keeper_on_break_glass(void *ctx, struct ipc_call *call, const struct keeper_break_glass_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct permission permission;
    const char *problem = NULL;
    enum sd_err err = session_check(k, req->token, req->origin, &who);
    if (err == SD_OK)
        err = glass_problem(k, req, &problem);
    if (err == SD_OK)
        err = permit(k, &who, &(struct demand){.verb = VERB_BREAK_GLASS}, &permission);
    if (err)
        return err;
    struct leaf leaf = leaf_by(&who, req->origin, "break-glass");
    leaf.object = "queue";
    if (permission.status)
        return refuse_permission(k, call, &permission, &leaf);
    if (problem)
        return answer_glass_problem(k, call, problem, &leaf);
    leaf.detail = req->queue;
    return break_glass(k, call, &who, req, &leaf);
}
