#include "core/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t id) {
    struct timespec now;
    if (clock_gettime(id, &now) != 0)
        return 0;
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void clock_pause_ms(int64_t ms) {
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
}

int64_t clock_mono_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_unix_ms(void) {
    return read_clock(CLOCK_REALTIME) / 1000000;
}

struct deadline deadline_in_ms(int64_t ms) {
    return (struct deadline){clock_mono_ns() + ms * 1000000};
}

struct deadline deadline_sooner(struct deadline a, struct deadline b) {
    return a.at_ns < b.at_ns ? a : b;
}

bool deadline_passed(struct deadline d) {
    return clock_mono_ns() >= d.at_ns;
}

int deadline_left_ms(struct deadline d) {
    int64_t left_ns = d.at_ns - clock_mono_ns();
    if (left_ns <= 0)
        return 0;
    int64_t ms = (left_ns + 999999) / 1000000;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

void cond_init_monotonic(pthread_cond_t *cond) {
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

enum sd_err wait_fd(int fd, short events, struct deadline deadline) {
    for (;;) {
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, deadline_left_ms(deadline));
        if (n > 0)
            return SD_OK;
        if (n == 0)
            return SD_ERR_TIMEOUT;
        if (errno != EINTR)
            return SD_ERR_IO;
    }
}

static bool broken_down(int64_t unix_ms, struct tm *ret) {
    time_t seconds = (time_t)(unix_ms / 1000);
    return unix_ms >= 0 && gmtime_r(&seconds, ret) && ret->tm_year <= 9999 - 1900;
}

void put_rfc3339(struct buf *b, int64_t unix_ms) {
    struct tm tm;
    if (broken_down(unix_ms, &tm))
        buf_printf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                   tm.tm_min, tm.tm_sec, (int)(unix_ms % 1000));
}

void put_rfc5322_date(struct buf *b, int64_t unix_ms) {
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;
    if (broken_down(unix_ms, &tm))
        buf_printf(b, "%.3s, %d %.3s %04d %02d:%02d:%02d +0000", days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
                   tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}
