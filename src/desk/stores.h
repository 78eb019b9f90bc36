/*
 * stores.h - the desk's connections to the store: opened when first needed, at most STORES_MAX, each used by one thread at a
 * time. Nothing but the store may be asked while one is held.
 */
#ifndef SD_DESK_STORES_H
#define SD_DESK_STORES_H

#include "core/clock.h"
#include "store/store.h"

#define STORES_MAX 8 /* reads take well under a millisecond; each connection costs SQLite's page cache */

struct stores;

/* dir: of the store, as it will be found after confinement; copied. */
enum sd_err stores_new(const char *dir, struct stores **ret) SD_MUST_CHECK;
void stores_free(struct stores **stores);

/*
 *   struct lease lease SD_CLEANUP(lease_end) = {0};
 *   err = lease_take(stores, deadline, &lease);
 *
 * Ending one rolls back what was left open. SD_ERR_UNAVAILABLE: there is no store, or none was free in time.
 */
struct lease {
    struct stores *from;
    struct store *store;
};
enum sd_err lease_take(struct stores *stores, struct deadline deadline, struct lease *lease) SD_MUST_CHECK;
void lease_end(struct lease *lease);

#endif
