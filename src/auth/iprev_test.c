/* RFC 8601 §2.7.3: each result, and the limit of names. */
#include "auth/auth.h"
#include "auth/dns_script.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define V6_NAME "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"

static struct arena *arena;
static struct dns_script *script;

static int set_up(void **state) {
    (void)state;
    arena = arena_new((size_t)1024 * 1024);
    return arena && dns_script_new(&script) == SD_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    dns_script_free(&script);
    arena_free(&arena);
    return 0;
}

static struct iprev_verdict check(const char *lines, const char *text) {
    struct dns_source dns = dns_script_source(script);
    struct iprev_verdict v = {0};
    struct network address;
    assert_int_equal(network_parse(span_cstr(text), &address), SD_OK);
    assert_int_equal(dns_script_load(script, span_cstr(lines)), SD_OK);
    assert_int_equal(iprev_check(address.base, &dns, deadline_in_ms(1000), arena, &v), SD_OK);
    assert_int_equal(dns_script_open(script), 0);
    assert_true(v.result == AUTH_PASS || v.name.n == 0);
    return v;
}

static void confirmed_by_name_and_address(SD_UNUSED void **state) {
    struct iprev_verdict v = check("1.2.0.192.in-addr.arpa PTR wrong.example.\n1.2.0.192.in-addr.arpa PTR MX.one.example.\n"
                                   "wrong.example A 192.0.2.2\nmx.one.example A 192.0.2.9\nmx.one.example A 192.0.2.1\n",
                                   "192.0.2.1");
    assert_int_equal(v.result, AUTH_PASS);
    assert_true(span_eq(v.name, SPAN("mx.one.example")));
    v = check(V6_NAME " PTR six.example.\nsix.example AAAA 2001:db8::1\n", "2001:db8::1");
    assert_int_equal(v.result, AUTH_PASS);
    assert_true(span_eq(v.name, SPAN("six.example")));
}

static void an_address_of_the_other_family_confirms_nothing(SD_UNUSED void **state) {
    assert_int_equal(check(V6_NAME " PTR six.example.\nsix.example A 192.0.2.1\n", "2001:db8::1").result, AUTH_FAIL);
    assert_false(dns_script_was_asked(script, SPAN("six.example"), DNS_A));
}

static void not_confirmed(SD_UNUSED void **state) {
    assert_int_equal(check("1.2.0.192.in-addr.arpa PTR a.example.\na.example A 192.0.2.2\n", "192.0.2.1").result, AUTH_FAIL);
    assert_int_equal(check("3.2.0.192.in-addr.arpa PTR gone.example.\n", "192.0.2.3").result, AUTH_FAIL);
    assert_int_equal(check("", "192.0.2.4").result, AUTH_PERMERROR);
}

static void no_answer_is_temporary_unless_another_name_confirms(SD_UNUSED void **state) {
    assert_int_equal(check("5.2.0.192.in-addr.arpa SERVFAIL\n", "192.0.2.5").result, AUTH_TEMPERROR);
    assert_int_equal(check("6.2.0.192.in-addr.arpa PTR away.example.\n6.2.0.192.in-addr.arpa PTR other.example.\n"
                           "away.example TIMEOUT\nother.example A 192.0.2.99\n",
                           "192.0.2.6")
                         .result,
                     AUTH_TEMPERROR);
    assert_int_equal(check("7.2.0.192.in-addr.arpa PTR away.example.\n7.2.0.192.in-addr.arpa PTR good.example.\n"
                           "good.example A 192.0.2.7\n",
                           "192.0.2.7")
                         .result,
                     AUTH_PASS);
}

static void only_the_first_ten_names_are_tried(SD_UNUSED void **state) {
    struct buf lines SD_CLEANUP(buf_free) = buf_new(8192);
    for (int i = 0; i < 10; i++)
        buf_printf(&lines, "8.2.0.192.in-addr.arpa PTR n%d.example.\n", i);
    buf_text(&lines, "8.2.0.192.in-addr.arpa PTR late.example.\nlate.example A 192.0.2.8\n");
    buf_byte(&lines, 0);
    assert_int_equal(check((const char *)lines.p, "192.0.2.8").result, AUTH_FAIL);
    assert_true(dns_script_was_asked(script, SPAN("n9.example"), DNS_A));
    assert_false(dns_script_was_asked(script, SPAN("late.example"), DNS_A));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(confirmed_by_name_and_address, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_address_of_the_other_family_confirms_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(not_confirmed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_answer_is_temporary_unless_another_name_confirms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_the_first_ten_names_are_tried, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
