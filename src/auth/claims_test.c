#include "auth/judge.h"
#include "core/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ARENA_BYTES ((size_t)16 * 1024 * 1024)
#define BIT(signal) (UINT64_C(1) << AUTH_SIGNAL_##signal)
#define S(text)                                                                                                                \
    { (const uint8_t *)(text), sizeof(text) - 1 }

static const struct span own[] = {S("acme-support.example")};
static const struct span others[] = {S("northwind.example"), S("xn--bcher-kva.example")};
static const struct span refused[] = {S("boss@evil.example"), S("spam.example"), S("@worse.example"), S("xn--bse-sna.example")};
static const struct protected_name names[] = {
    {S("Jane Boss"), S("jane@acme-support.example")}, {S("Sealdesk"), {NULL, 0}}, {S("Zo\xc3\xab O'Brien"), {NULL, 0}}};

static struct auth_policy policy_of(bool prepared, struct arena *arena) {
    struct auth_policy p = auth_policy_default();
    p.own_domains = own;
    p.own_domain_count = SD_COUNT(own);
    p.protected_domains = others;
    p.protected_domain_count = SD_COUNT(others);
    p.refused_senders = refused;
    p.refused_sender_count = SD_COUNT(refused);
    p.protected_names = names;
    p.protected_name_count = SD_COUNT(names);
    if (prepared)
        assert_int_equal(auth_policy_prepare(&p, arena), SD_OK);
    return p;
}

/* Prepared or not, the policy says the same. */
static struct claims claims_of(const char *header) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(ARENA_BYTES);
    struct buf b SD_CLEANUP(buf_free) = buf_new(65536);
    struct mail_message m;
    struct claims with, without;
    const struct auth_policy prepared = policy_of(true, arena), bare = policy_of(false, arena);
    buf_text(&b, header);
    buf_text(&b, "\r\nSubject: s\r\n\r\nx\r\n");
    assert_int_equal(mail_parse(buf_span(&b), arena, &m), SD_OK);
    assert_int_equal(claims_read(&m, &prepared, arena, &with), SD_OK);
    assert_int_equal(claims_read(&m, &bare, arena, &without), SD_OK);
    assert_true(with.signals == without.signals && with.is_own == without.is_own && with.is_protected == without.is_protected);
    return with;
}

static void expect(const char *header, uint64_t signals) {
    uint64_t got = claims_of(header).signals;
    for (enum auth_signal s = 0; s < AUTH_SIGNAL_COUNT; s++)
        if ((got ^ signals) >> s & 1)
            fail_msg("%s: %s is %s", header, auth_signal_id(s), got >> s & 1 ? "there" : "missing");
}

static void a_protected_name(void **state) {
    (void)state;
    static const char *const displays[] = {
        "Jane Boss",
        "\"Boss, Jane\"",
        "jane   boss",
        "JANE BOSS via Support",
        "\"Jane 'The' M. Boss\"",
        "JaneBoss",
        "J a n e  B o s s",
        "\"Jane_Boss\"",
        "\"Jane.Boss (CEO)\"",
        "Jane B0ss",
        "=?utf-8?Q?Jane_Boss?=",
        "=?utf-8?B?SmFuZSBCb3Nz?=",
        "=?utf-8?Q?Jane?= =?utf-8?Q?_Boss?=",
        "=?utf-8?Q?J=C3=A1n=C3=A9_B=C3=B6ss?=",             /* accents */
        "=?utf-8?Q?Ja=CC=81ne_Boss?=",                      /* as combining marks */
        "=?utf-8?Q?J=D0=B0ne_B=D0=BEss?=",                  /* Cyrillic */
        "=?utf-8?Q?J=CE=B1ne_B=CE=BFss?=",                  /* Greek */
        "=?utf-8?Q?Ja=E2=80=8Bne_Bo=E2=80=8Dss?=",          /* zero width */
        "=?utf-8?Q?Ja=C2=ADne_Bo=EF=BB=BFss?=",             /* soft hyphen, byte order mark */
        "=?utf-8?Q?=E2=80=AAJane=E2=80=AC_Boss?=",          /* embedding */
        "=?utf-8?Q?=E2=81=A6Jane=E2=81=A9_=E2=80=8FBoss?=", /* isolate, mark */
        "=?utf-8?Q?=EF=BC=AAane_=EF=BC=A2oss?=",            /* full width */
        "=?utf-8?Q?=F0=9D=90=89ane_=F0=9D=90=81oss?=",      /* mathematical bold */
        "=?utf-8?Q?=E2=80=AEssoB_enaJ?=",                   /* read from right to left */
        "=?utf-8?Q?Support_=E2=80=AEss=C3=B6B_enaJ=E2=80=AC?=",
        "=?utf-8?Q?Jane=C2=A0Boss?=",
        "=?utf-8?Q?Jane=E3=80=80Boss?=",
        "=?utf-8?Q?=C2=ABJane_Boss=C2=BB?=",
        "Seal desk",
        "SeaIdesk billing",
        "=?utf-8?Q?S=D0=B5aldesk?=",
        "Zoe OBrien",
        "\"o'brien, zoe\"",
    };
    char header[512];
    for (size_t i = 0; i < SD_COUNT(displays); i++) {
        (void)snprintf(header, sizeof header, "From: %s <x@elsewhere.example>", displays[i]);
        expect(header, BIT(DISPLAY_NAME));
    }
}

