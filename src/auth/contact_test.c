#include "auth/auth.h"
#include "auth/idn.h"
#include "core/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ARENA_BYTES ((size_t)16 * 1024 * 1024)

static const struct span own[] = {{(const uint8_t *)"sealdesk.example", 16}};

static struct auth_contact contact_of(struct span letter, struct arena *arena) {
    struct auth_policy policy = auth_policy_default();
    struct auth_judgement judgement = {.weight = 0};
    struct auth_contact contact;
    struct mail_message m;
    policy.own_domains = own;
    policy.own_domain_count = SD_COUNT(own);
    assert_int_equal(mail_parse(letter, arena, &m), SD_OK);
    if (mail_from(&m, &judgement.from))
        judgement.from = (struct mail_address){.local = SPAN_NONE};
    assert_int_equal(auth_contact_make(&m, &judgement, &policy, arena, &contact), SD_OK);
    assert_true(contact.look_count <= CONTACT_LOOKS_MAX && contact.name.n <= CONTACT_KEY_MAX && contact.people_count <= 50);
    for (size_t i = 0; i < contact.look_count; i++)
        assert_true(contact.looks[i].n > 1 && contact.looks[i].n <= CONTACT_KEY_MAX);
    return contact;
}

static struct auth_contact from(const char *display, const char *domain, struct arena *arena) {
    struct buf b SD_CLEANUP(buf_free) = buf_new(4096);
    buf_text(&b, "From: ");
    buf_text(&b, display);
    buf_text(&b, " <kim@");
    buf_text(&b, domain);
    buf_text(&b, ">\r\n\r\nx\r\n");
    assert_int_equal(buf_err(&b), SD_OK);
    return contact_of(arena_span(arena, buf_span(&b)), arena);
}

static bool share(const char *a, const char *b) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(ARENA_BYTES);
    struct auth_contact x = from("K", a, arena), y = from("K", b, arena);
    assert_true(x.look_count > 0 && y.look_count > 0);
    for (size_t i = 0; i < x.look_count; i++)
        for (size_t k = 0; k < y.look_count; k++)
            if (span_eq(x.looks[i], y.looks[k]))
                return true;
    return false;
}

static void what_may_be_taken_for_the_other(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"paypal.com", "paypa1.com"},
        {"paypal.com", "paypai.com"},
        {"paypal.com", "paypal.co"},
        {"paypal.com", "pay-pal.com"},
        {"paypal.com", "papyal.com"},
        {"paypal.com", "paypall.com"},
        {"paypal.com", "paypl.com"},
        {"microsoft.com", "rnicrosoft.com"},
        {"paypal.com", "p\xd0\xb0ypal.com"},
        {"paypal.com", "xn--pypl-53dc.com"},
        {"bank.com", "b\xd0\xb0nk.com"},
        {"microsoft.com", "microsoft.net"},
        {"northwind.co.uk", "northwlnd.co.uk"},
        {"wellsbank.com", "vvellsbank.com"},
        {"paypal.com", "paypal-support.com"},
        {"mail.northwind.com", "northwlnd.com"},
        {"m\xc3\xbcnchner.de", "munchner.de"},
        {"paypal.com", "www.paypal.net"},
    };
    for (size_t i = 0; i < SD_COUNT(pairs); i++)
        if (!share(pairs[i][0], pairs[i][1]))
            fail_msg("%s should share a look with %s", pairs[i][0], pairs[i][1]);
}

static void what_may_not(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"gmail.com", "ymail.com"},         {"gmail.com", "email.com"},    {"gmail.com", "mail.com"},
        {"ymail.com", "email.com"},         {"ymail.com", "mail.com"},     {"email.com", "mail.com"},
        {"gmail.com", "gmx.com"},           {"hotmail.com", "hotmail.fr"}, {"outlook.com", "outlook.de"},
        {"example.com", "example.org"},     {"bank.com", "tank.com"},      {"acme.com", "acme.net"},
        {"northwind.com", "southwind.com"}, {"ups.com", "usps.com"},       {"northwind.com", "lee.com"},
        {"gmail.com", "mail-support.com"},
    };
    for (size_t i = 0; i < SD_COUNT(pairs); i++)
        if (share(pairs[i][0], pairs[i][1]))
            fail_msg("%s should share no look with %s", pairs[i][0], pairs[i][1]);
}

/* One letter put in, left out, changed, or two swapped, at every place of names of the lengths that have such looks. */
static void one_error_anywhere(void **state) {
    (void)state;
    for (size_t n = 7; n <= 42; n += 5) {
        char name[64], other[64];
        for (size_t i = 0; i < n; i++)
            name[i] = (char)('a' + i % 11); /* up to k: none that folds into two */
        memcpy(name + n, ".com", 5);
        for (size_t at = 0; at < n; at++) {
            memcpy(other, name, n + 5);
            other[at] = 'z';
            assert_true(share(name, other));
            memcpy(other, name, n + 5);
            memmove(other + at, other + at + 1, n + 5 - at - 1);
            assert_true(share(name, other));
            memcpy(other, name, n + 5);
            memmove(other + at + 1, name + at, n + 5 - at);
            other[at] = 'y';
            assert_true(share(name, other));
            memcpy(other, name, n + 5);
            if (at + 1 < n) {
                other[at] = name[at + 1];
                other[at + 1] = name[at];
            }
            assert_true(share(name, other));
        }
    }
}

