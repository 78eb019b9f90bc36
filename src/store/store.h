/*
 * store.h - the store: one SQLite file (WAL, synchronous=FULL) in a directory that clerk, courier and desk share. What is in it
 * is sealed or is no content: ids, times, sizes, states, queues, verdicts, staff ids. A file per noun beside this one:
 * ticket.h, message.h, facet.h, outbound.h, event.h, idempotency.h, position.h, setaside.h, preview.h, learn.h, remove.h.
 *
 * A struct store is one connection: one thread at a time; a process with many threads opens several. Reading needs no
 * transaction (each call sees one state of the store; store_read makes several calls see the same). Every function that changes
 * something must be called between store_begin and store_commit, else SD_ERR_BUG; inside, do nothing but SQL. After a failure
 * inside a transaction roll it back; what a function says about "nothing changed" holds for that function alone.
 *
 * Errors common to all: SD_ERR_FULL (disk full), SD_ERR_IO, SD_ERR_NOMEM, SD_ERR_BUSY (SQLite's own locks, 5 s), SD_ERR_CONFIG
 * (the file is not a store of this version). Results go to the caller's arena, whose limit gives SD_ERR_LIMIT.
 */
#ifndef SD_STORE_STORE_H
#define SD_STORE_STORE_H

#include "core/arena.h"
#include "core/clock.h"
#include "core/limits.h"
#include "store/id.h"

struct store;

/* Makes dir (mode 2770, so that its files belong to its group) unless it is there, and the empty store in it (mode 0660).
 * SD_ERR_EXISTS when there is one. For `sealdesk init`. */
enum sd_err store_create(const char *dir) SD_MUST_CHECK;

/* SD_ERR_NOTFOUND: no store there. SD_ERR_CONFIG: its schema is not the one this program knows (logged). */
enum sd_err store_open(const char *dir, struct store **ret) SD_MUST_CHECK;
void store_close(struct store **store); /* takes NULL; rolls back what is open */

/* A writing transaction: takes store.lock (flock, fair enough that nobody starves) by the deadline, then BEGIN IMMEDIATE.
 * SD_ERR_TIMEOUT: others wrote for so long. SD_ERR_BUG: one is open already. */
enum sd_err store_begin(struct store *store, struct deadline deadline) SD_MUST_CHECK;
/* After SD_OK it is on disk. After a failure nothing of it is, and the transaction is over. */
enum sd_err store_commit(struct store *store) SD_MUST_CHECK;
void store_rollback(struct store *store); /* a transaction of either kind; nothing when there is none */

/* Several reads of one state; end it with store_rollback, soon. */
enum sd_err store_read(struct store *store) SD_MUST_CHECK;

#endif
