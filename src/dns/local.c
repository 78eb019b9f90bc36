/*
 * Records are sorted by a key: the labels of the name from the root down, each behind its length. So a name's records are
 * neighbours, all below it follow them, and whether a name exists shows at one place.
 */
#include "dns/local.h"

#include "dns/lookup.h"
#include "dns/record.h"
#include "dns/zone.h"

#include <stdlib.h>
#include <string.h>

#define RDATA_BYTES_MAX 65535
#define CNAME_HOPS_MAX 8 /* as many as public resolvers follow */
#define KEY_BYTES 256

struct key {
    uint8_t bytes[KEY_BYTES];
    size_t n;
};

struct entry {
    struct span key;
    struct span rdata;
    uint32_t ttl_s;
    uint16_t type;
};

struct local {
    struct entry *entries;
    size_t count, capacity;
    struct arena *arena;
};

/* From wire form: the labels the other way round, in lower case (length bytes are no letters: they are at most 63). */
static struct key key_of_wire(struct span wire) {
    struct key key = {.n = wire.n ? wire.n - 1 : 0};
    size_t end = key.n;
    for (size_t at = 0; at < wire.n && wire.p[at];) {
        size_t n = (size_t)wire.p[at] + 1;
        end -= n;
        memcpy(key.bytes + end, wire.p + at, n);
        at += n;
    }
    for (size_t i = 0; i < key.n; i++)
        if (key.bytes[i] >= 'A' && key.bytes[i] <= 'Z')
            key.bytes[i] = (uint8_t)(key.bytes[i] + 32);
    return key;
}

/* Labels of a question are what stands between dots. */
static struct key key_of_question(const struct question *q) {
    struct key key = {.n = (size_t)q->name_bytes + 1};
    struct span_split split = span_split_start(span_of(q->name, q->name_bytes));
    struct span label;
    size_t end = key.n;
    while (span_split_next(&split, '.', &label)) {
        end -= label.n + 1;
        key.bytes[end] = (uint8_t)label.n;
        memcpy(key.bytes + end + 1, label.p, label.n);
    }
    return key;
}

static struct span key_span(const struct key *key) {
    return span_of(key->bytes, key->n);
}

