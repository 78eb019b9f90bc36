/* explain.c - why somebody may or may not, in sentences; and who may. The same rules in the same order as permit() asks them.
 */
#include "core/codec.h"
#include "keeper/rule_json.h"

#include <time.h>

#define LINE_MAX_BYTES 512 /* keeper.def */

/* What is asked about: a ticket's or a given queue and category, or the installation. The demand points into the subject: not
 * copied. */
struct matter {
    enum sd_err status;
    struct subject subject;
    struct demand demand;
};

static enum sd_err matter_of(struct keeper *k, unsigned verb, struct span ticket, struct span queue, unsigned category,
                             struct matter *ret) {
    const struct verb_facts *facts = verb_facts(verb);
    *ret = (struct matter){.status = SD_OK, .demand = {.verb = (enum verb)verb, .queue = queue}};
    if (!facts || verb == VERB_NONE || category >= CATEGORY_COUNT)
        return SD_ERR_PARSE;
    ret->demand.category = (enum category)category;
    if (facts->scope == SCOPE_SYSTEM)
        return SD_OK;
    if (ticket.n == 0) {
        struct queue_row row;
        enum sd_err err = queue_find(k, queue, &row);
        ret->status = row.there ? SD_OK : SD_ERR_NOTFOUND;
        return err;
    }
    enum sd_err err = subject_find(k, ticket, &ret->subject);
    ret->status = ret->subject.there ? SD_OK : SD_ERR_NOTFOUND;
    ret->demand.queue = subject_queue(&ret->subject);
    ret->demand.category = ret->subject.category;
    ret->demand.object = ticket;
    return err;
}

/* ---- sentences ---- */

static void put_time(struct buf *to, int64_t ms) {
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    char text[32];
    if (gmtime_r(&seconds, &tm) && strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &tm))
        buf_text(to, text);
}

static void put_rule_name(struct buf *to, const struct rule *rule) {
    if (rule->source == RULE_BUILT_IN)
        buf_printf(to, "the built-in role %s", rule->role);
    else if (rule->source == RULE_ROLE)
        buf_printf(to, "the role %s", rule->role);
    else
        buf_printf(to, "grant %lld", (long long)rule->number);
}

static void put_categories(struct buf *to, unsigned categories) {
    const char *before = "";
    if (categories == CATEGORIES_ALL) {
        buf_text(to, "every category");
        return;
    }
    for (unsigned c = 0; c < CATEGORY_COUNT; c++)
        if (categories >> c & 1) {
            buf_printf(to, "%s%s", before, category_text(c));
            before = ", ";
        }
}

static void put_where(struct buf *to, const struct rule *rule, enum verb verb) {
    if (verb_facts(verb)->scope == SCOPE_SYSTEM)
        return;
    if (rule->everywhere)
        buf_text(to, " on every queue, ");
    else
        buf_printf(to, " on queue %.*s, ", (int)rule->queue_bytes, (const char *)rule->queue);
    put_categories(to, rule->categories);
}

static void put_rule(struct buf *to, const struct rule *rule, const struct demand *demand, int64_t now_ms) {
    struct wanted wanted = {demand->verb, demand->queue, demand->category};
    bool applies = rule_applies(rule, &wanted, now_ms);
    buf_text(to, applies ? rule->allow ? "allows: " : "DENIES, and that wins: " : "does not apply: ");
    put_rule_name(to, rule);
    buf_printf(to, " %s %s", rule->allow ? "allows" : "denies", verb_text(demand->verb));
    put_where(to, rule, demand->verb);
    if (now_ms < rule->from_ms) {
        buf_text(to, " from ");
        put_time(to, rule->from_ms);
    }
    if (rule->until_ms) {
        buf_text(to, now_ms >= rule->until_ms ? ", which ended " : " until ");
        put_time(to, rule->until_ms);
    }
}

static void put_line(struct buf *raw, struct ipc_list *list, const struct buf *line) {
    ipc_list_add(list, raw, span_sub(buf_span(line), 0, LINE_MAX_BYTES));
}

static void say(struct buf *raw, struct ipc_list *list, const char *sentence) {
    ipc_list_add(list, raw, span_cstr(sentence));
}

/* What else is asked of who may. */
static void say_more(struct keeper *k, const struct person_found *person, const struct demand *demand, uint32_t verbs,
                     struct buf *raw, struct ipc_list *list) {
    const struct verb_facts *facts = verb_facts(demand->verb);
    bool conflict = rights_conflict(verbs) && (rights_conflicting() >> demand->verb & 1);
    if (facts->eyes == EYES_TWO || conflict || (k->access.four_eyes >> demand->verb & 1))
        say(raw, list, "A second person who may do it too has to approve each time.");
    if (facts->step_up == STEP_UP_GESTURE)
        say(raw, list,
            k->access.totp_step_up ? "A gesture with a passkey, or a one-time code, is needed each time."
                                   : "A gesture with a passkey is needed each time.");
    if (k->access.passkey_roles >> person->role & 1)
        say(raw, list, "The role signs in with a passkey; without one the session is for adding one.");
    if (demand->verb == VERB_OPEN || demand->verb == VERB_LIST || demand->verb == VERB_DOWNLOAD)
        say(raw, list,
            "Messages held in quarantine, unscanned or destroyed are not opened whoever asks; a budget limits how many.");
}

