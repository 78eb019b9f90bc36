/*
 * leaf.h - what one record of the audit log says: who, did what, to which object, with what outcome. Ids, states and our own
 * words only: no name of a person, no address and no text of a customer; names of staff are put in when the log is listed. No
 * I/O.
 */
#ifndef SD_KEEPER_LEAF_H
#define SD_KEEPER_LEAF_H

#include "core/json_out.h"

/* Who acts. */
#define ACTOR_LIST(X)                                                                                                          \
    X(SYSTEM, "system")                                                                                                        \
    X(PERSON, "person")                                                                                                        \
    X(WARRANT, "warrant")                                                                                                      \
    X(ROOT, "root")
enum actor_kind {
#define X(name, text) ACTOR_##name,
    ACTOR_LIST(X)
#undef X
};

#define OUTCOME_LIST(X)                                                                                                        \
    X(REFUSED, "refused")                                                                                                      \
    X(GRANTED, "granted")                                                                                                      \
    X(FAILED, "failed")
enum outcome {
#define X(name, text) OUTCOME_##name,
    OUTCOME_LIST(X)
#undef X
};

/* What a record is about, for how long it is kept. X(NAME, "word") */
#define LEAF_CLASS_LIST(X)                                                                                                     \
    X(ACCESS, "access") /* who read, searched, wrote or moved what */                                                          \
    X(SECURITY,                                                                                                                \
      "security")       /* sign-ins, rights, keys, settings, alarms, readings of the log; and whatever has no other place */   \
    X(SYSTEM, "system") /* what came, what left, starts and stops */                                                           \
    X(ACT, "act")       /* that records were dropped: never dropped itself */
enum leaf_class {
#define X(name, text) LEAF_CLASS_##name,
    LEAF_CLASS_LIST(X)
#undef X
        LEAF_CLASS_COUNT
};
const char *leaf_class_text(enum leaf_class class);

struct leaf {
    enum actor_kind actor;
    struct span actor_id; /* raw id, or empty */
    const char *action;
    const char *object; /* kind; NULL: none */
    struct span object_id;
    struct span ticket; /* raw id, or empty */
    enum outcome outcome;
    const char *reason;  /* our own words; NULL: none */
    struct span detail;  /* our own word after the reason: a state, a queue */
    struct span origin;  /* the client's address; anything else is not written */
    struct span digest;  /* SHA-256 of what was received or signed, or empty */
    struct span note;    /* raw id of free text that is kept apart (permit.h), or empty; put in when it is listed */
    struct span objects; /* raw ids one after another, or empty: a list */
};

#define LEAF_LISTED_MAX 640 /* bytes of a listed record: what keeper.def's lists carry */

/* Appends the record from behind {"seq":N, to its end. */
void leaf_put(struct buf *to, const struct leaf *leaf, int64_t now_ms);

enum leaf_class leaf_class_of(struct span record);
/* RFC 3339, which sorts as text; empty: it has none. */
struct span leaf_time(struct span record);
/* What stands for a record whose data was dropped, {"seq":N,"dropped":"<leaf hash>"}; and the hash, of exactly such a text. */
#define LEAF_ACTION_DROPPED "log-dropped"
void leaf_put_dropped(struct buf *to, uint64_t seq, struct span hash);
bool leaf_dropped(struct span record, uint8_t ret_hash[32]);

/* The record's ticket, or false. */
bool leaf_ticket(struct span record, uint8_t ret[16]);
/* The person's id (hex) when a person acted, or an empty span. */
struct span leaf_person(struct span record);
/* The id (hex) of the free text that goes with it, or an empty span. */
struct span leaf_note(struct span record);
/* An opening that a person was granted: who, what and how. */
struct leaf_opening {
    uint8_t person[16];
    uint8_t object[16];
    unsigned facet; /* enum facet (crypt/seal.h) */
};
bool leaf_opened(struct span record, struct leaf_opening *ret);
/* The record as it is listed: with the person's name (empty: none), a list of objects as its count. */
void leaf_listing(struct buf *to, struct span record, struct span name);

#endif