static int compare(struct span a, struct span b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int compare_entries(const void *a, const void *b) {
    const struct entry *first = a, *second = b;
    return compare(first->key, second->key);
}

static enum sd_err add_line(void *ctx, const char *line) {
    struct local *local = ctx;
    struct buf name SD_CLEANUP(buf_free) = buf_new(KEY_BYTES);
    struct buf rdata SD_CLEANUP(buf_free) = buf_new(RDATA_BYTES_MAX);
    struct record_line record = {.name = name, .rdata = rdata};
    enum sd_err err = record_parse(span_cstr(line), &record);
    name = record.name;
    rdata = record.rdata;
    if (err)
        return err;
    if (local->count == local->capacity) {
        size_t capacity = local->capacity ? local->capacity * 2 : 64;
        struct entry *entries = reallocarray(local->entries, capacity, sizeof *entries);
        if (!entries)
            return SD_ERR_NOMEM;
        local->entries = entries;
        local->capacity = capacity;
    }
    struct key key = key_of_wire(buf_span(&name));
    local->entries[local->count++] = (struct entry){.key = arena_span(local->arena, key_span(&key)),
                                                    .rdata = arena_span(local->arena, buf_span(&rdata)),
                                                    .ttl_s = record.ttl_s,
                                                    .type = record.type};
    return arena_err(local->arena);
}

enum sd_err local_new(struct span file, struct local **ret, size_t *ret_line) {
    struct local *local = calloc(1, sizeof *local);
    if (!local)
        return SD_ERR_NOMEM;
    local->arena = arena_new(8 * ZONE_BYTES_MAX); /* a short line has a key, data and their alignment */
    enum sd_err err = local->arena ? zone_read(file, add_line, local, ret_line) : SD_ERR_NOMEM;
    if (err) {
        local_free(&local);
        return err;
    }
    if (local->count)
        qsort(local->entries, local->count, sizeof *local->entries, compare_entries);
    *ret = local;
    return SD_OK;
}

void local_free(struct local **local) {
    if (!*local)
        return;
    arena_free(&(*local)->arena);
    free((*local)->entries);
    free(*local);
    *local = NULL;
}

/* The first entry that is not before the key. */
static size_t lower_bound(const struct local *local, struct span key) {
    size_t low = 0, high = local->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(local->entries[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* It has records, or something below it has (RFC 8020); the root is always there. */
static bool exists(const struct local *local, const struct key *key) {
    size_t at = lower_bound(local, key_span(key));
    return key->n == 0 || (at < local->count && span_starts(local->entries[at].key, key_span(key)));
}

static void drop_first_label(struct key *key) {
    size_t at = 0, last = 0;
    while (at < key->n) {
        last = at;
        at += (size_t)key->bytes[at] + 1;
    }
    key->n = last;
}

/* RFC 4592 §3.3.1: the wildcard below the closest encloser answers for a name that does not exist. False: nothing does. */
static bool find_owner(const struct local *local, struct key *key) {
    if (exists(local, key))
        return true;
    while (!exists(local, key))
        drop_first_label(key);
    if (key->n + 2 > KEY_BYTES)
        return false;
    key->bytes[key->n++] = 1;
    key->bytes[key->n++] = '*';
    return exists(local, key);
}

/* The next entry of this owner and type from *at on, or NULL. */
static const struct entry *next_of(const struct local *local, const struct key *key, uint16_t type, size_t *at) {
    for (; *at < local->count && span_eq(local->entries[*at].key, key_span(key)); (*at)++)
        if (local->entries[*at].type == type)
            return &local->entries[(*at)++];
    return NULL;
}

static const struct entry *first_of(const struct local *local, const struct key *key, uint16_t type) {
    size_t at = lower_bound(local, key_span(key));
    return next_of(local, key, type, &at);
}

static void shorten(struct dns_query_rep *rep, uint32_t ttl_s) {
    rep->ttl_s = ttl_s < rep->ttl_s ? ttl_s : rep->ttl_s;
}

/* False when the owner has no record of that type. More than a message holds is no answer at all. */
static bool put_records(const struct local *local, const struct key *key, uint16_t type, struct buf *raw,
                        struct dns_query_rep *rep) {
    size_t at = lower_bound(local, key_span(key));
    const struct entry *entry;
    while ((entry = next_of(local, key, type, &at))) {
        if (rep->records.count == LOOKUP_RECORDS_MAX)
            buf_fail(raw, SD_ERR_LIMIT);
        ipc_list_add(&rep->records, raw, entry->rdata);
        shorten(rep, entry->ttl_s);
        rep->outcome = DNS_FOUND;
    }
    return rep->outcome == DNS_FOUND;
}

static void answer(const struct local *local, struct key key, uint16_t type, struct buf *raw, struct dns_query_rep *rep) {
    for (unsigned hops = 0; hops <= CNAME_HOPS_MAX; hops++) {
        bool found = find_owner(local, &key);
        if (found && put_records(local, &key, type, raw, rep))
            return;
        const struct entry *alias = found ? first_of(local, &key, DNS_CNAME) : NULL;
        if (!alias) {
            bool fails = found && first_of(local, &key, RECORD_FAILURE);
            rep->outcome = fails ? DNS_TEMPFAIL : found ? DNS_NODATA : DNS_NXDOMAIN;
            rep->ttl_s = 0;
            return;
        }
        shorten(rep, alias->ttl_s);
        key = key_of_wire(alias->rdata);
    }
}

void local_answer(const struct local *local, const struct question *question, struct buf *raw, struct dns_query_rep *ret) {
    struct dns_query_rep rep = {.outcome = DNS_TEMPFAIL, .ttl_s = UINT32_MAX}; /* what a loop of CNAMEs stays */
    answer(local, key_of_question(question), question->type, raw, &rep);
    *ret = buf_err(raw) || rep.outcome == DNS_TEMPFAIL ? (struct dns_query_rep){.outcome = DNS_TEMPFAIL} : rep;
}
