#include "edge/limit.h"

#include "core/clock.h"
#include "core/log.h"

struct row {
    const char *text;
    const char *key;
    int64_t value, min, max;
};

static const struct row rows[EDGE_LIMIT_COUNT] = {
#define X(name, text, key, value, min, max) {text, key, (int64_t)(value), (int64_t)(min), (int64_t)(max)},
    EDGE_LIMIT_LIST(X)
#undef X
};

void limits_default(struct limits *limits) {
    for (size_t i = 0; i < EDGE_LIMIT_COUNT; i++)
        limits->value[i] = rows[i].value;
}

void limits_configure(struct limits *limits, const struct config *config) {
    limits_default(limits);
    for (size_t i = 0; i < EDGE_LIMIT_COUNT; i++) {
        if (!rows[i].key)
            continue;
        int64_t v = config_int(config, rows[i].key);
        limits->value[i] = v < rows[i].min ? rows[i].min : v > rows[i].max ? rows[i].max : v;
    }
}

void limit_hit(struct limits *limits, enum edge_limit limit, uint64_t session) {
    unsigned long long hits = atomic_fetch_add(&limits->hits[limit], 1) + 1;
    long long now = clock_mono_ns();
    long long last = atomic_load(&limits->logged_ns[limit]);
    if (last && now - last < 1000000000)
        return;
    if (atomic_compare_exchange_strong(&limits->logged_ns[limit], &last, now))
        log_info("edge.limit", "limit=%s hits=%llu session=%llu", rows[limit].text, hits, (unsigned long long)session);
}

bool budget_take(struct budget *budget, uint64_t bytes) {
    unsigned long long used = atomic_load(&budget->used);
    do {
        if (bytes > budget->max || used > budget->max - bytes)
            return false;
    } while (!atomic_compare_exchange_weak(&budget->used, &used, used + bytes));
    return true;
}

void budget_give(struct budget *budget, uint64_t bytes) {
    atomic_fetch_sub(&budget->used, bytes);
}
