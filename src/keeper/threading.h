/*
 * threading.h - which ticket a letter belongs to. A token or a reference only proposes; whether the ticket is taken is decided
 * here, on facts that the keeper holds. No I/O.
 */
#ifndef SD_KEEPER_THREADING_H
#define SD_KEEPER_THREADING_H

#include "auth/auth.h"
#include "core/ipc/states.h"

struct proposal {
    bool by_token;           /* else by a reference to a known Message-ID */
    bool same_queue;         /* the ticket is in the queue the letter came to */
    bool sender_participant; /* the letter's author takes part in the ticket */
    enum ticket_state state; /* of the ticket */
};

enum join { JOIN_NO = 0, JOIN_YES = 1 };
enum join threading_join(const struct proposal *proposal, enum disposition disposition);
/* The joined ticket's state from now on: a customer's word reopens what was closed or waiting for them. */
enum ticket_state threading_state_joined(enum ticket_state state);
/* A new ticket's state. */
enum ticket_state threading_state_new(enum disposition disposition);

#endif
