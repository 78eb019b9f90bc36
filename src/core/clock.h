/*
 * clock.h - absolute monotonic deadlines, and wall-clock time.
 *
 * Every blocking call takes a struct deadline: an absolute point of the monotonic clock, so that a chain of calls shares one
 * limit. Wall time is milliseconds since 1970-01-01 UTC; only records and protocol dates use it.
 */
#ifndef SD_CORE_CLOCK_H
#define SD_CORE_CLOCK_H

#include "core/buf.h"

#include <pthread.h>

struct deadline {
    int64_t at_ns; /* CLOCK_MONOTONIC */
};

struct deadline deadline_in_ms(int64_t ms);
struct deadline deadline_sooner(struct deadline a, struct deadline b);
bool deadline_passed(struct deadline d);
/* Milliseconds left, rounded up, for poll(2): 0 when passed, at most INT_MAX. */
int deadline_left_ms(struct deadline d);

/* Does nothing for so long, or a little less when a signal comes. */
void clock_pause_ms(int64_t ms);

int64_t clock_mono_ns(void);
int64_t clock_unix_ms(void);

/* poll(2) for one descriptor until the deadline: SD_OK when one of events (POLLIN, POLLOUT) is there, or an error or hang-up
 * the next read or write will report; SD_ERR_TIMEOUT. */
enum sd_err wait_fd(int fd, short events, struct deadline deadline) SD_MUST_CHECK;

/* A condition variable whose timed wait takes a deadline's clock; destroy it with pthread_cond_destroy. */
void cond_init_monotonic(pthread_cond_t *cond);

/* "2026-11-23T10:00:00.123Z" (RFC 3339 §5.6); "" for times outside years 1970–9999. */
void put_rfc3339(struct buf *b, int64_t unix_ms);
/* "Mon, 23 Nov 2026 10:00:00 +0000" (RFC 5322 §3.3). */
void put_rfc5322_date(struct buf *b, int64_t unix_ms);

#endif
