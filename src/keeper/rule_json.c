#include "keeper/rule_json.h"

#define VERBS_KNOWN ((UINT32_C(1) << VERB_COUNT) - 1)

void put_rule_members(struct json_out *j, bool allow, uint32_t verbs, struct span queue, unsigned categories) {
    json_bool(j, "allow", allow);
    json_begin_array(j, "verbs");
    for (unsigned v = 1; v < VERB_COUNT; v++)
        if (verbs >> v & 1)
            json_cstr(j, NULL, verb_text(v));
    json_end(j);
    json_text(j, "queue", queue);
    json_begin_array(j, "categories");
    for (unsigned c = 0; c < CATEGORY_COUNT; c++)
        if (categories >> c & 1)
            json_cstr(j, NULL, category_text(c));
    json_end(j);
}

enum sd_err rule_problem(struct keeper *k, const struct cards_rule_v1 *rule, const char **ret_problem) {
    struct queue_row queue = {.there = true};
    bool named = rule->queue.n && !span_eq(rule->queue, SPAN("*"));
    *ret_problem = NULL;
    if ((rule->verbs & ~VERBS_KNOWN) || (rule->verbs & VERB_BIT(NONE)) || rule->verbs == 0)
        *ret_problem = "A rule names at least one act, and none that is not in the list.";
    else if (rule->categories == 0 || rule->categories > CATEGORIES_ALL)
        *ret_problem = "A rule names at least one of the categories normal, confidential, special.";
    else if (rule->until_ms && (rule->until_ms <= rule->from_ms || rule->until_ms <= k->spec.now_ms()))
        *ret_problem = "The rule is over before it begins.";
    enum sd_err err = named ? queue_find(k, rule->queue, &queue) : SD_OK;
    if (err == SD_OK && !queue.there)
        *ret_problem = "There is no such queue. \"*\" means all of them.";
    return err;
}

enum sd_err rule_add(struct keeper *k, const struct cards_rule_v1 *rule, const struct rule_row *row, uint64_t *ret_number) {
    struct query q = db_query(k->db, SQL_RULE_ADD);
    query_text(&q, row->role);
    query_blob(&q, row->person);
    query_int(&q, rule->allow);
    query_int(&q, rule->verbs);
    query_text(&q, rule->queue);
    query_int(&q, rule->categories);
    query_int(&q, rule->from_ms);
    query_int(&q, rule->until_ms);
    query_blob(&q, row->note);
    query_blob(&q, row->made_by);
    query_int(&q, k->spec.now_ms());
    enum sd_err err = query_run(&q);
    if (err == SD_OK)
        *ret_number = (uint64_t)db_last_id(k->db);
    return err;
}

enum sd_err person_conflicts(struct keeper *k, struct span person, bool *ret) {
    struct rules rules;
    uint32_t verbs = 0;
    rules_forget(k);
    enum sd_err err = rules_of(k, person, &rules);
    if (err)
        return err;
    /* also what begins later */
    for (size_t i = 0; i < rules.count; i++)
        if (rules.rules[i].allow)
            verbs |= rules.rules[i].verbs;
    *ret = rights_conflict(verbs);
    return SD_OK;
}
