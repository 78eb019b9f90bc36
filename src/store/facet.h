/*
 * facet.h - sealed bytes, in rows of at most LIMIT_STORE_ROW_BYTES. The store neither opens nor checks them.
 */
#ifndef SD_STORE_FACET_H
#define SD_STORE_FACET_H

#include "store/store.h"

/* Not for receipts. SD_ERR_EXISTS when the object has this facet. */
enum sd_err facet_put(struct store *store, const struct object_id *object, enum facet facet, struct span sealed) SD_MUST_CHECK;

/* Appends to `to`, whose maximum bounds it (SD_ERR_LIMIT). SD_ERR_NOTFOUND. */
enum sd_err facet_get(struct store *store, const struct object_id *object, enum facet facet, struct buf *to) SD_MUST_CHECK;

enum sd_err facet_exists(struct store *store, const struct object_id *object, enum facet facet, bool *ret) SD_MUST_CHECK;

/* One cards_receipt_v1, sealed (FACET_RECEIPT), per delivery attempt and recipient. */
enum sd_err receipt_add(struct store *store, const struct object_id *object, struct span sealed) SD_MUST_CHECK;
/* Oldest first; the newest RECEIPTS_MAX. */
#define RECEIPTS_MAX 1000 /* 100 recipients, ten attempts */
enum sd_err receipt_list(struct store *store, const struct object_id *object, struct arena *arena, struct span **ret_sealed,
                         size_t *ret_count) SD_MUST_CHECK;

#endif
