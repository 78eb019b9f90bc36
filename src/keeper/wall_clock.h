/*
 * wall_clock.h - what the wall clock does to the keeper. Times in rows are the wall clock's, and somebody may set it.
 *
 * Set back: what has run out stays so (warrants, API tokens, requests, grants), because once a minute what is over is marked as
 * over for good; sessions that would be from the future end (session.c), failures count as of now (attempts.c), challenges are
 * of another run (challenge.c). More than a minute behind the newest time that was seen raises an alarm, once. Set forward by
 * mistake: the same things are over then and have to be made anew; nobody is locked out once it is right again.
 */
#ifndef SD_KEEPER_WALL_CLOCK_H
#define SD_KEEPER_WALL_CLOCK_H

#include "keeper/keeper.h"

#define CLOCK_BACK_MS (60 * 1000) /* time servers correct by less */
#define CLOCK_SAVE_MS (60 * 1000) /* how often the newest time goes to disk, and what is over is marked */

/* About once a second. */
void wall_clock_tick(struct keeper *k);
/* When something ends or has ended, as a row says it: marked as over, its time is negative. */
static inline int64_t wall_clock_end(int64_t stored_ms) {
    return stored_ms < 0 ? -stored_ms : stored_ms;
}

#endif
