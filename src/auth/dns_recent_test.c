#include "auth/dns_recent.h"
#include "auth/dns_script.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char zone[] =
    "a.example TXT \"one\" \"two\"\na.example TXT \"three\"\nb.example A 192.0.2.1\nbad.example SERVFAIL\n";

struct fixture {
    struct dns_script *script;
    struct dns_source inner;
    struct dns_recent *recent;
    struct dns_source source;
};

static int set_up(void **state) {
    static struct fixture f;
    assert_int_equal(dns_script_new(&f.script), SD_OK);
    assert_int_equal(dns_script_load(f.script, span_cstr(zone)), SD_OK);
    f.inner = dns_script_source(f.script);
    assert_int_equal(dns_recent_new(&f.inner, &f.recent), SD_OK);
    f.source = dns_recent_source(f.recent);
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    dns_recent_free(&f->recent);
    dns_script_free(&f->script);
    return 0;
}

static struct dns_answer ask(struct fixture *f, const char *name, enum dns_type type, struct arena *arena) {
    struct dns_answer answer = {0};
    assert_int_equal(dns_ask(&f->source, span_cstr(name), type, deadline_in_ms(1000), arena, &answer), SD_OK);
    return answer;
}

static void the_second_time_nobody_is_asked(void **state) {
    struct fixture *f = *state;
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(1 << 20);
    struct dns_answer first = ask(f, "a.example", DNS_TXT, arena);
    struct dns_answer second = ask(f, "A.Example", DNS_TXT, arena);
    assert_int_equal(dns_script_asked(f->script), 1);
    assert_int_equal(first.outcome, DNS_FOUND);
    assert_int_equal(second.outcome, DNS_FOUND);
    assert_int_equal(second.count, first.count);
    for (size_t i = 0; i < first.count; i++)
        assert_true(span_eq(first.records[i], second.records[i]));
    assert_true(second.ttl_s <= DNS_RECENT_MS / 1000);
    assert_int_equal(ask(f, "a.example", DNS_A, arena).outcome, DNS_NODATA); /* another type is another question */
    assert_int_equal(dns_script_asked(f->script), 2);
}

static void failures_are_asked_again(void **state) {
    struct fixture *f = *state;
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(1 << 20);
    assert_int_equal(ask(f, "bad.example", DNS_TXT, arena).outcome, DNS_TEMPFAIL);
    assert_int_equal(ask(f, "bad.example", DNS_TXT, arena).outcome, DNS_TEMPFAIL);
    assert_int_equal(dns_script_asked(f->script), 2);
    assert_int_equal(dns_script_open(f->script), 0);
}

/* A source that answers with the time to live it is told and counts. */
struct counted {
    uint32_t ttl_s;
    unsigned asked;
};

static enum sd_err counted_start(void *ctx, SD_UNUSED struct span name, SD_UNUSED enum dns_type type, struct dns_ticket *ret) {
    struct counted *c = ctx;
    c->asked++;
    *ret = (struct dns_ticket){0};
    return SD_OK;
}

static enum sd_err counted_wait(void *ctx, SD_UNUSED struct dns_ticket ticket, SD_UNUSED struct deadline deadline,
                                SD_UNUSED struct arena *arena, struct dns_answer *ret) {
    const struct counted *c = ctx;
    *ret = (struct dns_answer){.outcome = DNS_NXDOMAIN, .ttl_s = c->ttl_s};
    return SD_OK;
}

static void nothing_outlives_its_time(void **state) {
    (void)state;
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(1 << 20);
    struct counted counted = {.ttl_s = 0};
    struct dns_source inner = {.ctx = &counted, .start = counted_start, .wait = counted_wait};
    struct fixture f = {0};
    assert_int_equal(dns_recent_new(&inner, &f.recent), SD_OK);
    f.source = dns_recent_source(f.recent);
    (void)ask(&f, "x.example", DNS_A, arena);
    (void)ask(&f, "x.example", DNS_A, arena);
    assert_int_equal(counted.asked, 2); /* no time to live: not kept */
    counted.ttl_s = 1;
    (void)ask(&f, "x.example", DNS_A, arena);
    assert_int_equal(ask(&f, "x.example", DNS_A, arena).outcome, DNS_NXDOMAIN);
    assert_int_equal(counted.asked, 3);
    (void)poll(NULL, 0, 1050);
    (void)ask(&f, "x.example", DNS_A, arena);
    assert_int_equal(counted.asked, 4);
    for (unsigned i = 0; i < 3 * DNS_RECENT_SLOTS; i++) { /* more than there are places: all answers stay right */
        struct arena *one SD_CLEANUP(arena_free) = arena_new(4096);
        char name[32];
        (void)snprintf(name, sizeof name, "n%u.example", i);
        assert_int_equal(ask(&f, name, DNS_A, one).outcome, DNS_NXDOMAIN);
    }
    dns_recent_free(&f.recent);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(the_second_time_nobody_is_asked, set_up, tear_down),
                                       cmocka_unit_test_setup_teardown(failures_are_asked_again, set_up, tear_down),
                                       cmocka_unit_test(nothing_outlives_its_time)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
