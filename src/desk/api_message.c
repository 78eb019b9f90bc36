/* GET /api/v1/messages/{id}: head and text, each opened on the record. */
#include "core/limits.h"
#include "desk/input.h"
#include "desk/present.h"
#include "desk/present_trust.h"
#include "desk/problem.h"
#include "desk/ticket_find.h"
#include "mail/mail.h"
#include "store/facet.h"
#include "store/message.h"

#define TEXT_PLAIN_MAX (2 * LIMIT_TEXT_BYTES) /* the inspector cuts at LIMIT_TEXT_BYTES and says so */

struct opened {
    struct object_id object;
    struct ticket_id ticket; /* by the keeper's word */
    struct message_row row;
    struct attachment_row *attachments;
    size_t attachment_count;
    struct head head;
    struct buf text;
    bool text_lost; /* its bytes are gone or were changed */
};

static void opened_free(struct opened *o) {
    head_free(&o->head);
    buf_free(&o->text);
}

static void put_attachment(struct json_out *j, const struct opened *o, uint16_t index, const struct cards_attachment_v1 *card) {
    struct object_id id;
    enum object_state state = OBJECT_UNSCANNED;
    if (attachment_object_id(&o->object, index, &id) != SD_OK)
        return;
    for (size_t i = 0; i < o->attachment_count; i++)
        if (span_eq(object_id_span(&o->attachments[i].object), object_id_span(&id)))
            state = o->attachments[i].state;
    json_begin_object(j, NULL);
    put_id(j, "id", id.b);
    json_text(j, "name", card->name);
    json_text(j, "type", card->type);
    json_int(j, "size", (int64_t)card->size_bytes);
    json_cstr(j, "state", object_state_text(state));
    json_end(j);
}

static void put_attachments(struct json_out *j, const struct opened *o) {
    struct ipc_list_iter iter = ipc_list_start(o->head.card.attachments);
    struct span item;
    json_begin_array(j, "attachments");
    for (uint16_t i = 0; ipc_list_next(&iter, &item); i++) {
        struct cards_attachment_v1 card;
        if (cards_attachment_v1_decode(item, NULL, &card) == SD_OK)
            put_attachment(j, o, i, &card);
    }
    json_end(j);
}

/* The ids as they are, and beside them what each means. */
static void put_ambiguities(struct json_out *j, struct span ids) {
    struct json_in *list SD_CLEANUP(in_free) = NULL;
    enum sd_err err = in_read(ids, &list);
    put_card_json(j, "ambiguities", ids, '[');
    json_begin_array(j, "ambiguity_notes");
    for (size_t i = 0; err == SD_OK && i < in_count(list); i++)
        for (unsigned a = 0; a < MAIL_AMBIGUITY_COUNT; a++)
            if (span_eq(in_text(in_item(list, i)), span_cstr(mail_ambiguity_id(a)))) {
                json_begin_object(j, NULL);
                json_cstr(j, "id", mail_ambiguity_id(a));
                json_cstr(j, "sentence", mail_ambiguity_sentence(a));
                json_end(j);
            }
    json_end(j);
}

static void put_opened(const struct desk *desk, struct exchange *x, const struct opened *o) {
    const struct cards_head_v1 *card = &o->head.card;
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    put_id(&j, "id", o->object.b);
    put_id(&j, "ticket", o->ticket.b);
    json_cstr(&j, "direction", o->row.direction == DIRECTION_OUT ? "out" : "in");
    put_mailbox(&j, "from", card->from_name, card->from_address);
    put_mailboxes(&j, "to", card->to);
    put_mailboxes(&j, "cc", card->cc);
    json_text(&j, "subject", card->subject);
    put_date(&j, "date", card->date_ms);
    json_time(&j, "received_at", o->row.at_ms);
    json_text(&j, "message_id", card->message_id);
    if (o->text_lost)
        json_put_null(&j, "text");
    else
        json_text(&j, "text", buf_span(&o->text));
    json_put_null(&j, "html"); /* not before there is a sanitiser for it */
    put_attachments(&j, o);
    put_sender(desk, &j, card, &o->row);
    put_ambiguities(&j, card->ambiguities);
    json_end(&j);
}

static enum sd_err load_rows(struct desk *desk, struct exchange *x, struct opened *o) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = path_id(x, &o->object);
    if (err == SD_OK)
        err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = message_get(lease.store, &o->object, x->arena, &o->row);
    if (err == SD_OK)
        err = attachment_list(lease.store, &o->object, x->arena, &o->attachments, &o->attachment_count);
    return err;
}

static enum sd_err load_content(struct desk *desk, struct exchange *x, struct opened *o, struct span head_key,
                                struct span text_key) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = read_head_or_say(lease.store, &o->object, head_key, &o->head);
    if (err)
        return err;
    err = read_facet(lease.store, &o->object, FACET_TEXT, text_key, TEXT_PLAIN_MAX, &o->text);
    o->text_lost = err && sd_err_fault(err) == SD_FAULT_PEER;
    return o->text_lost ? SD_OK : err;
}

enum sd_err api_message_get(struct desk *desk, struct exchange *x) {
    struct opened o SD_CLEANUP(opened_free) = {.text = buf_new(TEXT_PLAIN_MAX)};
    struct span head_key, text_key;
    enum sd_err err = load_rows(desk, x, &o);
    if (err == SD_OK)
        err = read_key(desk, x, &o.object, FACET_HEAD, &head_key, &o.ticket);
    if (err == SD_OK)
        err = read_key(desk, x, &o.object, FACET_TEXT, &text_key, NULL);
    if (err == SD_OK)
        err = load_content(desk, x, &o, head_key, text_key);
    if (err == SD_OK)
        put_opened(desk, x, &o);
    return err;
}
