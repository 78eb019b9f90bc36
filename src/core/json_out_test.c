#include "core/json_out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void assert_json(const struct buf *b, const char *expected) {
    assert_int_equal(buf_err(b), SD_OK);
    if (!span_eq(buf_span(b), span_cstr(expected)))
        print_error("got %.*s\n", SPAN_FMT(buf_span(b)));
    assert_true(span_eq(buf_span(b), span_cstr(expected)));
}

static void writes_nested_values(void **state) {
    (void)state;
    struct buf b SD_CLEANUP(buf_free) = buf_new(1000);
    struct json_out j = json_out(&b);
    json_begin_object(&j, NULL);
    json_text(&j, "name", SPAN("x"));
    json_int(&j, "n", INT64_MIN);
    json_begin_array(&j, "list");
    json_int(&j, NULL, 1);
    json_begin_object(&j, NULL);
    json_end(&j);
    json_bool(&j, NULL, false);
    json_end(&j);
    json_cstr(&j, "none", NULL);
    json_hex(&j, "id", SPAN("\x01\xab"));
    json_raw(&j, "raw", SPAN("[1]"));
    json_time(&j, "at", 1795428000123);
    json_end(&j);
    assert_json(&b,
                "{\"name\":\"x\",\"n\":-9223372036854775808,\"list\":[1,{},false],\"none\":null,\"id\":\"01ab\",\"raw\":[1],"
                "\"at\":\"2026-11-23T10:00:00.123Z\"}");
}

static void escapes(void **state) {
    (void)state;
    struct buf b SD_CLEANUP(buf_free) = buf_new(1000);
    struct json_out j = json_out(&b);
    json_text(&j, NULL, SPAN("\"\\\n\r\t\0\x7f</\xc3\xbc\xf0\x9f\x93\xa7"));
    assert_json(&b, "\"\\\"\\\\\\n\\u000d\\u0009\\u0000\\u007f</\xc3\xbc\xf0\x9f\x93\xa7\"");
}

static void bad_utf8_is_replaced(void **state) {
    (void)state;
    struct buf b SD_CLEANUP(buf_free) = buf_new(1000);
    struct json_out j = json_out(&b);
    json_text(&j, NULL,
              SPAN("a\xff"
                   "b\xc3"));
    assert_json(&b, "\"a\\ufffdb\\ufffd\"");
}

static void a_key_is_escaped_too(void **state) {
    (void)state;
    struct buf b SD_CLEANUP(buf_free) = buf_new(1000);
    struct json_out j = json_out(&b);
    json_begin_object(&j, NULL);
    json_put_null(&j, "a\"b");
    json_end(&j);
    assert_json(&b, "{\"a\\\"b\":null}");
}

static void wrong_nesting_is_a_bug(void **state) {
    (void)state;
    struct buf b SD_CLEANUP(buf_free) = buf_new(1000);
    struct json_out j = json_out(&b);
    for (int i = 0; i < JSON_OUT_DEPTH; i++)
        json_begin_array(&j, NULL);
    assert_int_equal(buf_err(&b), SD_OK);
    json_begin_array(&j, NULL);
    assert_int_equal(buf_err(&b), SD_ERR_BUG);
    buf_reset(&b);
    j = json_out(&b);
    json_end(&j);
    assert_int_equal(buf_err(&b), SD_ERR_BUG);
}

static void the_maximum_is_the_buffers(void **state) {
    (void)state;
    struct buf b SD_CLEANUP(buf_free) = buf_new(4);
    struct json_out j = json_out(&b);
    json_text(&j, NULL, SPAN("abcdef"));
    assert_int_equal(buf_err(&b), SD_ERR_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_nested_values),   cmocka_unit_test(escapes),
        cmocka_unit_test(bad_utf8_is_replaced),   cmocka_unit_test(a_key_is_escaped_too),
        cmocka_unit_test(wrong_nesting_is_a_bug), cmocka_unit_test(the_maximum_is_the_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
