#include "desk/reply.h"
#include "auth/auth.h"
#include "core/codec.h"

#include <string.h>

#define ID_RANDOM_BYTES 16 /* nobody guesses our Message-IDs, so a reference to one means something */
#define REFERENCES_SENT 20 /* a field of about 1.5 KB */

/* ---- what the client sent ---- */

/* LF line ends, which mail_build turns into CRLF: a bare CR must not reach it. */
static struct span normal_lines(struct span text, struct arena *arena) {
    uint8_t *p = arena_alloc(arena, text.n ? text.n : 1);
    size_t n = 0;
    for (size_t i = 0; p && i < text.n; i++) {
        bool is_cr = text.p[i] == '\r';
        if (is_cr && i + 1 < text.n && text.p[i + 1] == '\n')
            continue;
        p[n++] = is_cr ? '\n' : text.p[i];
    }
    return span_of(p, n);
}

static void read_text(const struct json_in *value, struct arena *arena, struct reply_wish *wish, struct field_errors *errors) {
    struct span text = in_text(value);
    if (in_kind(value) != IN_TEXT)
        field_wrong(errors, SPAN("text"), "required", "The answer's text.");
    else if (text.n > REPLY_TEXT_MAX)
        field_wrong(errors, SPAN("text"), "too-long", "At most 1 MiB.");
    else if (!span_is_utf8(text))
        field_wrong(errors, SPAN("text"), "characters", "The text contains a NUL character.");
    else if (span_trim(text).n == 0)
        field_wrong(errors, SPAN("text"), "required", "The answer has no text.");
    else
        wish->text = normal_lines(text, arena);
}

static void read_one_cc(const struct json_in *value, size_t i, struct arena *arena, struct reply_wish *wish,
                        struct field_errors *errors) {
    struct mail_address address;
    struct span text = span_trim(in_text(value));
    if (text.n == 0 || text.n > LIMIT_ADDRESS_BYTES || !span_is_ascii(text) ||
        mail_parse_mailbox(text, arena, &address) != SD_OK)
        field_wrong(errors, arena_printf(arena, "cc[%zu]", i), "address", "Not an e-mail address that can be used.");
    else
        wish->cc[wish->cc_count++] = address;
}

static void read_cc(const struct json_in *value, struct arena *arena, struct reply_wish *wish, struct field_errors *errors) {
    if (in_kind(value) == IN_ABSENT || in_kind(value) == IN_NULL)
        return;
    if (in_kind(value) != IN_LIST || in_count(value) > REPLY_CC_MAX) {
        field_wrong(errors, SPAN("cc"), "list", "A list of at most 50 addresses.");
        return;
    }
    for (size_t i = 0; i < in_count(value); i++)
        read_one_cc(in_item(value, i), i, arena, wish, errors);
}

enum sd_err reply_read(const struct json_in *body, struct arena *arena, struct reply_wish *ret, struct field_errors *errors) {
    static const char *const known[] = {"text", "cc"};
    struct span name;
    if (in_unknown(body, known, SD_COUNT(known), &name))
        field_wrong(errors, arena_span(arena, name), "unexpected", "Only text and cc are taken.");
    read_text(in_member(body, "text"), arena, ret, errors);
    read_cc(in_member(body, "cc"), arena, ret, errors);
    return arena_err(arena);
}

enum sd_err reply_fingerprint(struct span idempotency_key, struct span ticket, const struct reply_wish *wish,
                              struct arena *arena, struct reply_fingerprint *ret) {
    struct buf asked SD_CLEANUP(buf_free) = buf_new(2 * REPLY_TEXT_MAX);
    struct span named = arena_printf(arena, "sealdesk reply %.*s", SPAN_FMT(idempotency_key));
    struct reply_fingerprint made;
    buf_blob(&asked, ticket);
    buf_blob(&asked, wish->text);
    for (size_t i = 0; i < wish->cc_count; i++)
        buf_blob(&asked, wish->cc[i].address);
    enum sd_err err = buf_err(&asked);
    if (err == SD_OK)
        err = arena_err(arena);
    if (err == SD_OK)
        err = crypt_sha256(named, &made.key);
    /* Keyed by what only the client knows: the store must not hold a hash by which a text could be guessed. */
    if (err == SD_OK)
        err = crypt_hmac_sha256(idempotency_key, buf_span(&asked), &made.request);
    if (err == SD_OK)
        *ret = made;
    return err;
}

/* ---- the message ---- */

/* Cut at a character, to what the head card holds. */
static struct span cut_utf8(struct span s, size_t max) {
    if (s.n <= max)
        return s;
    while (max > 0 && (s.p[max] & 0xc0) == 0x80)
        max--;
    return span_sub(s, 0, max);
}

struct span reply_subject(struct span subject, struct arena *arena) {
    subject = span_trim(subject);
    if (span_istarts(subject, SPAN("re:")))
        return subject;
    if (subject.n == 0)
        return SPAN("Re: your message");
    struct span kept = cut_utf8(subject, LIMIT_SUBJECT_BYTES - 4);
    uint8_t *p = arena_alloc(arena, kept.n + 4);
    if (!p)
        return SPAN_NONE;
    memcpy(p, "Re: ", 4);
    memcpy(p + 4, kept.p, kept.n);
    return span_of(p, kept.n + 4);
}

