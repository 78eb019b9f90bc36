#include "core/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void writes_what_the_reader_reads(void **state) {
    (void)state;
    struct buf b SD_CLEANUP(buf_free) = buf_new(1000);
    buf_u8(&b, 1);
    buf_u16(&b, 0x0102);
    buf_u32(&b, 0x01020304);
    buf_u64(&b, 0x0102030405060708);
    buf_blob(&b, SPAN("hi"));
    buf_printf(&b, "%d-%s", 42, "x");
    buf_fill(&b, '.', 3);
    assert_int_equal(buf_err(&b), SD_OK);
    struct reader r = reader_of(buf_span(&b));
    assert_int_equal(read_u8(&r), 1);
    assert_int_equal(read_u16(&r), 0x0102);
    assert_int_equal(read_u32(&r), 0x01020304);
    assert_true(read_u64(&r) == 0x0102030405060708);
    assert_true(span_eq(read_blob(&r, 2), SPAN("hi")));
    assert_true(span_eq(read_bytes(&r, 7), SPAN("42-x...")));
    assert_int_equal(reader_end(&r), SD_OK);
}

static void maximum_is_hard_and_sticky(void **state) {
    (void)state;
    struct buf b SD_CLEANUP(buf_free) = buf_new(4);
    buf_put(&b, SPAN("abcd"));
    assert_int_equal(buf_err(&b), SD_OK);
    buf_byte(&b, 'e');
    assert_int_equal(buf_err(&b), SD_ERR_LIMIT);
    buf_put(&b, SPAN(""));
    buf_fail(&b, SD_ERR_BUG);
    assert_int_equal(buf_err(&b), SD_ERR_LIMIT); /* the first error stays */
    assert_true(span_eq(buf_span(&b), SPAN("abcd")));
    assert_null(buf_reserve(&b, 0));
    buf_reset(&b);
    buf_text(&b, "xy");
    assert_int_equal(buf_err(&b), SD_OK);
    assert_true(span_eq(buf_span(&b), SPAN("xy")));
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_int_equal(buf_err(&b), SD_ERR_LIMIT);
}

static void grows_and_keeps_content(void **state) {
    (void)state;
    struct buf b SD_CLEANUP(buf_free) = buf_new(100000);
    for (unsigned i = 0; i < 25000; i++)
        buf_u32(&b, i);
    assert_int_equal(buf_err(&b), SD_OK);
    assert_int_equal(b.n, 100000);
    assert_true(b.cap <= b.max);
    struct reader r = reader_of(buf_span(&b));
    for (unsigned i = 0; i < 25000; i++)
        assert_int_equal(read_u32(&r), i);
    assert_int_equal(reader_end(&r), SD_OK);
}

static void reserves_and_consumes(void **state) {
    (void)state;
    struct buf b SD_CLEANUP(buf_free) = buf_new(1000);
    uint8_t *p = buf_reserve(&b, 5);
    assert_non_null(p);
    memcpy(p, "hello", 5);
    buf_grew(&b, 5);
    buf_consume(&b, 2);
    assert_true(span_eq(buf_span(&b), SPAN("llo")));
    buf_consume(&b, 99);
    assert_int_equal(b.n, 0);
    buf_grew(&b, 5000); /* more than was reserved */
    assert_int_equal(buf_err(&b), SD_ERR_BUG);
    assert_int_equal(b.n, 0);
}

static void free_leaves_an_empty_buffer(void **state) {
    (void)state;
    struct buf b = buf_new(10);
    buf_text(&b, "secret");
    buf_free(&b);
    assert_null(b.p);
    assert_int_equal(b.n, 0);
    assert_int_equal(b.max, 10);
    buf_free(&b);
    buf_text(&b, "again");
    assert_true(span_eq(buf_span(&b), SPAN("again")));
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_the_reader_reads), cmocka_unit_test(maximum_is_hard_and_sticky),
        cmocka_unit_test(grows_and_keeps_content),      cmocka_unit_test(reserves_and_consumes),
        cmocka_unit_test(free_leaves_an_empty_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
