/*
 * attempts.h - who failed how often lately to prove who they are, and how long they must wait (throttle.h). Counted before
 * anything is tried: attempts in flight cannot outrun the count. A clock that is set back makes nobody wait for longer.
 *
 * What may cost an account its peace is on disk. Addresses that only present what nobody can guess (passkeys, links) are
 * counted in memory: writing each of a flood of them to disk would make everybody wait.
 */
#ifndef SD_KEEPER_ATTEMPTS_H
#define SD_KEEPER_ATTEMPTS_H

#include "keeper/keeper.h"
#include "keeper/throttle.h"

struct attempt_count {
    struct sha256 subject, address;
    uint32_t failures; /* of the subject, this attempt counted in */
    int64_t address_before_ms;
};
/* Of an account that somebody signs in to, there or not. */
enum sd_err attempt_by_account(struct keeper *k, struct span email, struct span origin,
                               struct attempt_count *ret) SD_MUST_CHECK;
/* Of a person who is signed in already and is asked for a password or a code: counted apart, so that whoever took over a
 * session cannot lock its owner out. */
enum sd_err attempt_by_person(struct keeper *k, struct span person, struct span origin,
                              struct attempt_count *ret) SD_MUST_CHECK;
/* *ret_wait_ms 0: counted as a failure, may be tried. */
enum sd_err attempt_charge(struct keeper *k, struct attempt_count *attempt, int64_t *ret_wait_ms) SD_MUST_CHECK;
/* After success: the subject starts anew; the address only gets this attempt back, for others may sit behind it. */
enum sd_err attempt_forgive(struct keeper *k, const struct attempt_count *attempt) SD_MUST_CHECK;

/* The same for an address alone, in memory. */
#define ADDRESS_SEATS 4096 /* 24 bytes each; whoever comes to a seat that is taken takes it over */
struct address_seat {
    uint8_t mark[8]; /* of the address's HMAC */
    struct throttle throttle;
};
enum sd_err address_charge(struct keeper *k, struct span origin, int64_t *ret_wait_ms) SD_MUST_CHECK;
enum sd_err address_forgive(struct keeper *k, struct span origin) SD_MUST_CHECK;

/*
 * Attempts that have to wait are not tried, so they cost nothing: were each recorded, a stranger could fill the log's disk, and
 * with it stop the reading. So many in a minute are recorded one by one; those above are counted, and the count is one record
 * when the minute is over.
 */
#define THROTTLED_RECORDS 30
/* Answers; throttled: as one of them. */
enum sd_err attempt_answer(struct keeper *k, struct ipc_call *call, struct ipc_out *out, const struct leaf *leaf,
                           bool throttled) SD_MUST_CHECK;
void attempts_tick(struct keeper *k); /* about once a second */

#endif
