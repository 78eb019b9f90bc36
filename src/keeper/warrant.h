/* warrant.h - delivery without a person: what the courier may have, for whom, how often, until when. */
#ifndef SD_KEEPER_WARRANT_H
#define SD_KEEPER_WARRANT_H

#include "keeper/keeper.h"

#define WARRANT_USES 200 /* attempts: the retry schedule over five days makes fewer than 60 per host */
#define WARRANT_LIFE_MS (INT64_C(6) * 24 * 60 * 60 * 1000)

struct warrant {
    uint8_t id[ID_BYTES];
    struct span object;   /* its id */
    struct sha256 digest; /* of the finished message */
    struct span mail_from;
    struct span recipients; /* blobs */
    struct span person;     /* who answered */
};
/* Within a transaction. */
enum sd_err warrant_add(struct keeper *k, const struct warrant *warrant) SD_MUST_CHECK;

#endif
