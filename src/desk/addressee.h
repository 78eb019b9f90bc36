/*
 * addressee.h - who an answer goes to unless the agent names others: the ticket's customer, and never somebody who only
 * claims to be. What the store says of it is a proposal; the keeper signs for participants of the ticket alone.
 */
#ifndef SD_DESK_ADDRESSEE_H
#define SD_DESK_ADDRESSEE_H

#include "core/arena.h"
#include "core/ipc/cards.h"
#include "store/message.h"
#include "store/ticket.h"

/* Which letter is answered, and why it is not simply the newest one. */
enum addressee_why {
    ADDRESSEE_NEWEST,      /* the customer wrote last */
    ADDRESSEE_NOT_SURE,    /* behind the customer's letter came one that may not be theirs */
    ADDRESSEE_NO_STRANGER, /* behind it came one from somebody who takes no part */
    ADDRESSEE_CLAIMED,     /* nobody wrote as the customer: the address that the newest letter claims */
};
struct addressee_choice {
    bool is_there; /* false: nobody wrote */
    struct object_id answered;
    bool is_customer; /* that letter was written as the customer */
    enum addressee_why why;
};

/* Rows of one ticket, oldest first; start with zeroes and the letter that opened it. */
struct addressee_scan {
    struct object_id first; /* who opened a ticket takes part in it, even when it was to join another as a stranger */
    bool has_newest, has_customer, has_participant;
    bool newest_is_stranger, newest_is_customer;
    struct object_id newest, customer, participant;
};
void addressee_see(struct addressee_scan *scan, const struct message_row *row);
struct addressee_choice addressee_choose(const struct addressee_scan *scan);
/* Over all messages of the ticket. */
enum sd_err addressee_find(struct store *store, const struct ticket_row *ticket, struct addressee_choice *ret) SD_MUST_CHECK;

struct addressee {
    struct span name, address;
    bool is_reply_to;   /* not the letter's author, but where its Reply-To leads */
    struct span reason; /* one sentence for the agent; empty when the answer goes to whom one would think */
};
/*
 * From the head card of the letter that is answered. Its Reply-To counts when the letter is the customer's and verified, and
 * SPF proved the domain: a signature alone may leave Reply-To open to whoever passes the letter on, and the same domain is no
 * proof of the same person where a provider gives everybody an address in it. SD_ERR_PARSE: there is no address to answer to.
 */
enum sd_err addressee_of(const struct cards_head_v1 *answered, const struct addressee_choice *choice, struct arena *arena,
                         struct addressee *ret) SD_MUST_CHECK;

#endif
