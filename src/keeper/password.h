/*
 * password.h - passwords: Argon2id (RFC 9106), 15 to 256 characters, no rules of composition. Hashing takes about 150 ms and
 * the memory of the cost: only the worker does it.
 */
#ifndef SD_KEEPER_PASSWORD_H
#define SD_KEEPER_PASSWORD_H

#include "core/buf.h"
#include "core/secret.h"

#define PASSWORD_MIN_CHARACTERS 15
#define PASSWORD_MAX_CHARACTERS 256
#define PASSWORD_HASH_MAX 256

struct password_cost {
    uint32_t memory_kib, passes;
};
#define PASSWORD_COST ((struct password_cost){64 * 1024, 3}) /* RFC 9106 §4, second recommendation, with one lane */

enum password_verdict { PASSWORD_WRONG = 0, PASSWORD_RIGHT = 1 };

/* NULL: may be a password of this person; else why not, for people: its length, or common_passwords.h. context: what else is
 * known of the person and the place, the name first. */
const char *password_problem_for(struct span password, struct span email, const struct span *context, size_t n);
const char *password_problem(struct span password, struct span email); /* with nothing else known */
/* Appends the encoded hash. */
enum sd_err password_hash(struct span password, struct password_cost cost, struct buf *to) SD_MUST_CHECK;
enum sd_err password_verify(struct span encoded, struct span password, enum password_verdict *ret) SD_MUST_CHECK;
/* A key of 32 bytes from a passphrase (Argon2id), the same for the same salt and cost. */
enum sd_err password_key(struct span passphrase, struct span salt, struct password_cost cost, struct secret *ret) SD_MUST_CHECK;
/* An encoded hash that no password is known for, of the same cost. */
enum sd_err password_dummy(struct password_cost cost, struct buf *to) SD_MUST_CHECK;

#endif
