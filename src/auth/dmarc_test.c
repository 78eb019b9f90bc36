/* RFC 9989: examples of appendix B.4, and what the corpus does not ask. */
#include "auth/dmarc.h"
#include "auth/dns_script.h"
#include "core/buf.h"

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

static struct dmarc_verdict check(const char *lines, const char *author, const char *spf_pass, struct dkim_verdict dkim,
                                  bool psl) {
    struct dns_source dns = dns_script_source(script);
    struct spf_verdict spf = {.result = spf_pass ? AUTH_PASS : AUTH_FAIL, .domain = span_cstr(spf_pass)};
    struct dmarc_question q = {span_cstr(author), &spf, &dkim, 1, psl};
    struct dmarc_verdict v = {0};
    assert_int_equal(dns_script_load(script, span_cstr(lines)), SD_OK);
    assert_int_equal(dmarc_check(&q, &dns, deadline_in_ms(1000), arena, &v), SD_OK);
    assert_int_equal(dns_script_open(script), 0);
    return v;
}

static struct dkim_verdict pass(const char *domain) {
    return (struct dkim_verdict){.result = AUTH_PASS, .domain = span_cstr(domain)};
}

static const struct dkim_verdict no_dkim;

static void example_b_4_1(void **state) {
    (void)state;
    struct dmarc_verdict v =
        check("_dmarc.example.com TXT v=DMARC1; p=reject\n_dmarc.signing.example.com TXT v=DMARC1; p=reject", "example.com",
              "example.com", pass("signing.example.com"), false);
    assert_int_equal(v.result, AUTH_PASS);
    assert_true(v.spf_aligned && v.dkim_aligned);
    assert_true(span_eq(v.org_domain, SPAN("example.com")));
}

static void example_b_4_3_public_suffix(void **state) {
    (void)state;
    const char *lines =
        "_dmarc.bank.example TXT v=DMARC1; p=reject; psd=y\n_dmarc.mega.bank.example TXT v=DMARC1; p=quarantine";
    struct dmarc_verdict v = check(lines, "giant.bank.example", NULL, pass("mail.mega.bank.example"), false);
    assert_int_equal(v.result, AUTH_FAIL);
    assert_int_equal(v.applied, DMARC_POLICY_REJECT);
    assert_true(span_eq(v.org_domain, SPAN("giant.bank.example")));
    v = check("", "giant.bank.example", NULL, pass("mail.giant.bank.example"), false);
    assert_int_equal(v.result, AUTH_PASS);
}

static void partial_and_repeated_signatures_do_not_count(void **state) {
    (void)state;
    struct dkim_verdict partial = pass("example.com");
    struct dkim_verdict repeated = partial;
    partial.partial = true;
    repeated.repeated = true;
    assert_int_equal(check("_dmarc.example.com TXT v=DMARC1; p=reject", "example.com", NULL, partial, false).result, AUTH_FAIL);
    assert_int_equal(check("", "example.com", NULL, repeated, false).result, AUTH_FAIL);
    assert_int_equal(check("", "example.com", NULL, pass("example.com"), false).result, AUTH_PASS);
}

/* However long a record is, reading it costs what its bytes cost: each of its tags was once compared with all before it. */
static void a_record_of_thousands_of_tags_is_none(void **state) {
    (void)state;
    struct buf text SD_CLEANUP(buf_free) = buf_new(65536);
    struct dmarc_record record;
    buf_text(&text, "v=DMARC1; p=reject");
    for (unsigned i = 2; i < DMARC_MAX_TAGS; i++)
        buf_printf(&text, ";a%x=", i);
    assert_int_equal(dmarc_record_parse(buf_span(&text), &record), SD_OK);
    for (unsigned i = 0; i < 8000; i++)
        buf_printf(&text, ";b%x=", i);
    assert_int_equal(buf_err(&text), SD_OK);
    assert_int_equal(dmarc_record_parse(buf_span(&text), &record), SD_ERR_PARSE);
}

