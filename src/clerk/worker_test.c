/* A thread that steps, waits, and is woken: by a bell, by another bell, and to stop. */
#include "clerk/worker.h"
#include "core/clock.h"
#include "core/role.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

static struct worker worker;
static atomic_uint steps;
static _Atomic int64_t answer;

static int64_t step(SD_UNUSED void *arg) {
    atomic_fetch_add(&steps, 1);
    return atomic_load(&answer);
}

static int make(SD_UNUSED void **state) {
    atomic_store(&steps, 0);
    atomic_store(&answer, 60000);
    memset(&worker, 0, sizeof worker);
    worker_init(&worker, &(struct worker_spec){.name = "test", .step = step, .gives_way = true});
    return 0;
}

static int drop(SD_UNUSED void **state) {
    int64_t from = clock_mono_ns();
    worker_join(&worker);
    worker_join(&worker); /* twice is once */
    assert_true(clock_mono_ns() - from < INT64_C(2000000000));
    return 0;
}

static bool comes_to(unsigned n) {
    for (struct deadline end = deadline_in_ms(5000); !deadline_passed(end) && atomic_load(&steps) < n;)
        clock_pause_ms(1);
    return atomic_load(&steps) == n;
}

static int new_bell(int *ret_mine) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    *ret_mine = dup(fd);
    assert_true(fd >= 0 && *ret_mine >= 0);
    return fd;
}

static void steps_when_it_rings(SD_UNUSED void **state) {
    int first, second;
    worker_bell(&worker, new_bell(&first)); /* before it starts */
    assert_int_equal(worker_start(&worker), SD_OK);
    assert_true(comes_to(1));
    bell_ring(first);
    assert_true(comes_to(2));
    worker_bell(&worker, new_bell(&second)); /* another one, while it listens to the first */
    bell_ring(second);
    assert_true(comes_to(3));
    clock_pause_ms(50);
    bell_ring(first); /* nobody listens */
    clock_pause_ms(50);
    assert_int_equal(atomic_load(&steps), 3);
    (void)close(first);
    (void)close(second);
}

static void a_bell_that_comes_late_is_heard(SD_UNUSED void **state) {
    int mine;
    assert_int_equal(worker_start(&worker), SD_OK);
    assert_true(comes_to(1));
    worker_bell(&worker, new_bell(&mine));
    bell_ring(mine);
    assert_true(comes_to(2));
    (void)close(mine);
}

static void steps_at_once_and_after_a_while(SD_UNUSED void **state) {
    atomic_store(&answer, 0);
    assert_int_equal(worker_start(&worker), SD_OK);
    while (atomic_load(&steps) < 100)
        clock_pause_ms(1);
    atomic_store(&answer, 5);
    clock_pause_ms(20);
    unsigned before = atomic_load(&steps);
    clock_pause_ms(100);
    assert_true(atomic_load(&steps) > before && atomic_load(&steps) < before + 30);
}

/* After a failure the bell may go on ringing: it is not heard. */
static void does_not_listen_after_a_failure(SD_UNUSED void **state) {
    int mine;
    atomic_store(&answer, -60000);
    worker_bell(&worker, new_bell(&mine));
    assert_int_equal(worker_start(&worker), SD_OK);
    assert_true(comes_to(1));
    bell_ring(mine);
    clock_pause_ms(50);
    assert_int_equal(atomic_load(&steps), 1);
    (void)close(mine);
}

static void one_that_never_started_ends(SD_UNUSED void **state) {
    int mine;
    worker_bell(&worker, new_bell(&mine));
    (void)close(mine);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(steps_when_it_rings),
        CASE(a_bell_that_comes_late_is_heard),
        CASE(steps_at_once_and_after_a_while),
        CASE(does_not_listen_after_a_failure),
        CASE(one_that_never_started_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
