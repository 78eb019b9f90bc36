/*
 * throttle.h - how long a sign-in must wait after failures, for an account and for an address alike: from the third failure one
 * second, doubling; from the tenth half an hour. Forgotten after a day without a failure. No I/O.
 */
#ifndef SD_KEEPER_THROTTLE_H
#define SD_KEEPER_THROTTLE_H

#include "core/base.h"

#define THROTTLE_FREE 2  /* failures that cost nothing */
#define THROTTLE_LOCK 10 /* failures that lock */
#define THROTTLE_LOCK_MS (30 * 60 * 1000)
#define THROTTLE_FORGET_MS (24 * 60 * 60 * 1000)

#define THROTTLE_FADE_MS (5 * 60 * 1000) /* of an address: many honest people may sit behind one */

struct throttle {
    uint32_t failures;
    int64_t last_ms;
};

/* 0: may try now. */
int64_t throttle_wait_ms(const struct throttle *t, int64_t now_ms);
/* For addresses, before the others: one failure less for every THROTTLE_FADE_MS since the last one. */
void throttle_fade(struct throttle *t, int64_t now_ms);
/* A clock that was set back: a failure of the future becomes one of now. True: *t has changed and must be kept. */
bool throttle_catch_up(struct throttle *t, int64_t now_ms);
/* Counts an attempt as failed, before it is tried: attempts in flight cannot outrun the count. */
void throttle_charge(struct throttle *t, int64_t now_ms);

#endif
