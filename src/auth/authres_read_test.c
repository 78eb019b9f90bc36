/* Bodies with one reading, bodies with two, and limits. */
#include "auth/authres_read.h"
#include "core/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static int set_up(void **state) {
    (void)state;
    arena = arena_new(4 * 1024 * 1024);
    return arena ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

static struct authres read_ok(const char *text) {
    struct authres a = {0};
    enum sd_err err = authres_read(span_cstr(text), arena, &a);
    if (err)
        fail_msg("%s: %s", text, sd_err_text(err));
    return a;
}

static bool value_is(const struct authres_result *r, const char *type, const char *name, const char *wanted) {
    return span_eq(authres_value(r, span_cstr(type), span_cstr(name)), span_cstr(wanted));
}

static void forms_that_receivers_write(void **state) {
    (void)state;
    struct authres a = read_ok(
        " mx.example.net 1; spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=example.com; dmarc=pass\r\n"
        " action=none header.from=example.com;dkim=pass (signed) header.d=example.com\r\n header.b=ab/c+d==;"
        "compauth=pass reason=100");
    assert_int_equal(a.count, 4);
    assert_true(span_eq(a.id, SPAN("mx.example.net")));
    assert_true(value_is(&a.results[0], "smtp", "mailfrom", "example.com"));
    assert_true(value_is(&a.results[1], "", "action", "none"));
    assert_true(value_is(&a.results[1], "HEADER", "From", "example.com"));
    assert_true(value_is(&a.results[2], "header", "b", "ab/c+d=="));
    assert_true(span_eq(a.results[3].reason, SPAN("100")));
    assert_int_equal(a.results[3].property_count, 0);
    a = read_ok(
        "h.example; iprev=pass policy.iprev=2001:db8::1; x=fail reason=\"a \\\"b\\\"; c=pass\" header.i=\"a b\"@d.example");
    assert_true(value_is(&a.results[0], "policy", "iprev", "2001:db8::1"));
    assert_true(span_eq(a.results[1].reason, SPAN("a \"b\"; c=pass")));
    assert_true(value_is(&a.results[1], "header", "i", "\"a b\"@d.example"));
    assert_int_equal(read_ok("\"h.example\" (x) 1 ; (y) NONE (z)").count, 0);
}

static void two_readings_are_none(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "h.example",
                                      "h.example;",
                                      "h.example; ;",
                                      "h.example; none; dkim=pass",
                                      "h.example; dkim=pass; none",
                                      "h.example; dkim=pass;; spf=pass",
                                      "h.example 2; dkim=pass",
                                      "h.example x; dkim=pass",
                                      "h.example; dkim/2=pass",
                                      "h.example; dkim",
                                      "h.example; dkim=",
                                      "h.example; dkim=pass header.d",
                                      "h.example; dkim=pass header.d=",
                                      "h.example; dkim=pass header.d= header.i=@a.example",
                                      "h.example; dkim=pass header.d=a.example header.D=b.example",
                                      "h.example; dkim=pass reason=a reason=b",
                                      "h.example; dkim=pass header.d=\"a\"header.i=b",
                                      "h.example; dkim=pass header.d=\"a\"b",
                                      "h.example; dkim=pass header.d=a\"b\"",
                                      "h.example; dkim=pass header.d=a\\b",
                                      "h.example; dkim=pass header.d=a(x)b",
                                      "h.example; dkim=pass (open header.d=a",
                                      "h.example; dkim=pass header.d=a)",
                                      "h.example; dkim=pass header.d=\"open",
                                      "h.example; dkim=pass\nheader.d=a.example",
                                      "h.example; dkim=pass\r\nheader.d=a.example",
                                      "h.example; dkim=pass\rheader.d=a.example",
                                      "h.example; dkim=pass header.d=a\x01",
                                      "h.example; dkim=pass header.d=\xff",
                                      "h.example; dkim=pass,spf=pass",
                                      "h.example, dkim=pass",
                                      "h.example; dkim-=pass",
                                      "h.example; dkim=pass.header d=a"};
    for (size_t i = 0; i < SD_COUNT(bad); i++) {
        struct authres a = {0};
        if (authres_read(span_cstr(bad[i]), arena, &a) != SD_ERR_PARSE || a.count || a.id.n)
            fail_msg("is read: %s", bad[i]);
    }
    struct authres a = {0};
    assert_int_equal(authres_read(span_of("h.example; dkim=pass\0x", 22), arena, &a), SD_ERR_PARSE);
}

static void limits(void **state) {
    (void)state;
    struct buf text SD_CLEANUP(buf_free) = buf_new(65536);
    struct authres a = {0};
    buf_text(&text, "h.example");
    for (int i = 0; i < AUTHRES_MAX_RESULTS; i++)
        buf_text(&text, "; dkim=pass");
    assert_int_equal(authres_read(buf_span(&text), arena, &a), SD_OK);
    assert_int_equal(a.count, AUTHRES_MAX_RESULTS);
    buf_text(&text, "; dkim=pass");
    assert_int_equal(authres_read(buf_span(&text), arena, &a), SD_ERR_LIMIT);
    buf_reset(&text);
    buf_text(&text, "h.example; dkim=pass");
    for (int i = 0; i < AUTHRES_MAX_PROPERTIES; i++)
        buf_printf(&text, " a.p%d=x", i);
    assert_int_equal(authres_read(buf_span(&text), arena, &a), SD_OK);
    assert_int_equal(a.results[0].property_count, AUTHRES_MAX_PROPERTIES);
    buf_text(&text, " a.more=x");
    assert_int_equal(authres_read(buf_span(&text), arena, &a), SD_ERR_LIMIT);
    buf_reset(&text);
    buf_text(&text, "h.example; dkim=pass reason=");
    buf_fill(&text, 'x', AUTHRES_MAX_BYTES);
    assert_int_equal(authres_read(buf_span(&text), arena, &a), SD_ERR_LIMIT);
}

/* Cut anywhere, it has no more results than before, and never another id. */
static void cut_at_every_byte(void **state) {
    (void)state;
    struct span whole =
        SPAN("h.example (a (b)) 1; dkim/1=pass reason=\"q \\\" x\" header.d=a.example (c);\r\n spf=fail smtp.helo=b");
    for (size_t n = 0; n < whole.n; n++) {
        struct authres a = {0};
        if (authres_read(span_sub(whole, 0, n), arena, &a) == SD_OK)
            assert_true(a.count <= 2 && span_eq(a.id, SPAN("h.example")));
    }
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
int main(void) {
    const struct CMUnitTest tests[] = {CASE(forms_that_receivers_write), CASE(two_readings_are_none), CASE(limits),
                                       CASE(cut_at_every_byte)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
