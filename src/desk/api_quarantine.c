/*
 * GET /api/v1/quarantine: what is held, of the queues on which one may release. The keeper says what and why; names, subjects
 * and senders are sealed, and are opened here by the page as in other lists.
 */
#include "core/ipc/keeper.h"
#include "desk/attachment.h"
#include "desk/form.h"
#include "desk/present.h"
#include "store/ticket.h"

#define HELD_MAX 50 /* keeper.def: items of one answer */

struct held {
    struct json_in *json[HELD_MAX]; /* as the keeper wrote them; owned */
    struct object_id letters[HELD_MAX];
    size_t count;
    struct keys keys;
};

static void held_free(struct held *held) {
    for (size_t i = 0; i < held->count; i++)
        in_free(&held->json[i]);
}

/* Whatever is no item of ours is left out. */
static void take_items(struct held *held, struct ipc_list items) {
    struct ipc_list_iter iter = ipc_list_start(items);
    struct span text;
    while (held->count < HELD_MAX && ipc_list_next(&iter, &text)) {
        struct json_in *json = NULL;
        if (in_read(text, &json) != SD_OK ||
            id_from_text(in_text(in_member(json, "letter")), &held->letters[held->count]) != SD_OK) {
            in_free(&json);
            continue;
        }
        held->json[held->count++] = json;
    }
}

static enum sd_err put_number(struct json_out *j, struct store *store, const struct json_in *item, struct arena *arena) {
    struct object_id id;
    struct ticket_id ticket;
    struct ticket_row row;
    enum sd_err err = id_from_text(in_text(in_member(item, "ticket")), &id);
    if (err == SD_OK)
        err = ticket_id_from(object_id_span(&id), &ticket);
    if (err == SD_OK)
        err = ticket_get(store, &ticket, arena, &row);
    if (err == SD_OK)
        json_int(j, "number", row.number);
    else
        json_put_null(j, "number");
    return err && sd_err_fault(err) == SD_FAULT_OURS ? err : SD_OK;
}

static void put_no_head(struct json_out *j) {
    json_put_null(j, "subject");
    json_put_null(j, "from");
    json_put_null(j, "name");
}

static enum sd_err put_head(struct json_out *j, struct store *store, const struct held *held, size_t i) {
    struct head head SD_CLEANUP(head_free) = {0};
    if (held->keys.keys[i].n == 0) {
        put_no_head(j);
        return SD_OK;
    }
    enum sd_err err = read_head_or_say(store, &held->letters[i], held->keys.keys[i], &head);
    if (err)
        return err;
    bool is_file = span_eq(in_text(in_member(held->json[i], "kind")), SPAN("file"));
    int64_t index = in_int(in_member(held->json[i], "index"), UINT16_MAX);
    json_text(j, "subject", head.card.subject);
    put_mailbox(j, "from", head.card.from_name, head.card.from_address);
    if (is_file && index >= 0 && index < UINT16_MAX)
        json_text(j, "name", attachment_name_in(&head.card, (uint16_t)index));
    else
        json_put_null(j, "name");
    return SD_OK;
}

static void put_words(struct json_out *j, const struct json_in *item) {
    static const char *const members[] = {"kind",      "ticket", "queue",      "category",    "state",
                                          "signature", "engine", "scanned_at", "received_at", "disposition"};
    for (size_t i = 0; i < SD_COUNT(members); i++) {
        const struct json_in *value = in_member(item, members[i]);
        if (in_kind(value) == IN_TEXT)
            json_text(j, members[i], in_text(value));
        else
            json_put_null(j, members[i]);
    }
}

static enum sd_err put_item(struct json_out *j, struct store *store, const struct held *held, size_t i, struct arena *arena) {
    const struct json_in *item = held->json[i];
    json_begin_object(j, NULL);
    json_text(j, "id", in_text(in_member(item, "id")));
    put_id(j, "message", held->letters[i].b);
    put_words(j, item);
    json_int(j, "index", in_int(in_member(item, "index"), 0));
    put_finding_words(j, in_member(item, "findings"));
    enum sd_err err = put_number(j, store, item, arena);
    if (err == SD_OK)
        err = put_head(j, store, held, i);
    json_end(j);
    return err;
}

static enum sd_err respond_held(struct desk *desk, struct exchange *x, const struct held *held, uint64_t next) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    if (err)
        return err;
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    json_begin_array(&j, "items");
    for (size_t i = 0; i < held->count && err == SD_OK; i++)
        err = put_item(&j, lease.store, held, i, x->arena);
    json_end(&j);
    json_next_number(&j, next);
    json_end(&j);
    return err;
}

enum sd_err api_quarantine_list(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct held held SD_CLEANUP(held_free) = {0};
    struct keeper_quarantine_list_req req = {.token = x->session.token, .origin = x->request->client};
    struct keeper_quarantine_list_rep rep;
    if (!cursor_number(x, &req.before))
        return SD_OK;
    intend(x, VERB_RELEASE, SPAN_NONE);
    enum sd_err err = keeper_quarantine_list_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err)
        return err;
    take_items(&held, rep.items);
    err = read_head_keys(desk, x, held.letters, held.count, &held.keys);
    return err ? err : respond_held(desk, x, &held, rep.next);
}
