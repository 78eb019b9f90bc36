/* PATCH /api/v1/tickets/{id}: state, assignee, category, queue. The keeper records each wish before the store changes. */
#include "core/ipc/keeper.h"
#include "desk/input.h"
#include "desk/present.h"
#include "desk/problem.h"
#include "desk/ticket_find.h"
#include "store/event.h"

#define QUEUE_NAME_MAX 64
#define PERSON_TEXT_MAX 320

/* What the body asks for. */
struct change {
    bool has_state, has_assignee, has_category, has_queue;
    enum ticket_state state;
    struct span assignee; /* as sent, then the person's id; empty: nobody */
    enum category category;
    struct span queue;
};

static bool may_become(enum ticket_state state) {
    return state == TICKET_OPEN || state == TICKET_PENDING || state == TICKET_CLOSED || state == TICKET_SPAM;
}

static void read_state(const struct json_in *value, struct change *change, struct field_errors *errors) {
    change->has_state = in_kind(value) != IN_ABSENT;
    if (change->has_state && (!ticket_state_from(in_text(value), &change->state) || !may_become(change->state)))
        field_wrong(errors, SPAN("state"), "unknown", "One of open, pending, closed, spam.");
}

static void read_assignee(const struct json_in *value, struct change *change, struct field_errors *errors) {
    change->has_assignee = in_kind(value) != IN_ABSENT;
    change->assignee = in_text(value);
    if (!change->has_assignee || in_kind(value) == IN_NULL)
        return;
    if (change->assignee.n == 0 || change->assignee.n > PERSON_TEXT_MAX || !span_is_utf8(change->assignee))
        field_wrong(errors, SPAN("assignee"), "unknown", "A colleague's id or e-mail address, or null.");
}

static void read_category(const struct json_in *value, struct change *change, struct field_errors *errors) {
    change->has_category = in_kind(value) != IN_ABSENT;
    if (change->has_category && !category_from(in_text(value), &change->category))
        field_wrong(errors, SPAN("category"), "unknown", "One of normal, confidential, special.");
}

static void read_queue(const struct json_in *value, struct change *change, struct field_errors *errors) {
    change->has_queue = in_kind(value) != IN_ABSENT;
    change->queue = in_text(value);
    if (change->has_queue && (change->queue.n == 0 || change->queue.n > QUEUE_NAME_MAX || !span_is_utf8(change->queue)))
        field_wrong(errors, SPAN("queue"), "unknown", "The name of a queue.");
}

static void read_change(const struct json_in *body, struct change *change, struct field_errors *errors) {
    static const char *const known[] = {"state", "assignee", "category", "queue"};
    struct span name;
    if (in_unknown(body, known, SD_COUNT(known), &name))
        field_wrong(errors, name, "unexpected", "Only state, assignee, category and queue can be changed.");
    if (in_count(body) == 0)
        field_wrong(errors, SPAN(""), "empty", "Send at least one of state, assignee, category and queue.");
    read_state(in_member(body, "state"), change, errors);
    read_assignee(in_member(body, "assignee"), change, errors);
    read_category(in_member(body, "category"), change, errors);
    read_queue(in_member(body, "queue"), change, errors);
    if (change->has_category && change->has_queue)
        field_wrong(errors, SPAN("category"), "one-at-a-time", "Change category and queue one after the other.");
}

/* The assignee's id; nobody of that name is a wrong field. */
static enum sd_err find_assignee(struct desk *desk, struct exchange *x, struct change *change, struct field_errors *errors) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_person_req req = {.token = x->session.token, .origin = x->request->client, .person = change->assignee};
    struct keeper_person_rep rep;
    if (!change->has_assignee || change->assignee.n == 0)
        return SD_OK;
    enum sd_err err = keeper_person_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_ERR_NOTFOUND || err == SD_ERR_DENIED) {
        field_wrong(errors, SPAN("assignee"), "unknown", "There is no such colleague.");
        return SD_OK;
    }
    if (err == SD_OK)
        change->assignee = arena_span(x->arena, rep.person);
    return err;
}

