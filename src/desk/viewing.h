/*
 * viewing.h - somebody leafs through the pictures of an attachment: the keeper is asked once a minute, not for each page, so
 * that one look is one record and one opening of the budget. The key is held for that session and that attachment, no longer;
 * the session itself is asked for with every page. Thread-safe.
 */
#ifndef SD_DESK_VIEWING_H
#define SD_DESK_VIEWING_H

#include "core/secret.h"
#include "crypt/seal.h"

#include <pthread.h>

#define VIEWING_S 60
#define VIEWINGS_MAX 64 /* at the same time; one more takes the place of the oldest */

struct viewing {
    bool there;
    int64_t since_ns;    /* monotonic */
    struct sha256 token; /* the session's, hashed */
    struct object_id object;
    struct secret key;
};
struct viewings {
    pthread_mutex_t lock;
    struct viewing of[VIEWINGS_MAX];
};
void viewings_init(struct viewings *viewings);
void viewings_free(struct viewings *viewings);

/* The key of the attachment's PREVIEW facet, in the exchange's arena. As read_key. */
struct desk;
struct exchange;
enum sd_err viewing_key(struct desk *desk, struct exchange *x, const struct object_id *object,
                        struct span *ret_key) SD_MUST_CHECK;

#endif
