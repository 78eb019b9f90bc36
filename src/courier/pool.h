/*
 * pool.h - connections by destination: how many there are at once, and those that wait for another message. Thread-safe.
 */
#ifndef SD_COURIER_POOL_H
#define SD_COURIER_POOL_H

#include "courier/smtp.h"

#define POOL_SESSIONS_MAX 64 /* working and idle */
#define POOL_TAKEN_MAX 32    /* conversations at once */
#define POOL_WAITING_MAX 32  /* for places at crowded destinations; beyond that no new work is begun */
#define POOL_IDLE_MS 30000   /* as long as receivers like to wait; they drop idle sessions after a few minutes */

struct pool;

enum sd_err pool_new(unsigned per_destination, struct pool **ret) SD_MUST_CHECK;
void pool_free(struct pool **pool); /* closes what is idle; nothing may be taken */

/* A place at this destination: with a session that can be used at once, or NULL for the caller to open one. Waits for a place
 * until the deadline. SD_ERR_BUSY: all places of this destination are taken, or too many wait already, or pool_stop was called.
 */
enum sd_err pool_take(struct pool *pool, struct span destination, struct deadline deadline, size_t *ret_place,
                      struct smtp_session **ret_session) SD_MUST_CHECK;
/* Gives the place back, with the session if there is one; it is kept when it is good for another message. */
void pool_give(struct pool *pool, size_t place, struct smtp_session *session);

/* How many more may wait: a crowd at one destination must not use up all workers. */
size_t pool_room(struct pool *pool);
/* From now on nobody waits for a place. */
void pool_stop(struct pool *pool);

/* Closes sessions that waited for POOL_IDLE_MS (all: those that wait at all). */
void pool_tidy(struct pool *pool, bool all);

#endif
