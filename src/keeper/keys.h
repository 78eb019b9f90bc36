/* keys.h - what the operations on keys share: lists, replacing by hand. */
#ifndef SD_KEEPER_KEYS_H
#define SD_KEEPER_KEYS_H

#include "keeper/keeper.h"

/* Within a transaction. New keys of a domain, to be published; those that were prepared before stay. */
enum sd_err dkim_prepare(struct keeper *k, struct span domain, struct records *records) SD_MUST_CHECK;
/* Within a transaction. What was prepared signs from then on. SD_ERR_NOTFOUND: nothing was. */
enum sd_err dkim_activate(struct keeper *k, struct span domain, int64_t at_ms, struct records *records) SD_MUST_CHECK;

#endif
