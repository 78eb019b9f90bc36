/*
 * GET /api/v1/messages/{id}: head, text and sanitised HTML, each opened on the record; …/html: that alone, for a frame;
 * …/attachments: what is known of them.
 */
#include "core/limits.h"
#include "core/log.h"
#include "desk/attachment.h"
#include "desk/present.h"
#include "desk/present_trust.h"
#include "desk/problem.h"
#include "desk/ticket_find.h"
#include "mail/mail.h"
#include "store/facet.h"

#define TEXT_PLAIN_MAX (2 * LIMIT_TEXT_BYTES)    /* the inspector cuts at LIMIT_TEXT_BYTES and says so */
#define HTML_PLAIN_MAX ((size_t)4 * 1024 * 1024) /* the sanitiser writes 1 MiB (mail/html_clean.h), and end tags */

struct opened {
    struct object_id object;
    struct ticket_id ticket; /* by the keeper's word */
    struct message_row row;
    struct custody custody;
    struct head head;
    struct buf text, html;
    bool text_lost; /* its bytes are gone or were changed */
    bool has_html;
};

static void opened_free(struct opened *o) {
    head_free(&o->head);
    buf_free(&o->text);
    buf_free(&o->html);
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

static void put_html(struct json_out *j, const struct opened *o) {
    json_bool(j, "has_html", o->has_html);
    if (o->html.n)
        json_text(j, "html", buf_span(&o->html));
    else
        json_put_null(j, "html");
}

static void put_opened(const struct desk *desk, struct exchange *x, const struct opened *o) {
    const struct cards_head_v1 *card = &o->head.card;
    struct custody_item item = custody_of(&o->custody, &o->object);
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
    put_html(&j, o);
    put_custody(&j, &item);
    put_attachments(&j, "attachments", &o->object, card, &o->custody);
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
        err = facet_exists(lease.store, &o->object, FACET_HTML, &o->has_html);
    return err;
}

/* What was stored and is gone or was changed is not ours to fail at: the rest of the message is shown. */
static enum sd_err read_or_lose(struct store *store, const struct object_id *object, enum facet facet, struct span key,
                                size_t max, struct buf *to) {
    enum sd_err err = read_facet(store, object, facet, key, max, to);
    if (err && sd_err_fault(err) == SD_FAULT_PEER)
        log_warn("desk.facet", "facet=%s error=%s", facet_name(facet), sd_err_name(err));
    return err;
}

static enum sd_err load_content(struct desk *desk, struct exchange *x, struct opened *o, struct span head_key,
                                struct span text_key, struct span html_key) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = read_head_or_say(lease.store, &o->object, head_key, &o->head);
    if (err)
        return err;
    err = read_or_lose(lease.store, &o->object, FACET_TEXT, text_key, TEXT_PLAIN_MAX, &o->text);
    o->text_lost = err && sd_err_fault(err) == SD_FAULT_PEER;
    if (err && !o->text_lost)
        return err;
    err = html_key.n ? read_or_lose(lease.store, &o->object, FACET_HTML, html_key, HTML_PLAIN_MAX, &o->html) : SD_OK;
    return err && sd_err_fault(err) == SD_FAULT_PEER ? SD_OK : err;
}

/* Whoever shows HTML in a frame takes it from …/html, and asks here for none: that is one opening less. */
static bool wants_html(const struct exchange *x, const struct opened *o) {
    struct span asked = SPAN_NONE;
    return o->has_html && !(http_param(x->request, "html", &asked) && span_eq(asked, SPAN("false")));
}

enum sd_err api_message_get(struct desk *desk, struct exchange *x) {
    struct opened o SD_CLEANUP(opened_free) = {.text = buf_new(TEXT_PLAIN_MAX), .html = buf_new(HTML_PLAIN_MAX)};
    struct span head_key, text_key, html_key = SPAN_NONE;
    enum sd_err err = load_rows(desk, x, &o);
    if (err == SD_OK)
        err = read_key(desk, x, &o.object, FACET_HEAD, &head_key, &o.ticket);
    if (err == SD_OK)
        err = read_key(desk, x, &o.object, FACET_TEXT, &text_key, NULL);
    if (err == SD_ERR_UNSUPPORTED)
        return respond_unfit(desk, x, &o.object, &o.object, WANTED_MESSAGE);
    if (err == SD_OK && wants_html(x, &o))
        err = read_key(desk, x, &o.object, FACET_HTML, &html_key, NULL);
    if (err == SD_OK)
        err = custody_ask(desk, x, &o.object, &o.custody);
    if (err == SD_OK)
        err = load_content(desk, x, &o, head_key, text_key, html_key);
    if (err == SD_OK)
        put_opened(desk, x, &o);
    return err;
}

/* ---- the HTML alone ---- */

/* What is stored is a fragment. */
#define HTML_BEGIN                                                                                                             \
    "<!doctype html><html><head><meta charset=\"utf-8\"><style>body { margin: 1rem; font: 15px/1.5 system-ui, sans-serif; "    \
    "overflow-wrap: anywhere; color: #1f2523; background: #fff; }</style></head><body>\n"

static enum sd_err load_html(struct desk *desk, struct exchange *x, const struct opened *o, struct span key) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    buf_text(&x->response.body, HTML_BEGIN);
    if (err == SD_OK)
        err = read_facet(lease.store, &o->object, FACET_HTML, key, HTML_PLAIN_MAX, &x->response.body);
    buf_text(&x->response.body, "\n</body></html>\n");
    return err;
}

enum sd_err api_message_html(struct desk *desk, struct exchange *x) {
    struct opened o = {0};
    struct span key;
    enum sd_err err = load_rows(desk, x, &o);
    if (err == SD_OK && !o.has_html)
        err = SD_ERR_NOTFOUND;
    if (err == SD_OK)
        err = read_key(desk, x, &o.object, FACET_HTML, &key, NULL);
    if (err == SD_ERR_UNSUPPORTED)
        return respond_unfit(desk, x, &o.object, &o.object, WANTED_MESSAGE);
    if (err == SD_OK)
        err = load_html(desk, x, &o, key);
    if (err)
        return err;
    x->response.status = 200;
    x->response.type = "text/html; charset=utf-8";
    x->response.policy = POLICY_HTML;
    return SD_OK;
}

/* ---- its attachments ---- */

static enum sd_err respond_attachments(struct desk *desk, struct exchange *x, struct opened *o, struct span head_key) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = read_head_or_say(lease.store, &o->object, head_key, &o->head);
    if (err)
        return err;
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    put_attachments(&j, "items", &o->object, &o->head.card, &o->custody);
    json_end(&j);
    return SD_OK;
}

enum sd_err api_message_attachments(struct desk *desk, struct exchange *x) {
    struct opened o SD_CLEANUP(opened_free) = {0};
    struct span key;
    enum sd_err err = load_rows(desk, x, &o);
    if (err == SD_OK)
        err = read_key(desk, x, &o.object, FACET_HEAD, &key, NULL);
    if (err == SD_OK)
        err = custody_ask(desk, x, &o.object, &o.custody);
    return err ? err : respond_attachments(desk, x, &o, key);
}
