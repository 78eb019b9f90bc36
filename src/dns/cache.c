#include "dns/cache.h"

#include "core/secret.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 16384 /* a power of two over CACHE_ENTRIES_MAX */
#define NS_PER_S INT64_C(1000000000)

struct entry {
    struct entry *next_in_bucket;
    struct entry *newer, *older;
    struct question question;
    int64_t until_ns;
    uint8_t outcome;
    bool secure;
    uint32_t count;
    size_t bytes;
    uint8_t records[]; /* ipc_list.raw */
};

struct cache {
    uint64_t key;
    struct entry *buckets[BUCKETS];
    struct entry *newest, *oldest; /* by use */
    size_t count, bytes;
};

uint64_t question_hash(const struct question *question, uint64_t key) {
    uint64_t h = key ^ question->type;
    for (size_t i = 0; i < question->name_bytes; i++) {
        h = (h ^ question->name[i]) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    return h ^ (h >> 32);
}

enum sd_err cache_new(struct cache **ret) {
    struct cache *c = calloc(1, sizeof *c);
    if (!c)
        return SD_ERR_NOMEM;
    random_bytes(&c->key, sizeof c->key);
    *ret = c;
    return SD_OK;
}

static struct entry **bucket(struct cache *c, const struct question *question) {
    return &c->buckets[question_hash(question, c->key) & (BUCKETS - 1)];
}

static void unlist(struct cache *c, struct entry *e) {
    *(e->newer ? &e->newer->older : &c->newest) = e->older;
    *(e->older ? &e->older->newer : &c->oldest) = e->newer;
}

static void list_newest(struct cache *c, struct entry *e) {
    e->newer = NULL;
    e->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
}

static void drop(struct cache *c, struct entry *e) {
    struct entry **at = bucket(c, &e->question);
    while (*at != e)
        at = &(*at)->next_in_bucket;
    *at = e->next_in_bucket;
    unlist(c, e);
    c->count--;
    c->bytes -= e->bytes;
    free(e);
}

static struct entry *find(struct cache *c, const struct question *question) {
    for (struct entry *e = *bucket(c, question); e; e = e->next_in_bucket)
        if (question_same(&e->question, question))
            return e;
    return NULL;
}

void cache_free(struct cache **cache) {
    while (*cache && (*cache)->oldest)
        drop(*cache, (*cache)->oldest);
    free(*cache);
    *cache = NULL;
}

bool cache_get(struct cache *c, const struct question *question, int64_t now_ns, struct dns_query_rep *ret) {
    struct entry *e = find(c, question);
    if (!e)
        return false;
    if (e->until_ns <= now_ns) {
        drop(c, e);
        return false;
    }
    unlist(c, e);
    list_newest(c, e);
    *ret = (struct dns_query_rep){.outcome = e->outcome,
                                  .secure = e->secure,
                                  .ttl_s = (uint32_t)((e->until_ns - now_ns) / NS_PER_S),
                                  .records = {span_of(e->records, e->bytes), e->count}};
    return true;
}

void cache_put(struct cache *c, const struct question *question, int64_t now_ns, const struct dns_query_rep *rep) {
    struct entry *old = find(c, question);
    if (old)
        drop(c, old);
    size_t bytes = rep->records.raw.n;
    uint32_t ttl_s = rep->ttl_s < CACHE_TTL_MAX_S ? rep->ttl_s : CACHE_TTL_MAX_S;
    if (ttl_s == 0 || rep->outcome == DNS_TEMPFAIL || bytes > CACHE_BYTES_MAX)
        return;
    while (c->count >= CACHE_ENTRIES_MAX || c->bytes + bytes > CACHE_BYTES_MAX)
        drop(c, c->oldest);
    struct entry *e = malloc(sizeof *e + bytes);
    if (!e)
        return;
    *e = (struct entry){.question = *question,
                        .until_ns = now_ns + (int64_t)ttl_s * NS_PER_S,
                        .outcome = rep->outcome,
                        .secure = rep->secure,
                        .count = rep->records.count,
                        .bytes = bytes};
    if (bytes)
        memcpy(e->records, rep->records.raw.p, bytes);
    struct entry **at = bucket(c, question);
    e->next_in_bucket = *at;
    *at = e;
    list_newest(c, e);
    c->count++;
    c->bytes += bytes;
}

size_t cache_count(const struct cache *cache) {
    return cache->count;
}

size_t cache_bytes(const struct cache *cache) {
    return cache->bytes;
}