static enum sd_err act(struct desk *desk, struct exchange *x, const struct ticket_row *row, enum ticket_action action,
                       struct span detail) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_act_req req = {.token = x->session.token,
                                 .origin = x->request->client,
                                 .ticket = ticket_id_span(&row->id),
                                 .action = (uint8_t)action,
                                 .detail = detail};
    struct keeper_act_rep rep;
    return keeper_act_call(desk->keeper, &req, x->deadline, &msg, &rep);
}

static enum sd_err move(struct desk *desk, struct exchange *x, const struct ticket_row *row, struct span queue) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_move_req req = {
        .token = x->session.token, .origin = x->request->client, .ticket = ticket_id_span(&row->id), .queue = queue};
    struct keeper_move_rep rep;
    return keeper_move_call(desk->keeper, &req, x->deadline, &msg, &rep);
}

/* Moving comes last: afterwards the ticket may be out of this person's reach. */
static enum sd_err ask_keeper(struct desk *desk, struct exchange *x, const struct ticket_row *row,
                              const struct change *change) {
    enum sd_err err = SD_OK;
    if (change->has_state)
        err = act(desk, x, row, ACTION_STATE, span_cstr(ticket_state_text(change->state)));
    if (err == SD_OK && change->has_assignee)
        err = act(desk, x, row, ACTION_ASSIGN, change->assignee);
    if (err == SD_OK && change->has_category)
        err = act(desk, x, row, ACTION_CLASSIFY, span_cstr(category_text(change->category)));
    if (err == SD_OK && change->has_queue)
        err = move(desk, x, row, change->queue);
    if (err && change->has_state &&
        may_become(row->state)) /* all or nothing: the keeper must not know a state that nobody sees */
        (void)act(desk, x, row, ACTION_STATE, span_cstr(ticket_state_text(row->state)));
    return err;
}

/* What the spam filter learns from (store/learn.h): that somebody took it for spam, or says that it is none. */
static enum sd_err note_spam(struct store *store, struct span person, const struct ticket_row *row, enum ticket_state state,
                             int64_t now_ms) {
    bool spam = state == TICKET_SPAM && row->state != TICKET_SPAM;
    bool none = row->state == TICKET_SPAM && (state == TICKET_OPEN || state == TICKET_PENDING);
    struct event_row event = {.at_ms = now_ms, .kind = spam ? EVENT_SPAM : EVENT_NOT_SPAM, .actor = person};
    return spam || none ? event_add(store, &row->id, &event) : SD_OK;
}

/* Each field is one revision, all of them one transaction. */
static enum sd_err change_row(struct store *store, struct span person, const struct ticket_row *row,
                              const struct change *change) {
    int64_t revision = row->revision, now = clock_unix_ms();
    enum sd_err err = SD_OK;
    if (change->has_state)
        err = ticket_set_state(store, &row->id, revision++, change->state, now);
    if (err == SD_OK && change->has_state)
        err = note_spam(store, person, row, change->state, now);
    if (err == SD_OK && change->has_assignee)
        err = ticket_set_assignee(store, &row->id, revision++, change->assignee, now);
    if (err == SD_OK && change->has_category)
        err = ticket_set_category(store, &row->id, revision++, change->category, now);
    if (err == SD_OK && change->has_queue)
        err = ticket_set_queue(store, &row->id, revision, change->queue, now);
    return err;
}

static enum sd_err store_change(struct desk *desk, struct exchange *x, const struct change *change, struct ticket_row *row) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = store_begin(lease.store, x->deadline);
    if (err == SD_OK)
        err = change_row(lease.store, x->session.person, row, change);
    if (err == SD_OK)
        err = ticket_get(lease.store, &row->id, x->arena, row);
    if (err == SD_OK)
        err = store_commit(lease.store);
    return err;
}

