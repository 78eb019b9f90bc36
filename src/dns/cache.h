/*
 * cache.h - answers by question, for their time to live: a hit costs no thread switch into libunbound. Bounded in entries and
 * bytes; the least recently used goes first. One thread.
 */
#ifndef SD_DNS_CACHE_H
#define SD_DNS_CACHE_H

#include "core/ipc/dns.h"
#include "dns/question.h"

#define CACHE_ENTRIES_MAX 10000                    /* the senders of a busy day; 3–5 questions per letter */
#define CACHE_BYTES_MAX ((size_t)16 * 1024 * 1024) /* of records */
#define CACHE_TTL_MAX_S 86400                      /* a wrong answer is forgotten within a day */

struct cache;

enum sd_err cache_new(struct cache **ret) SD_MUST_CHECK;
void cache_free(struct cache **cache);

/* True when there is a live answer: *ret with what is left of its time; records are valid until the next cache_put. */
bool cache_get(struct cache *cache, const struct question *question, int64_t now_ns, struct dns_query_rep *ret);

/* Keeps a copy for rep->ttl_s; a time of 0, a failure, or missing memory keeps nothing. */
void cache_put(struct cache *cache, const struct question *question, int64_t now_ns, const struct dns_query_rep *rep);

size_t cache_count(const struct cache *cache);
size_t cache_bytes(const struct cache *cache);

/* A hash with a key that changes with each start, so that names chosen to collide do not. */
uint64_t question_hash(const struct question *question, uint64_t key);

#endif
