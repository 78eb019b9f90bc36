/* recovery.h - recovery codes: each stands in once for a one-time code of who has lost their authenticator. Only HMACs are
 * kept. */
#ifndef SD_KEEPER_RECOVERY_H
#define SD_KEEPER_RECOVERY_H

#include "keeper/keeper.h"

#define RECOVERY_CODES 10

/* Ten new ones, the older ones are gone. Within a transaction. Appends what is shown, once. */
enum sd_err recovery_renew(struct keeper *k, struct span person, struct buf *raw, struct ipc_list *ret) SD_MUST_CHECK;
enum sd_err recovery_forget(struct keeper *k, struct span person) SD_MUST_CHECK;

enum recovery_verdict { RECOVERY_REFUSED = 0, RECOVERY_GOOD = 1 };
struct recovery_found {
    enum recovery_verdict verdict;
    struct sha256 hash;
};
/* Is what was typed an unspent code of this person? */
enum sd_err recovery_check(struct keeper *k, struct span person, struct span typed, struct recovery_found *ret) SD_MUST_CHECK;
/* Within a transaction. */
enum sd_err recovery_spend(struct keeper *k, const struct recovery_found *found) SD_MUST_CHECK;

#endif
