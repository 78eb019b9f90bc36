#include "auth/idn.h"
#include "auth/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void names_the_dns_can_hold(void **state) {
    (void)state;
    char label[65];
    memset(label, 'a', 64);
    assert_true(name_is_dns(span_of(label, 63)));
    assert_false(name_is_dns(span_of(label, 64)));
    assert_false(name_is_dns(SPAN("")));
    assert_false(name_is_dns(SPAN("a..b")));
    assert_false(name_is_dns(SPAN(".a")));
    assert_false(name_is_dns(SPAN("a.b.")));
    assert_false(name_is_dns(SPAN("a\\.b")));
    assert_false(name_is_dns(SPAN("a\0.b")));
    char name[260];
    for (size_t i = 0; i < sizeof name; i++)
        name[i] = i % 2 ? '.' : 'a';
    assert_true(name_is_dns(span_of(name, 253)));
    assert_false(name_is_dns(span_of(name, 255)));
}

static void names_mail_uses(void **state) {
    (void)state;
    assert_true(name_is_domain(SPAN("mail_1.example-2.com")));
    assert_false(name_is_domain(SPAN("localhost")));
    assert_false(name_is_domain(SPAN("bank.example(a.evil.example")));
    assert_false(name_is_domain(SPAN("bank.example'a.evil.example")));
    assert_false(name_is_domain(SPAN("[192.0.2.1]")));
}

static void relations(void **state) {
    (void)state;
    assert_true(name_is_under(SPAN("Mail.Example.com"), SPAN("example.COM")));
    assert_true(name_is_under(SPAN("example.com"), SPAN("example.com")));
    assert_false(name_is_under(SPAN("notexample.com"), SPAN("example.com")));
    assert_false(name_is_under(SPAN("example.com"), SPAN("")));
    assert_true(span_eq(name_tail(SPAN("a.b.c.d"), 2), SPAN("c.d")));
    assert_int_equal(name_labels(SPAN("a.b.c")), 3);
    assert_int_equal(name_parent(SPAN("com")).n, 0);
}

static void labels_of_other_scripts(void **state) {
    (void)state;
    struct arena *arena = arena_new(65536);
    struct span s = SPAN("untouched");
    assert_int_equal(idn_to_ascii(SPAN("B\xc3\xbc"
                                       "cher.Example"),
                                  arena, &s),
                     SD_OK);
    assert_true(span_eq(s, SPAN("xn--bcher-kva.example")));
    assert_true(span_eq(idn_to_unicode(s, arena), SPAN("b\xc3\xbc"
                                                       "cher.example")));
    assert_int_equal(idn_to_ascii(SPAN("EXAMPLE.com."), arena, &s), SD_OK);
    assert_true(span_eq(s, SPAN("example.com")));
    assert_int_equal(idn_to_ascii(SPAN("bank.example\xff.evil.example"), arena, &s), SD_ERR_PARSE);
    assert_int_equal(idn_to_ascii(SPAN("\xe2\x80\xae"
                                       "bank.example"),
                                  arena, &s),
                     SD_ERR_PARSE); /* U+202E */
    assert_int_equal(idn_to_ascii(SPAN(""), arena, &s), SD_ERR_PARSE);
    assert_true(span_eq(s, SPAN("example.com")));
    arena_free(&arena);
}

static void registrable_domains(void **state) {
    (void)state;
    struct arena *arena = arena_new(65536);
    assert_true(span_eq(psl_org_domain(SPAN("a.b.example.co.uk"), arena), SPAN("example.co.uk")));
    assert_true(span_eq(psl_org_domain(SPAN("co.uk"), arena), SPAN("co.uk")));
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_dns_can_hold),  cmocka_unit_test(names_mail_uses),     cmocka_unit_test(relations),
        cmocka_unit_test(labels_of_other_scripts), cmocka_unit_test(registrable_domains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
