/* The intake's writer: group commit, what fits and what does not, segments, torn tails that are never written over. */
#include "edge/intake.h"

#include "core/clock.h"
#include "core/crc32c.h"
#include "core/role.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char dir[64];
    struct intake *intake;
};

static void open_place(struct place *place) {
    int fd = open(place->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(intake_new(fd, &place->intake), SD_OK);
    assert_int_equal(intake_start(place->intake), SD_OK);
}

static int set_up(void **state) {
    struct place *place = calloc(1, sizeof *place);
    (void)signal(SIGXFSZ, SIG_IGN);
    strcpy(place->dir, "/tmp/sealdesk-intake-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    open_place(place);
    *state = place;
    return 0;
}

static void path_of(const struct place *place, unsigned number, char path[128]) {
    (void)snprintf(path, 128, "%s/%012u.log", place->dir, number);
}

static int tear_down(void **state) {
    struct place *place = *state;
    intake_free(&place->intake);
    for (unsigned i = 0; i < 64; i++) {
        char path[128];
        path_of(place, i, path);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(place->dir), 0);
    free(place);
    return 0;
}

static void put_frame(struct buf *to, uint8_t fill, size_t n) {
    struct intake_frame frame = intake_frame_begin(to);
    buf_fill(to, fill, n);
    intake_frame_end(to, frame);
    assert_int_equal(buf_err(to), SD_OK);
}

/* append_err, because the result is the test's. */
static enum sd_err append(struct place *place, uint8_t fill, size_t n, unsigned records) {
    struct buf frames SD_CLEANUP(buf_free) = buf_new(128 * 1024 * 1024);
    for (unsigned i = 0; i < records; i++)
        put_frame(&frames, fill, n);
    return intake_append(place->intake, buf_span(&frames), records);
}

static long size_of(const struct place *place, unsigned number) {
    char path[128];
    struct stat st;
    path_of(place, number, path);
    return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

/* Whole records of a segment, their fill bytes in `seen`. */
static size_t read_segment(const struct place *place, unsigned number, struct buf *seen) {
    char path[128];
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(256 * 1024 * 1024);
    size_t count = 0;
    path_of(place, number, path);
    assert_int_equal(file_read(path, &bytes), SD_OK);
    struct reader r = reader_of(buf_span(&bytes));
    while (r.rest.n) {
        struct span magic = read_bytes(&r, 4);
        uint32_t n = read_u32(&r), crc = read_u32(&r);
        struct span body = read_bytes(&r, n);
        if (r.err)
            return count;
        assert_true(span_eq(magic, SPAN("SDI1")));
        assert_int_equal(crc, crc32c(body));
        buf_byte(seen, body.p[0]);
        count++;
    }
    return count;
}

static void records_are_framed_and_the_bell_rings(void **state) {
    struct place *place = *state;
    struct buf seen SD_CLEANUP(buf_free) = buf_new(64);
    struct stat st;
    char path[128];
    int bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    intake_set_bell(place->intake, dup(bell));
    assert_int_equal(bell_wait(bell, deadline_in_ms(0)), SD_ERR_TIMEOUT);
    assert_int_equal(append(place, 'a', 10, 1), SD_OK);
    assert_int_equal(bell_wait(bell, deadline_in_ms(0)), SD_OK);
    assert_int_equal(append(place, 'b', 1000, 2), SD_OK);
    assert_int_equal(read_segment(place, 1, &seen), 3);
    assert_true(span_eq(buf_span(&seen), SPAN("abb")));
    path_of(place, 1, path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    (void)close(bell);
}

#define WRITERS 16
#define EACH 50

static void *write_many(void *arg) {
    for (size_t i = 0; i < EACH; i++)
        if (append(arg, 'x', 500 + i, 1))
            return "failed";
    return NULL;
}

static void many_writers_lose_nothing(void **state) {
    struct place *place = *state;
    pthread_t threads[WRITERS];
    struct buf seen SD_CLEANUP(buf_free) = buf_new(WRITERS * EACH);
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, place), 0);
    for (size_t i = 0; i < WRITERS; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
    assert_int_equal(read_segment(place, 1, &seen), WRITERS * EACH);
}

static void every_start_opens_a_segment_after_the_highest(void **state) {
    struct place *place = *state;
    char path[128];
    assert_int_equal(append(place, 'a', 10, 1), SD_OK);
    intake_free(&place->intake);
    path_of(place, 7, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "SDI1 torn", 9), 9);
    (void)close(fd);
    open_place(place);
    assert_int_equal(append(place, 'b', 10, 1), SD_OK);
    assert_int_equal(size_of(place, 7), 9); /* what was there is left alone */
    assert_true(size_of(place, 8) > 0);
}

static void a_segment_that_is_full_is_followed_by_the_next(void **state) {
    struct place *place = *state;
    assert_int_equal(append(place, 'a', 40 * 1024 * 1024, 1), SD_OK);
    assert_int_equal(append(place, 'b', 40 * 1024 * 1024, 1), SD_OK);
    assert_int_equal(append(place, 'c', 10, 1), SD_OK);
    assert_true(size_of(place, 1) > (long)INTAKE_SEGMENT_BYTES);
    assert_int_equal(size_of(place, 2), INTAKE_FRAME_BYTES + 10);
}

/* A limit on the size of files stands for the full disk: writes stop in the middle of a record in the same way. */
static void limit_files(rlim_t bytes) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_keeps_what_is_whole_and_recovers(void **state) {
    struct place *place = *state;
    struct buf seen SD_CLEANUP(buf_free) = buf_new(64);
    assert_int_equal(append(place, 'a', 1000, 1), SD_OK);
    limit_files(2500);
    assert_int_equal(append(place, 'b', 2000, 1), SD_ERR_FULL);
    assert_int_equal(intake_health(place->intake), SD_ERR_FULL);
    assert_int_equal(size_of(place, 1), 1000 + INTAKE_FRAME_BYTES); /* the torn record is cut off */
    assert_int_equal(append(place, 'c', 100, 1), SD_OK);            /* a smaller one still fits */
    limit_files(RLIM_INFINITY);
    assert_int_equal(append(place, 'd', 2000, 1), SD_OK);
    assert_int_equal(intake_health(place->intake), SD_OK);
    assert_int_equal(read_segment(place, 1, &seen), 3);
    assert_true(span_eq(buf_span(&seen), SPAN("acd")));
}

/* The first of two records may have been read already: its place is not used again. */
static void a_torn_group_is_never_written_over(void **state) {
    struct place *place = *state;
    struct buf seen SD_CLEANUP(buf_free) = buf_new(64);
    assert_int_equal(append(place, 'a', 1000, 1), SD_OK);
    limit_files(3000);
    assert_int_equal(append(place, 'b', 1500, 2), SD_ERR_FULL);
    limit_files(RLIM_INFINITY);
    assert_int_equal(append(place, 'c', 10, 1), SD_OK);
    assert_int_equal(size_of(place, 1), 1000 + INTAKE_FRAME_BYTES);
    assert_int_equal(read_segment(place, 2, &seen), 1);
    assert_true(span_eq(buf_span(&seen), SPAN("c")));
}

static void *append_small(void *arg) {
    return (void *)(intptr_t)append(arg, 's', 100, 1);
}

static void *append_large(void *arg) {
    return (void *)(intptr_t)append(arg, 'l', 5000, 2);
}

/* Letters that share a batch with one that does not fit are kept, whatever the order. */
static void one_that_does_not_fit_takes_no_other_with_it(void **state) {
    struct place *place = *state;
    pthread_t threads[32];
    limit_files(4000);
    for (size_t i = 0; i < SD_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i % 4 == 0 ? append_large : append_small, place), 0);
    for (size_t i = 0; i < SD_COUNT(threads); i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_int_equal((intptr_t)result, i % 4 == 0 ? SD_ERR_FULL : SD_OK);
    }
    limit_files(RLIM_INFINITY);
    struct buf seen SD_CLEANUP(buf_free) = buf_new(4096);
    size_t whole = 0;
    for (unsigned i = 1; i < 64; i++)
        if (size_of(place, i) >= 0)
            whole += read_segment(place, i, &seen);
    assert_int_equal(whole, 24);
    assert_true(span_find(buf_span(&seen), 'l') == seen.n);
}

static void without_its_folder_nothing_is_promised(void **state) {
    struct place *place = *state;
    intake_free(&place->intake);
    char sub[80];
    (void)snprintf(sub, sizeof sub, "%s/gone", place->dir);
    assert_int_equal(mkdir(sub, 0700), 0);
    int fd = open(sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(intake_new(fd, &place->intake), SD_OK);
    assert_int_equal(intake_start(place->intake), SD_OK);
    assert_int_equal(rmdir(sub), 0);
    assert_true(append(place, 'a', 10, 1) != SD_OK);
    assert_true(intake_health(place->intake) != SD_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(records_are_framed_and_the_bell_rings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_writers_lose_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_start_opens_a_segment_after_the_highest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_segment_that_is_full_is_followed_by_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_keeps_what_is_whole_and_recovers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_torn_group_is_never_written_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_does_not_fit_takes_no_other_with_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_its_folder_nothing_is_promised, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
