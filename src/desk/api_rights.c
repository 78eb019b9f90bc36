/* /api/v1/roles, /api/v1/grants, /api/v1/break-glass: the rules that say who may. */
#include "core/ipc/cards.h"
#include "core/ipc/keeper.h"
#include "core/json_out.h"
#include "desk/form.h"

#define RULES_MAX 64
#define RULE_BYTES 256
#define QUEUE_MAX 64
#define PERSON_MAX 320
#define REASON_MAX 256
#define ROLE_NAME_MAX 32

/* ---- a rule ---- */

static int64_t read_time(struct form *form, const struct json_in *object, const char *name) {
    struct form inner = {.body = (struct json_in *)(uintptr_t)object, .arena = form->arena};
    int64_t ms = form_time(&inner, name, FORM_OPTIONAL);
    if (inner.errors.count)
        field_wrong(&form->errors, span_cstr(name), "time", "A time in UTC, as in 2026-11-23T10:00:00Z.");
    return ms;
}

/* Appends one cards_rule_v1, made of an object's members. */
static enum sd_err read_rule(struct form *form, const struct json_in *object, struct buf *to) {
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(RULE_BYTES);
    const struct json_in *allow = in_member(object, "allow");
    struct span queue = in_text(in_member(object, "queue"));
    struct cards_rule_v1 rule = {
        .allow = in_kind(allow) == IN_ABSENT || in_true(allow),
        .verbs = form_verbs(form, in_member(object, "verbs"), "verbs"),
        .queue = queue,
        .categories = form_categories(form, in_member(object, "categories"), "categories", CATEGORIES_ALL),
        .from_ms = read_time(form, object, "from"),
        .until_ms = read_time(form, object, "until")};
    if (queue.n > QUEUE_MAX || !span_is_utf8(queue))
        field_wrong(&form->errors, SPAN("queue"), "unknown", "The name of a queue, or \"*\" for all.");
    if (in_kind(allow) == IN_NULL || in_kind(allow) == IN_TEXT)
        field_wrong(&form->errors, SPAN("allow"), "type", "true or false.");
    if (form->errors.count)
        return SD_OK;
    enum sd_err err = cards_rule_v1_encode(&card, &rule);
    buf_put(to, buf_span(&card.body));
    return err ? err : buf_err(to);
}

/* ---- roles ---- */

enum sd_err api_roles_list(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_role_list_req req = {.token = x->session.token, .origin = x->request->client};
    struct keeper_role_list_rep rep;
    enum sd_err err = keeper_role_list_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        respond_items(x, rep.roles, SPAN_NONE);
    return err;
}

static enum sd_err set_role(struct desk *desk, struct exchange *x, struct ipc_list rules, bool remove) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_role_set_req req = {
        .token = x->session.token, .origin = x->request->client, .name = x->id, .rules = rules, .remove = remove};
    struct keeper_role_set_rep rep;
    if (x->id.n > ROLE_NAME_MAX || !span_is_utf8(x->id))
        return SD_ERR_NOTFOUND;
    intend(x, VERB_PEOPLE, SPAN_NONE);
    enum sd_err err = keeper_role_set_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err)
        return err;
    if (rep.problem.n)
        respond_refused(x, rep.problem);
    else
        respond_empty(x);
    return SD_OK;
}

enum sd_err api_role_set(struct desk *desk, struct exchange *x) {
    static const char *const known[] = {"rules"};
    struct form form SD_CLEANUP(form_free) = {0};
    struct buf raw SD_CLEANUP(buf_free) = buf_new(LIMIT_IPC_INLINE_BYTES);
    struct ipc_list list = {0};
    if (!form_read(x, known, SD_COUNT(known), &form))
        return SD_OK;
    const struct json_in *rules = in_member(form.body, "rules");
    if (in_kind(rules) != IN_LIST || in_count(rules) == 0 || in_count(rules) > RULES_MAX)
        field_wrong(&form.errors, SPAN("rules"), "missing", "A list of 1 to 64 rules.");
    enum sd_err err = SD_OK;
    for (size_t i = 0; err == SD_OK && form.errors.count == 0 && i < in_count(rules); i++) {
        struct buf one SD_CLEANUP(buf_free) = buf_new(RULE_BYTES);
        err = read_rule(&form, in_item(rules, i), &one);
        ipc_list_add(&list, &raw, buf_span(&one));
    }
    if (err || form_wrong(x, &form))
        return err;
    return set_role(desk, x, list, false);
}

enum sd_err api_role_remove(struct desk *desk, struct exchange *x) {
    return set_role(desk, x, (struct ipc_list){0}, true);
}

/* ---- grants ---- */

