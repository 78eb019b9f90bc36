/*
 * threading.h - which ticket a letter belongs to, and what it may do there. A token or a reference only proposes; what is
 * decided, is decided here, by the gates and on facts that the keeper holds. No I/O. Every verdict's zero denies.
 */
#ifndef SD_KEEPER_THREADING_H
#define SD_KEEPER_THREADING_H

#include "core/ipc/states.h"
#include "keeper/gates.h"

/* What a letter brings along. */
struct standing {
    enum trust_level trust;
    enum disposition disposition;
    bool automatic; /* RFC 3834: a bounce, a vacation notice, anything no person wrote */
};

/* What is known about its sender in the ticket that is proposed. */
struct part {
    bool takes;             /* the author takes part */
    enum trust_level trust; /* as trusted as their letters were when they came to take part, or later */
};

struct proposal {
    bool by_token;           /* else by a reference to a Message-ID of the ticket */
    bool ours;               /* that Message-ID is one we made: only who got it knows it */
    bool same_queue;         /* the ticket is in the queue the letter came to */
    enum ticket_state state; /* of the ticket */
    struct part part;
};

/* May the sender be treated as the ticket's customer? The one who opens a ticket may: it is theirs. */
enum customer { CUSTOMER_NO = 0, CUSTOMER_YES = 1 };
enum customer threading_customer(const struct gates *gates, const struct part *part, const struct standing *standing);
enum customer threading_opener(const struct standing *standing);

enum join { JOIN_NO = 0, JOIN_YES = 1 };
enum join threading_join(const struct gates *gates, const struct proposal *proposal, const struct standing *standing);

/* The joined ticket's state from now on: the word of a person who may reopens what was closed or waiting for them. */
enum ticket_state threading_state_joined(const struct gates *gates, const struct proposal *proposal,
                                         const struct standing *standing);

/* A new ticket's state, and the letter's disposition where a gate makes it stricter: shut is that gate's name, else NULL. */
struct opening {
    enum ticket_state state;
    enum disposition disposition;
    const char *shut;
};
struct opening threading_open(const struct gates *gates, const struct standing *standing);

/* Do the people in To and Cc come to take part? state: of the ticket, with this letter. */
enum people { PEOPLE_STAY_OUT = 0, PEOPLE_COME_IN = 1 };
enum people threading_people(const struct gates *gates, enum customer customer, enum ticket_state state,
                             const struct standing *standing);

#endif
