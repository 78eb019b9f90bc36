/*
 * event.h - what happened to a ticket, for its page. For display: the record that can be proved is the keeper's log.
 */
#ifndef SD_STORE_EVENT_H
#define SD_STORE_EVENT_H

#include "store/store.h"

/*
 * name, number in stored data (never changes its meaning), text. Detail of RELEASED: "letter", or "attachment 1" and so on; of
 * VERDICT: the word of the letter's state as it is now (core/ipc/states.h). SPAM and NOT_SPAM: so a person decided (learn.h).
 */
#define EVENT_KIND_LIST(X)                                                                                                     \
    X(RECEIVED, 1, "received")                                                                                                 \
    X(QUEUED, 2, "queued")                                                                                                     \
    X(SENT, 3, "sent")                                                                                                         \
    X(DEFERRED, 4, "deferred")                                                                                                 \
    X(FAILED, 5, "failed")                                                                                                     \
    X(CHANGED, 6, "changed")                                                                                                   \
    X(CHECK, 7, "check")                                                                                                       \
    X(RELEASED, 8, "released")                                                                                                 \
    X(VERDICT, 9, "verdict")                                                                                                   \
    X(SPAM, 10, "spam")                                                                                                        \
    X(NOT_SPAM, 11, "not-spam")
#define EVENT_KIND_LAST EVENT_NOT_SPAM
enum event_kind {
#define X(name, number, text) EVENT_##name = number,
    EVENT_KIND_LIST(X)
#undef X
};
const char *event_kind_text(unsigned kind); /* "unknown" for other numbers */

struct event_row {
    int64_t at_ms;
    enum event_kind kind;
    struct span actor;  /* person id, or a process: "clerk", "courier" */
    struct span detail; /* no content: state words, codes ("2.0.0 TLSv1.3") */
    bool has_object;
    struct object_id object; /* the message it is about */
};
#define EVENT_ACTOR_MAX PERSON_ID_MAX
#define EVENT_DETAIL_MAX 128

enum sd_err event_add(struct store *store, const struct ticket_id *ticket, const struct event_row *event) SD_MUST_CHECK;
/* Oldest first; the newest `limit`, 1 … LIMIT_LIST_ITEMS. */
enum sd_err event_list(struct store *store, const struct ticket_id *ticket, size_t limit, struct arena *arena,
                       struct event_row **ret_rows, size_t *ret_count) SD_MUST_CHECK;

#endif
