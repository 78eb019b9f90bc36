/* session_open.h - what every way to sign in has at its end: a session, and what the desk is told of it. */
#ifndef SD_KEEPER_SESSION_OPEN_H
#define SD_KEEPER_SESSION_OPEN_H

#include "keeper/handlers.h"
#include "keeper/person.h"

struct session_opened {
    uint8_t session[ID_BYTES], token[SESSION_TOKEN_BYTES];
    struct sha256 csrf;
    struct buf person, raw; /* the id in hexadecimal; the list's items */
    struct ipc_list queues;
    int64_t expires_ms;
    enum factor factor;
    bool limited;
};
void session_opened_free(struct session_opened *opened);
/* Within a transaction: person, factor, limited and origin as in session_make(); says when the person was last here. */
enum sd_err session_open(struct keeper *k, const struct person *person, const struct session_new *session,
                         struct session_opened *ret) SD_MUST_CHECK;

/* The record of an attempt to sign in, refused so far. person NULL or not there: nobody that we know. */
struct leaf sign_in_leaf(const struct person *person, struct span origin);
/* What the log says of one that was let in. */
const char *sign_in_word(enum factor factor, bool limited);

#endif
