#include "auth/dns_memo.h"
#include "auth/dns_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char zone[] = "# a comment\n"
                           "example.com A 192.0.2.1\n"
                           "example.com TXT \"one\" \"two\"\n"
                           "www.example.com CNAME example.com\n"
                           "loop.example.com CNAME loop.example.com\n"
                           "dead.example.com SERVFAIL\n"
                           "dead.example.com A 192.0.2.2\n"
                           "deep.below.example.com MX 10 mx.example.com\n"
                           "*.wild.example.com A 192.0.2.3\n"
                           "v6.example.com AAAA 2001:db8::1\n";

struct fixture {
    struct dns_script *script;
    struct arena *arena;
    struct dns_source dns;
};

static int set_up(void **state) {
    static struct fixture f;
    f = (struct fixture){.arena = arena_new(1024 * 1024)};
    if (dns_script_new(&f.script) || dns_script_load(f.script, span_cstr(zone)))
        return -1;
    f.dns = dns_script_source(f.script);
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    dns_script_free(&f->script);
    arena_free(&f->arena);
    return 0;
}

static struct dns_answer ask(struct fixture *f, const struct dns_source *dns, const char *name, enum dns_type type) {
    struct dns_answer a;
    assert_int_equal(dns_ask(dns, span_cstr(name), type, deadline_in_ms(1000), f->arena, &a), SD_OK);
    return a;
}

static void answers_as_written(void **state) {
    struct fixture *f = *state;
    struct dns_answer a = ask(f, &f->dns, "WWW.example.com", DNS_A);
    assert_int_equal(a.outcome, DNS_FOUND);
    assert_true(span_eq(a.records[0], SPAN("\xc0\x00\x02\x01")));
    a = ask(f, &f->dns, "example.com", DNS_TXT);
    assert_true(span_eq(dns_txt_joined(a.records[0], f->arena), SPAN("onetwo")));
    assert_int_equal(ask(f, &f->dns, "example.com", DNS_MX).outcome, DNS_NODATA);
    assert_int_equal(ask(f, &f->dns, "below.example.com", DNS_A).outcome, DNS_NODATA);
    assert_int_equal(ask(f, &f->dns, "gone.example.com", DNS_A).outcome, DNS_NXDOMAIN);
    assert_int_equal(ask(f, &f->dns, "dead.example.com", DNS_TXT).outcome, DNS_TEMPFAIL);
    assert_int_equal(ask(f, &f->dns, "dead.example.com", DNS_A).outcome, DNS_FOUND);
    assert_int_equal(ask(f, &f->dns, "loop.example.com", DNS_A).outcome, DNS_TEMPFAIL);
    assert_int_equal(ask(f, &f->dns, "x.y.wild.example.com", DNS_A).outcome, DNS_FOUND);
    assert_int_equal(ask(f, &f->dns, "v6.example.com", DNS_AAAA).records[0].n, 16);
    assert_int_equal(dns_script_open(f->script), 0);
}

static void never_asks_what_the_dns_cannot_hold(void **state) {
    struct fixture *f = *state;
    assert_int_equal(ask(f, &f->dns, "a..example.com", DNS_A).outcome, DNS_NXDOMAIN);
    assert_int_equal(dns_script_asked(f->script), 0);
    struct dns_ticket ticket;
    assert_int_equal(dns_start(&f->dns, SPAN("a\\b.example.com"), DNS_A, &ticket), SD_ERR_PARSE);
}

static void names_from_the_wire(void **state) {
    struct fixture *f = *state;
    struct span name = SPAN_NONE;
    assert_int_equal(dns_name_text(SPAN("\3foo\7example\0"), f->arena, &name), SD_OK);
    assert_true(span_eq(name, SPAN("foo.example")));
    static const struct span bad[] = {
        {(const uint8_t *)"\3foo", 4},
        {(const uint8_t *)"\4foo\0", 5},
        {(const uint8_t *)"\3f.o\0", 5},
        {(const uint8_t *)"\3foo\0\1a\0", 8},
        {(const uint8_t *)"\3f\\o\0", 5},
        {(const uint8_t *)"\xc0\x0c", 2},
        {NULL, 0},
    };
    for (size_t i = 0; i < SD_COUNT(bad); i++)
        assert_int_equal(dns_name_text(bad[i], f->arena, &name), SD_ERR_PARSE);
    assert_int_equal(dns_txt_joined(SPAN("\5abc"), f->arena).n, 0);
}

static void memo_asks_once_and_waits_for_all(void **state) {
    struct fixture *f = *state;
    struct dns_memo *memo = NULL;
    assert_int_equal(dns_memo_new(&f->dns, deadline_in_ms(1000), f->arena, &memo), SD_OK);
    struct dns_source dns = dns_memo_source(memo);
    dns_memo_ahead(memo, SPAN("example.com"), DNS_A);
    dns_memo_ahead(memo, SPAN("example.com"), DNS_TXT);
    dns_memo_ahead(memo, SPAN("not..a.name"), DNS_TXT);
    assert_int_equal(dns_script_open(f->script), 2);
    assert_int_equal(ask(f, &dns, "EXAMPLE.com", DNS_A).outcome, DNS_FOUND);
    assert_int_equal(ask(f, &dns, "example.com", DNS_A).count, 1);
    assert_int_equal(dns_script_asked(f->script), 2);
    assert_int_equal(dns_script_open(f->script), 1);
    dns_memo_finish(&memo);
    assert_null(memo);
    assert_int_equal(dns_script_open(f->script), 0);
}

static enum sd_err broken_start(void *ctx, struct span name, enum dns_type type, struct dns_ticket *ret) {
    (void)ctx, (void)name, (void)type, (void)ret;
    return SD_ERR_UNAVAILABLE;
}

static void a_dead_source_is_unknown(void **state) {
    struct fixture *f = *state;
    struct dns_source dead = {.start = broken_start};
    struct dns_memo *memo = NULL;
    assert_int_equal(ask(f, &dead, "example.com", DNS_A).outcome, DNS_TEMPFAIL);
    assert_int_equal(dns_memo_new(&dead, deadline_in_ms(1000), f->arena, &memo), SD_OK);
    struct dns_source dns = dns_memo_source(memo);
    assert_int_equal(ask(f, &dns, "example.com", DNS_A).outcome, DNS_TEMPFAIL);
    dns_memo_finish(&memo);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
int main(void) {
    const struct CMUnitTest tests[] = {CASE(answers_as_written), CASE(never_asks_what_the_dns_cannot_hold),
                                       CASE(names_from_the_wire), CASE(memo_asks_once_and_waits_for_all),
                                       CASE(a_dead_source_is_unknown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
