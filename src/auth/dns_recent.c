#include "auth/dns_recent.h"

#include "core/secret.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Key bytes are the lower-case name, a NUL, the type (2); answer bytes are records as blobs. One allocation. */
struct slot {
    size_t key_n, answer_n, count;
    int64_t until_ns;
    enum dns_outcome outcome;
    bool secure;
    uint8_t bytes[];
};

struct dns_recent {
    struct dns_source inner;
    uint64_t seed; /* names chosen to collide do not */
    pthread_mutex_t lock;
    struct slot *slots[DNS_RECENT_SLOTS];
};

/* An open question: an answer that was there, or the inner ticket and the key to keep its answer under. */
struct question {
    struct slot *found; /* a copy */
    struct dns_ticket inner;
    size_t key_n;
    uint8_t key[];
};

enum sd_err dns_recent_new(const struct dns_source *inner, struct dns_recent **ret) {
    struct dns_recent *recent = calloc(1, sizeof *recent);
    if (!recent)
        return SD_ERR_NOMEM;
    recent->inner = *inner;
    random_bytes(&recent->seed, sizeof recent->seed);
    pthread_mutex_init(&recent->lock, NULL);
    *ret = recent;
    return SD_OK;
}

void dns_recent_free(struct dns_recent **recent) {
    if (!*recent)
        return;
    for (size_t i = 0; i < DNS_RECENT_SLOTS; i++)
        free((*recent)->slots[i]);
    pthread_mutex_destroy(&(*recent)->lock);
    free(*recent);
    *recent = NULL;
}

/* FNV-1a over a secret start. */
static size_t slot_of(const struct dns_recent *recent, struct span key) {
    uint64_t hash = recent->seed ^ UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < key.n; i++)
        hash = (hash ^ key.p[i]) * UINT64_C(0x100000001b3);
    return (size_t)(hash >> 32) % DNS_RECENT_SLOTS;
}

static size_t slot_size(size_t key_n, size_t answer_n) {
    return sizeof(struct slot) + key_n + answer_n;
}

/* A copy of the live answer, or NULL. */
static struct slot *look_up(struct dns_recent *recent, struct span key) {
    struct slot *copy = NULL;
    pthread_mutex_lock(&recent->lock);
    const struct slot *slot = recent->slots[slot_of(recent, key)];
    if (slot && span_eq(key, span_of(slot->bytes, slot->key_n)) && slot->until_ns > clock_mono_ns()) {
        copy = malloc(slot_size(slot->key_n, slot->answer_n));
        if (copy)
            memcpy(copy, slot, slot_size(slot->key_n, slot->answer_n));
    }
    pthread_mutex_unlock(&recent->lock);
    return copy;
}

static struct question *question_new(struct span name, enum dns_type type) {
    struct question *q = calloc(1, sizeof *q + name.n + 3);
    if (!q)
        return NULL;
    for (size_t i = 0; i < name.n; i++)
        q->key[i] = (uint8_t)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] + 32 : name.p[i]);
    q->key[name.n + 1] = (uint8_t)type;
    q->key[name.n + 2] = (uint8_t)(type >> 8);
    q->key_n = name.n + 3;
    return q;
}

static enum sd_err start(void *ctx, struct span name, enum dns_type type, struct dns_ticket *ret) {
    struct dns_recent *recent = ctx;
    struct question *q = question_new(name, type);
    if (!q)
        return SD_ERR_NOMEM;
    q->found = look_up(recent, span_of(q->key, q->key_n));
    enum sd_err err = q->found ? SD_OK : dns_start(&recent->inner, name, type, &q->inner);
    if (err) {
        free(q);
        return err;
    }
    *ret = (struct dns_ticket){.state = q};
    return SD_OK;
}

static enum sd_err repeat(const struct slot *slot, struct arena *arena, struct dns_answer *ret) {
    struct dns_answer answer = {.outcome = slot->outcome, .secure = slot->secure};
    int64_t left_ns = slot->until_ns - clock_mono_ns();
    struct span *records = arena_array(arena, slot->count, sizeof *records);
    struct reader r = reader_of(arena_span(arena, span_of(slot->bytes + slot->key_n, slot->answer_n)));
    if (arena_err(arena))
        return arena_err(arena);
    for (size_t i = 0; i < slot->count; i++)
        records[i] = read_blob(&r, DNS_RECENT_ANSWER_BYTES);
    answer.records = records;
    answer.count = slot->count;
    answer.ttl_s = left_ns > 0 ? (uint32_t)(left_ns / 1000000000) : 0;
    *ret = answer;
    return reader_end(&r) ? SD_ERR_BUG : SD_OK;
}

static void keep(struct dns_recent *recent, struct span key, const struct dns_answer *answer) {
    struct buf packed SD_CLEANUP(buf_free) = buf_new(DNS_RECENT_ANSWER_BYTES);
    for (size_t i = 0; i < answer->count; i++)
        buf_blob(&packed, answer->records[i]);
    if (answer->outcome == DNS_TEMPFAIL || answer->ttl_s == 0 || buf_err(&packed))
        return;
    struct slot *slot = malloc(slot_size(key.n, packed.n));
    if (!slot)
        return;
    int64_t ms = answer->ttl_s < DNS_RECENT_MS / 1000 ? (int64_t)answer->ttl_s * 1000 : DNS_RECENT_MS;
    *slot = (struct slot){.key_n = key.n,
                          .answer_n = packed.n,
                          .count = answer->count,
                          .until_ns = deadline_in_ms(ms).at_ns,
                          .outcome = answer->outcome,
                          .secure = answer->secure};
    memcpy(slot->bytes, key.p, key.n);
    if (packed.n)
        memcpy(slot->bytes + key.n, packed.p, packed.n);
    pthread_mutex_lock(&recent->lock);
    struct slot **at = &recent->slots[slot_of(recent, key)];
    struct slot *old = *at;
    *at = slot;
    pthread_mutex_unlock(&recent->lock);
    free(old);
}

static enum sd_err wait_answer(void *ctx, struct dns_ticket ticket, struct deadline deadline, struct arena *arena,
                               struct dns_answer *ret) {
    struct dns_recent *recent = ctx;
    struct question *q = ticket.state;
    enum sd_err err = q->found ? repeat(q->found, arena, ret) : dns_wait(&recent->inner, q->inner, deadline, arena, ret);
    if (err == SD_OK && !q->found)
        keep(recent, span_of(q->key, q->key_n), ret);
    free(q->found);
    free(q);
    return err;
}

struct dns_source dns_recent_source(struct dns_recent *recent) {
    return (struct dns_source){.ctx = recent, .start = start, .wait = wait_answer};
}
