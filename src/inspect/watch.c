#include "inspect/watch.h"

size_t watch_begin(struct watch *watch, int64_t now_ns) {
    for (size_t i = 0; i < WATCH_SLOTS; i++) {
        long long empty = 0;
        if (atomic_compare_exchange_strong(&watch->since_ns[i], &empty, now_ns))
            return i;
    }
    return WATCH_SLOTS;
}

void watch_end(struct watch *watch, size_t slot) {
    if (slot < WATCH_SLOTS)
        atomic_store(&watch->since_ns[slot], 0);
}

bool watch_is_stuck(struct watch *watch, int64_t now_ns) {
    for (size_t i = 0; i < WATCH_SLOTS; i++) {
        int64_t since = atomic_load(&watch->since_ns[i]);
        if (since && now_ns - since > (int64_t)WATCH_MS * 1000000)
            return true;
    }
    return false;
}
