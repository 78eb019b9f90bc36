/* timeline.h - two histories made one: the store's events (what was done) and the keeper's records (who asked for what). */
#ifndef SD_DESK_TIMELINE_H
#define SD_DESK_TIMELINE_H

#include "core/arena.h"
#include "store/event.h"

struct timeline_item {
    int64_t at_ms;
    const char *kind; /* received, opened, listed, changed, queued, sent, deferred, failed, check, released, verdict */
    bool is_person;
    const char *actor_kind; /* of others: "system", "warrant", "root" */
    struct span actor_id, actor_name;
    struct span detail;
    bool has_object;
    struct object_id object;
};

#define TIMELINE_MAX (2 * LIMIT_LIST_ITEMS) /* event_list and keeper.history give at most 100 each */
struct timeline {
    struct timeline_item items[TIMELINE_MAX];
    size_t count;
};

/* The detail becomes a sentence, in the arena where it has to be made. */
void timeline_add_event(struct timeline *t, const struct event_row *event, struct arena *arena);
/* One record as `audit list` prints it. What the store's events tell already (adoption, signing, delivery) is left out, and so
 * is what cannot be read. */
void timeline_add_record(struct timeline *t, struct span json, struct arena *arena);
/* Oldest first; what one person did to one message in the same few seconds is one item. */
void timeline_sort(struct timeline *t);

/* "2026-11-23T10:00:00.123Z" to milliseconds since 1970. */
enum sd_err rfc3339_to_ms(struct span text, int64_t *ret) SD_MUST_CHECK;

#endif
