/*
 * setaside.h - intake bytes that could not be filed, kept as they came: records that the keeper refused, damaged frames. Sealed
 * as the edge sealed them.
 */
#ifndef SD_STORE_SETASIDE_H
#define SD_STORE_SETASIDE_H

#include "store/position.h"

struct set_aside_row {
    int64_t id; /* given by the store */
    int64_t at_ms;
    struct intake_position where;
    struct span reason; /* our own words */
    uint64_t size_bytes;
};
#define SET_ASIDE_REASON_MAX 64

/* id and size_bytes are ignored. The same place twice is kept once. */
enum sd_err set_aside_add(struct store *store, const struct set_aside_row *row, struct span bytes) SD_MUST_CHECK;
enum sd_err set_aside_count(struct store *store, uint64_t *ret) SD_MUST_CHECK;
/* Oldest first, ids above after_id; limit: 1 … LIMIT_LIST_ITEMS. */
enum sd_err set_aside_list(struct store *store, int64_t after_id, size_t limit, struct arena *arena,
                           struct set_aside_row **ret_rows, size_t *ret_count) SD_MUST_CHECK;
/* Appends the bytes; `to`'s maximum bounds them. SD_ERR_NOTFOUND. */
enum sd_err set_aside_get(struct store *store, int64_t id, struct buf *to) SD_MUST_CHECK;

#endif
