/* When new signatures count. */
#include "inspect/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SETTLE_MS 900000

static void a_change_counts_when_it_is_loaded_for_sure(void **state) {
    (void)state;
    struct engine e = {0};
    struct signatures_stamp stamp = {.mark = 0xabcd, .newest_ms = 1000000, .changed_ms = 2000000};
    assert_true(engine_see(&e, "ClamAV 1.4.6/27001", &stamp, 9000000, SETTLE_MS));
    assert_string_equal(e.text, "ClamAV 1.4.6/27001/1000-0000abcd, rules 1");
    stamp = (struct signatures_stamp){.mark = 1, .newest_ms = 9000000, .changed_ms = 9500000};
    assert_false(engine_see(&e, "ClamAV 1.4.6/27002", &stamp, 9510000, SETTLE_MS));
    assert_string_equal(e.text, "ClamAV 1.4.6/27001/1000-0000abcd, rules 1");
    assert_false(engine_see(&e, "ClamAV 1.4.6/27002", &stamp, 9500000 + SETTLE_MS - 1, SETTLE_MS));
    assert_true(engine_see(&e, "ClamAV 1.4.6/27002", &stamp, 9500000 + SETTLE_MS, SETTLE_MS));
    assert_string_equal(e.text, "ClamAV 1.4.6/27002/9000-00000001, rules 1");
    assert_false(engine_see(&e, "ClamAV 1.4.6/27002", &stamp, 20000000, SETTLE_MS));
}

/* Started while they are new: what the scanner has loaded is not known, and is not guessed. */
static void at_start_new_files_are_no_engine_yet(void **state) {
    (void)state;
    struct engine e = {0};
    const struct signatures_stamp stamp = {.mark = 1, .newest_ms = 1, .changed_ms = 5000000};
    assert_false(engine_see(&e, "ClamAV 1.4.6", &stamp, 5000001, SETTLE_MS));
    assert_string_equal(e.text, "");
    assert_true(engine_see(&e, "ClamAV 1.4.6", &stamp, 5000000 + SETTLE_MS, SETTLE_MS));
}

static void without_a_folder_the_version_tells(void **state) {
    (void)state;
    struct engine e = {0};
    assert_true(engine_see(&e, "ClamAV 1.4.6/1", NULL, 1000, SETTLE_MS));
    assert_false(engine_see(&e, "ClamAV 1.4.6/2", NULL, 2000, SETTLE_MS));
    assert_false(engine_see(&e, "ClamAV 1.4.6/2", NULL, 1999 + SETTLE_MS, SETTLE_MS));
    assert_false(engine_see(&e, "ClamAV 1.4.6/3", NULL, 2000 + SETTLE_MS, SETTLE_MS)); /* another one again: from now on */
    assert_true(engine_see(&e, "ClamAV 1.4.6/3", NULL, 2000 + 2 * SETTLE_MS, SETTLE_MS));
    assert_string_equal(e.text, "ClamAV 1.4.6/3, rules 1");
}

/* A clock that was wrong when the files were written does not keep their change waiting for ever. */
static void files_from_the_future_count_from_when_they_were_seen(void **state) {
    (void)state;
    struct engine e = {0};
    const struct signatures_stamp stamp = {.mark = 1, .newest_ms = 1, .changed_ms = INT64_MAX};
    assert_false(engine_see(&e, "ClamAV 1.4.6", &stamp, 1000, SETTLE_MS));
    assert_true(engine_see(&e, "ClamAV 1.4.6", &stamp, 1000 + SETTLE_MS, SETTLE_MS));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_counts_when_it_is_loaded_for_sure),
        cmocka_unit_test(at_start_new_files_are_no_engine_yet),
        cmocka_unit_test(without_a_folder_the_version_tells),
        cmocka_unit_test(files_from_the_future_count_from_when_they_were_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
