#include "auth/idn.h"
#include "auth/lookalike.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool looks(const char *domain, const char *own) {
    struct arena *arena = arena_new(1024 * 1024);
    struct span d, o;
    assert_int_equal(idn_to_ascii(span_cstr(domain), arena, &d), SD_OK);
    assert_int_equal(idn_to_ascii(span_cstr(own), arena, &o), SD_OK);
    bool result = lookalike_any(d, lookalike_list_new(&o, 1, arena), arena);
    arena_free(&arena);
    return result;
}

static void imitations(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"acme-support.example", "acme.example"},
        {"support-acme.example", "acme.example"},
        {"acmesupport.example", "acme.example"},
        {"acme.example.evil.test", "acme.example"},
        {"acme.example-login.test", "acme.example"},
        {"sealdesk.test", "sealdesk.example"},
        {"seal-desk.example", "sealdesk.example"},
        {"saeldesk.example", "sealdesk.example"},
        {"sealdeskk.example", "sealdesk.example"},
        {"mail.sea1desk.example", "sealdesk.example"},
        {"\xd0\xb0"
         "cme.example",
         "acme.example"},
        {"northwlnd.example", "northwind.example"},
        {"m\xc3\xbcnchen-bank.example", "munchen-bank.example"},
        {"examp1e.com", "example.com"},
        {"exarnple.com", "example.com"},
        {"example-support.com", "example.com"},
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++)
        if (!looks(cases[i][0], cases[i][1]))
            fail_msg("%s should look like %s", cases[i][0], cases[i][1]);
}

static void others(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"acme.example", "acme.example"},
        {"mail.acme.example", "acme.example"},
        {"acre.example", "acme.example"},
        {"hp.example", "hq.example"},
        {"bank.example", "tank.example"},
        {"shop.example", "ship.example"},
        {"gmail.com", "sealdesk.example"},
        {"customer.example", "acme.example"},
        {"acme.zendesk.example", "acme.test"},
        {"example.org", "example.com"},
        {"example.net", "example.com"},
        {"b\xc3\xbc"
         "cher.example",
         "sealdesk.example"},
        {"support.example", "acme.example"},
        {"ups.com", "usps.com"},
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++)
        if (looks(cases[i][0], cases[i][1]))
            fail_msg("%s should not look like %s", cases[i][0], cases[i][1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(imitations), cmocka_unit_test(others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