/* What can be said without the keeper. True: the response is there. */
static bool refuse_change(struct exchange *x, const struct ticket_row *row, struct if_match condition) {
    if (condition.kind == IF_MATCH_ABSENT)
        respond_problem(x, PROBLEM_PRECONDITION, SPAN_NONE);
    else if (!if_match_permits(condition, (uint64_t)row->revision))
        respond_problem(x, PROBLEM_STALE, SPAN_NONE);
    else if (row->state == TICKET_QUARANTINE)
        respond_problem(x, PROBLEM_NOT_CHANGEABLE, SPAN_NONE);
    else
        return false;
    return true;
}

/* Moved or classified out of this person's reach: it was done, and there is nothing to show. */
static enum sd_err respond_changed(struct desk *desk, struct exchange *x, const struct ticket_row *row) {
    enum sd_err err = respond_ticket(desk, x, row);
    if (err != SD_ERR_NOTFOUND && err != SD_ERR_DENIED)
        return err;
    respond_empty(x);
    return SD_OK;
}

/* What the request says, checked. *ret_refused: the response is there. */
static enum sd_err read_request(struct desk *desk, struct exchange *x, const struct ticket_row *row, struct change *change,
                                bool *ret_refused) {
    struct json_in *body SD_CLEANUP(in_free) = NULL;
    struct field_errors errors = {0};
    enum sd_err err = SD_OK;
    *ret_refused = true;
    if (refuse_change(x, row, if_match_of(x->request->if_match)))
        return SD_OK;
    if (in_body(x->request, &body) != SD_OK) {
        respond_problem(x, PROBLEM_MALFORMED, SPAN("The body is not a JSON object."));
        return SD_OK;
    }
    read_change(body, change, &errors);
    change->assignee = arena_span(x->arena, change->assignee); /* they outlive the body */
    change->queue = arena_span(x->arena, change->queue);
    if (errors.count == 0)
        err = find_assignee(desk, x, change, &errors);
    *ret_refused = errors.count > 0;
    if (errors.count)
        respond_invalid(x, &errors);
    return err;
}

static void intend_change(struct exchange *x, const struct ticket_row *row, const struct change *change) {
    enum verb verb = change->has_state      ? VERB_STATE
                     : change->has_assignee ? VERB_ASSIGN
                     : change->has_category ? VERB_CLASSIFY
                                            : VERB_MOVE;
    intend(x, verb, ticket_id_span(&row->id));
}

static enum sd_err change_locked(struct desk *desk, struct exchange *x) {
    struct ticket_row row;
    struct change change = {0};
    bool refused = false;
    enum sd_err err = ticket_find(desk, x, &row);
    if (err == SD_OK)
        err = read_request(desk, x, &row, &change, &refused);
    if (err == SD_OK && refused)
        return ticket_seen(desk, x, &row); /* what was wrong is said to those alone who may know the ticket */
    if (err)
        return err;
    intend_change(x, &row, &change);
    err = ask_keeper(desk, x, &row, &change);
    if (err == SD_ERR_UNSUPPORTED) {
        respond_problem(x, PROBLEM_NOT_CHANGEABLE, SPAN("The ticket's state does not allow this change."));
        return SD_OK;
    }
    if (err == SD_OK)
        err = store_change(desk, x, &change, &row);
    return err ? err : respond_changed(desk, x, &row);
}

/* Of two changes of one ticket at the same revision one is stale before the keeper hears of it: else the keeper would hold the
 * loser's state, and the store the winner's. */
enum sd_err api_ticket_change(struct desk *desk, struct exchange *x) {
    pthread_mutex_t *lock = &desk->change_locks[x->id.n ? x->id.p[x->id.n - 1] % CHANGE_LOCKS : 0];
    (void)pthread_mutex_lock(lock);
    enum sd_err err = change_locked(desk, x);
    (void)pthread_mutex_unlock(lock);
    return err;
}