enum sd_err api_grants_list(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_grant_list_req req = {.token = x->session.token, .origin = x->request->client};
    struct keeper_grant_list_rep rep;
    if (http_param(x->request, "person", &req.person) && (req.person.n > PERSON_MAX || !span_is_utf8(req.person)))
        return SD_ERR_NOTFOUND;
    if (!cursor_number(x, &req.after))
        return SD_OK;
    enum sd_err err = keeper_grant_list_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        respond_items_numbered(x, rep.grants, rep.next);
    return err;
}

static void respond_grant(struct exchange *x, uint64_t grant, int64_t until_ms) {
    struct json_out j = respond_json(x, 201);
    json_begin_object(&j, NULL);
    json_int(&j, "id", (int64_t)grant);
    if (until_ms)
        json_time(&j, "until", until_ms);
    json_end(&j);
}

enum sd_err api_grant_add(struct desk *desk, struct exchange *x) {
    static const char *const known[] = {"person", "allow", "verbs", "queue", "categories", "from", "until", "reason"};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct form form SD_CLEANUP(form_free) = {0};
    struct buf rule SD_CLEANUP(buf_free) = buf_new(RULE_BYTES);
    struct object_id person;
    struct keeper_grant_add_rep rep;
    if (!form_read(x, known, SD_COUNT(known), &form))
        return SD_OK;
    struct keeper_grant_add_req req = {.token = x->session.token,
                                       .origin = x->request->client,
                                       .person = form_text(&form, "person", PERSON_MAX, FORM_NEEDED),
                                       .reason = form_text(&form, "reason", REASON_MAX, FORM_NEEDED)};
    enum sd_err err = read_rule(&form, form.body, &rule);
    if (req.person.n && id_from_text(req.person, &person) != SD_OK)
        field_wrong(&form.errors, SPAN("person"), "unknown", "A person's id.");
    if (err || form_wrong(x, &form))
        return err;
    req.rule = buf_span(&rule);
    intend(x, VERB_PEOPLE, object_id_span(&person));
    err = keeper_grant_add_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err)
        return err;
    if (rep.problem.n)
        respond_refused(x, rep.problem);
    else
        respond_grant(x, rep.grant, 0);
    return SD_OK;
}

/* Whose grant it is: the gesture to take it back is bound to the person. */
static enum sd_err find_grantee(struct desk *desk, struct exchange *x, uint64_t grant, struct object_id *ret) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_grant_list_req req = {
        .token = x->session.token, .origin = x->request->client, .person = SPAN("*"), .after = grant - 1};
    struct keeper_grant_list_rep rep;
    struct json_in *first SD_CLEANUP(in_free) = NULL;
    struct span item = SPAN_NONE;
    enum sd_err err = keeper_grant_list_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err)
        return err;
    struct ipc_list_iter iter = ipc_list_start(rep.grants);
    if (!ipc_list_next(&iter, &item) || in_read(item, &first) != SD_OK || in_int(in_member(first, "id"), 0) != (int64_t)grant)
        return SD_ERR_NOTFOUND;
    return id_from_text(in_text(in_member(first, "person")), ret) == SD_OK ? SD_OK : SD_ERR_NOTFOUND;
}

enum sd_err api_grant_remove(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_grant_remove_req req = {.token = x->session.token, .origin = x->request->client};
    struct keeper_grant_remove_rep rep;
    struct object_id person;
    if (!path_number(x, &req.grant))
        return SD_ERR_NOTFOUND;
    enum sd_err err = keeper_grant_remove_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        respond_empty(x);
    if (err != SD_ERR_GESTURE && err != SD_ERR_APPROVAL)
        return err;
    enum sd_err found = find_grantee(desk, x, req.grant, &person);
    if (found)
        return found;
    intend(x, VERB_PEOPLE, object_id_span(&person));
    return err;
}

/* ---- emergency access ---- */

enum sd_err api_break_glass(struct desk *desk, struct exchange *x) {
    static const char *const known[] = {"queue", "reason", "minutes"};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct form form SD_CLEANUP(form_free) = {0};
    struct keeper_break_glass_rep rep;
    if (!form_read(x, known, SD_COUNT(known), &form))
        return SD_OK;
    struct keeper_break_glass_req req = {.token = x->session.token,
                                         .origin = x->request->client,
                                         .queue = form_text(&form, "queue", QUEUE_MAX, FORM_NEEDED),
                                         .reason = form_text(&form, "reason", REASON_MAX, FORM_NEEDED),
                                         .minutes = (uint32_t)form_number(&form, "minutes", 1, 1440, FORM_NEEDED)};
    if (form_wrong(x, &form))
        return SD_OK;
    intend(x, VERB_BREAK_GLASS, SPAN_NONE);
    enum sd_err err = keeper_break_glass_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err)
        return err;
    if (rep.problem.n)
        respond_refused(x, rep.problem);
    else
        respond_grant(x, rep.grant, rep.until_ms);
    return SD_OK;
}
