/*
 * message.h - messages of tickets, and the attachments of messages, which are objects of their own.
 */
#ifndef SD_STORE_MESSAGE_H
#define SD_STORE_MESSAGE_H

#include "core/ipc/states.h"
#include "store/store.h"

enum direction { DIRECTION_IN = 1, DIRECTION_OUT = 2 }; /* in stored data: never renumbered */

struct message_row {
    int64_t sequence; /* given by the store */
    struct object_id object;
    struct ticket_id ticket;
    enum direction direction;
    int64_t at_ms;       /* received, or sent by its author */
    uint8_t trust;       /* enum trust_level (auth/auth.h) */
    uint8_t disposition; /* enum disposition (auth/auth.h): the final one, the keeper's */
    enum object_state state;
    uint16_t attachments;
    uint64_t size_bytes; /* of the source */
    struct span author;  /* person id of an outgoing one; else empty */
    /* What the keeper found out about who sent it, of incoming ones; all zero for outgoing ones. For display and search. */
    uint64_t signals;       /* bits 1 << enum auth_signal (auth/policy.h): the inspector's and the keeper's */
    uint32_t known;         /* messages before this one from this address that were as trusted as this one, or more */
    int64_t known_since_ms; /* the first of them; 0: none */
    bool has_domain_tag;
    uint8_t domain_tag[DOMAIN_TAG_BYTES]; /* the keeper's keyed hash of the trust line's domain */
    bool as_customer;                     /* the sender may be treated as the ticket's customer */
    bool encrypted;                       /* the inbound hop was */
    bool stricter;                        /* the keeper came to a stricter disposition than the inspector */
};

/*
 * Adds a message (sequence is ignored) to a ticket that is there, and to the ticket's row: one message more, revision + 1, the
 * state given, updated_ms at least at_ms, and last_inbound. SD_ERR_EXISTS: this object is filed already, nothing changed.
 * SD_ERR_NOTFOUND: no such ticket.
 */
enum sd_err message_add(struct store *store, const struct message_row *message, enum ticket_state ticket_state) SD_MUST_CHECK;

enum sd_err message_get(struct store *store, const struct object_id *object, struct arena *arena,
                        struct message_row *ret) SD_MUST_CHECK; /* SD_ERR_NOTFOUND */

/* Oldest first, from the one behind `after` (a row of the page before; NULL: from the start); limit: 1 … LIMIT_LIST_ITEMS. */
enum sd_err message_list(struct store *store, const struct ticket_id *ticket, const struct message_row *after, size_t limit,
                         struct arena *arena, struct message_row **ret_rows, size_t *ret_count) SD_MUST_CHECK;

/* What was found in it later: for display, the keeper has its own. SD_ERR_NOTFOUND. */
enum sd_err message_set_state(struct store *store, const struct object_id *object, enum object_state state) SD_MUST_CHECK;

struct attachment_row {
    struct object_id object; /* attachment_object_id() of message and index */
    struct object_id message;
    uint16_t index;
    uint64_t size_bytes; /* of its content */
    enum object_state state;
};
enum sd_err attachment_add(struct store *store, const struct attachment_row *attachment) SD_MUST_CHECK; /* SD_ERR_EXISTS */
enum sd_err attachment_get(struct store *store, const struct object_id *object,
                           struct attachment_row *ret) SD_MUST_CHECK; /* SD_ERR_NOTFOUND */
/* By index; at most LIMIT_ATTACHMENTS. */
enum sd_err attachment_list(struct store *store, const struct object_id *message, struct arena *arena,
                            struct attachment_row **ret_rows, size_t *ret_count) SD_MUST_CHECK;
/* As message_set_state. */
enum sd_err attachment_set_state(struct store *store, const struct object_id *object, enum object_state state) SD_MUST_CHECK;

#endif
