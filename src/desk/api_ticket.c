/* GET /api/v1/tickets/{id}: the ticket and the heads of its messages. */
#include "desk/addressee.h"
#include "desk/input.h"
#include "desk/present.h"
#include "desk/present_trust.h"
#include "desk/ticket_find.h"
#include "store/message.h"
#include "store/outbound.h"

#define MESSAGES_MAX 2000 /* of one ticket in one answer; a ticket longer than that is a loop */

/* One page of messages while the answer is written. */
struct thread {
    const struct ticket_row *row;
    struct message_row *messages;
    size_t count;
    struct outbound_row *outbound;
    size_t outbound_count;
    struct keys keys;
    struct addressee_choice choice;
    struct addressee to; /* once the letter of the choice was read; no address: nobody to answer to */
};

static void put_delivery(struct json_out *j, const struct thread *t, const struct message_row *message) {
    for (size_t i = 0; i < t->outbound_count; i++)
        if (span_eq(object_id_span(&t->outbound[i].object), object_id_span(&message->object))) {
            json_begin_object(j, "delivery");
            json_cstr(j, "state", delivery_state_text(t->outbound[i].state));
            json_int(j, "attempts", t->outbound[i].attempts);
            json_text(j, "status", t->outbound[i].status);
            json_end(j);
            return;
        }
    json_put_null(j, "delivery");
}

static void put_message(const struct desk *desk, struct json_out *j, const struct thread *t, const struct message_row *message,
                        const struct cards_head_v1 *card) {
    json_begin_object(j, NULL);
    put_id(j, "id", message->object.b);
    json_cstr(j, "direction", message->direction == DIRECTION_OUT ? "out" : "in");
    put_mailbox(j, "from", card->from_name, card->from_address);
    put_mailboxes(j, "to", card->to);
    put_mailboxes(j, "cc", card->cc);
    json_text(j, "subject", card->subject);
    put_date(j, "date", card->date_ms);
    json_time(j, "received_at", message->at_ms);
    put_sender(desk, j, card, message);
    json_int(j, "attachments", card->attachments.count);
    put_delivery(j, t, message);
    json_end(j);
}

static enum sd_err load_page(struct desk *desk, struct exchange *x, struct thread *t, const struct message_row *after) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = message_list(lease.store, &t->row->id, after, LIMIT_LIST_ITEMS, x->arena, &t->messages, &t->count);
    if (err == SD_OK)
        err = outbound_list(lease.store, &t->row->id, x->arena, &t->outbound, &t->outbound_count);
    if (err == SD_OK && !after)
        err = addressee_find(lease.store, t->row, &t->choice);
    return err;
}

static enum sd_err load_keys(struct desk *desk, struct exchange *x, struct thread *t) {
    struct object_id objects[LIMIT_LIST_ITEMS];
    for (size_t i = 0; i < t->count; i++)
        objects[i] = t->messages[i].object;
    return read_head_keys(desk, x, objects, t->count, &t->keys);
}

static bool is_answered(const struct thread *t, const struct message_row *message) {
    return t->choice.is_there && span_eq(object_id_span(&t->choice.answered), object_id_span(&message->object));
}

/* Copied: the card goes with its message. */
static enum sd_err take_addressee(struct thread *t, const struct cards_head_v1 *card, struct arena *arena) {
    enum sd_err err = addressee_of(card, &t->choice, arena, &t->to);
    if (err == SD_ERR_PARSE)
        return SD_OK;
    t->to.name = arena_span(arena, t->to.name);
    t->to.address = arena_span(arena, t->to.address);
    return err ? err : arena_err(arena);
}

static void put_reply_to(struct json_out *j, const struct thread *t) {
    if (t->to.address.n == 0) {
        json_put_null(j, "reply_to");
        return;
    }
    json_begin_object(j, "reply_to");
    json_text(j, "name", t->to.name);
    json_text(j, "address", t->to.address);
    if (t->to.reason.n)
        json_text(j, "reason", t->to.reason);
    else
        json_put_null(j, "reason");
    json_end(j);
}

static enum sd_err put_messages(struct json_out *j, struct desk *desk, struct exchange *x, struct thread *t) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    for (size_t i = 0; i < t->count && err == SD_OK; i++) {
        struct head head SD_CLEANUP(head_free) = {0};
        if (t->keys.keys[i].n == 0)
            continue; /* not there for this person */
        err = read_head_or_say(lease.store, &t->messages[i].object, t->keys.keys[i], &head);
        if (err == SD_OK)
            put_message(desk, j, t, &t->messages[i], &head.card);
        if (err == SD_OK && is_answered(t, &t->messages[i]))
            err = take_addressee(t, &head.card, x->arena);
    }
    return err;
}

/* The item's members come from the first message, whose key is among the first page's. */
static enum sd_err put_top(struct json_out *j, struct desk *desk, struct exchange *x, const struct thread *t,
                           struct span assignee_name) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    struct head head SD_CLEANUP(head_free) = {0};
    for (size_t i = 0; i < t->count; i++) {
        if (t->keys.keys[i].n == 0)
            continue;
        enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
        if (err == SD_OK)
            err = read_head_or_say(lease.store, &t->messages[i].object, t->keys.keys[i], &head);
        if (err == SD_OK)
            put_ticket(j, t->row, &head.card, assignee_name);
        return err;
    }
    return SD_ERR_NOTFOUND; /* no message of it may be seen: the ticket is not there */
}

enum sd_err api_ticket_get(struct desk *desk, struct exchange *x) {
    struct ticket_row row;
    struct names names = {0};
    enum sd_err err = ticket_find(desk, x, &row);
    struct thread *t = arena_alloc(x->arena, sizeof *t);
    if (err || !t)
        return err ? err : arena_err(x->arena);
    t->row = &row;
    err = names_ask(desk, x, &names, row.assignee);
    if (err == SD_OK)
        err = load_page(desk, x, t, NULL);
    if (err == SD_OK)
        err = load_keys(desk, x, t);
    if (err)
        return err;
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    err = put_top(&j, desk, x, t, names_of(&names, row.assignee));
    json_begin_array(&j, "messages");
    for (size_t done = 0; err == SD_OK && t->count > 0 && done < MESSAGES_MAX;) {
        err = put_messages(&j, desk, x, t);
        done += t->count;
        bool last = t->count < LIMIT_LIST_ITEMS;
        if (err || last)
            break;
        struct message_row after = t->messages[t->count - 1];
        err = load_page(desk, x, t, &after);
        if (err == SD_OK)
            err = load_keys(desk, x, t);
    }
    json_end(&j);
    put_reply_to(&j, t);
    json_end(&j);
    respond_etag(x, (uint64_t)row.revision);
    return err;
}
