/* totp.h - RFC 6238 with HMAC-SHA-1, 30 seconds, 6 digits: the present step and the one before. A code that was good uses up
 * its step and all before it. No I/O. */
#ifndef SD_KEEPER_TOTP_H
#define SD_KEEPER_TOTP_H

#include "crypt/crypt.h"

#define TOTP_SECRET_BYTES 20
#define TOTP_SECRET_LEAST 16 /* RFC 4226 §4, R6 */
#define TOTP_STEP_S 30
#define TOTP_DIGITS 6
#define TOTP_AHEAD_STEPS                                                                                                       \
    10 /* five minutes: one that was used further ahead was used while the clock was wrong, and ends nobody's days */

/* RFC 4226 §5.3 for the counter `step`: digits 6 or 8. */
enum sd_err totp_code(struct span secret, uint64_t step, unsigned digits, uint32_t *ret) SD_MUST_CHECK;

/* What a person has used: the latest step. */
struct totp_used {
    uint64_t last;
};

enum totp_verdict { TOTP_REFUSED = 0, TOTP_GOOD = 1 };
/* typed: 6 ASCII digits, with one space in the middle when the person likes. When good, *used becomes what must be stored
 * before the answer. SD_ERR_BUG: a secret that is too short. */
enum sd_err totp_check(struct span secret, struct span typed, int64_t now_unix_ms, struct totp_used *used,
                       enum totp_verdict *ret) SD_MUST_CHECK;

#endif
