/*
 * pool.h - connections by destination: how many there are at once, and those that wait for another message. Thread-safe.
 */
#ifndef SD_COURIER_POOL_H
#define SD_COURIER_POOL_H

#include "courier/smtp.h"

#define POOL_SESSIONS_MAX 64 /* working and idle */
#define POOL_IDLE_MS 30000   /* as long as receivers like to wait; they drop idle sessions after a few minutes */

struct pool;

enum sd_err pool_new(unsigned per_destination, struct pool **ret) SD_MUST_CHECK;
void pool_free(struct pool **pool); /* closes what is idle; nothing may be taken */

/* A place at this destination: with a session that can be used at once, or NULL for the caller to open one. SD_ERR_BUSY: all
 * places of this destination are taken. */
enum sd_err pool_take(struct pool *pool, struct span destination, size_t *ret_place,
                      struct smtp_session **ret_session) SD_MUST_CHECK;
/* Gives the place back, with the session if there is one; it is kept when it is good for another message. */
void pool_give(struct pool *pool, size_t place, struct smtp_session *session);

/* Closes sessions that waited for POOL_IDLE_MS (all: those that wait at all). */
void pool_tidy(struct pool *pool, bool all);

#endif
