/* RFC 7208: the macro examples of §7.4, the limits of §4.6.4, and the rules that other programs get wrong. */
#include "auth/dns_script.h"
#include "auth/spf.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;
static struct dns_script *script;

static int set_up(void **state) {
    (void)state;
    arena = arena_new(4 * 1024 * 1024);
    return arena && dns_script_new(&script) == SD_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    dns_script_free(&script);
    arena_free(&arena);
    return 0;
}

static void ip_of(const char *text, uint8_t ip[16]) {
    memset(ip, 0, 16);
    if (inet_pton(AF_INET, text, ip + 12) == 1)
        memset(ip + 10, 0xff, 2);
    else
        assert_int_equal(inet_pton(AF_INET6, text, ip), 1);
}

static struct spf_verdict check(const char *lines, const char *ip_text, const char *sender) {
    struct dns_source dns = dns_script_source(script);
    struct spf_verdict v = {0};
    uint8_t ip[16];
    ip_of(ip_text, ip);
    assert_int_equal(dns_script_load(script, span_cstr(lines)), SD_OK);
    struct span s = span_cstr(sender);
    assert_int_equal(spf_check(ip, span_from(s, span_find(s, '@') + 1), s, SPAN("mail.example.org"), SPAN("mx.example.net"),
                               &dns, deadline_in_ms(1000), arena, &v),
                     SD_OK);
    assert_int_equal(dns_script_open(script), 0);
    return v;
}

static void expands(const char *text, const char *ip, const char *wanted) {
    struct dns_source dns = dns_script_source(script);
    struct spf_context c = {.local = SPAN("strong-bad"),
                            .sender_domain = SPAN("email.example.com"),
                            .helo = SPAN("mail.example.org"),
                            .dns = &dns,
                            .deadline = deadline_in_ms(1000),
                            .arena = arena,
                            .is_v4 = strchr(ip, ':') == NULL};
    struct buf to SD_CLEANUP(buf_free) = buf_new(4096);
    ip_of(ip, c.ip);
    assert_true(spf_macro_ok(span_cstr(text), false));
    spf_expand(&c, SPAN("email.example.com"), span_cstr(text), false, &to);
    assert_int_equal(buf_err(&to), SD_OK);
    if (!span_eq(buf_span(&to), span_cstr(wanted)))
        fail_msg("%s: %.*s, wanted %s", text, SPAN_FMT(buf_span(&to)), wanted);
}

