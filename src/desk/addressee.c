#include "desk/addressee.h"
#include "auth/auth.h"
#include "core/limits.h"
#include "desk/input.h"

#define PAGE_ARENA_BYTES ((size_t)1024 * 1024)

/* ---- which letter ---- */

static bool is_strangers(const struct addressee_scan *scan, const struct message_row *row) {
    return (row->signals >> AUTH_SIGNAL_STRANGER & 1) && !span_eq(object_id_span(&row->object), object_id_span(&scan->first));
}

void addressee_see(struct addressee_scan *scan, const struct message_row *row) {
    if (row->direction != DIRECTION_IN)
        return;
    scan->has_newest = true;
    scan->newest = row->object;
    scan->newest_is_stranger = is_strangers(scan, row);
    scan->newest_is_customer = row->as_customer;
    if (row->as_customer) {
        scan->has_customer = true;
        scan->customer = row->object;
    }
    if (!scan->newest_is_stranger) {
        scan->has_participant = true;
        scan->participant = row->object;
    }
}

struct addressee_choice addressee_choose(const struct addressee_scan *scan) {
    enum addressee_why passed_over = scan->newest_is_stranger ? ADDRESSEE_NO_STRANGER : ADDRESSEE_NOT_SURE;
    if (scan->newest_is_customer)
        return (struct addressee_choice){true, scan->newest, true, ADDRESSEE_NEWEST};
    if (scan->has_customer)
        return (struct addressee_choice){true, scan->customer, true, passed_over};
    if (scan->has_participant)
        return (struct addressee_choice){true, scan->participant, false,
                                         scan->newest_is_stranger ? ADDRESSEE_NO_STRANGER : ADDRESSEE_CLAIMED};
    return (struct addressee_choice){scan->has_newest, scan->newest, false, ADDRESSEE_CLAIMED};
}

enum sd_err addressee_find(struct store *store, const struct ticket_row *ticket, struct addressee_choice *ret) {
    struct addressee_scan scan = {.first = ticket->first};
    struct message_row last;
    size_t count = LIMIT_LIST_ITEMS;
    for (bool first = true; count == LIMIT_LIST_ITEMS; first = false) {
        struct arena *arena SD_CLEANUP(arena_free) = arena_new(PAGE_ARENA_BYTES);
        struct message_row *rows;
        enum sd_err err = message_list(store, &ticket->id, first ? NULL : &last, LIMIT_LIST_ITEMS, arena, &rows, &count);
        if (err)
            return err;
        for (size_t i = 0; i < count; i++)
            addressee_see(&scan, &rows[i]);
        if (count > 0)
            last = rows[count - 1];
    }
    *ret = addressee_choose(&scan);
    return SD_OK;
}

/* ---- which address ---- */

static bool spf_proves(const struct json_in *checks) {
    return in_true(in_member(in_member(checks, "dmarc"), "spf_aligned"));
}

enum reply_to { REPLY_TO_NONE, REPLY_TO_ELSEWHERE, REPLY_TO_COUNTS };

static enum reply_to judge_reply_to(const struct cards_head_v1 *card, const struct mail_address *from, bool is_customer,
                                    struct arena *arena, struct mail_address *ret) {
    struct json_in *checks SD_CLEANUP(in_free) = NULL;
    if (card->reply_to.n == 0 || mail_parse_mailbox(card->reply_to, arena, ret) != SD_OK ||
        span_ieq(ret->address, from->address))
        return REPLY_TO_NONE;
    if (!is_customer || card->trust != TRUST_VERIFIED || in_read(card->checks, &checks) != SD_OK)
        return REPLY_TO_ELSEWHERE;
    return spf_proves(checks) ? REPLY_TO_COUNTS : REPLY_TO_ELSEWHERE;
}

/* Addresses are bytes from outside: put, not printed. */
static struct span sentence(const char *before, struct span address, const char *between, struct span other,
                            struct arena *arena) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(1024);
    buf_text(&text, before);
    buf_put(&text, address);
    buf_text(&text, between);
    buf_put(&text, other);
    buf_byte(&text, '.');
    return arena_span(arena, buf_span(&text));
}

static const char *const reasons[] = {
    [ADDRESSEE_NEWEST] = NULL,
    [ADDRESSEE_NO_STRANGER] = "The newest message came from somebody who takes no part in this ticket; the answer goes to ",
    [ADDRESSEE_NOT_SURE] = "It is not certain that the newest message came from the customer; the answer goes to ",
    [ADDRESSEE_CLAIMED] =
        "Nobody in this ticket was recognised as its customer; the answer goes to the address that the message "
        "claims, ",
};

static struct span reason_of(enum addressee_why why, enum reply_to leads, struct span to, struct span reply_to,
                             struct arena *arena) {
    if (reasons[why])
        return sentence(reasons[why], to, "", SPAN_NONE, arena);
    if (leads == REPLY_TO_COUNTS)
        return sentence("The customer asks for answers to ", to, "", SPAN_NONE, arena);
    if (leads == REPLY_TO_ELSEWHERE)
        return sentence("The message asks for answers to ", reply_to, ", which nothing proves; the answer goes to ", to, arena);
    return SPAN_NONE;
}

enum sd_err addressee_of(const struct cards_head_v1 *answered, const struct addressee_choice *choice, struct arena *arena,
                         struct addressee *ret) {
    struct mail_address from, reply_to = {0};
    if (mail_parse_mailbox(answered->from_address, arena, &from) != SD_OK)
        return SD_ERR_PARSE;
    struct addressee to = {.name = answered->from_name, .address = answered->from_address};
    enum reply_to leads = judge_reply_to(answered, &from, choice->is_customer, arena, &reply_to);
    if (leads == REPLY_TO_COUNTS)
        to = (struct addressee){.address = reply_to.address, .is_reply_to = true};
    to.reason = reason_of(choice->why, leads, to.address, reply_to.address, arena);
    enum sd_err err = arena_err(arena);
    if (err == SD_OK)
        *ret = to;
    return err;
}