static enum sd_err say_rules(struct keeper *k, const struct person_found *person, const struct matter *matter, struct buf *raw,
                             struct ipc_list *list, bool *ret_may) {
    struct buf line SD_CLEANUP(buf_free) = buf_new(2048);
    struct rules rules;
    const struct rule *by = NULL;
    int64_t now_ms = k->spec.now_ms();
    struct wanted wanted = {matter->demand.verb, matter->demand.queue, matter->demand.category};
    enum sd_err err = rules_of(k, span_of(person->id, ID_BYTES), &rules);
    if (err)
        return err;
    *ret_may = rights_judge(rules.rules, rules.count, &wanted, now_ms, &by) == RIGHT_GRANTED;
    for (size_t i = 0; i < rules.count && list->count < 48; i++) {
        if (!(rules.rules[i].verbs >> wanted.verb & 1))
            continue;
        buf_reset(&line);
        put_rule(&line, &rules.rules[i], &matter->demand, now_ms);
        put_line(raw, list, &line);
    }
    if (!by)
        say(raw, list, "No rule allows it.");
    if (*ret_may)
        say_more(k, person, &matter->demand, rights_verbs(rules.rules, rules.count, now_ms), raw, list);
    return buf_err(&line);
}

static void say_matter(const struct matter *matter, struct buf *raw, struct ipc_list *list) {
    struct buf line SD_CLEANUP(buf_free) = buf_new(512);
    if (verb_facts(matter->demand.verb)->scope == SCOPE_SYSTEM)
        return;
    buf_printf(&line, "It is about queue %.*s, category %s.", SPAN_FMT(matter->demand.queue),
               category_text(matter->demand.category));
    put_line(raw, list, &line);
}

static enum sd_err say_all(struct keeper *k, const struct person_found *person, const struct matter *matter, struct buf *raw,
                           struct keeper_explain_rep *rep) {
    if (matter->status == SD_OK)
        say_matter(matter, raw, &rep->lines);
    else
        say(raw, &rep->lines, "There is no such ticket or queue.");
    if (person->state == PERSON_SUSPENDED)
        say(raw, &rep->lines, "The person is suspended or removed, and may nothing.");
    if (person->state == PERSON_INVITED)
        say(raw, &rep->lines, "The person has not enrolled yet, and may nothing until then.");
    bool may = false;
    enum sd_err err = matter->status == SD_OK ? say_rules(k, person, matter, raw, &rep->lines, &may) : SD_OK;
    rep->may = may;
    return err ? err : buf_err(raw);
}

/* ---- why ---- */

static enum sd_err explain(struct keeper *k, struct ipc_call *call, const struct person_found *person,
                           const struct matter *matter, struct leaf *leaf) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(LIMIT_IPC_INLINE_BYTES), id SD_CLEANUP(buf_free) = buf_new(64);
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct keeper_explain_rep rep = {.name = buf_span(&person->name)};
    put_hex(&id, span_of(person->id, ID_BYTES));
    rep.person = buf_span(&id);
    enum sd_err err = say_all(k, person, matter, &raw, &rep);
    if (err == SD_OK)
        err = keeper_explain_rep_encode(&out, &rep);
    leaf->outcome = OUTCOME_GRANTED;
    return err ? err : answer_recorded(k, call, &out, leaf);
}

/* About oneself, or with the right "people". */
static enum sd_err may_ask(struct keeper *k, const struct asker *asker, const struct person_found *person, bool *ret) {
    bool own = !asker->root && asker->who.verdict == SESSION_LIVE && person->there &&
               span_eq(asker_id(asker), span_of(person->id, ID_BYTES));
    *ret = own;
    return own ? SD_OK : asker_may(k, asker, VERB_PEOPLE, ret);
}

