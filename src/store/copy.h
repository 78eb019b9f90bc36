/*
 * copy.h - a copy of the store as it is at one moment, while others go on writing; and letters of it picked at random.
 */
#ifndef SD_STORE_COPY_H
#define SD_STORE_COPY_H

#include "store/store.h"

/*
 * Into a new file that nobody else opens. With store.lock held, so that nothing is filed meanwhile, `pinned` is called (whoever
 * copies the intake too opens its segments there: what is not in this store then is in them), and the moment is fixed; copying
 * itself holds no lock.
 */
enum sd_err store_copy(const char *dir, const char *path, struct deadline deadline, enum sd_err (*pinned)(void *arg),
                       void *arg) SD_MUST_CHECK;

/* Up to max letters that came in, each time others. */
enum sd_err store_sample(struct store *store, size_t max, struct object_id *ret, size_t *ret_count) SD_MUST_CHECK;
enum sd_err store_count(struct store *store, uint64_t *ret_messages) SD_MUST_CHECK;

#endif
