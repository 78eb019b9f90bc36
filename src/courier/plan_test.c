/* What is decided without a network: relay, schedule, the message's wire form, addresses, routes. */
#include "auth/dns_script.h"
#include "courier/body.h"
#include "courier/route.h"
#include "courier/schedule.h"
#include "courier/smtp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_relay(void **state) {
    (void)state;
    static const struct {
        const char *text, *host;
        unsigned port;
    } good[] = {{"127.0.0.1:2525", "127.0.0.1", 2525},
                {" smart.example:25 ", "smart.example", 25},
                {"[::1]:587", "::1", 587},
                {"unix:/run/relay.sock", "/run/relay.sock", 0}};
    static const char *const bad[] = {"smart.example", ":25",    "smart.example:0", "smart.example:65536",
                                      "::1:25",        "a b:25", "unix:here",       "smart.example:25x",
                                      "unix:",         "[]:25"};
    struct relay relay;
    for (size_t i = 0; i < SD_COUNT(good); i++) {
        assert_int_equal(relay_parse(span_cstr(good[i].text), &relay), SD_OK);
        assert_true(relay.is_set);
        assert_string_equal(relay.host, good[i].host);
        assert_int_equal(relay.port, good[i].port);
        assert_int_equal(relay.is_unix, good[i].port == 0);
    }
    for (size_t i = 0; i < SD_COUNT(bad); i++)
        assert_int_equal(relay_parse(span_cstr(bad[i]), &relay), SD_ERR_CONFIG);
    assert_int_equal(relay_parse(SPAN(""), &relay), SD_OK);
    assert_false(relay.is_set);
}

#define S INT64_C(1000)

static void test_schedule(void **state) {
    (void)state;
    struct schedule s;
    assert_int_equal(schedule_parse(SPAN("60,300, 900"), 1, &s), SD_OK);
    assert_int_equal(schedule_next(&s, 0, 0), 60 * S);
    assert_int_equal(schedule_next(&s, 0, 60 * S), 360 * S);
    assert_int_equal(schedule_next(&s, 0, 90 * S), 360 * S);
    assert_int_equal(schedule_next(&s, 0, 360 * S), 1260 * S);
    assert_int_equal(schedule_next(&s, 0, 1260 * S), 2160 * S); /* the last wait repeats */
    assert_int_equal(schedule_next(&s, 0, 2159 * S), 2219 * S); /* never sooner than the first wait */
    assert_int_equal(schedule_next(&s, 0, 10000 * S), 10260 * S);
    assert_false(schedule_over(&s, 0, 3599 * S));
    assert_true(schedule_over(&s, 0, 3600 * S));
    static const char *const bad[] = {"", "0", "60,", "x", "-1", "60,604801"};
    for (size_t i = 0; i < SD_COUNT(bad); i++)
        assert_int_equal(schedule_parse(span_cstr(bad[i]), 1, &s), SD_ERR_CONFIG);
    assert_int_equal(schedule_parse(SPAN("60"), 0, &s), SD_ERR_CONFIG);
}

static void test_body(void **state) {
    (void)state;
    static const struct {
        struct span message, wire;
    } good[] = {{SPAN("A: b\r\n\r\ntext\r\n"), SPAN("A: b\r\n\r\ntext\r\n.\r\n")},
                {SPAN("A: b\r\n\r\n.\r\n..x\r\n.y\r\n"), SPAN("A: b\r\n\r\n..\r\n...x\r\n..y\r\n.\r\n")},
                {SPAN("A: b\r\n\r\nno end"), SPAN("A: b\r\n\r\nno end\r\n.\r\n")},
                {SPAN("A: b\r\n\r\n."), SPAN("A: b\r\n\r\n..\r\n.\r\n")}};
    static const struct span bad[] = {SPAN("a\nb\r\n"),        SPAN("a\rb\r\n"),         SPAN("a\r\n\n.\r\nMAIL"), SPAN("a\r"),
                                      SPAN("a\n.\nMAIL\r\n"),  SPAN("a\r\n.\rMAIL\r\n"), SPAN("a\r\r\n"),          SPAN("\n"),
                                      SPAN("a\r\n\r.\r\r\nb"), SPAN("a\0b\r\n")};
    for (size_t i = 0; i < SD_COUNT(good); i++) {
        struct buf to SD_CLEANUP(buf_free) = buf_new(1000);
        assert_int_equal(body_for_data(good[i].message, &to), SD_OK);
        assert_true(span_eq(buf_span(&to), good[i].wire));
    }
    for (size_t i = 0; i < SD_COUNT(bad); i++) {
        struct buf to SD_CLEANUP(buf_free) = buf_new(1000);
        assert_int_equal(body_for_data(bad[i], &to), SD_ERR_PARSE);
    }
    assert_true(body_is_8bit(SPAN("a\xc3\xa4")));
    assert_false(body_is_8bit(SPAN("a\x7f")));
}

static void test_addresses(void **state) {
    (void)state;
    static const char *const good[] = {"a@b.example", "a+b=c@b.example", "\"a b\"@b.example"};
    static const char *const bad[] = {"",
                                      "a",
                                      "@b.example",
                                      "a@",
                                      "a b@b.example",
                                      "a@b example",
                                      "a@b>\r\nRCPT",
                                      "a\n@b.example",
                                      "<a@b.example>",
                                      "\xc3\xa4@b.example"};
    for (size_t i = 0; i < SD_COUNT(good); i++)
        assert_true(smtp_address_ok(span_cstr(good[i])));
    for (size_t i = 0; i < SD_COUNT(bad); i++)
        assert_false(smtp_address_ok(span_cstr(bad[i])));
}

