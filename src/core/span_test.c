#include "core/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void compares(void **state) {
    (void)state;
    assert_true(span_eq(SPAN("abc"), span_cstr("abc")));
    assert_false(span_eq(SPAN("abc"), SPAN("abd")));
    assert_false(span_eq(SPAN("abc"), SPAN("ab")));
    assert_true(span_eq(SPAN_NONE, SPAN("")));
    assert_true(span_eq(span_cstr(NULL), SPAN_NONE));
    assert_true(span_ieq(SPAN("FROM"), SPAN("from")));
    assert_false(span_ieq(SPAN("@"), SPAN("`"))); /* differ by 32, but are no letters */
    assert_true(span_eq_secret(SPAN("key"), SPAN("key")));
    assert_false(span_eq_secret(SPAN("key"), SPAN("kez")));
    assert_false(span_eq_secret(SPAN("key"), SPAN("ke")));
    assert_true(span_cmp(SPAN("a"), SPAN("b")) < 0);
    assert_true(span_cmp(SPAN("ab"), SPAN("a")) > 0);
    assert_true(span_cmp(SPAN("a"), SPAN("ab")) < 0);
    assert_int_equal(span_cmp(SPAN_NONE, SPAN("")), 0);
}

static void starts_and_ends(void **state) {
    (void)state;
    assert_true(span_starts(SPAN("v=spf1 -all"), SPAN("v=spf1")));
    assert_false(span_starts(SPAN("v="), SPAN("v=spf1")));
    assert_true(span_ends(SPAN("a.example"), SPAN(".example")));
    assert_false(span_ends(SPAN("example"), SPAN(".example")));
    assert_true(span_istarts(SPAN("V=SPF1"), SPAN("v=spf1")));
    assert_true(span_iends(SPAN("A.EXAMPLE"), SPAN(".example")));
    assert_true(span_ends(SPAN("a"), SPAN_NONE));
    assert_true(span_starts(SPAN_NONE, SPAN_NONE));
}

static void sub_never_leaves_the_span(void **state) {
    (void)state;
    struct span s = SPAN("0123456789");
    assert_true(span_eq(span_sub(s, 2, 3), SPAN("234")));
    assert_true(span_eq(span_sub(s, 8, SIZE_MAX), SPAN("89")));
    assert_int_equal(span_sub(s, 10, 1).n, 0);
    assert_int_equal(span_sub(s, SIZE_MAX, SIZE_MAX).n, 0);
    assert_true(span_eq(span_from(s, 7), SPAN("789")));
}

static void finds(void **state) {
    (void)state;
    struct span s = SPAN("a.b.c");
    assert_int_equal(span_find(s, '.'), 1);
    assert_int_equal(span_rfind(s, '.'), 3);
    assert_int_equal(span_find(s, '!'), s.n);
    assert_int_equal(span_rfind(SPAN_NONE, '.'), 0);
    assert_int_equal(span_search(s, SPAN("b.")), 2);
    assert_int_equal(span_search(s, SPAN("b.c.")), s.n);
    assert_int_equal(span_isearch(SPAN("xxBoUNdary"), SPAN("boundary")), 2);
    assert_int_equal(span_isearch(SPAN("bound"), SPAN("boundary")), 5);
    assert_true(span_eq(span_trim(SPAN(" \t\r\na b\n ")), SPAN("a b")));
    assert_int_equal(span_trim(SPAN(" \r\n")).n, 0);
}

static void splits_to(struct span s, const char *expected) {
    char got[64] = "";
    struct span part;
    for (struct span_split split = span_split_start(s); span_split_next(&split, ',', &part);)
        (void)snprintf(got + strlen(got), sizeof got - strlen(got), "[%.*s]", SPAN_FMT(part));
    assert_string_equal(got, expected);
}

static void splits(void **state) {
    (void)state;
    splits_to(SPAN("a,,b"), "[a][][b]");
    splits_to(SPAN(""), "");
    splits_to(SPAN("a,"), "[a][]");
    splits_to(SPAN(","), "[][]");
    splits_to(SPAN("abc"), "[abc]");
}

static void numbers(void **state) {
    (void)state;
    uint64_t v = 7;
    assert_int_equal(span_to_u64(SPAN("18446744073709551615"), &v), SD_OK);
    assert_true(v == UINT64_MAX);
    v = 7;
    assert_int_equal(span_to_u64(SPAN("18446744073709551616"), &v), SD_ERR_LIMIT);
    assert_int_equal(span_to_u64(SPAN(""), &v), SD_ERR_PARSE);
    assert_int_equal(span_to_u64(SPAN("-1"), &v), SD_ERR_PARSE);
    assert_int_equal(span_to_u64(SPAN("+1"), &v), SD_ERR_PARSE);
    assert_int_equal(span_to_u64(SPAN("1 "), &v), SD_ERR_PARSE);
    assert_true(v == 7); /* untouched on failure */
}

static void utf8(void **state) {
    (void)state;
    assert_true(span_is_utf8(SPAN("Gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x93\xa7")));
    static const char *const bad[] = {
        "\xc0\x80",         "\xc1\xbf",         "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\x80",         "\xe2\x82",     "\xc3"};
    for (size_t i = 0; i < SD_COUNT(bad); i++)
        assert_false(span_is_utf8(span_cstr(bad[i])));
    assert_false(span_is_utf8(SPAN("a\0b")));
    assert_true(span_is_ascii(SPAN("\x01\x7f")));
    assert_false(span_is_ascii(SPAN("\x80")));
    assert_false(span_is_ascii(SPAN("a\0")));
}

static void reads(void **state) {
    (void)state;
    struct span s = SPAN("\x01\x02\x01\x04\x03\x02\x01\x08\x07\x06\x05\x04\x03\x02\x01\x02\0\0\0hi");
    struct reader r = reader_of(s);
    assert_int_equal(read_u8(&r), 1);
    assert_int_equal(read_u16(&r), 0x0102);
    assert_int_equal(read_u32(&r), 0x01020304);
    assert_true(read_u64(&r) == 0x0102030405060708);
    assert_true(span_eq(read_blob(&r, 2), SPAN("hi")));
    assert_int_equal(reader_end(&r), SD_OK);
}

static void reader_errors_stick(void **state) {
    (void)state;
    struct reader r = reader_of(SPAN("\x05\x01\x02"));
    (void)read_u8(&r);
    assert_int_equal(reader_end(&r), SD_ERR_PARSE); /* two bytes left over */
    assert_int_equal(read_u32(&r), 0);
    assert_int_equal(read_u8(&r), 0); /* although a byte was there */
    assert_int_equal(reader_end(&r), SD_ERR_PARSE);

    r = reader_of(SPAN("\x03\0\0\0abc"));
    assert_int_equal(read_blob(&r, 2).n, 0);
    reader_fail(&r, SD_ERR_BUG);
    assert_int_equal(reader_end(&r), SD_ERR_LIMIT);

    r = reader_of(SPAN("\xff\xff\xff\xff"));
    assert_int_equal(read_blob(&r, SIZE_MAX).n, 0);
    assert_int_equal(reader_end(&r), SD_ERR_PARSE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares), cmocka_unit_test(starts_and_ends), cmocka_unit_test(sub_never_leaves_the_span),
        cmocka_unit_test(finds),    cmocka_unit_test(splits),          cmocka_unit_test(numbers),
        cmocka_unit_test(utf8),     cmocka_unit_test(reads),           cmocka_unit_test(reader_errors_stick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
