/* roles.c - roles of one's own: a name and rules, which whoever has the role has. */
#include "keeper/rule_json.h"

#include <string.h>

/* What an operation that changes rights says when it does not do it. */
static enum sd_err answer_problem(struct keeper *k, struct ipc_call *call, const char *problem, struct leaf *leaf) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    leaf->outcome = OUTCOME_FAILED;
    enum sd_err err = keeper_role_set_rep_encode(&out, &(struct keeper_role_set_rep){.problem = span_cstr(problem)});
    return err ? err : answer_recorded(k, call, &out, leaf);
}

static bool is_role_name(struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !(s.p[i] >= '0' && s.p[i] <= '9') && s.p[i] != '-')
            return false;
    return s.n > 0 && s.n <= ROLE_NAME_MAX && s.p[0] != '-';
}

static enum sd_err check_rules(struct keeper *k, struct ipc_list list, const char **ret_problem) {
    struct ipc_list_iter iter = ipc_list_start(list);
    struct span item;
    enum sd_err err = SD_OK;
    while (err == SD_OK && !*ret_problem && ipc_list_next(&iter, &item)) {
        struct cards_rule_v1 rule;
        err = cards_rule_v1_decode(item, NULL, &rule);
        if (err == SD_OK)
            err = rule_problem(k, &rule, ret_problem);
    }
    return err;
}

static enum sd_err check_role(struct keeper *k, const struct keeper_role_set_req *req, const char **ret_problem) {
    enum person_role built_in;
    if (!is_role_name(req->name))
        *ret_problem = "A role's name has 1 to 32 lower-case letters, digits and hyphens.";
    else if (person_role_from(req->name, &built_in))
        *ret_problem = "A built-in role cannot be changed; make one of your own.";
    else if (!req->remove && req->rules.count == 0)
        *ret_problem = "The role has no rules.";
    return *ret_problem ? SD_OK : check_rules(k, req->rules, ret_problem);
}

/* ---- the rows ---- */

static enum sd_err run_on_role(struct keeper *k, enum db_sql sql, struct span name) {
    struct query q = db_query(k->db, sql);
    query_text(&q, name);
    return query_run(&q);
}

static enum sd_err drop_role(struct keeper *k, struct span name) {
    static const enum db_sql statements[] = {SQL_ROLE_END, SQL_ROLE_END_RULES, SQL_ROLE_END_PEOPLE};
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < SD_COUNT(statements) && err == SD_OK; i++)
        err = run_on_role(k, statements[i], name);
    return err;
}

static enum sd_err write_rules(struct keeper *k, const struct asker *asker, const struct keeper_role_set_req *req) {
    struct ipc_list_iter iter = ipc_list_start(req->rules);
    struct span item;
    uint64_t number = 0;
    struct rule_row row = {.role = req->name, .made_by = asker_id(asker)};
    enum sd_err err = run_on_role(k, SQL_ROLE_END_RULES, req->name);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_ROLE_PUT);
    query_text(&q, req->name);
    query_int(&q, k->spec.now_ms());
    err = query_run(&q);
    while (err == SD_OK && ipc_list_next(&iter, &item)) {
        struct cards_rule_v1 rule;
        err = cards_rule_v1_decode(item, NULL, &rule);
        if (err == SD_OK)
            err = rule_add(k, &rule, &row, &number);
    }
    return err;
}

static enum sd_err anybody_conflicts(struct keeper *k, struct span role, bool *ret) {
    struct query q = db_query(k->db, SQL_ROLE_PEOPLE);
    enum sd_err err = SD_OK;
    *ret = false;
    query_text(&q, role);
    while (err == SD_OK && !*ret && query_row(&q))
        err = person_conflicts(k, query_get(&q, 0), ret);
    enum sd_err end = query_end(&q);
    return err ? err : end;
}

static enum sd_err change_role(struct keeper *k, struct ipc_call *call, const struct asker *asker,
                               const struct keeper_role_set_req *req, struct leaf *leaf) {
    bool conflict = false;
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    enum sd_err err = keeper_role_set_rep_encode(&out, &(struct keeper_role_set_rep){});
    if (err == SD_OK)
        err = db_begin(k->db);
    if (err)
        return err;
    err = req->remove ? drop_role(k, req->name) : write_rules(k, asker, req);
    if (err == SD_OK && !req->remove)
        err = anybody_conflicts(k, req->name, &conflict);
    leaf->outcome = OUTCOME_GRANTED;
    if (err == SD_OK && !conflict)
        records_add_changed(&records, leaf);
    err = db_end(k->db, err ? err : conflict ? SD_ERR_EXISTS : records.err);
    rules_forget(k);
    if (conflict)
        return answer_problem(k, call, PROBLEM_CONFLICT, leaf);
    return err ? err : records_send(&records, call, SD_OK, &out);
}

