#include "core/clock.h"

#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

static void deadlines(void **state) {
    (void)state;
    struct deadline past = deadline_in_ms(-1);
    struct deadline soon = deadline_in_ms(60000);
    struct deadline far = {INT64_MAX};
    assert_true(deadline_passed(past));
    assert_false(deadline_passed(soon));
    assert_int_equal(deadline_left_ms(past), 0);
    assert_in_range(deadline_left_ms(soon), 50000, 60000);
    assert_int_equal(deadline_left_ms(far), INT_MAX);
    assert_true(deadline_sooner(soon, past).at_ns == past.at_ns);
    assert_true(deadline_sooner(soon, far).at_ns == soon.at_ns);
    assert_int_equal(deadline_left_ms((struct deadline){clock_mono_ns() + 999999}), 1); /* rounded up: no busy loop */
}

static void waits_until_ready_or_late(void **state) {
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    int64_t before = clock_mono_ns();
    assert_int_equal(wait_fd(fds[0], POLLIN, deadline_in_ms(20)), SD_ERR_TIMEOUT);
    assert_true(clock_mono_ns() - before >= 20 * 1000000);
    assert_int_equal(wait_fd(fds[0], POLLIN, deadline_in_ms(-5)), SD_ERR_TIMEOUT);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(wait_fd(fds[0], POLLIN, deadline_in_ms(10000)), SD_OK);
    assert_int_equal(wait_fd(fds[1], POLLOUT, deadline_in_ms(10000)), SD_OK);
    char c;
    assert_int_equal(read(fds[0], &c, 1), 1);
    (void)close(fds[1]);
    assert_int_equal(wait_fd(fds[0], POLLIN, deadline_in_ms(10000)), SD_OK); /* hang-up: the next read reports it */
    (void)close(fds[0]);
}

static void formats_to(void (*put)(struct buf *, int64_t), int64_t unix_ms, const char *expected) {
    struct buf b SD_CLEANUP(buf_free) = buf_new(100);
    put(&b, unix_ms);
    assert_int_equal(buf_err(&b), SD_OK);
    assert_true(span_eq(buf_span(&b), span_cstr(expected)));
}

static void dates(void **state) {
    (void)state;
    formats_to(put_rfc3339, 0, "1970-01-01T00:00:00.000Z");
    formats_to(put_rfc3339, 1795428000123, "2026-11-23T10:00:00.123Z");
    formats_to(put_rfc3339, 951782400000, "2000-02-29T00:00:00.000Z");
    formats_to(put_rfc3339, 253402300799999, "9999-12-31T23:59:59.999Z");
    formats_to(put_rfc3339, 253402300800000, "");
    formats_to(put_rfc3339, -1, "");
    formats_to(put_rfc5322_date, 1795428000123, "Mon, 23 Nov 2026 10:00:00 +0000");
    formats_to(put_rfc5322_date, 0, "Thu, 1 Jan 1970 00:00:00 +0000");
}

static void wall_clock_moves_with_the_system(void **state) {
    (void)state;
    assert_true(clock_unix_ms() > 1700000000000); /* later than 2023 */
    int64_t a = clock_mono_ns();
    assert_true(clock_mono_ns() >= a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadlines),
        cmocka_unit_test(waits_until_ready_or_late),
        cmocka_unit_test(dates),
        cmocka_unit_test(wall_clock_moves_with_the_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
