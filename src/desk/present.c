#include "desk/present.h"
#include "auth/auth.h"
#include "core/ipc/keeper.h"
#include "desk/input.h"
#include "desk/present_trust.h"

void put_id(struct json_out *j, const char *key, const uint8_t id[16]) {
    json_hex(j, key, span_of(id, 16));
}

void put_mailbox(struct json_out *j, const char *key, struct span name, struct span address) {
    json_begin_object(j, key);
    json_text(j, "name", name);
    json_text(j, "address", address);
    json_end(j);
}

void put_mailboxes(struct json_out *j, const char *key, struct ipc_list list) {
    struct ipc_list_iter iter = ipc_list_start(list);
    struct span item;
    json_begin_array(j, key);
    while (ipc_list_next(&iter, &item)) {
        struct cards_mailbox_v1 mailbox;
        if (cards_mailbox_v1_decode(item, NULL, &mailbox) == SD_OK)
            put_mailbox(j, NULL, mailbox.name, mailbox.address);
    }
    json_end(j);
}

void put_card_json(struct json_out *j, const char *key, struct span json, char first) {
    struct json_in *value SD_CLEANUP(in_free) = NULL;
    if (in_read(json, &value) == SD_OK && in_kind(value) == (first == '{' ? IN_OBJECT : IN_LIST)) {
        json_raw(j, key, json);
        return;
    }
    if (first == '{') {
        json_put_null(j, key);
    } else {
        json_begin_array(j, key);
        json_end(j);
    }
}

void put_trust_members(struct json_out *j, const struct cards_head_v1 *card) {
    json_cstr(j, "level", card->trust <= TRUST_VERIFIED ? trust_level_text(card->trust) : trust_level_text(TRUST_FAILED));
    json_text(j, "domain", card->trust_domain);
    json_text(j, "sentence", card->trust_sentence);
}

void put_trust(struct json_out *j, const struct cards_head_v1 *card) {
    json_begin_object(j, "trust");
    put_trust_members(j, card);
    json_end(j);
}

void put_date(struct json_out *j, const char *key, int64_t unix_ms) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(64);
    put_rfc3339(&text, unix_ms);
    if (unix_ms == 0 || text.n == 0)
        json_put_null(j, key);
    else
        json_text(j, key, buf_span(&text));
}

void put_ticket(struct json_out *j, const struct ticket_row *row, const struct cards_head_v1 *card, struct span assignee_name) {
    put_id(j, "id", row->id.b);
    json_int(j, "number", row->number);
    json_text(j, "queue", row->queue);
    json_cstr(j, "state", ticket_state_text(row->state));
    json_text(j, "subject", card->subject);
    put_mailbox(j, "from", card->from_name, card->from_address);
    put_trust(j, card);
    if (row->assignee.n) {
        json_text(j, "assignee", row->assignee);
        json_text(j, "assignee_name", assignee_name);
    } else {
        json_put_null(j, "assignee");
        json_put_null(j, "assignee_name");
    }
    json_cstr(j, "category", category_text(row->category));
    json_time(j, "updated_at", row->updated_ms);
    json_int(j, "revision", row->revision);
}

enum sd_err put_counts(const struct desk *desk, struct json_out *j, struct store *store, const struct ticket_row *row,
                       const struct cards_head_v1 *card, struct arena *arena) {
    struct message_row first = {0};
    enum sd_err err = message_get(store, &row->first, arena, &first);
    if (err && err != SD_ERR_NOTFOUND)
        return err;
    json_int(j, "messages", row->messages);
    json_int(j, "warnings", count_warnings(desk, card, &first));
    return SD_OK;
}

struct span names_of(const struct names *names, struct span id) {
    for (size_t i = 0; i < names->count; i++)
        if (span_eq(names->ids[i], id))
            return names->names[i];
    return SPAN_NONE;
}

enum sd_err names_ask(struct desk *desk, struct exchange *x, struct names *names, struct span id) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_person_req req = {.token = x->session.token, .origin = x->request->client, .person = id};
    struct keeper_person_rep rep;
    if (id.n == 0 || id.n > PERSON_ID_MAX || names->count == NAMES_MAX)
        return SD_OK;
    for (size_t i = 0; i < names->count; i++)
        if (span_eq(names->ids[i], id))
            return SD_OK;
    enum sd_err err = keeper_person_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err && err != SD_ERR_NOTFOUND && err != SD_ERR_DENIED)
        return err;
    names->ids[names->count] = arena_span(x->arena, id);
    names->names[names->count++] = err ? SPAN_NONE : arena_span(x->arena, rep.name);
    return arena_err(x->arena);
}

enum sd_err respond_ticket(struct desk *desk, struct exchange *x, const struct ticket_row *row) {
    struct names names = {0};
    struct keys keys;
    struct lease lease SD_CLEANUP(lease_end) = {0};
    struct head head SD_CLEANUP(head_free) = {0};
    enum sd_err err = names_ask(desk, x, &names, row->assignee);
    if (err == SD_OK)
        err = read_head_keys(desk, x, &row->first, 1, &keys);
    if (err == SD_OK && keys.keys[0].n == 0)
        err = SD_ERR_NOTFOUND;
    if (err == SD_OK)
        err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = read_head_or_say(lease.store, &row->first, keys.keys[0], &head);
    if (err)
        return err;
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    put_ticket(&j, row, &head.card, names_of(&names, row->assignee));
    err = put_counts(desk, &j, lease.store, row, &head.card, x->arena);
    json_end(&j);
    respond_etag(x, (uint64_t)row->revision);
    return err;
}