enum sd_err keeper_on_role_set(void *ctx, struct ipc_call *call, const struct keeper_role_set_req *req) {
    struct keeper *k = ctx;
    struct asker asker SD_CLEANUP(asker_free) = {0};
    struct permission permission;
    const char *problem = NULL;
    enum sd_err err = asker_find(k, call, req->token, req->origin, &asker);
    if (err == SD_OK)
        err = check_role(k, req, &problem);
    if (err == SD_OK)
        err = asker_permit(k, &asker, &(struct demand){.verb = VERB_PEOPLE}, &permission);
    if (err)
        return err;
    struct leaf leaf = asker_leaf(&asker, req->origin, req->remove ? "role-remove" : "role-set");
    leaf.object = "role";
    if (permission.status)
        return refuse_permission(k, call, &permission, &leaf);
    leaf.detail = is_role_name(req->name) ? req->name : SPAN_NONE; /* who may not has nothing to write there */
    leaf.reason = permission.reason;
    return problem ? answer_problem(k, call, problem, &leaf) : change_role(k, call, &asker, req, &leaf);
}

/* ---- listing ---- */

static void put_built_in(struct buf *line, enum person_role role) {
    struct role_facts facts = role_facts(role);
    const struct {
        uint32_t verbs;
        struct span queue;
    } rules[] = {{facts.own_queues, SPAN("")}, {facts.all_queues, SPAN("*")}, {facts.system, SPAN("*")}};
    struct json_out j = json_out(line);
    json_begin_object(&j, NULL);
    json_cstr(&j, "name", person_role_text(role));
    json_bool(&j, "builtin", true);
    json_begin_array(&j, "rules");
    for (size_t i = 0; i < SD_COUNT(rules); i++) {
        if (!rules[i].verbs)
            continue;
        json_begin_object(&j, NULL);
        put_rule_members(&j, true, rules[i].verbs, rules[i].queue, i == 2 ? CATEGORIES_ALL : facts.categories);
        json_end(&j);
    }
    json_end(&j);
    json_end(&j);
}

static enum sd_err put_own(struct keeper *k, struct span name, struct buf *line) {
    struct json_out j = json_out(line);
    json_begin_object(&j, NULL);
    json_text(&j, "name", name);
    json_bool(&j, "builtin", false);
    json_begin_array(&j, "rules");
    struct query q = db_query(k->db, SQL_ROLE_RULES);
    query_text(&q, name);
    while (query_row(&q)) {
        json_begin_object(&j, NULL);
        put_rule_members(&j, query_get_int(&q, 0) != 0, (uint32_t)query_get_int(&q, 1), query_get(&q, 2),
                         (unsigned)query_get_int(&q, 3));
        json_end(&j);
    }
    json_end(&j);
    json_end(&j);
    enum sd_err err = query_end(&q);
    return err ? err : buf_err(line);
}

static enum sd_err list_roles(struct keeper *k, struct buf *raw, struct ipc_list *list) {
    struct buf line SD_CLEANUP(buf_free) = buf_new(16384);
    for (unsigned role = ROLE_NOBODY + 1; role <= ROLE_AUDITOR; role++) {
        buf_reset(&line);
        put_built_in(&line, (enum person_role)role);
        ipc_list_add(list, raw, buf_span(&line));
    }
    struct query q = db_query(k->db, SQL_ROLE_ALL);
    enum sd_err err = SD_OK;
    while (err == SD_OK && query_row(&q)) {
        buf_reset(&line);
        err = put_own(k, query_get(&q, 0), &line);
        if (err == SD_OK)
            ipc_list_add(list, raw, buf_span(&line));
    }
    enum sd_err end = query_end(&q);
    err = err ? err : end;
    return err ? err : buf_err(raw);
}

enum sd_err keeper_on_role_list(void *ctx, struct ipc_call *call, const struct keeper_role_list_req *req) {
    struct keeper *k = ctx;
    struct asker asker SD_CLEANUP(asker_free) = {0};
    struct buf raw SD_CLEANUP(buf_free) = buf_new(LIMIT_IPC_INLINE_BYTES);
    struct keeper_role_list_rep rep = {0};
    enum sd_err err = asker_find(k, call, req->token, req->origin, &asker);
    if (err == SD_OK && !asker.root && asker.who.verdict != SESSION_LIVE)
        err = SD_ERR_DENIED;
    if (err == SD_OK)
        err = list_roles(k, &raw, &rep.roles);
    if (err == SD_OK)
        keeper_role_list_reply(call, &rep);
    return err;
}