static void macros_of_section_7_4(void **state) {
    (void)state;
    static const char *const v4[][2] = {
        {"%{s}", "strong-bad@email.example.com"},
        {"%{o}", "email.example.com"},
        {"%{d}", "email.example.com"},
        {"%{d4}", "email.example.com"},
        {"%{d3}", "email.example.com"},
        {"%{d2}", "example.com"},
        {"%{d1}", "com"},
        {"%{dr}", "com.example.email"},
        {"%{d2r}", "example.email"},
        {"%{l}", "strong-bad"},
        {"%{l-}", "strong.bad"},
        {"%{lr}", "strong-bad"},
        {"%{lr-}", "bad.strong"},
        {"%{l1r-}", "strong"},
        {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
        {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
        {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
        {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
        {"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
        {"%%%_%-", "% %20"},
        {"%{S}", "strong-bad%40email.example.com"},
    };
    for (size_t i = 0; i < SD_COUNT(v4); i++)
        expands(v4[i][0], "192.0.2.3", v4[i][1]);
    expands("%{ir}.%{v}._spf.%{d2}", "2001:db8::cb01",
            "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6._spf.example.com");
}

static void grammar(void **state) {
    (void)state;
    static const char *const bad[] = {"v=spf1 a:",
                                      "v=spf1 ip4:1.2.3",
                                      "v=spf1 ip4:1.2.3.4/33",
                                      "v=spf1 ip4:1.2.3.4/032",
                                      "v=spf1 ip6:::1/129",
                                      "v=spf1 all:x",
                                      "v=spf1 include",
                                      "v=spf1 foo",
                                      "v=spf1 a:%{x}.b.com",
                                      "v=spf1 a:%{d0}.com",
                                      "v=spf1 a:%(d).com",
                                      "v=spf1 a:b.c.",
                                      "v=spf1 redirect=a.b redirect=a.b",
                                      "v=spf1 a:example.12",
                                      "v=spf1 exp=a.b exp=a.b",
                                      "v=spf1 a//24/64",
                                      "v=spf1 a:%{c}.com",
                                      "v=spf1 mx:x y/24",
                                      "v=spf1 =a.com"};
    static const char *const good[] = {"v=spf1", "v=spf1   -all  ", "v=spf1 a/24//64 MX:b.com/0 +IP4:1.2.3.4/0 ptr",
                                       "v=spf1 foo=bar%{d} exists:%{i}._spf.%{d2} include:%{d}", "v=spf1 a:foo:bar/baz.com"};
    for (size_t i = 0; i < SD_COUNT(bad) + SD_COUNT(good); i++) {
        const char *text = i < SD_COUNT(bad) ? bad[i] : good[i - SD_COUNT(bad)];
        struct spf_record record;
        struct span fault = SPAN_NONE;
        enum sd_err err = spf_parse(span_cstr(text), arena, &record, &fault);
        /* "a:b.c." ends in a dot, which the grammar allows */
        bool is_good = i >= SD_COUNT(bad) || strcmp(text, "v=spf1 a:b.c.") == 0;
        if ((err == SD_OK) != is_good)
            fail_msg("%s: %s", text, sd_err_text(err));
    }
}

static void syntax_errors_count_wherever_they_stand(void **state) {
    (void)state;
    struct spf_verdict v = check("e.com TXT v=spf1 +all foo", "192.0.2.1", "a@e.com");
    assert_int_equal(v.result, AUTH_PERMERROR);
    assert_true(span_search(v.reason, SPAN("foo")) < v.reason.n);
}

static void ten_lookups_and_no_more(void **state) {
    (void)state;
    const char *lines =
        "e.com A 192.0.2.9\n"
        "ten.com TXT v=spf1 a:e.com a:e.com a:e.com a:e.com a:e.com a:e.com a:e.com a:e.com a:e.com a:e.com ~all\n"
        "eleven.com TXT v=spf1 include:ten.com ~all\n"
        "loop.com TXT v=spf1 redirect=loop.com\n";
    assert_int_equal(check(lines, "192.0.2.1", "a@ten.com").result, AUTH_SOFTFAIL);
    assert_int_equal(check("", "192.0.2.1", "a@eleven.com").result, AUTH_PERMERROR);
    assert_int_equal(check("", "192.0.2.1", "a@loop.com").result, AUTH_PERMERROR);
}

static void two_void_lookups_and_no_more(void **state) {
    (void)state;
    assert_int_equal(check("two.com TXT v=spf1 a:x.two.com mx:y.two.com -all", "192.0.2.1", "a@two.com").result, AUTH_FAIL);
    assert_int_equal(
        check("three.com TXT v=spf1 a:x.two.com mx:y.two.com exists:z.two.com -all", "192.0.2.1", "a@three.com").result,
        AUTH_PERMERROR);
}

#define LABEL_64 "0123456789012345678901234567890123456789012345678901234567890123"

/* §4.6.4: what the DNS was never asked is no void look-up; what ptr asked in vain is. */
static void what_counts_as_void(void **state) {
    (void)state;
    assert_int_equal(check("long.example TXT v=spf1 a:" LABEL_64 ".example a:a.." LABEL_64 ".example exists:" LABEL_64
                           ".example +all\n",
                           "192.0.2.1", "a@long.example")
                         .result,
                     AUTH_PASS);
    assert_int_equal(check("ptr.example TXT v=spf1 ptr ptr ptr +all\n", "192.0.2.1", "a@ptr.example").result, AUTH_PERMERROR);
    assert_int_equal(check("one.example TXT v=spf1 ptr ptr +all\n", "192.0.2.1", "a@one.example").result, AUTH_PASS);
}

static void unknown_is_temperror(void **state) {
    (void)state;
    const char *lines = "t.com TXT v=spf1 a:dead.com -all\ndead.com TIMEOUT\n"
                        "i.com TXT v=spf1 include:dead.com +all\n"
                        "early.com TXT v=spf1 ip4:192.0.2.1 a:dead.com -all\n";
    assert_int_equal(check(lines, "192.0.2.1", "a@t.com").result, AUTH_TEMPERROR);
    assert_int_equal(check("", "192.0.2.1", "a@i.com").result, AUTH_TEMPERROR);
    assert_int_equal(check("", "192.0.2.1", "a@dead.com").result, AUTH_TEMPERROR);
    assert_int_equal(check("", "192.0.2.1", "a@early.com").result, AUTH_PASS); /* in order: never asked */
}

static void explanations_come_from_the_failing_domain(void **state) {
    (void)state;
    const char *lines = "e.com TXT v=spf1 redirect=r.com\n"
                        "r.com TXT v=spf1 include:i.com -all exp=exp.r.com\n"
                        "i.com TXT v=spf1 -all exp=exp.i.com\n"
                        "exp.r.com TXT %{c} may not send for %{d}\n"
                        "exp.i.com TXT wrong\n"
                        "bad.com TXT v=spf1 -all exp=exp.bad.com\n"
                        "exp.bad.com TXT %{z} broken\n";
    struct spf_verdict v = check(lines, "192.0.2.1", "a@e.com");
    assert_int_equal(v.result, AUTH_FAIL);
    assert_true(span_eq(v.explanation, SPAN("192.0.2.1 may not send for r.com")));
    v = check("", "192.0.2.1", "a@bad.com");
    assert_int_equal(v.result, AUTH_FAIL);
    assert_int_equal(v.explanation.n, 0);
}

static void loopback_is_an_address_like_any_other(void **state) {
    (void)state;
    assert_int_equal(check("e.com TXT v=spf1 ip4:192.0.2.1 -all", "127.0.0.1", "a@e.com").result, AUTH_FAIL);
    assert_int_equal(check("", "::1", "a@e.com").result, AUTH_FAIL);
}

static void long_macros_are_bounded(void **state) {
    (void)state;
    char sender[3000];
    memset(sender, '.', sizeof sender);
    memcpy(sender + sizeof sender - 7, "@e.com", 7);
    struct spf_verdict v = check("e.com TXT v=spf1 exists:%{s}%{s}.%{lr.}.com -all", "192.0.2.1", sender);
    assert_int_equal(v.result, AUTH_PERMERROR);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
int main(void) {
    const struct CMUnitTest tests[] = {CASE(macros_of_section_7_4),
                                       CASE(grammar),
                                       CASE(syntax_errors_count_wherever_they_stand),
                                       CASE(ten_lookups_and_no_more),
                                       CASE(two_void_lookups_and_no_more),
                                       CASE(what_counts_as_void),
                                       CASE(unknown_is_temperror),
                                       CASE(explanations_come_from_the_failing_domain),
                                       CASE(loopback_is_an_address_like_any_other),
                                       CASE(long_macros_are_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
