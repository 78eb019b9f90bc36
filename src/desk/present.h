/* present.h - the pieces of JSON that several answers share. */
#ifndef SD_DESK_PRESENT_H
#define SD_DESK_PRESENT_H

#include "core/json_out.h"
#include "desk/reading.h"
#include "store/ticket.h"

void put_id(struct json_out *j, const char *key, const uint8_t id[16]);
/* {"name","address"} */
void put_mailbox(struct json_out *j, const char *key, struct span name, struct span address);
/* An array of them, from a list of cards_mailbox_v1. */
void put_mailboxes(struct json_out *j, const char *key, struct ipc_list list);
/* "trust": {"level","domain","sentence"}, as lists have it; and the members alone. */
void put_trust(struct json_out *j, const struct cards_head_v1 *card);
void put_trust_members(struct json_out *j, const struct cards_head_v1 *card);
/* Finished JSON out of a card, if it is what it should be (first: '{' or '['); else null or an empty array. */
void put_card_json(struct json_out *j, const char *key, struct span json, char first);
/* The date field; null when the message had none that could be read. */
void put_date(struct json_out *j, const char *key, int64_t unix_ms);

/* The members of a ticket but for "messages", without the braces. */
void put_ticket(struct json_out *j, const struct ticket_row *row, const struct cards_head_v1 *card, struct span assignee_name);

/* What a ticket has in lists besides: how many messages it has, and warnings about the first one. Errors are ours only. */
enum sd_err put_counts(const struct desk *desk, struct json_out *j, struct store *store, const struct ticket_row *row,
                       const struct cards_head_v1 *card, struct arena *arena) SD_MUST_CHECK;

/* Names of staff, asked once each in an exchange. */
#define NAMES_MAX 128
struct names {
    struct span ids[NAMES_MAX], names[NAMES_MAX];
    size_t count;
};
/* Asks the keeper: hold no store connection. Unknown ids stay nameless. */
enum sd_err names_ask(struct desk *desk, struct exchange *x, struct names *names, struct span id) SD_MUST_CHECK;
struct span names_of(const struct names *names, struct span id);

/* The ticket as an answer: {item}, with its revision as entity tag. SD_ERR_NOTFOUND when its head may not be opened. */
enum sd_err respond_ticket(struct desk *desk, struct exchange *x, const struct ticket_row *row) SD_MUST_CHECK;

#endif
