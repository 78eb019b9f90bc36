/* The folder of signatures, looked at by a real process aside. */
#include "inspect/signatures.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/signatures-test-XXXXXX";
static struct signatures *signatures;

static void put(const char *name, const char *text) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static struct signatures_stamp look(void) {
    struct signatures_stamp stamp = {0};
    assert_int_equal(signatures_look(signatures, deadline_in_ms(5000), &stamp), SD_OK);
    return stamp;
}

static void a_change_is_seen(void **state) {
    (void)state;
    uint32_t empty = look().mark;
    int64_t now_ms = clock_unix_ms();
    put("daily.cvd", "one");
    struct signatures_stamp first = look();
    assert_int_not_equal(first.mark, empty);
    assert_true(first.newest_ms > now_ms - 5000 && first.changed_ms > now_ms - 5000);
    assert_int_equal(look().mark, first.mark);
    put("daily.cvd", "other");
    assert_int_not_equal(look().mark, first.mark);
    uint32_t before = look().mark;
    put("own.ndb", "x");
    assert_int_not_equal(look().mark, before);
}

/* It writes these each time that it looks for news, with none: nothing may be scanned again for that. */
static void what_freshclam_notes_for_itself_is_no_change(void **state) {
    (void)state;
    uint32_t before = look().mark;
    put("freshclam.dat", "x");
    put("mirrors.dat", "x");
    put("tmp.0123", "x");
    put(".hidden", "x");
    assert_int_equal(look().mark, before);
}

/* As freshclam does it: beside, then over the old one; the date is that of the signatures, and long ago. */
static void a_file_that_is_put_over_another_is_seen(void **state) {
    (void)state;
    char from[128], to[128];
    const struct timespec old[2] = {{1000000000, 0}, {1000000000, 0}};
    struct signatures_stamp before = look();
    put("tmp.1", "other");
    (void)snprintf(from, sizeof from, "%s/tmp.1", dir);
    (void)snprintf(to, sizeof to, "%s/daily.cvd", dir);
    assert_int_equal(utimensat(AT_FDCWD, from, old, 0), 0);
    assert_int_equal(rename(from, to), 0);
    assert_int_not_equal(look().mark, before.mark);
    assert_true(look().changed_ms >= before.changed_ms);
}

static void a_folder_that_is_not_there_is_said(void **state) {
    (void)state;
    struct signatures *none = NULL;
    assert_int_equal(signatures_start("/nonexistent/signatures", getuid(), getgid(), &none), SD_ERR_NOTFOUND);
    assert_null(none);
}

static int start(void **state) {
    (void)state;
    return mkdtemp(dir) && signatures_start(dir, getuid(), getgid(), &signatures) == SD_OK ? 0 : -1;
}

static int stop(void **state) {
    char command[128];
    (void)state;
    signatures_free(&signatures);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_seen),
        cmocka_unit_test(what_freshclam_notes_for_itself_is_no_change),
        cmocka_unit_test(a_file_that_is_put_over_another_is_seen),
        cmocka_unit_test(a_folder_that_is_not_there_is_said),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
