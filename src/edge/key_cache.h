/*
 * key_cache.h - the keeper's intake key, public half: asked for in time by a thread of its own, and used on while the keeper is
 * away. Only an edge that never had one cannot seal.
 */
#ifndef SD_EDGE_KEY_CACHE_H
#define SD_EDGE_KEY_CACHE_H

#include "core/ipc/keeper.h"
#include "crypt/crypt.h"

struct intake_key {
    uint8_t id[16];
    uint8_t public_key[KEY_BYTES];
};

struct key_cache;

struct key_cache *key_cache_new(struct ipc_client *keeper); /* NULL: no memory */
enum sd_err key_cache_start(struct key_cache *cache) SD_MUST_CHECK;
void key_cache_put(struct key_cache *cache, const struct intake_key *key, int64_t fresh_until_ms);
/* Waits for the first key until the deadline: SD_ERR_UNAVAILABLE. */
enum sd_err key_cache_get(struct key_cache *cache, struct deadline deadline, struct intake_key *ret) SD_MUST_CHECK;
bool key_cache_has(struct key_cache *cache);
void key_cache_free(struct key_cache **cache); /* one that was never started: for tests */

#endif
