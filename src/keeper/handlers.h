/* handlers.h - what the files of operations share besides keeper.h: declarations of the table's handlers. */
#ifndef SD_KEEPER_HANDLERS_H
#define SD_KEEPER_HANDLERS_H

#include "keeper/keeper.h"
#include "keeper/rights.h"

#define OP(service, op, number, peers, states, once, fd)                                                                       \
    enum sd_err service##_on_##op(void *ctx, struct ipc_call *call, const struct service##_##op##_req *req) SD_MUST_CHECK;
#define MESSAGE(service, op, dir)
#include "core/ipc/gen_no_fields.h"
/* clang-format off */
#include "core/ipc/keeper.def"
#include "core/ipc/gen_undef.h"
/* clang-format on */

/* The keyed hash by which messages of a sender's domain, a lower-case A-label, are found. */
#define DOMAIN_TAG_BYTES 16

/* What was found out about who sent a letter; kept, so that asking about it again gives the same answer. */
struct letter_facts {
    uint64_t signals; /* the inspector's and the keeper's */
    uint32_t known;
    int64_t known_since_ms;
    uint8_t domain_tag[DOMAIN_TAG_BYTES];
    bool as_customer, encrypted;
};

/* An object's row with its ticket's. */
struct object_row {
    bool there;
    struct object_facts facts;
    struct letter_facts letter; /* of letters */
    int64_t page;
    unsigned slot;
    uint8_t ticket[ID_BYTES];
    struct sha256 digest;
    bool opened_ticket;
    uint8_t queue_bytes[64];
    struct span queue; /* in queue_bytes: a row is not copied */
    enum ticket_state ticket_state;
    enum category category;      /* of the ticket */
    uint8_t letter_id[ID_BYTES]; /* of files: what they came with, and as which of its attachments */
    uint16_t place;
};
enum sd_err object_find(struct keeper *k, struct span id, struct object_row *ret) SD_MUST_CHECK;

/* What was found in one object itself. */
struct object_found {
    enum object_state own;
    uint64_t findings;
    struct span signature, engine; /* empty: none */
    int64_t scanned_ms;            /* 0: it was not looked into */
    int64_t epoch;                 /* scanner.h */
};

struct object_new {
    struct span id;
    struct object_facts facts; /* decided, released: not yet. The state is the worst of its parts */
    struct object_found found;
    int64_t scan_due_ms;   /* of letters; 0: not due */
    struct span letter_id; /* of files; else empty */
    uint16_t place;
    struct letter_facts letter;
    struct span key, digest, ticket;
    bool opened_ticket;
};
enum sd_err object_add(struct keeper *k, const struct object_new *object) SD_MUST_CHECK;

/* What is known of what is in an object, and who let it out (verdict_apply.c). */
struct object_scan {
    bool there, destroyed;
    enum object_state own, state; /* of itself, and the worst of its parts */
    uint64_t findings;
    char signature[128], engine[128];
    size_t signature_n, engine_n;
    int64_t scanned_ms, epoch, due_ms, tries, made_ms, opened_ms;
    int64_t released_ms;              /* 0: it is not */
    enum object_state released_state; /* what it was known to be then */
    uint8_t released_by[ID_BYTES];
    bool by_root;
};
enum sd_err object_scan_find(struct keeper *k, struct span id, struct object_scan *ret) SD_MUST_CHECK;

enum sd_err domain_tag(struct keeper *k, struct span domain, uint8_t ret[DOMAIN_TAG_BYTES]) SD_MUST_CHECK;

/* One record as it is listed: with the person's name, as far as there still is one. */
enum sd_err listing_line(struct keeper *k, struct span record, struct buf *to) SD_MUST_CHECK;

/* What the log and a row say when a person may not. */
#define REASON_NOT_YOURS "not-permitted"
#define REASON_UNFIT "not-fit"
#define REASON_DESTROYED "destroyed"
#define REASON_ATTACHMENTS "gate-attachments"

#endif