static void a_missing_key_of_an_aligned_domain_is_temperror(void **state) {
    (void)state;
    struct dkim_verdict unknown = {.result = AUTH_TEMPERROR, .domain = SPAN("mail.example.com")};
    assert_int_equal(check("_dmarc.example.com TXT v=DMARC1; p=reject", "example.com", NULL, unknown, false).result,
                     AUTH_TEMPERROR);
    assert_int_equal(check("", "example.com", "example.com", unknown, false).result, AUTH_PASS);
    unknown.domain = SPAN("elsewhere.com");
    assert_int_equal(check("", "example.com", NULL, unknown, false).result, AUTH_FAIL);
}

static void without_a_record_the_suffix_list_aligns(void **state) {
    (void)state;
    struct dmarc_verdict v = check("", "example.co.uk", "bounce.example.co.uk", no_dkim, false);
    assert_int_equal(v.result, AUTH_NONE);
    assert_true(v.spf_aligned);
    assert_false(check("", "a.co.uk", "b.co.uk", no_dkim, false).spf_aligned);
}

static void unknown_policy_aligns_the_same_domain_only(void **state) {
    (void)state;
    struct dmarc_verdict v = check("_dmarc.example.com SERVFAIL", "example.com", NULL, pass("example.com"), false);
    assert_int_equal(v.result, AUTH_TEMPERROR);
    assert_true(v.dkim_aligned);
    v = check("", "example.com", NULL, pass("mail.example.com"), false);
    assert_int_equal(v.result, AUTH_TEMPERROR);
    assert_false(v.dkim_aligned);
}

static void rfc_7489_mode(void **state) {
    (void)state;
    const char *lines = "_dmarc.example.co.uk TXT v=DMARC1; p=reject; sp=quarantine; pct=5\n_dmarc.uk TXT v=DMARC1; p=none";
    struct dmarc_verdict v = check(lines, "a.b.example.co.uk", "c.example.co.uk", no_dkim, true);
    assert_int_equal(v.result, AUTH_PASS);
    assert_int_equal(v.policy, DMARC_POLICY_QUARANTINE);
    assert_false(dns_script_was_asked(script, SPAN("_dmarc.uk"), DNS_TXT));
    assert_false(dns_script_was_asked(script, SPAN("_dmarc.b.example.co.uk"), DNS_TXT));
}

static void at_most_eight_queries(void **state) {
    (void)state;
    (void)check("", "a.b.c.d.e.f.g.h.i.j.mail.example.com", NULL, no_dkim, false);
    assert_int_equal(dns_script_asked(script), 8);
    assert_true(dns_script_was_asked(script, SPAN("_dmarc.g.h.i.j.mail.example.com"), DNS_TXT));
    assert_true(dns_script_was_asked(script, SPAN("_dmarc.com"), DNS_TXT));
}

static void repeated_tags_count_once(void **state) {
    (void)state;
    struct dmarc_record r;
    assert_int_equal(dmarc_record_parse(SPAN("v=DMARC1; p=reject; p=none"), &r), SD_OK);
    assert_int_equal(r.p, DMARC_POLICY_REJECT);
    assert_int_equal(dmarc_record_parse(SPAN("p=reject; v=DMARC1"), &r), SD_ERR_PARSE);
    assert_int_equal(dmarc_record_parse(SPAN(""), &r), SD_ERR_PARSE);
    assert_int_equal(dmarc_record_parse(SPAN("v=DMARC1"), &r), SD_OK);
    assert_false(r.usable);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
int main(void) {
    const struct CMUnitTest tests[] = {CASE(example_b_4_1),
                                       CASE(example_b_4_3_public_suffix),
                                       CASE(partial_and_repeated_signatures_do_not_count),
                                       CASE(a_record_of_thousands_of_tags_is_none),
                                       CASE(a_missing_key_of_an_aligned_domain_is_temperror),
                                       CASE(without_a_record_the_suffix_list_aligns),
                                       CASE(unknown_policy_aligns_the_same_domain_only),
                                       CASE(rfc_7489_mode),
                                       CASE(at_most_eight_queries),
                                       CASE(repeated_tags_count_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
