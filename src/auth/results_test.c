#include "auth/results.h"

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

static void forged_in_every_spelling(void **state) {
    (void)state;
    static const char *const ours[] = {" mx.example.com; dmarc=pass",
                                       " MX.Example.COM; none",
                                       "(x) mx.example.com (y) 1 (z); dkim=pass",
                                       " mx.example.com 1; none",
                                       "\r\n\tmx.example.com;\r\n\tspf=pass",
                                       " \"mx.example.com\"; none",
                                       " \"mx\\.example.com\"; none",
                                       " mx.example.com.; none",
                                       " mx.example.com",
                                       " mx.example.com x; dkim=pass",
                                       " (open mx.example.com; dkim=pass",
                                       " mx.exam\r\n ple.com; spf=pass",
                                       " ((a)b(c)) mx.example.com/1; x=y"};
    static const char *const others[] = {" mx.example.org; dmarc=pass", " example.com; none",
                                         " other.example; spf=pass smtp.mailfrom=mx.example.com", " notmx.example.com; none",
                                         ""};
    for (size_t i = 0; i < SD_COUNT(ours); i++)
        if (!results_claims(span_cstr(ours[i]), SPAN("mx.example.com"), arena))
            fail_msg("not cut: %s", ours[i]);
    for (size_t i = 0; i < SD_COUNT(others); i++)
        if (results_claims(span_cstr(others[i]), SPAN("mx.example.com"), arena))
            fail_msg("cut: %s", others[i]);
    assert_true(results_claims(SPAN("xn--bcher-kva.example; none"),
                               SPAN("b\xc3\xbc"
                                    "cher.example"),
                               arena));
}

static void cuts_are_whole_fields(void **state) {
    (void)state;
    struct span text = SPAN(
        "Authentication-Results: mx.example.com;\r\n spf=pass\r\nauthentication-RESULTS : MX.example.com; none\r\n"
        "Authentication-Results: other.example; none\r\nFrom: a@b.example\r\n\r\n");
    struct mail_header header;
    struct span body;
    mail_ambiguities ambiguities = 0;
    const struct span *cuts = NULL;
    size_t count = 0;
    assert_int_equal(mail_parse_header(text, arena, &header, &body, &ambiguities), SD_OK);
    assert_int_equal(results_cuts(&header, SPAN("mx.example.com"), &(struct results_believed){0}, arena, &cuts, &count), SD_OK);
    assert_int_equal(count, 2);
    assert_true(span_eq(cuts[0], SPAN("Authentication-Results: mx.example.com;\r\n spf=pass\r\n")));
    assert_true(span_eq(cuts[1], SPAN("authentication-RESULTS : MX.example.com; none\r\n")));
}

static void writes_one_value_per_property(void **state) {
    (void)state;
    struct dkim_verdict dkim[] = {
        {.result = AUTH_PASS, .domain = SPAN("example.com"), .selector = SPAN("s1"), .algorithm = "rsa-sha256"},
        {.result = AUTH_PASS,
         .domain = SPAN("example.com"),
         .selector = SPAN("s.2"),
         .algorithm = "rsa-sha256",
         .partial = true}};
    struct auth_judgement j = {.spf = {.result = AUTH_PASS, .domain = SPAN("a(b.example"), .identity = SPF_MAILFROM},
                               .dkim = dkim,
                               .dkim_count = 2,
                               .trust_domain = SPAN("example.com"),
                               .dmarc = {.result = AUTH_PASS, .policy = DMARC_POLICY_REJECT}};
    const struct auth_envelope envelope = {.ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 7}};
    struct buf to SD_CLEANUP(buf_free) = buf_new(4096);
    results_write(&j, &envelope, SPAN("mx.example.net"), true, &to);
    assert_true(
        span_eq(buf_span(&to), SPAN("Authentication-Results: mx.example.net;\r\n\tspf=pass smtp.mailfrom=\"a(b.example\";\r\n"
                                    "\tdkim=pass header.d=example.com header.s=\"s1\" header.a=rsa-sha256;\r\n"
                                    "\tdkim=policy header.d=example.com header.s=s.2 header.a=rsa-sha256;\r\n"
                                    "\tdmarc=pass (p=reject) header.from=example.com\r\n")));
    buf_reset(&to);
    j.spf.domain = SPAN("a\r\nb.example");
    j.dkim_count = 0;
    j.arc = (struct arc_verdict){.result = AUTH_FAIL, .reason = SPAN("a \"quoted\" word"), .domain = SPAN("list.example")};
    j.iprev.result = AUTH_FAIL;
    results_write(&j, &envelope, SPAN("mx.example.net"), false, &to);
    assert_true(span_eq(
        buf_span(&to),
        SPAN("Authentication-Results: mx.example.net;\r\n\tspf=pass;\r\n\tiprev=fail policy.iprev=\"2001:db8::7\"\r\n")));
    buf_reset(&to);
    results_write(&j, &envelope, SPAN("mx.example.net"), true, &to);
    assert_true(span_search(buf_span(&to), SPAN("\tarc=fail reason=\"a \\\"quoted\\\" word\" header.d=list.example;")) < to.n);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
int main(void) {
    const struct CMUnitTest tests[] = {CASE(forged_in_every_spelling), CASE(cuts_are_whole_fields),
                                       CASE(writes_one_value_per_property)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