static void who_may_carry_it_and_who_is_another(void **state) {
    (void)state;
    static const char *const headers[] = {
        "From: Jane Boss <Jane@Acme-Support.example>",
        "From: Sealdesk <desk@acme-support.example>",
        "From: Sealdesk <desk@mail.acme-support.example>",
        "From: Jane Bosworth <x@elsewhere.example>",
        "From: Janet Boss <x@elsewhere.example>",
        "From: Jane <x@elsewhere.example>",
        "From: Boss <x@elsewhere.example>",
        "From: Sealdesks <x@elsewhere.example>",
        "From: Unsealdesk <x@elsewhere.example>",
        "From: x@elsewhere.example",
        "From: =?utf-8?Q?=E5=B1=B1=E7=94=B0?= <x@elsewhere.example>",
    };
    for (size_t i = 0; i < SD_COUNT(headers); i++)
        expect(headers[i], 0);
    expect("From: Jane Boss <boss@acme-support.example>", BIT(DISPLAY_NAME)); /* ours, but not hers */
    expect("From: Jane Boss <x@y.example>, a@b.example", BIT(DISPLAY_NAME) | BIT(AMBIGUOUS));
}

static void an_address_in_the_name(void **state) {
    (void)state;
    expect("From: \"boss@bank.example\" <x@elsewhere.example>", BIT(DISPLAY_ADDRESS));
    expect("From: \"boss@elsewhere.example\" <x@elsewhere.example>", BIT(DISPLAY_ADDRESS));
    expect("From: =?utf-8?Q?boss=EF=BC=A0bank.example?= <x@elsewhere.example>", BIT(DISPLAY_ADDRESS));
    expect("From: =?utf-8?Q?boss=E2=80=8B=40ba=E2=80=8Bnk.example?= <x@elsewhere.example>", BIT(DISPLAY_ADDRESS));
    expect("From: =?utf-8?Q?=E2=80=AEelpmaxe.knab=40ssob?= <x@elsewhere.example>", BIT(DISPLAY_ADDRESS));
    expect("From: \"X@Elsewhere.example\" <x@elsewhere.example>", 0);
    expect("From: \"x@elsewhere.example\" <x@mail.elsewhere.example>", 0);
    expect("From: \"Kim @ home\" <x@elsewhere.example>", 0);
    /* elsewhere in the field: some programs take the last address, or the first */
    expect("From: x@elsewhere.example (boss@bank.example)", BIT(DISPLAY_ADDRESS));
    expect("From: Kim (<boss@bank.example>) <x@elsewhere.example>", BIT(DISPLAY_ADDRESS));
    expect("From: Kim <x@elsewhere.example> (=?utf-8?q?boss=40bank.example?=)", BIT(DISPLAY_ADDRESS));
    expect("From: \"boss@bank.example\"@elsewhere.example", BIT(DISPLAY_ADDRESS));
    expect("From: Kim <x@elsewhere.example> (x@elsewhere.example)", 0);
    expect("From: Kim (home) <x @ elsewhere.example>", 0);
    expect("From: \"kim smith\"@elsewhere.example", 0);
}

/* A quarter of a megabyte of addresses costs what its bytes cost; that it shows others is said all the same. */
static void a_field_of_thousands_of_addresses(void **state) {
    (void)state;
    struct buf header SD_CLEANUP(buf_free) = buf_new(LIMIT_HEADER_BYTES);
    static const char *const parts[] = {"(x@elsewhere.example)", "@", "a@a"};
    for (size_t i = 0; i < SD_COUNT(parts); i++) {
        struct arena *arena SD_CLEANUP(arena_free) = arena_new(ARENA_BYTES);
        buf_reset(&header);
        buf_text(&header, "From: x@elsewhere.example (");
        while (header.n + 256 < 60000)
            buf_text(&header, parts[i]);
        buf_text(&header, ")");
        expect(arena_cstr(arena, buf_span(&header)), BIT(DISPLAY_ADDRESS));
    }
}

