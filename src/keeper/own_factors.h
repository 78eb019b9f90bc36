/*
 * own_factors.h - a person within their session: who may change their own factors, and codes they type there. An API token
 * never may: whoever holds one is a machine.
 */
#ifndef SD_KEEPER_OWN_FACTORS_H
#define SD_KEEPER_OWN_FACTORS_H

#include "keeper/handlers.h"
#include "keeper/passkey.h"
#include "keeper/person.h"

/* Whoever is behind the token, when it is a session's (a limited one, too); else *ret_reason says why not. */
enum sd_err own_session(struct keeper *k, struct span token, struct span origin, struct who *ret,
                        const char **ret_reason) SD_MUST_CHECK;

/* What became of a one-time code that was typed in a session: throttled as sign-in is, counted apart from it. */
enum own_code { OWN_CODE_WRONG = 0, OWN_CODE_GOOD = 1, OWN_CODE_THROTTLED = 2 };
/* A good one is used up when this returns. */
enum sd_err own_code_check(struct keeper *k, const struct who *who, struct span typed, struct span origin,
                           enum own_code *ret) SD_MUST_CHECK;
/* "failed", "throttled" */
const char *own_code_reason(enum own_code code);

/* What a change of one's own factors asks for: a gesture with a passkey that is there, or, where a code will do, that code. */
enum sd_err own_proof(struct keeper *k, const struct who *who, struct span typed, struct span origin,
                      struct permission *ret) SD_MUST_CHECK;

/* May this person prove themselves by a one-time code where a passkey is asked for? Only while they have none; whose role needs
 * one not even when all of theirs are suspended. */
enum sd_err own_code_will_do(struct keeper *k, const struct who *who, bool *ret) SD_MUST_CHECK;

#endif
