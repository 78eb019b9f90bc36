/* GET /api/v1/explain and /api/v1/who-can: why somebody may or may not, and who may, in the keeper's words. */
#include "core/ipc/keeper.h"
#include "core/json_out.h"
#include "desk/form.h"
#include "desk/ticket_find.h"

#define PERSON_MAX 320
#define QUEUE_MAX 64

/* What is asked about: a ticket by id or number, or a queue and category, or the installation. */
struct matter {
    enum verb verb;
    struct object_id ticket;
    bool has_ticket;
    struct span queue;
    enum category category;
};

static bool asks(const struct exchange *x, const char *name, struct span *ret) {
    return http_param(x->request, name, ret) && ret->n > 0;
}

static void read_matter(const struct exchange *x, struct matter *matter, struct field_errors *errors) {
    struct span text = SPAN_NONE;
    if (!asks(x, "act", &text) || !verb_from(text, &matter->verb) || matter->verb == VERB_NONE)
        field_wrong(errors, SPAN("act"), "unknown", "Not the name of an act.");
    if (asks(x, "category", &text) && !category_from(text, &matter->category))
        field_wrong(errors, SPAN("category"), "unknown", "One of normal, confidential, special.");
    matter->has_ticket = asks(x, "ticket", &text);
    if (asks(x, "queue", &matter->queue) && (matter->queue.n > QUEUE_MAX || !span_is_utf8(matter->queue)))
        field_wrong(errors, SPAN("queue"), "unknown", "The name of a queue.");
    if (matter->has_ticket && matter->queue.n)
        field_wrong(errors, SPAN("queue"), "one-at-a-time", "Send ticket or queue.");
}

/* Whoever does not administer people learns of tickets only by being able to list them. */
static enum sd_err find_matter(struct desk *desk, struct exchange *x, struct matter *matter) {
    struct span text = SPAN_NONE;
    struct ticket_row row;
    if (!asks(x, "ticket", &text))
        return SD_OK;
    enum sd_err err = ticket_named(desk, x, text, &row);
    if (err == SD_OK && !(x->session.verbs & VERB_BIT(PEOPLE)))
        err = ticket_seen(desk, x, &row);
    if (err == SD_OK)
        err = object_id_from(ticket_id_span(&row.id), &matter->ticket);
    return err;
}

/* False: the response is there, or *ret_err says why there is none. */
static bool take_matter(struct desk *desk, struct exchange *x, struct matter *matter, enum sd_err *ret_err) {
    struct field_errors errors = {0};
    *ret_err = SD_OK;
    read_matter(x, matter, &errors);
    if (errors.count)
        respond_invalid(x, &errors);
    else
        *ret_err = find_matter(desk, x, matter);
    return errors.count == 0 && *ret_err == SD_OK;
}

static struct span ticket_of(const struct matter *matter) {
    return matter->has_ticket ? object_id_span(&matter->ticket) : SPAN_NONE;
}

static void respond_explanation(struct exchange *x, const struct keeper_explain_rep *rep) {
    struct ipc_list_iter iter = ipc_list_start(rep->lines);
    struct span line;
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    json_bool(&j, "may", rep->may);
    json_begin_object(&j, "person");
    json_text(&j, "id", rep->person);
    json_text(&j, "name", rep->name);
    json_end(&j);
    json_begin_array(&j, "lines");
    while (ipc_list_next(&iter, &line))
        json_text(&j, NULL, line);
    json_end(&j);
    json_end(&j);
}

enum sd_err api_explain(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct matter matter = {0};
    struct keeper_explain_rep rep;
    struct span person = x->session.person;
    enum sd_err err;
    if (asks(x, "person", &person) && (person.n > PERSON_MAX || !span_is_utf8(person)))
        return SD_ERR_NOTFOUND;
    if (!take_matter(desk, x, &matter, &err))
        return err;
    struct keeper_explain_req req = {.token = x->session.token,
                                     .origin = x->request->client,
                                     .person = person,
                                     .verb = (uint8_t)matter.verb,
                                     .ticket = ticket_of(&matter),
                                     .queue = matter.queue,
                                     .category = (uint8_t)matter.category};
    err = keeper_explain_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        respond_explanation(x, &rep);
    return err;
}

enum sd_err api_who_can(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct matter matter = {0};
    struct keeper_who_can_rep rep;
    struct span after;
    enum sd_err err;
    if (!cursor_param(x, PERSON_MAX, &after) || !take_matter(desk, x, &matter, &err))
        return x->response.status ? SD_OK : err;
    struct keeper_who_can_req req = {.token = x->session.token,
                                     .origin = x->request->client,
                                     .verb = (uint8_t)matter.verb,
                                     .ticket = ticket_of(&matter),
                                     .queue = matter.queue,
                                     .category = (uint8_t)matter.category,
                                     .after = after};
    err = keeper_who_can_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        respond_items(x, rep.people, rep.next);
    return err;
}
