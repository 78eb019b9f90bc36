/*
 * ticket.h - tickets as lists and filters see them. What may be done with one is the keeper's decision, not these rows'.
 */
#ifndef SD_STORE_TICKET_H
#define SD_STORE_TICKET_H

#include "core/ipc/states.h"
#include "store/store.h"

struct ticket_row {
    struct ticket_id id;
    int64_t number; /* for people: ascending, unique, from 1 */
    struct span queue;
    enum ticket_state state;
    struct span assignee; /* person id; empty: nobody */
    int64_t revision;     /* from 1; +1 at each change */
    int64_t created_ms, updated_ms;
    uint32_t messages;
    struct object_id first; /* the first message: its head card has the list's subject and sender */
    bool has_last_inbound;
    struct object_id last_inbound;
    enum category category; /* as the keeper was told; for display */
};

enum sd_err ticket_get(struct store *store, const struct ticket_id *id, struct arena *arena,
                       struct ticket_row *ret) SD_MUST_CHECK; /* SD_ERR_NOTFOUND */
enum sd_err ticket_get_number(struct store *store, int64_t number, struct arena *arena,
                              struct ticket_row *ret) SD_MUST_CHECK; /* SD_ERR_NOTFOUND */

/* Where the next page goes on: the last row of the one before. */
struct ticket_cursor {
    int64_t updated_ms;
    struct ticket_id id;
};
struct ticket_filter {
    const struct span *queues; /* those that the session may see; none: an empty list */
    size_t queue_count;        /* at most TICKET_QUEUES_MAX */
    struct span queue;         /* only this one, if it is among them; empty: all of them */
    bool has_state;
    enum ticket_state state;
    /* Tickets with at least one incoming message that has all of these. */
    bool has_trust;
    uint8_t trust; /* enum trust_level (auth/policy.h) */
    bool has_signal;
    uint8_t signal; /* enum auth_signal (auth/policy.h), below 63 */
    bool has_domain_tag;
    uint8_t domain_tag[DOMAIN_TAG_BYTES]; /* as keeper.domain_tag gives it */
    bool has_after;
    struct ticket_cursor after;
    size_t limit; /* 1 … LIMIT_LIST_ITEMS */
};
#define TICKET_QUEUES_MAX 64 /* keeper.def: queues of one session */

/* Newest change first. */
enum sd_err ticket_list(struct store *store, const struct ticket_filter *filter, struct arena *arena,
                        struct ticket_row **ret_rows, size_t *ret_count) SD_MUST_CHECK;

/* Rows per state of one queue, for the side panel: ret[enum ticket_state]. */
#define TICKET_STATES 6
enum sd_err ticket_counts(struct store *store, struct span queue, uint64_t ret[TICKET_STATES]) SD_MUST_CHECK;

/* Changes with the revision that the person saw: SD_ERR_STALE when it is another by now (nothing changed), SD_ERR_NOTFOUND. */
enum sd_err ticket_set_state(struct store *store, const struct ticket_id *id, int64_t revision, enum ticket_state state,
                             int64_t now_ms) SD_MUST_CHECK;
enum sd_err ticket_set_assignee(struct store *store, const struct ticket_id *id, int64_t revision, struct span person,
                                int64_t now_ms) SD_MUST_CHECK; /* empty: nobody */
enum sd_err ticket_set_queue(struct store *store, const struct ticket_id *id, int64_t revision, struct span queue,
                             int64_t now_ms) SD_MUST_CHECK;

enum sd_err ticket_set_category(struct store *store, const struct ticket_id *id, int64_t revision, enum category category,
                                int64_t now_ms) SD_MUST_CHECK;

/* The keeper's word on it when a letter is filed: no change of a person's, so no revision is waited for. */
enum sd_err ticket_file_category(struct store *store, const struct ticket_id *id, enum category category) SD_MUST_CHECK;

/* The same about its state: when a letter was released from quarantine, say. */
enum sd_err ticket_file_state(struct store *store, const struct ticket_id *id, enum ticket_state state,
                              int64_t now_ms) SD_MUST_CHECK;

/* Makes the ticket, still without messages, unless it is there; then its queue becomes the one given, which is the keeper's
 * word. message_add (message.h) counts messages and sets the state. */
enum sd_err ticket_ensure(struct store *store, const struct ticket_id *id, struct span queue, enum ticket_state state,
                          const struct object_id *first, int64_t now_ms) SD_MUST_CHECK;

#endif