/* Whether an id from outside can stand between brackets in a field of ours. */
static bool id_usable(struct span id) {
    for (size_t i = 0; i < id.n; i++)
        if (id.p[i] <= 0x20 || id.p[i] >= 0x7f || id.p[i] == '<' || id.p[i] == '>')
            return false;
    return id.n > 0 && id.n <= 900;
}

/* Oldest first (RFC 5322 §3.6.4), the newest REFERENCES_SENT of them, and the message answered. */
static void plan_references(const struct cards_head_v1 *answered, struct reply_plan *plan) {
    struct span newest_first[REFERENCES_SENT];
    struct ipc_list_iter iter = ipc_list_start(answered->references);
    struct span id;
    size_t count = 0, n = 0;
    while (count < REFERENCES_SENT && ipc_list_next(&iter, &id))
        if (id_usable(id) && !span_eq(id, answered->message_id))
            newest_first[count++] = id;
    while (count > 0)
        plan->references[n++] = newest_first[--count];
    if (id_usable(answered->message_id)) {
        plan->references[n++] = answered->message_id;
        plan->draft.in_reply_to = answered->message_id;
    }
    plan->draft.references = plan->references;
    plan->draft.reference_count = n;
}

static struct span make_message_id(struct span hostname, struct arena *arena) {
    uint8_t bytes[ID_RANDOM_BYTES];
    struct buf hex SD_CLEANUP(buf_free) = buf_new(2 * sizeof bytes);
    random_bytes(bytes, sizeof bytes);
    put_hex(&hex, span_of(bytes, sizeof bytes));
    return arena_printf(arena, "%.*s@%.*s", SPAN_FMT(buf_span(&hex)), SPAN_FMT(hostname));
}

/* local+token@domain. */
static enum sd_err plan_reply_to(const struct reply_facts *facts, const struct mail_address *from, struct arena *arena,
                                 struct mail_address *ret) {
    struct span text = arena_printf(arena, "%.*s+%.*s@%.*s", SPAN_FMT(from->local), SPAN_FMT(facts->reply_token),
                                    SPAN_FMT(from->domain));
    return mail_parse_mailbox(text, arena, ret);
}

enum sd_err reply_plan(const struct reply_facts *facts, const struct reply_wish *wish, struct arena *arena,
                       struct reply_plan *ret) {
    struct mail_draft *draft = &ret->draft;
    if (mail_parse_mailbox(facts->to.address, arena, &ret->to) != SD_OK)
        return SD_ERR_PARSE;
    ret->to.display = facts->to.name;
    enum sd_err err = mail_parse_mailbox(facts->queue_address, arena, &draft->from);
    if (err == SD_OK)
        err = plan_reply_to(facts, &draft->from, arena, &draft->reply_to);
    if (err)
        return SD_ERR_BUG; /* our own address, from the keeper */
    draft->from.display = facts->queue;
    draft->to = &ret->to;
    draft->to_count = 1;
    draft->cc = wish->cc;
    draft->cc_count = wish->cc_count;
    draft->subject = reply_subject(facts->answered->subject, arena);
    draft->message_id = make_message_id(facts->hostname, arena);
    draft->text = wish->text;
    draft->date_unix_ms = facts->now_ms;
    plan_references(facts->answered, ret);
    return arena_err(arena);
}

static void add_mailbox(struct ipc_list *list, struct buf *raw, const struct mail_address *address) {
    struct ipc_out one SD_CLEANUP(ipc_out_free) = ipc_card_new(2048);
    struct cards_mailbox_v1 mailbox = {.name = cut_utf8(address->display, 512), .address = address->address};
    enum sd_err err = cards_mailbox_v1_encode(&one, &mailbox);
    if (err)
        buf_fail(raw, err);
    else
        ipc_list_add(list, raw, buf_span(&one.body));
}

enum sd_err reply_card(const struct reply_plan *plan, struct ipc_out *card) {
    const struct mail_draft *draft = &plan->draft;
    struct buf to SD_CLEANUP(buf_free) = buf_new(64 * 1024), cc SD_CLEANUP(buf_free) = buf_new(64 * 1024),
                  references SD_CLEANUP(buf_free) = buf_new(64 * 1024);
    struct cards_head_v1 head = {.subject = draft->subject,
                                 .from_name = cut_utf8(draft->from.display, 512),
                                 .from_address = draft->from.address,
                                 .reply_to = draft->reply_to.address,
                                 .date_ms = draft->date_unix_ms,
                                 .message_id = draft->message_id,
                                 .trust = TRUST_VERIFIED,
                                 .trust_domain = draft->from.domain,
                                 .trust_sentence = SPAN("Sent from this desk."),
                                 .checks = SPAN("{\"spf\":null,\"dkim\":[],\"dmarc\":null}"),
                                 .signals = SPAN("[]"),
                                 .ambiguities = SPAN("[]")};
    for (size_t i = 0; i < draft->to_count; i++)
        add_mailbox(&head.to, &to, &draft->to[i]);
    for (size_t i = 0; i < draft->cc_count; i++)
        add_mailbox(&head.cc, &cc, &draft->cc[i]);
    for (size_t i = draft->reference_count; i > 0; i--)
        ipc_list_add(&head.references, &references, draft->references[i - 1]);
    enum sd_err err = buf_err(&to);
    if (err == SD_OK)
        err = buf_err(&cc);
    if (err == SD_OK)
        err = buf_err(&references);
    return err ? err : cards_head_v1_encode(card, &head);
}
