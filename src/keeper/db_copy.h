/* db_copy.h - a copy of the keeper's database while it is in use, made in steps so that everything else goes on between them.
 */
#ifndef SD_KEEPER_DB_COPY_H
#define SD_KEEPER_DB_COPY_H

#include "keeper/db.h"

struct db_copy;
/* Into a new file. */
enum sd_err db_copy_begin(struct db *db, const char *path, struct db_copy **ret) SD_MUST_CHECK;
/* Some pages more; what the database writes meanwhile is written there too. *ret_done: it is whole. */
enum sd_err db_copy_step(struct db_copy *copy, bool *ret_done) SD_MUST_CHECK;
/* In the copy, when it is whole: it says of itself that it is one, and nobody is signed in. `made` is kept under `name` in
 * meta. */
enum sd_err db_copy_mark(struct db_copy *copy, const char *name, struct span made) SD_MUST_CHECK;
void db_copy_end(struct db_copy **copy); /* closes it; the file stays */

#endif
