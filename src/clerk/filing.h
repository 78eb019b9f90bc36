/* filing.h - puts adopted records into the store, exactly once by object id, however often they come. */
#ifndef SD_CLERK_FILING_H
#define SD_CLERK_FILING_H

#include "clerk/record.h"
#include "store/store.h"

/* Inside a transaction of the caller's. A letter that is there already stays as it is. */
enum sd_err file_record(struct store *store, const struct record *record, const struct cards_adopted_v1 *answer,
                        int64_t now_ms) SD_MUST_CHECK;

#endif
