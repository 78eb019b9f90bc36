#include "courier/schedule.h"

#define WAIT_MAX_S (7 * 24 * 3600)
#define HOURS_MAX (30 * 24)

enum sd_err schedule_parse(struct span waits, int64_t give_up_hours, struct schedule *ret) {
    struct schedule s = {.give_up_ms = give_up_hours * 3600 * 1000};
    struct span_split split = span_split_start(waits);
    struct span part;
    if (give_up_hours < 1 || give_up_hours > HOURS_MAX)
        return SD_ERR_CONFIG;
    while (span_split_next(&split, ',', &part)) {
        uint64_t seconds = 0;
        if (s.count == SCHEDULE_WAITS_MAX || span_to_u64(span_trim(part), &seconds) != SD_OK || seconds == 0 ||
            seconds > WAIT_MAX_S)
            return SD_ERR_CONFIG;
        s.waits_ms[s.count++] = (int64_t)seconds * 1000;
    }
    if (s.count == 0)
        return SD_ERR_CONFIG;
    *ret = s;
    return SD_OK;
}

int64_t schedule_next(const struct schedule *s, int64_t created_ms, int64_t now_ms) {
    int64_t at = created_ms;
    for (size_t i = 0; i < s->count; i++) {
        at += s->waits_ms[i];
        if (at > now_ms)
            break;
    }
    int64_t last = s->waits_ms[s->count - 1];
    if (at <= now_ms)
        at += ((now_ms - at) / last + 1) * last;
    int64_t soonest = now_ms + s->waits_ms[0];
    return at > soonest ? at : soonest;
}

bool schedule_over(const struct schedule *s, int64_t created_ms, int64_t now_ms) {
    return now_ms - created_ms >= s->give_up_ms;
}
