/*
 * record.h - one record of the intake, taken apart (cards_intake_record_v1). All spans point into its body. What is sealed
 * stays sealed; the header is public and says what the edge said: the keeper decides whether it is true.
 */
#ifndef SD_CLERK_RECORD_H
#define SD_CLERK_RECORD_H

#include "core/ipc/cards.h"
#include "core/ipc/states.h"
#include "core/limits.h"
#include "crypt/seal.h"

struct record {
    struct span header_bytes, sealed_card; /* for the keeper */
    struct cards_intake_header_v1 header;
    struct object_id object;
    struct span facets; /* walk with facet_walk_next */
};

/* SD_ERR_PARSE, SD_ERR_LIMIT: not a record of this version, or its facets are not those of its letter. */
enum sd_err record_decode(struct span body, struct record *ret) SD_MUST_CHECK;

/* Of the first bytes of a body: the header alone. */
#define RECORD_PEEK_BYTES (4 + 1024)
enum sd_err record_peek(struct span start, struct cards_intake_header_v1 *ret) SD_MUST_CHECK;

struct record_facet {
    struct object_id object;
    enum facet facet;
    struct span sealed;
};
struct facet_walk {
    struct reader r;
};
struct facet_walk facet_walk_start(const struct record *record);
/* False at the end and at what is no facet; then see reader_end(&walk.r). */
bool facet_walk_next(struct facet_walk *walk, struct record_facet *ret);

/* The plaintext's length as the sealed object's head claims it (crypt/seal.h); 0 when there is none. */
uint64_t sealed_plain_bytes(struct span sealed);

#endif