static const char table[] = "one.example MX 10 mx1.one.example\n"
                            "one.example MX 20 mx2.one.example\n"
                            "one.example MX 5 mx0.one.example\n"
                            "none.example MX 0 .\n"
                            "ours.example MX 10 Desk.Example.net\n"
                            "backup.example MX 5 first.example\n"
                            "backup.example MX 10 desk.example.net\n"
                            "backup.example MX 10 same.example\n"
                            "backup.example MX 20 behind.example\n"
                            "plain.example A 192.0.2.1\n"
                            "desk.example.net A 192.0.2.9\n"
                            "broken.example SERVFAIL\n"
                            "both.example A 192.0.2.2\n"
                            "both.example AAAA 2001:db8::2\n"
                            "half.example A 192.0.2.3\n"
                            "many.example MX 1 a.example\n";

struct world {
    struct dns_script *script;
    struct dns_source dns;
    struct arena *arena;
};

static int make_world(void **state) {
    static struct world w;
    assert_int_equal(dns_script_new(&w.script), SD_OK);
    assert_int_equal(dns_script_load(w.script, span_cstr(table)), SD_OK);
    w.dns = dns_script_source(w.script);
    w.arena = arena_new((size_t)1024 * 1024);
    *state = &w;
    return 0;
}

static int free_world(void **state) {
    struct world *w = *state;
    dns_script_free(&w->script);
    arena_free(&w->arena);
    return 0;
}

static struct route route(struct world *w, const char *domain) {
    struct route r;
    assert_int_equal(route_for_domain(&w->dns, span_cstr(domain), SPAN("desk.example.net"), deadline_in_ms(1000), w->arena, &r),
                     SD_OK);
    return r;
}

static void assert_refused(struct world *w, const char *domain, unsigned code, const char *status) {
    struct route r = route(w, domain);
    assert_int_equal(r.count, 0);
    assert_int_equal(r.refusal.code, code);
    assert_string_equal(r.refusal.status, status);
}

static void test_routes(void **state) {
    struct world *w = *state;
    struct route r = route(w, "One.Example.");
    assert_int_equal(r.count, 3);
    assert_true(span_eq(r.hosts[0], SPAN("mx0.one.example")));
    assert_true(span_eq(r.hosts[2], SPAN("mx2.one.example")));
    r = route(w, "plain.example");
    assert_int_equal(r.count, 1);
    assert_true(span_eq(r.hosts[0], SPAN("plain.example")));
    r = route(w, "backup.example"); /* at and behind our own preference: not used */
    assert_int_equal(r.count, 1);
    assert_true(span_eq(r.hosts[0], SPAN("first.example")));
    assert_refused(w, "none.example", 556, "5.1.10");
    assert_refused(w, "ours.example", 554, "5.4.6");
    assert_refused(w, "desk.example.net", 554, "5.4.6");
    assert_refused(w, "nowhere.example", 550, "5.1.2");
    assert_refused(w, "broken.example", 451, "4.4.3");
    assert_refused(w, "[192.0.2.1]", 553, "5.1.2");
    assert_refused(w, "", 553, "5.1.2");
}

static void test_equal_preferences(void **state) {
    struct world *w = *state;
    bool first[2] = {false, false};
    assert_int_equal(dns_script_load(w->script, SPAN("pair.example MX 7 a.example\npair.example MX 7 b.example\n")), SD_OK);
    for (int i = 0; i < 200; i++)
        first[span_eq(route(w, "pair.example").hosts[0], SPAN("a.example"))] = true;
    assert_true(first[0] && first[1]); /* one in 2^199 that chance says otherwise */
}

static void test_host_addresses(void **state) {
    struct world *w = *state;
    struct route_addresses a;
    struct deadline d = deadline_in_ms(1000);
    assert_int_equal(route_addresses(&w->dns, SPAN("both.example"), 25, d, w->arena, &a), SD_OK);
    assert_int_equal(a.count, 2);
    assert_int_equal(a.at[0].at.ss_family, AF_INET);
    assert_int_equal(a.at[1].at.ss_family, AF_INET6);
    assert_int_equal(route_addresses(&w->dns, SPAN("127.0.0.1"), 25, d, w->arena, &a), SD_OK);
    assert_int_equal(a.count, 1);
    assert_int_equal(route_addresses(&w->dns, SPAN("::1"), 25, d, w->arena, &a), SD_OK);
    assert_int_equal(a.at[0].at.ss_family, AF_INET6);
    assert_int_equal(route_addresses(&w->dns, SPAN("nowhere.example"), 25, d, w->arena, &a), SD_OK);
    assert_true(a.count == 0 && !a.unknown);
    assert_int_equal(route_addresses(&w->dns, SPAN("broken.example"), 25, d, w->arena, &a), SD_OK);
    assert_true(a.count == 0 && a.unknown);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relay),          cmocka_unit_test(test_schedule), cmocka_unit_test(test_body),
        cmocka_unit_test(test_addresses),      cmocka_unit_test(test_routes),   cmocka_unit_test(test_equal_preferences),
        cmocka_unit_test(test_host_addresses),
    };
    return cmocka_run_group_tests(tests, make_world, free_world);
}
