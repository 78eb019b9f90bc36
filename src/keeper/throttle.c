#include "keeper/throttle.h"

static int64_t delay_ms(uint32_t failures) {
    if (failures <= THROTTLE_FREE)
        return 0;
    if (failures >= THROTTLE_LOCK)
        return THROTTLE_LOCK_MS;
    return INT64_C(1000) << (failures - THROTTLE_FREE - 1);
}

int64_t throttle_wait_ms(const struct throttle *t, int64_t now_ms) {
    int64_t until = t->last_ms + delay_ms(t->failures);
    int64_t wait = until - now_ms;
    /* A clock set back must not lock for longer than the schedule says. */
    return wait <= 0 ? 0 : wait > delay_ms(t->failures) ? delay_ms(t->failures) : wait;
}

void throttle_fade(struct throttle *t, int64_t now_ms) {
    int64_t faded = now_ms > t->last_ms ? (now_ms - t->last_ms) / THROTTLE_FADE_MS : 0;
    t->failures = faded >= t->failures ? 0 : t->failures - (uint32_t)faded;
}

bool throttle_catch_up(struct throttle *t, int64_t now_ms) {
    bool ahead = t->last_ms > now_ms;
    if (ahead)
        t->last_ms = now_ms;
    return ahead;
}

void throttle_charge(struct throttle *t, int64_t now_ms) {
    if (now_ms - t->last_ms > THROTTLE_FORGET_MS)
        t->failures = 0;
    if (t->failures < UINT32_MAX)
        t->failures++;
    t->last_ms = now_ms;
}