/* Sixty letters: the whole, without hyphens, another ending; never too many, never too long. */
static void a_long_name_has_few(void **state) {
    (void)state;
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(ARENA_BYTES);
    assert_int_equal(from("K", "abcdefghijklnopqrstuvwxyzabcdefghijklnopqrstuvwxyzabcdefghij.com", arena).look_count, 4);
    assert_true(from("K", "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm.com", arena).look_count <= 3);
    assert_int_equal(from("K", "abcdefghijklnopqrstuvxyzabcdefghijklnopqrst.com", arena).look_count, 47);
}

static void assert_text(struct span s, const char *expected) {
    if (!span_eq(s, span_cstr(expected)))
        fail_msg("got <%.*s>, expected <%s>", SPAN_FMT(s), expected);
}

static void domains(void **state) {
    (void)state;
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(ARENA_BYTES);
    assert_text(from("K", "Mail.Northwind.co.uk", arena).domain, "northwind.co.uk");
    assert_text(from("K",
                     "b\xc3\xbc"
                     "cher.example",
                     arena)
                    .domain,
                "xn--bcher-kva.example");
    assert_text(contact_of(SPAN("From: a@b.example, c@d.example\r\n\r\nx\r\n"), arena).domain, "");
    assert_text(contact_of(SPAN("From: a@b.example\r\nFrom: c@d.example\r\n\r\nx\r\n"), arena).domain, "");
    assert_int_equal(contact_of(SPAN("To: a@b.example\r\n\r\nx\r\n"), arena).look_count, 0);
}

static void names(void **state) {
    (void)state;
    static const char *const same[] = {"Jane Bosworth",
                                       "JANE  BOSWORTH",
                                       "\"Bosworth, Jane\"",
                                       "\"Jane 'Bosworth'\"",
                                       "=?utf-8?Q?J=C3=A1ne_B=C3=B8sworth?=",
                                       "=?utf-8?Q?J=D0=B0ne_Bosworth?=",
                                       "=?utf-8?Q?Ja=E2=80=8Bne_Bos=C2=ADworth?=",
                                       "=?utf-8?Q?=EF=BC=AAane_Bosworth?=",
                                       "\"Jane.B0sworth\"",
                                       "Jane (from accounts) Bosworth"};
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(ARENA_BYTES);
    struct span expected = from(same[0], "a.example", arena).name;
    assert_text(expected, "bosworth jane");
    for (size_t i = 0; i < SD_COUNT(same); i++) {
        struct span name = from(same[i], "b.example", arena).name;
        if (!span_eq(name, expected))
            fail_msg("%s is <%.*s>", same[i], SPAN_FMT(name));
    }
    assert_text(from("Jane", "a.example", arena).name, "");
    assert_text(from("Al Bo", "a.example", arena).name, "");
    assert_text(from("\"jane bosworth@a.example\"", "a.example", arena).name, "");
    assert_false(span_eq(from("Jane Bosley", "a.example", arena).name, expected));
    assert_text(from("\xe5\xb1\xb1\xe7\x94\xb0 \xe5\xa4\xaa\xe9\x83\x8e", "a.example", arena).name, ""); /* four letters */
}

static void people(void **state) {
    (void)state;
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(ARENA_BYTES);
    struct auth_contact c = contact_of(SPAN("From: a@b.example\r\nTo: Support@Sealdesk.example, \"Lee\" <LEE@C.example>\r\n"
                                            "Cc: lee@c.example, x@desk.sealdesk.example, Ann <ann@d.example>, nobody@\r\n"
                                            "Cc: g: bo@e.example, lee@c.example;\r\n\r\nx\r\n"),
                                       arena);
    assert_int_equal(c.people_count, 2);
    assert_text(c.people[0], "lee@c.example");
    assert_text(c.people[1], "bo@e.example");
    struct buf many SD_CLEANUP(buf_free) = buf_new(65536);
    buf_text(&many, "From: a@b.example\r\nTo: z@z.example");
    for (int i = 0; i < 200; i++)
        buf_printf(&many, ",\r\n p%d@c.example", i);
    buf_text(&many, "\r\n\r\nx\r\n");
    assert_int_equal(contact_of(buf_span(&many), arena).people_count, 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_be_taken_for_the_other),
        cmocka_unit_test(what_may_not),
        cmocka_unit_test(one_error_anywhere),
        cmocka_unit_test(a_long_name_has_few),
        cmocka_unit_test(domains),
        cmocka_unit_test(names),
        cmocka_unit_test(people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