static void domains(void **state) {
    (void)state;
    expect("From: a@acme-supp0rt.example", BIT(LOOKALIKE_OWN));
    expect("From: a@northwlnd.example", BIT(LOOKALIKE_PROTECTED));
    expect("From: a@northwind-login.example", BIT(LOOKALIKE_PROTECTED));
    expect("From: a@bucher.example", BIT(LOOKALIKE_PROTECTED));
    expect("From: a@northwind.example", 0);
    expect("From: a@mail.northwind.example", 0);
    assert_true(claims_of("From: a@mail.northwind.example").is_protected);
    assert_false(claims_of("From: a@northwlnd.example").is_protected);
    assert_true(claims_of("From: a@mail.acme-support.example").is_own);
    assert_false(claims_of("From: a@elsewhere.example").is_own);
}

static void answers(void **state) {
    (void)state;
    expect("From: a@b.example\r\nReply-To: c@d.example", BIT(REPLY_TO_ELSEWHERE));
    expect("From: a@b.example\r\nReply-To: a@b.example, c@d.example", BIT(REPLY_TO_ELSEWHERE));
    expect("From: a@b.example\r\nReply-To: c@mail.b.example", 0);
    expect("From: a@b.example\r\nReply-To: a@b.example, <", BIT(REPLY_TO_ELSEWHERE)); /* not to be dodged by bad syntax */
    expect("From: a@b.example\r\nReply-To: c@d.example <a@b.example>", BIT(REPLY_TO_ELSEWHERE));
    expect("From: a@b.example\r\nReply-To:", 0);
    expect("From: a@b.example\r\nReply-To: a@b.example\r\nReply-To: c@d.example",
           BIT(REPLY_TO_ELSEWHERE) | BIT(REPEATED_FIELD));
}

static void listed_senders(void **state) {
    (void)state;
    expect("From: Boss@Evil.example", BIT(REFUSED_SENDER));
    expect("From: other@evil.example", 0);
    expect("From: a@spam.example", BIT(REFUSED_SENDER));
    expect("From: a@deep.spam.example", BIT(REFUSED_SENDER));
    expect("From: a@nospam.example", 0);
    expect("From: a@worse.example", BIT(REFUSED_SENDER));
    expect("From: a@b\xc3\xb6se.example", BIT(REFUSED_SENDER));
    expect("From: a@b.example, a@spam.example", BIT(REFUSED_SENDER) | BIT(AMBIGUOUS));
    expect("From: a@b.example\r\nFrom: a@spam.example", BIT(REFUSED_SENDER) | BIT(AMBIGUOUS));
}

static void what_the_parser_saw(void **state) {
    (void)state;
    expect("From: a@b.example\r\nSubject: t", BIT(REPEATED_FIELD));
    expect("From: a@b.example\r\nDate: x\r\nDate: y", BIT(REPEATED_FIELD));
    expect("From: a@b.example\r\nTo: c@d.example\r\nTo: e@f.example", BIT(REPEATED_FIELD));
    expect("From: a@b.example\r\nMessage-ID: <1@b>\r\nMessage-ID: <2@b>", BIT(REPEATED_FIELD));
    expect("Subject: no author", BIT(REPEATED_FIELD) | BIT(AMBIGUOUS));
    expect("From : a@b.example", BIT(AMBIGUOUS));
}

/* Every one of these characters, at every place of the name, in both cases: the signal stays. */
static void nothing_invisible_hides_a_name(void **state) {
    (void)state;
    static const char *const inserts[] = {"\xe2\x80\x8b", "\xe2\x80\x8c", "\xe2\x80\x8d", "\xe2\x81\xa0", "\xef\xbb\xbf",
                                          "\xc2\xad",     "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xaa", "\xe2\x80\xac",
                                          "\xe2\x81\xa6", "\xe2\x81\xa9", "\xcd\x8f",     "\xef\xb8\x8f", "\xcc\x81"};
    static const char *const spellings[] = {"Jane Boss", "JANE BOSS", "jANE bOSS"};
    char header[256];
    for (size_t i = 0; i < SD_COUNT(inserts); i++)
        for (size_t at = 1; at < 9; at++) {
            const char *name = spellings[(i + at) % SD_COUNT(spellings)];
            (void)snprintf(header, sizeof header, "From: \"%.*s%s%s\"\r\n <x@elsewhere.example>", (int)at, name, inserts[i],
                           name + at);
            expect(header, BIT(DISPLAY_NAME));
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_protected_name),
        cmocka_unit_test(who_may_carry_it_and_who_is_another),
        cmocka_unit_test(an_address_in_the_name),
        cmocka_unit_test(a_field_of_thousands_of_addresses),
        cmocka_unit_test(domains),
        cmocka_unit_test(answers),
        cmocka_unit_test(listed_senders),
        cmocka_unit_test(what_the_parser_saw),
        cmocka_unit_test(nothing_invisible_hides_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
