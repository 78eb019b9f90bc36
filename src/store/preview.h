/*
 * preview.h - pictures of attachments: who wanted them, and how it went. The pictures themselves are the attachment's facet
 * PREVIEW, sealed (cards_preview_v1). The desk wants, the clerk makes; what may be shown to whom is the keeper's decision.
 *
 * The facet's key seals once (crypt/seal.h). So before the clerk seals it says so here, durably: what then does not become done
 * has failed for good.
 */
#ifndef SD_STORE_PREVIEW_H
#define SD_STORE_PREVIEW_H

#include "store/store.h"

enum preview_state { PREVIEW_WANTED = 1, PREVIEW_DONE = 2, PREVIEW_FAILED = 3 }; /* in stored data: never renumbered */

struct preview_row {
    struct object_id object; /* the attachment's */
    struct warrant_id warrant;
    enum preview_state state;
    bool final;         /* failed, and wanting it again changes nothing */
    struct span reason; /* failed: a sentence of ours for people, no content */
    int64_t asked_ms, done_ms;
    uint32_t pages; /* done: how many pictures */
};
#define PREVIEW_REASON_MAX 256

/*
 * Wants it, under this warrant. One that failed, or was wanted PREVIEW_STALE_MS ago, is wanted anew; one that is done, was just
 * wanted, or failed for good stays as it is: SD_OK all the same, preview_get tells. SD_ERR_NOTFOUND: no such attachment.
 */
#define PREVIEW_STALE_MS (2 * 60 * 1000)
enum sd_err preview_want(struct store *store, const struct object_id *object, const struct warrant_id *warrant,
                         int64_t now_ms) SD_MUST_CHECK;
enum sd_err preview_get(struct store *store, const struct object_id *object, struct arena *arena,
                        struct preview_row *ret) SD_MUST_CHECK; /* SD_ERR_NOTFOUND */

/* ---- for the clerk ---- */

/* The one that has been wanted longest, but not `except` (NULL: none). SD_ERR_NOTFOUND. */
enum sd_err preview_next(struct store *store, const struct object_id *except, struct arena *arena,
                         struct preview_row *ret) SD_MUST_CHECK;
/* From now on there may be a facet sealed with its key. Commit before sealing. SD_ERR_NOTFOUND: it is not wanted (any more), or
 * this was said before: then do not seal. */
enum sd_err preview_seals(struct store *store, const struct object_id *object) SD_MUST_CHECK;
/* Puts the facet. SD_ERR_NOTFOUND: the attachment is gone; SD_ERR_EXISTS: there are pictures. Nothing changed then. */
enum sd_err preview_done(struct store *store, const struct object_id *object, struct span sealed, uint32_t pages,
                         int64_t now_ms) SD_MUST_CHECK;
/* Nothing when it is gone or done. */
enum sd_err preview_failed(struct store *store, const struct object_id *object, struct span reason,
                           int64_t now_ms) SD_MUST_CHECK;
/* When the clerk begins: what its predecessor was sealing when it ended has failed for good. */
enum sd_err preview_settle(struct store *store, struct span reason, int64_t now_ms) SD_MUST_CHECK;

#endif
