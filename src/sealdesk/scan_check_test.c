#include "sealdesk/scan_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DAY 86400
#define NOW INT64_C(1764147600) /* 2025-11-26 09:00 UTC */

/* How many lines it says, and whether one of them has this in it. */
static unsigned said(char *text, const char *part, bool *ret_found) {
    unsigned n = 0;
    *ret_found = !part || strstr(text, part) != NULL;
    for (const char *c = text; *c; c++)
        n += *c == '\n';
    free(text);
    return n;
}

static unsigned about_conf(const char *conf, const char *part) {
    char *text = NULL;
    size_t n = 0;
    bool found;
    FILE *to = open_memstream(&text, &n);
    assert_non_null(to);
    scan_warn_clamd_conf(span_cstr(conf), "clamd.conf", to);
    assert_int_equal(fclose(to), 0);
    unsigned lines = said(text, part, &found);
    assert_true(found);
    return lines;
}

static unsigned about_version(const char *version, int64_t now_s, const char *part) {
    char *text = NULL;
    size_t n = 0;
    bool found;
    FILE *to = open_memstream(&text, &n);
    assert_non_null(to);
    scan_warn_version(span_cstr(version), now_s, to);
    assert_int_equal(fclose(to), 0);
    unsigned lines = said(text, part, &found);
    assert_true(found);
    return lines;
}

#define GOOD "AlertExceedsMax yes\nAlertEncrypted true\nTemporaryDirectory /dev/shm\n"

static void limits_of_clamd_under_ours_are_named(SD_UNUSED void **state) {
    assert_int_equal(about_conf(GOOD, NULL), 0);
    assert_int_equal(about_conf(GOOD "MaxFileSize 25M\nMaxScanSize 0\nStreamMaxLength 26214400\n", NULL), 0);
    assert_int_equal(about_conf(GOOD "MaxFileSize 24M\n", "MaxFileSize 24M"), 1);
    assert_int_equal(about_conf(GOOD "MaxScanSize 1024K\n", "MaxScanSize 1024K"), 1);
    assert_int_equal(about_conf(GOOD "StreamMaxLength 26214399", "StreamMaxLength"), 1);
    assert_int_equal(about_conf(GOOD "# MaxFileSize 1M\n", NULL), 0);
    assert_int_equal(about_conf(GOOD "  MaxFileSize\t1M  \n", "MaxFileSize 1M"), 1);
    assert_int_equal(about_conf("AlertEncrypted yes\nTemporaryDirectory /dev/shm\n", "AlertExceedsMax"), 1);
    assert_int_equal(about_conf(GOOD "AlertEncrypted no\n", "AlertEncrypted"), 1);
    assert_int_equal(about_conf("", "AlertEncrypted"), 3);
}

static void where_clamd_unpacks_must_be_memory(SD_UNUSED void **state) {
    assert_int_equal(about_conf(GOOD "TemporaryDirectory /proc/self\n", "is on a disk"), 1);
    assert_int_equal(about_conf(GOOD "TemporaryDirectory /nonexistent/x\n", "No such file"), 1);
}

static void old_signatures_are_named(SD_UNUSED void **state) {
    const char *version = "ClamAV 1.4.6/27001/Wed Nov 26 09:00:00 2025";
    assert_int_equal(about_version(version, NOW, NULL), 0);
    assert_int_equal(about_version(version, NOW + 7 * DAY, NULL), 0);
    assert_int_equal(about_version(version, NOW + 9 * DAY, "9 days old"), 1);
    assert_int_equal(about_version("ClamAV 1.4.6", NOW, "names no date"), 1);
    assert_int_equal(about_version("ClamAV 1.4.6/27001/never", NOW, "names no date"), 1);
    assert_int_equal(about_version("", NOW, "names no date"), 1);
}

static void words_of_a_list(SD_UNUSED void **state) {
    assert_true(scan_list_has("rescan", "rescan"));
    assert_true(scan_list_has("learn, rescan ,x", "rescan"));
    assert_false(scan_list_has("none", "rescan"));
    assert_false(scan_list_has("rescans", "rescan"));
    assert_false(scan_list_has("", "rescan"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(limits_of_clamd_under_ours_are_named),
                                       cmocka_unit_test(where_clamd_unpacks_must_be_memory),
                                       cmocka_unit_test(old_signatures_are_named), cmocka_unit_test(words_of_a_list)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
