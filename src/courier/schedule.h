/*
 * schedule.h - when to try again: at fixed ages of the message, so that a crash or a long pause neither loses nor doubles
 * attempts.
 */
#ifndef SD_COURIER_SCHEDULE_H
#define SD_COURIER_SCHEDULE_H

#include "core/span.h"

#define SCHEDULE_WAITS_MAX 32

struct schedule {
    int64_t waits_ms[SCHEDULE_WAITS_MAX]; /* between attempts; the last one repeats */
    size_t count;
    int64_t give_up_ms;
};

/* "60,300,900": seconds, each 1 to a week. SD_ERR_CONFIG. */
enum sd_err schedule_parse(struct span waits, int64_t give_up_hours, struct schedule *ret) SD_MUST_CHECK;

/* After an attempt that failed at now: at least the first wait later, and not before the age that is next in the list. */
int64_t schedule_next(const struct schedule *schedule, int64_t created_ms, int64_t now_ms);
bool schedule_over(const struct schedule *schedule, int64_t created_ms, int64_t now_ms);

#endif
