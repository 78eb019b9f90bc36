/*
 * challenge.h - what a passkey is to sign. A challenge says itself what it is for and until when, under our HMAC, so a million
 * of them cost no memory; only those that were used are remembered, until they would have run out. A restart, and a clock that
 * is set back, end them all.
 */
#ifndef SD_KEEPER_CHALLENGE_H
#define SD_KEEPER_CHALLENGE_H

#include "keeper/keeper.h"

#define CHALLENGE_MS (5 * 60 * 1000)
#define CHALLENGE_NONCE_BYTES 16
#define CHALLENGE_BYTES (8 + CHALLENGE_NONCE_BYTES + SHA256_BYTES)

/* What it is good for, and nothing else. */
struct challenge_bound {
    uint8_t purpose;    /* CHALLENGE_* of keeper.def */
    uint8_t verb;       /* GESTURE */
    struct span to;     /* the session's id, the link's hash; SIGN_IN: empty */
    struct span object; /* GESTURE: ID_BYTES, or empty */
};
enum sd_err challenge_make(struct keeper *k, const struct challenge_bound *bound, uint8_t ret[CHALLENGE_BYTES]) SD_MUST_CHECK;

enum challenge_verdict { CHALLENGE_REFUSED = 0, CHALLENGE_FRESH = 1 };
/* Ours, for this, in time, not used yet? */
enum sd_err challenge_check(struct keeper *k, const struct challenge_bound *bound, struct span challenge,
                            enum challenge_verdict *ret) SD_MUST_CHECK;
/* It is used up now: once what answered it was verified. SD_ERR_EXISTS: it was before. */
enum sd_err challenge_spend(struct keeper *k, struct span challenge) SD_MUST_CHECK;

#endif
