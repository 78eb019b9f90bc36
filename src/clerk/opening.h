/*
 * opening.h - what the clerk may read for a moment: one facet of one object, under a warrant. The keeper gives the facet's key
 * and the digest of what was sealed, the store the bytes; what is not exactly that is not handed out.
 */
#ifndef SD_CLERK_OPENING_H
#define SD_CLERK_OPENING_H

#include "core/ipc/ipc.h"
#include "core/secret.h"
#include "store/store.h"

/* Of the largest facet that is sent on: inspect.scan, render.pages. */
#define OPENING_MAX ((size_t)26 * 1024 * 1024)

struct opening {
    struct ipc_client *keeper;
    struct store *store;
    const struct warrant_id *warrant;
    const struct object_id *object;
    enum facet facet;
};

/*
 * Appends the plain bytes to `to` (buf_new(OPENING_MAX): wiped with it). SD_ERR_DENIED: the keeper refuses. SD_ERR_NOTFOUND:
 * the store has no such facet. SD_ERR_FORGED: it was changed, or is not what was sealed when it came in. SD_ERR_LIMIT: too
 * large. SD_ERR_UNAVAILABLE, SD_ERR_TIMEOUT, SD_ERR_LOCKED, SD_ERR_BUSY: the keeper, later.
 */
enum sd_err opening_read(const struct opening *opening, struct deadline deadline, struct buf *to) SD_MUST_CHECK;

/* The key alone, to seal with. */
enum sd_err opening_key(const struct opening *opening, struct deadline deadline, struct secret *ret) SD_MUST_CHECK;

/* Whether it is the other end that is away, and the same may go well later. */
bool opening_may_wait(enum sd_err err);

#endif
