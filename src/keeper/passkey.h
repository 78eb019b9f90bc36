/*
 * passkey.h - passkeys of our people: rows of the database, judged by the rules of webauthn.h. A key is sealed to its
 * credential id and its owner: a row that was changed by hand lets nobody in.
 */
#ifndef SD_KEEPER_PASSKEY_H
#define SD_KEEPER_PASSKEY_H

#include "keeper/challenge.h"
#include "keeper/permit.h"
#include "keeper/webauthn.h"

#define PASSKEYS_MAX 32 /* of one person; what keeper.def carries */
#define PASSKEY_NAME_MAX 64

enum { PASSKEY_ELIGIBLE = 1, PASSKEY_BACKED_UP = 2 }; /* column flags; stored */

struct passkey_numbers {
    unsigned all, live; /* live: not suspended */
};
enum sd_err passkey_count(struct keeper *k, struct span person, struct passkey_numbers *ret) SD_MUST_CHECK;
/* Their credential ids; live: without those that are suspended. */
enum sd_err passkey_ids(struct keeper *k, struct span person, bool live, struct buf *raw, struct ipc_list *ret) SD_MUST_CHECK;

struct passkey_owner {
    bool there, suspended;
    uint8_t person[ID_BYTES];
};
enum sd_err passkey_find(struct keeper *k, struct span credential, struct passkey_owner *ret) SD_MUST_CHECK;
/* What a gesture to remove it names as its object. */
enum sd_err passkey_object(struct span credential, uint8_t ret[ID_BYTES]) SD_MUST_CHECK;
enum sd_err passkey_remove(struct keeper *k, struct span credential) SD_MUST_CHECK;
enum sd_err passkey_remove_all(struct keeper *k, struct span person) SD_MUST_CHECK;

/* ---- a new one ---- */

struct passkey_offer {
    struct span challenge, client_data, attestation;
};
struct passkey_offered {
    bool good;
    const char *reason, *sentence;         /* why not: for the log, for the person */
    struct webauthn_credential credential; /* borrows from the offer */
};
enum sd_err passkey_judge_offer(struct keeper *k, const struct challenge_bound *bound, const struct passkey_offer *offer,
                                struct passkey_offered *ret) SD_MUST_CHECK;
/* Within a transaction; uses up the challenge. name may be empty. SD_ERR_EXISTS: another one has this id. */
enum sd_err passkey_add(struct keeper *k, struct span person, struct span name, const struct passkey_offer *offer,
                        const struct webauthn_credential *credential) SD_MUST_CHECK;
/* What a person calls it, without line ends and such. */
bool passkey_name_fits(struct span name);

/* ---- one that is used ---- */

struct passkey_proof {
    struct span challenge, credential, client_data, authenticator_data, signature;
};
enum passkey_verdict { PASSKEY_REFUSED = 0, PASSKEY_GOOD = 1, PASSKEY_CLONED = 2 };
struct passkey_judged {
    enum passkey_verdict verdict;
    const char *reason; /* why not, for the log */
    bool there;
    uint8_t person[ID_BYTES]; /* whose it is */
    struct webauthn_use use;
};
enum sd_err passkey_judge(struct keeper *k, const struct challenge_bound *bound, const struct passkey_proof *proof,
                          struct passkey_judged *ret) SD_MUST_CHECK;
/* Within a transaction, after GOOD: counts the use, and uses up the challenge. */
enum sd_err passkey_used(struct keeper *k, const struct passkey_proof *proof,
                         const struct passkey_judged *judged) SD_MUST_CHECK;
/* After CLONED: suspended, with an alarm. A transaction of its own; `leaf` is the record of what was refused. */
enum sd_err passkey_suspend(struct keeper *k, const struct passkey_proof *proof, const struct passkey_judged *judged,
                            const struct leaf *leaf, struct records *records) SD_MUST_CHECK;

#endif
