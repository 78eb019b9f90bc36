/* RFC 1034 §4.3.2 and RFC 4592 over a small zone; and what a line may look like. */
#include "dns/local.h"
#include "dns/lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct local *local;
static struct buf raw;
static struct dns_query_rep rep;

/* RFC 4592 §2.2.1's zone, and more. */
static const char zone[] = "*.example. 3600 IN TXT \"this is a wildcard\"\n"
                           "*.example. 3600 IN MX 10 host1.example.\n"
                           "sub.*.example. 3600 IN TXT \"this is not a wildcard\"\n"
                           "host1.example. 3600 IN A 192.0.2.1\n"
                           "_ssh._tcp.host1.example. 3600 IN SRV 0 0 22 host1.example.\n"
                           "subdel.example. 3600 IN NS ns.example.com.\n"
                           "*.Attacker.test. 300 IN TXT \"v=spf1 +all\"\n"
                           "*.alias.test. 60 CNAME Target.TEST.\n"
                           "target.test. IN 300 A 192.0.2.2\n"
                           "loop.test CNAME loop.test\n"
                           "gone.test CNAME nobody.test\n"
                           "broken.test SERVFAIL\n"
                           "broken.test A 192.0.2.3\n"
                           "*.silent.test TIMEOUT\n"
                           "odd\\032name.test A 192.0.2.4\n"
                           "six.test AAAA 2001:db8::1 ; a remark\n"
                           "_25._tcp.mx.test TLSA 3 1 1 0123 abCD\n"
                           "many.test TXT \"one two\" three \"a\\\"b\\092\\009c\"\n";

static int set_up(void **state) {
    (void)state;
    size_t line = 0;
    raw = buf_new(LOOKUP_RECORDS_BYTES_MAX);
    return local_new(span_cstr(zone), &local, &line) == SD_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    buf_free(&raw);
    local_free(&local);
    return 0;
}

static unsigned ask(const char *name, uint16_t type) {
    struct question q;
    assert_int_equal(question_make(span_cstr(name), type, &q), SD_OK);
    buf_reset(&raw);
    local_answer(local, &q, &raw, &rep);
    assert_int_equal(rep.outcome == DNS_FOUND, rep.records.count > 0);
    return rep.outcome;
}

static struct span first_record(void) {
    struct ipc_list_iter iter = ipc_list_start(rep.records);
    struct span item = SPAN_NONE;
    assert_true(ipc_list_next(&iter, &item));
    return item;
}

/* The answers that RFC 4592 §2.2.1 lists. */
static void wildcards_by_the_closest_encloser(SD_UNUSED void **state) {
    assert_int_equal(ask("host3.example", DNS_MX), DNS_FOUND);
    assert_int_equal(ask("host3.example", DNS_A), DNS_NODATA);
    assert_int_equal(ask("foo.bar.example", DNS_TXT), DNS_FOUND);
    assert_int_equal(ask("host1.example", DNS_MX), DNS_NODATA);
    assert_int_equal(ask("sub.*.example", DNS_MX), DNS_NODATA);
    assert_int_equal(ask("_telnet._tcp.host1.example", DNS_TXT), DNS_NXDOMAIN);
    assert_int_equal(ask("_tcp.host1.example", DNS_TXT), DNS_NODATA); /* an empty non-terminal */
    assert_int_equal(ask("ghost.*.example", DNS_MX), DNS_NXDOMAIN);
    assert_int_equal(ask("*.example", DNS_TXT), DNS_FOUND);
    assert_int_equal(ask("x.y.ATTACKER.test", DNS_TXT), DNS_FOUND);
    assert_true(span_eq(first_record(), SPAN("\013v=spf1 +all")));
    assert_int_equal(ask("attacker.test", DNS_TXT), DNS_NODATA);
    assert_int_equal(ask("elsewhere", DNS_TXT), DNS_NXDOMAIN);
}

