/* api_token.h - a machine's way in: some of its owner's rights, from some addresses, until a day; it can never step up. */
#ifndef SD_KEEPER_API_TOKEN_H
#define SD_KEEPER_API_TOKEN_H

#include "keeper/keeper.h"

/* Fills *who when there is such a live token and it may be used from there; else leaves it SESSION_NONE. */
enum sd_err api_token_check(struct keeper *k, const struct sha256 *hash, struct span origin, struct who *who) SD_MUST_CHECK;

#endif
