/* person.h - one of our people with what they prove themselves by. */
#ifndef SD_KEEPER_PERSON_H
#define SD_KEEPER_PERSON_H

#include "keeper/keeper.h"
#include "keeper/totp.h"

struct person {
    bool there;
    uint8_t id[ID_BYTES];
    struct buf name, email;
    enum person_role role;
    enum person_state state;
    struct buf password; /* encoded hash; empty: none */
    struct secret totp;  /* empty: none */
    struct totp_used used;
};
void person_free(struct person *person);
/* Not there is SD_OK. */
enum sd_err person_by_id(struct keeper *k, struct span id, struct person *ret) SD_MUST_CHECK;
enum sd_err person_by_email(struct keeper *k, struct span email, struct person *ret) SD_MUST_CHECK;

/* There, active, with a role. */
bool person_may_enter(const struct person *person);
/* Must people of this role sign in with a passkey? */
bool role_needs_passkey(const struct keeper *k, enum person_role role);

/* A typed one-time code. The same work is done for who is not there or has no authenticator. When good, the step is to be
 * stored before the answer: each code does once, wherever it is asked for. */
enum sd_err person_check_totp(struct keeper *k, struct person *person, struct span typed, enum totp_verdict *ret) SD_MUST_CHECK;
enum sd_err person_store_step(struct keeper *k, const struct person *person) SD_MUST_CHECK;
enum sd_err person_signed_in(struct keeper *k, struct span id) SD_MUST_CHECK; /* when they last did */

#endif
