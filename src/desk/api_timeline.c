/* GET /api/v1/tickets/{id}/timeline: the store's events and the keeper's record, oldest first. */
#include "core/ipc/keeper.h"
#include "core/json_out.h"
#include "desk/present.h"
#include "desk/ticket_find.h"
#include "desk/timeline.h"
#include "store/event.h"

static enum sd_err load_events(struct desk *desk, struct exchange *x, const struct ticket_row *ticket, struct timeline *t) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    struct event_row *rows;
    size_t count = 0;
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = event_list(lease.store, &ticket->id, LIMIT_LIST_ITEMS, x->arena, &rows, &count);
    for (size_t i = 0; i < count && err == SD_OK; i++)
        timeline_add_event(t, &rows[i], x->arena);
    return err;
}

static enum sd_err load_history(struct desk *desk, struct exchange *x, const struct ticket_row *ticket, struct timeline *t) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_history_req req = {
        .token = x->session.token, .origin = x->request->client, .ticket = ticket_id_span(&ticket->id)};
    struct keeper_history_rep rep;
    enum sd_err err = keeper_history_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err)
        return err;
    struct ipc_list_iter iter = ipc_list_start(rep.records);
    struct span record;
    while (ipc_list_next(&iter, &record))
        timeline_add_record(t, record, x->arena);
    return arena_err(x->arena);
}

static enum sd_err ask_names(struct desk *desk, struct exchange *x, const struct timeline *t, struct names *names) {
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < t->count && err == SD_OK; i++)
        if (t->items[i].actor_name.n == 0 && t->items[i].is_person)
            err = names_ask(desk, x, names, t->items[i].actor_id);
    return err;
}

static void put_item(struct json_out *j, const struct timeline_item *item, const struct names *names) {
    json_begin_object(j, NULL);
    json_time(j, "at", item->at_ms);
    json_cstr(j, "kind", item->kind);
    json_begin_object(j, "actor");
    json_cstr(j, "kind", item->is_person ? "person" : item->actor_kind);
    json_text(j, "id", item->actor_id);
    json_text(j, "name",
              item->actor_name.n ? item->actor_name
              : item->is_person  ? names_of(names, item->actor_id)
                                 : item->actor_id);
    json_end(j);
    json_text(j, "detail", item->detail);
    if (item->has_object)
        put_id(j, "message", item->object.b);
    else
        json_put_null(j, "message");
    json_end(j);
}

enum sd_err api_timeline_get(struct desk *desk, struct exchange *x) {
    struct ticket_row ticket;
    struct names names = {0};
    struct timeline *t = arena_alloc(x->arena, sizeof *t);
    enum sd_err err = t ? ticket_find(desk, x, &ticket) : arena_err(x->arena);
    if (err == SD_OK)
        err = load_history(desk, x, &ticket, t); /* first: it says whether the person may */
    if (err == SD_OK)
        err = load_events(desk, x, &ticket, t);
    if (err == SD_OK)
        err = ask_names(desk, x, t, &names);
    if (err)
        return err;
    timeline_sort(t);
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    json_begin_array(&j, "items");
    for (size_t i = 0; i < t->count; i++)
        put_item(&j, &t->items[i], &names);
    json_end(&j);
    json_end(&j);
    return SD_OK;
}
