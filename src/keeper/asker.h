/* asker.h - who asks for something that people with the right may do at the desk, and root on the command line. */
#ifndef SD_KEEPER_ASKER_H
#define SD_KEEPER_ASKER_H

#include "core/ipc/keeper.h"
#include "keeper/handlers.h"
#include "keeper/permit.h"

/* Root is whom the kernel names at the other end of run/admin.sock: may all, needs no gesture, and is on the record as root. */
struct asker {
    bool root;
    struct who who; /* when not root */
};
void asker_free(struct asker *asker);
enum sd_err asker_find(struct keeper *k, const struct ipc_call *call, struct span token, struct span origin,
                       struct asker *ret) SD_MUST_CHECK;
struct leaf asker_leaf(const struct asker *asker, struct span origin, const char *action);
/* The person's id, or empty for root: who is written down as having done it. */
struct span asker_id(const struct asker *asker);
/* As permit() and permit_peek(). */
enum sd_err asker_permit(struct keeper *k, const struct asker *asker, const struct demand *demand,
                         struct permission *ret) SD_MUST_CHECK;
enum sd_err asker_may(struct keeper *k, const struct asker *asker, enum verb verb, bool *ret) SD_MUST_CHECK;

/* One of our people. */
struct person_found {
    bool there;
    uint8_t id[ID_BYTES];
    enum person_role role;
    enum person_state state;
    struct buf name, email;
};
void person_found_free(struct person_found *person);
/* By id (hex) or address. */
enum sd_err person_find(struct keeper *k, struct span text, struct person_found *ret) SD_MUST_CHECK;
/* The same, or by what stands before the @ or as name when only one has it. */
enum sd_err person_resolve(struct keeper *k, struct span text, struct person_found *ret) SD_MUST_CHECK;
/* Appends the name of a person by raw id, as far as there still is one. */
enum sd_err person_name(struct keeper *k, struct span id, struct buf *to) SD_MUST_CHECK;

/* A ticket, or a message's ticket, as what a verb is about: queue and category. */
struct subject {
    bool there, is_ticket;
    enum object_kind kind; /* of a message or attachment */
    uint8_t queue_bytes[QUEUE_NAME_MAX];
    size_t queue_n;
    enum category category;
    uint8_t ticket[ID_BYTES];
};
struct span subject_queue(const struct subject *subject); /* in the subject */
enum sd_err subject_find(struct keeper *k, struct span id, struct subject *ret) SD_MUST_CHECK;

#endif
