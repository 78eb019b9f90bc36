/* rules.c - the rules of a person, put together from the built-in role, roles of one's own and grants; kept until something
 * changes. */
#include "core/ipc/keeper.h"
#include "keeper/permit.h"

#include <stdlib.h>
#include <string.h>

#define CACHED 128 /* people who act at the same time */

struct rules_of_one {
    uint8_t person[ID_BYTES];
    struct rule *rules; /* NULL: a free place */
    size_t count;
    uint64_t touched;
};

struct rules_cache {
    struct rules_of_one of[CACHED];
    uint64_t clock;
};

void rules_forget(struct keeper *k) {
    for (size_t i = 0; k->rules && i < CACHED; i++) {
        free(k->rules->of[i].rules);
        k->rules->of[i] = (struct rules_of_one){0};
    }
}

void rules_free(struct keeper *k) {
    rules_forget(k);
    free(k->rules);
    k->rules = NULL;
}

/* ---- putting them together ---- */

struct building {
    struct rule rules[RULES_MAX];
    size_t count;
};

static enum sd_err add_rule(struct building *b, const struct rule *rule) {
    if (b->count == RULES_MAX)
        return SD_ERR_LIMIT;
    b->rules[b->count++] = *rule;
    return SD_OK;
}

static void set_queue(struct rule *rule, struct span queue) {
    queue = span_sub(queue, 0, QUEUE_NAME_MAX);
    rule->everywhere = false;
    rule->queue_bytes = (uint8_t)queue.n;
    if (queue.n)
        memcpy(rule->queue, queue.p, queue.n);
}

/* The rule once for each of the person's own queues. */
static enum sd_err add_on_own(struct keeper *k, struct span person, struct building *b, struct rule rule) {
    struct query q = db_query(k->db, SQL_PERSON_QUEUES);
    enum sd_err err = SD_OK;
    query_blob(&q, person);
    while (err == SD_OK && query_row(&q)) {
        set_queue(&rule, query_get(&q, 0));
        err = add_rule(b, &rule);
    }
    enum sd_err end = query_end(&q);
    return err ? err : end;
}

static enum sd_err add_built_in(struct keeper *k, struct span person, struct building *b, enum person_role role) {
    struct role_facts facts = role_facts(role);
    struct rule rule = {.allow = true, .source = RULE_BUILT_IN, .everywhere = true};
    struct span name = span_cstr(person_role_text(role));
    memcpy(rule.role, name.p, name.n < ROLE_NAME_MAX ? name.n : ROLE_NAME_MAX);
    rule.verbs = facts.system;
    enum sd_err err = add_rule(b, &rule);
    rule.categories = facts.categories;
    rule.verbs = facts.all_queues;
    if (err == SD_OK && rule.verbs)
        err = add_rule(b, &rule);
    rule.verbs = facts.own_queues;
    return err || !rule.verbs ? err : add_on_own(k, person, b, rule);
}

static enum sd_err add_row(struct keeper *k, struct span person, struct building *b, struct query *q, enum rule_source source) {
    struct rule rule = {.allow = query_get_int(q, 2) != 0,
                        .source = source,
                        .verbs = (uint32_t)query_get_int(q, 3),
                        .categories = (uint8_t)query_get_int(q, 5),
                        .from_ms = query_get_int(q, 6),
                        .until_ms = query_get_int(q, 7),
                        .number = query_get_int(q, 0)};
    struct span role = span_sub(query_get(q, 1), 0, ROLE_NAME_MAX), queue = query_get(q, 4);
    if (role.n)
        memcpy(rule.role, role.p, role.n);
    if (queue.n == 0)
        return add_on_own(k, person, b, rule);
    rule.everywhere = span_eq(queue, SPAN("*"));
    if (!rule.everywhere)
        set_queue(&rule, queue);
    return add_rule(b, &rule);
}

static enum sd_err add_rows(struct keeper *k, struct span person, struct building *b, enum db_sql sql,
                            enum rule_source source) {
    struct query q = db_query(k->db, sql);
    enum sd_err err = SD_OK;
    query_blob(&q, person);
    if (sql == SQL_RULE_OWN)
        query_int(&q, k->spec.now_ms());
    while (err == SD_OK && query_row(&q))
        err = add_row(k, person, b, &q, source);
    enum sd_err end = query_end(&q);
    return err ? err : end;
}

static enum sd_err build(struct keeper *k, struct span person, struct building *b) {
    struct query q = db_query(k->db, SQL_PERSON_ROLE_STATE);
    query_blob(&q, person);
    bool active = query_row(&q) && query_get_int(&q, 1) == PERSON_ACTIVE;
    int64_t role = active ? query_get_int(&q, 0) : ROLE_NOBODY;
    enum sd_err err = query_end(&q);
    if (err || !active)
        return err;
    err = add_built_in(k, person, b, role > 0 && role <= ROLE_AUDITOR ? (enum person_role)role : ROLE_NOBODY);
    if (err == SD_OK)
        err = add_rows(k, person, b, SQL_RULE_OF_ROLES, RULE_ROLE);
    return err ? err : add_rows(k, person, b, SQL_RULE_OWN, RULE_GRANT);
}

/* ---- keeping them ---- */

static struct rules_of_one *find(struct rules_cache *cache, struct span person, struct rules_of_one **ret_place) {
    struct rules_of_one *oldest = &cache->of[0];
    for (size_t i = 0; i < CACHED; i++) {
        struct rules_of_one *one = &cache->of[i];
        if (one->rules && span_eq(person, span_of(one->person, ID_BYTES)))
            return one;
        if (one->touched < oldest->touched)
            oldest = one;
    }
    *ret_place = oldest;
    return NULL;
}

static enum sd_err load(struct keeper *k, struct span person, struct rules_of_one *place) {
    struct building *b = calloc(1, sizeof *b);
    enum sd_err err = b ? build(k, person, b) : SD_ERR_NOMEM;
    struct rule *rules = err ? NULL : calloc(b->count + 1, sizeof *rules);
    if (err == SD_OK && !rules)
        err = SD_ERR_NOMEM;
    if (err == SD_OK) {
        memcpy(rules, b->rules, b->count * sizeof *rules);
        free(place->rules);
        *place = (struct rules_of_one){.rules = rules, .count = b->count};
        memcpy(place->person, person.p, ID_BYTES);
    }
    free(b);
    return err;
}

enum sd_err rules_of(struct keeper *k, struct span person, struct rules *ret) {
    struct rules_of_one *place = NULL;
    if (person.n != ID_BYTES)
        return SD_ERR_BUG;
    if (!k->rules)
        k->rules = calloc(1, sizeof *k->rules);
    if (!k->rules)
        return SD_ERR_NOMEM;
    struct rules_of_one *one = find(k->rules, person, &place);
    enum sd_err err = one ? SD_OK : load(k, person, place);
    if (err)
        return err;
    one = one ? one : place;
    one->touched = ++k->rules->clock;
    *ret = (struct rules){one->rules, one->count};
    return SD_OK;
}
