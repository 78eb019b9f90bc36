/*
 * idempotency.h - an answer that is sent twice under one Idempotency-Key is one answer. Look up before asking the keeper; claim
 * in the transaction that stores the message: of two at once, one gets SD_ERR_EXISTS, rolls back and looks up again.
 */
#ifndef SD_STORE_IDEMPOTENCY_H
#define SD_STORE_IDEMPOTENCY_H

#include "store/store.h"

#define IDEMPOTENCY_HOURS 24
#define IDEMPOTENCY_HASH_BYTES 32 /* SHA-256 of the key: what the client chose is not stored */

enum sd_err idempotency_get(struct store *store, struct span person, struct span key_hash, int64_t now_ms,
                            struct object_id *ret) SD_MUST_CHECK; /* SD_ERR_NOTFOUND, also when expired */
/* SD_ERR_EXISTS: claimed for another object within IDEMPOTENCY_HOURS. Expired rows are removed. */
enum sd_err idempotency_claim(struct store *store, struct span person, struct span key_hash, const struct object_id *object,
                              int64_t now_ms) SD_MUST_CHECK;

#endif