static void chains(SD_UNUSED void **state) {
    assert_int_equal(ask("any.alias.test", DNS_A), DNS_FOUND);
    assert_int_equal(rep.ttl_s, 60);
    assert_true(span_eq(first_record(), SPAN("\300\0\2\2")));
    assert_int_equal(ask("any.alias.test", DNS_CNAME), DNS_FOUND);
    assert_int_equal(ask("any.alias.test", DNS_TXT), DNS_NODATA);
    assert_int_equal(ask("gone.test", DNS_A), DNS_NXDOMAIN);
    assert_int_equal(ask("loop.test", DNS_A), DNS_TEMPFAIL);
}

static void failures_on_purpose(SD_UNUSED void **state) {
    assert_int_equal(ask("broken.test", DNS_TXT), DNS_TEMPFAIL);
    assert_int_equal(rep.ttl_s, 0);
    assert_int_equal(ask("broken.test", DNS_A), DNS_FOUND);
    assert_int_equal(ask("below.broken.test", DNS_A), DNS_NXDOMAIN);
    assert_int_equal(ask("x.silent.test", DNS_A), DNS_TEMPFAIL);
}

static void data_as_zone_files_have_it(SD_UNUSED void **state) {
    assert_int_equal(ask("odd name.test", DNS_A), DNS_FOUND);
    assert_int_equal(ask("six.test", DNS_AAAA), DNS_FOUND);
    assert_int_equal(first_record().n, 16);
    assert_int_equal(ask("_25._tcp.mx.test", DNS_TLSA), DNS_FOUND);
    assert_true(span_eq(first_record(), SPAN("\3\1\1\x01\x23\xab\xcd")));
    assert_int_equal(ask("many.test", DNS_TXT), DNS_FOUND);
    assert_true(span_eq(first_record(), SPAN("\7one two\5three\6a\"b\\\tc")));
    assert_int_equal(ask("subdel.example", DNS_NS), DNS_FOUND);
    assert_true(span_eq(first_record(), SPAN("\2ns\7example\3com\0")));
}

static void wrong_lines_are_named(SD_UNUSED void **state) {
    static const char *const lines[] = {"a.test A 192.0.2",
                                        "a.test A",
                                        "a.test",
                                        "a.test NONSENSE x",
                                        "a..test A 192.0.2.1",
                                        "a.test A 192.0.2.1 more",
                                        "a.test MX ten b.test",
                                        "a.test MX 70000 b.test",
                                        "a.test TXT \"open",
                                        "a.test TXT",
                                        "a.test TLSA 3 1 1 012",
                                        "a.test TLSA 3 1 256 01",
                                        "a.test TLSA 3 1 1 0x",
                                        "a.test CNAME",
                                        "a\\999.test A 192.0.2.1",
                                        "a.test SERVFAIL now",
                                        "\\ A 192.0.2.1",
                                        "a.test TXT \"a\"b\""};
    for (size_t i = 0; i < SD_COUNT(lines); i++) {
        struct local *none = NULL;
        char text[200];
        size_t line = 0;
        (void)snprintf(text, sizeof text, "; remark\nb.test A 192.0.2.1\n%s\n", lines[i]);
        assert_true(local_new(span_cstr(text), &none, &line) != SD_OK);
        assert_int_equal(line, 3);
        assert_null(none);
    }
}

/* No answer that is cut short. */
static void too_much_is_no_answer(SD_UNUSED void **state) {
    struct buf text SD_CLEANUP(buf_free) = buf_new((size_t)1024 * 1024);
    struct local *big = NULL, *before = local;
    size_t line = 0;
    for (unsigned i = 0; i <= LOOKUP_RECORDS_MAX; i++)
        buf_printf(&text, "a.test A 10.0.%u.%u\n", i / 256, i % 256);
    assert_int_equal(local_new(buf_span(&text), &big, &line), SD_OK);
    local = big;
    assert_int_equal(ask("a.test", DNS_A), DNS_TEMPFAIL);
    local = before;
    local_free(&big);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wildcards_by_the_closest_encloser),
        cmocka_unit_test(chains),
        cmocka_unit_test(failures_on_purpose),
        cmocka_unit_test(data_as_zone_files_have_it),
        cmocka_unit_test(wrong_lines_are_named),
        cmocka_unit_test(too_much_is_no_answer),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