enum sd_err keeper_on_explain(void *ctx, struct ipc_call *call, const struct keeper_explain_req *req) {
    struct keeper *k = ctx;
    struct asker asker SD_CLEANUP(asker_free) = {0};
    struct person_found person SD_CLEANUP(person_found_free) = {0};
    struct matter matter;
    bool may = false;
    enum sd_err err = asker_find(k, call, req->token, req->origin, &asker);
    if (err == SD_OK)
        err = matter_of(k, req->verb, req->ticket, req->queue, req->category, &matter);
    if (err == SD_OK)
        err = person_resolve(k, req->person, &person);
    if (err == SD_OK)
        err = may_ask(k, &asker, &person, &may);
    if (err)
        return err;
    struct leaf leaf = asker_leaf(&asker, req->origin, "explain");
    leaf.object = "person";
    leaf.object_id = may && person.there ? span_of(person.id, ID_BYTES) : SPAN_NONE;
    if (may && !person.there)
        return refuse_recorded(k, call, SD_ERR_NOTFOUND, &leaf);
    if (!may)
        return refuse_denied(k, call, &leaf);
    return explain(k, call, &person, &matter, &leaf);
}

/* ---- who can ---- */

struct can_list {
    struct buf raw, line, because, next;
    struct ipc_list list;
};

static void list_free(struct can_list *list) {
    buf_free(&list->raw);
    buf_free(&list->line);
    buf_free(&list->because);
    buf_free(&list->next);
}

static enum sd_err put_who(struct keeper *k, struct query *q, const struct demand *demand, struct can_list *list) {
    uint8_t id[ID_BYTES];
    struct rules rules;
    const struct rule *by = NULL;
    struct wanted wanted = {demand->verb, demand->queue, demand->category};
    query_get_fixed(q, 0, id, sizeof id);
    enum sd_err err = rules_of(k, span_of(id, sizeof id), &rules);
    if (err || rights_judge(rules.rules, rules.count, &wanted, k->spec.now_ms(), &by) != RIGHT_GRANTED || !by)
        return err;
    buf_reset(&list->line);
    buf_reset(&list->because);
    put_rule_name(&list->because, by);
    put_where(&list->because, by, demand->verb);
    struct json_out j = json_out(&list->line);
    json_begin_object(&j, NULL);
    json_hex(&j, "id", span_of(id, sizeof id));
    json_text(&j, "name", query_get(q, 1));
    json_text(&j, "email", query_get(q, 3));
    json_cstr(&j, "role", person_role_text((unsigned)query_get_int(q, 2)));
    json_text(&j, "because", buf_span(&list->because));
    json_end(&j);
    ipc_list_add(&list->list, &list->raw, buf_span(&list->line));
    return buf_err(&list->line);
}

#define LIST_MAX 50

static enum sd_err list_who(struct keeper *k, const struct matter *matter, struct span after, struct can_list *list) {
    struct query q = db_query(k->db, SQL_PERSON_FROM);
    enum sd_err err = SD_OK;
    query_text(&q, after);
    while (err == SD_OK && query_row(&q)) {
        if (query_get_int(&q, 4) == PERSON_ACTIVE)
            err = put_who(k, &q, &matter->demand, list);
        if (list->list.count == LIST_MAX) {
            buf_put(&list->next, query_get(&q, 3));
            break;
        }
    }
    enum sd_err end = query_end(&q);
    err = err ? err : end;
    return err ? err : buf_err(&list->raw);
}

static enum sd_err answer_who(struct keeper *k, struct ipc_call *call, const struct keeper_who_can_req *req,
                              const struct matter *matter, struct leaf *leaf) {
    struct can_list list SD_CLEANUP(list_free) = {
        .raw = buf_new(LIMIT_IPC_INLINE_BYTES), .line = buf_new(4096), .because = buf_new(512), .next = buf_new(512)};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    enum sd_err err = list_who(k, matter, req->after, &list);
    struct keeper_who_can_rep rep = {.people = list.list, .next = buf_span(&list.next)};
    if (err == SD_OK)
        err = keeper_who_can_rep_encode(&out, &rep);
    leaf->outcome = OUTCOME_GRANTED;
    return err ? err : answer_recorded(k, call, &out, leaf);
}

enum sd_err keeper_on_who_can(void *ctx, struct ipc_call *call, const struct keeper_who_can_req *req) {
    struct keeper *k = ctx;
    struct asker asker SD_CLEANUP(asker_free) = {0};
    struct matter matter;
    bool may = false;
    enum sd_err err = asker_find(k, call, req->token, req->origin, &asker);
    if (err == SD_OK)
        err = matter_of(k, req->verb, req->ticket, req->queue, req->category, &matter);
    if (err == SD_OK)
        err = asker_may(k, &asker, VERB_PEOPLE, &may);
    if (err)
        return err;
    struct leaf leaf = asker_leaf(&asker, req->origin, "who-can");
    leaf.object = "people";
    leaf.detail = span_cstr(verb_text(req->verb));
    if (!may)
        return refuse_denied(k, call, &leaf);
    return matter.status ? refuse_recorded(k, call, matter.status, &leaf) : answer_who(k, call, req, &matter, &leaf);
}
