#include "core/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool has(const char *network, const char *address) {
    struct network n, a;
    assert_int_equal(network_parse(span_cstr(network), &n), SD_OK);
    assert_int_equal(network_parse(span_cstr(address), &a), SD_OK);
    return network_has(&n, a.base);
}

static void holds_what_is_inside(void **state) {
    (void)state;
    assert_true(has("10.0.0.0/8", "10.255.0.1"));
    assert_false(has("10.0.0.0/8", "11.0.0.1"));
    assert_true(has("192.0.2.7", "192.0.2.7"));
    assert_false(has("192.0.2.7", "192.0.2.6"));
    assert_true(has("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(has("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(has("0.0.0.0/0", "203.0.113.9"));
    assert_false(has("0.0.0.0/0", "2001:db8::1"));
    assert_true(has("::ffff:192.0.2.0/120", "192.0.2.255"));
}

static void addresses_are_read_and_written(void **state) {
    (void)state;
    static const char *const texts[] = {"192.0.2.7", "0.0.0.0", "2001:db8::7",
                                        "::",        "::1",     "fe80:1111:2222:3333:4444:5555:6666:7777"};
    char text[IP_TEXT_BYTES];
    uint8_t ip[16];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(ip_parse(span_cstr(texts[i]), ip), SD_OK);
        assert_string_equal(ip_text(ip, text), texts[i]);
        assert_int_equal(ip_is_v4(ip), i < 2);
    }
    assert_int_equal(ip_parse(SPAN("10.0.0.0/8"), ip), SD_ERR_PARSE);
    assert_int_equal(ip_parse(SPAN("::1\0"), ip), SD_ERR_PARSE);
}

static void refuses_what_is_no_network(void **state) {
    (void)state;
    static const char *const wrong[] = {"",          "x",        "10.0.0.0/33",    "10.0.0.1/8",
                                        "10.0.0.0/", "10.0.0/8", "2001:db8::/129", "1.2.3.4/-1",
                                        "1.2.3.4 ",  "/8",       "1.2.3.4/8/8"};
    struct network n;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(network_parse(span_cstr(wrong[i]), &n), SD_ERR_PARSE);
    assert_int_equal(network_parse(SPAN("1.2.3.4\0"), &n), SD_ERR_PARSE);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(holds_what_is_inside), cmocka_unit_test(addresses_are_read_and_written),
                                       cmocka_unit_test(refuses_what_is_no_network)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
