/*
 * Signed letters that somebody passed on, with what the signature leaves open changed, straight to us or by our own MTA in
 * front; and what that MTA could not say. None of them is verified, and nothing that could not be checked is accepted silently.
 */
#include "auth/auth.h"
#include "auth/dkim.h"
#include "auth/dns_script.h"
#include "core/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS ((int64_t)1795000000000)
#define LETTER_BYTES 16384
#define SAID "Authentication-Results: mx.front.example; "
#define FRONT "203.0.113.5"
#define ANYWHERE "192.0.2.1"

static const char zone[] = "bank.example TXT v=spf1 ip4:198.51.100.1 -all\n"
                           "_dmarc.bank.example TXT v=DMARC1; p=reject\n"
                           "_dmarc.co.uk TXT v=DMARC1; p=reject\n"
                           "evil.co.uk TXT v=spf1 ip4:192.0.2.1 -all\n"
                           "dead.example SERVFAIL\n";
static const char body[] = "Your parcel is late.\r\n";

static struct dns_script *script;
static struct signer *signer;
static struct arena *arena;
static struct auth_judgement j;

static int set_up(void **state) {
    (void)state;
    struct secret private_key SD_CLEANUP(secret_free) = {0};
    struct buf public_key SD_CLEANUP(buf_free) = buf_new(1024), record SD_CLEANUP(buf_free) = buf_new(1024);
    static const char *const names[] = {"s1._domainkey.bank.example", "s1._domainkey.evil.example"};
    arena = arena_new((size_t)32 * 1024 * 1024);
    assert_int_equal(dns_script_new(&script), SD_OK);
    assert_int_equal(dns_script_load(script, span_cstr(zone)), SD_OK);
    assert_int_equal(sign_generate(SIGN_ED25519, 0, &private_key, &public_key), SD_OK);
    assert_int_equal(signer_new(SIGN_ED25519, &private_key, &signer), SD_OK);
    buf_text(&record, "v=DKIM1; k=ed25519; p=");
    put_base64(&record, span_from(buf_span(&public_key), public_key.n - KEY_BYTES));
    struct span text = buf_span(&record);
    for (size_t i = 0; i < SD_COUNT(names); i++)
        assert_int_equal(dns_script_add_txt(script, span_cstr(names[i]), &text, 1), SD_OK);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    assert_int_equal(dns_script_open(script), 0);
    dns_script_free(&script);
    signer_free(&signer);
    arena_free(&arena);
    return 0;
}

static void put_hash(struct span data, struct buf *to) {
    struct sha256 digest;
    assert_int_equal(crypt_sha256(data, &digest), SD_OK);
    put_base64(to, span_of(digest.b, sizeof digest.b));
}

/* A signature of `domain` over the header's fields in h= and the body, relaxed. */
static void put_signature(const char *domain, const char *names, const char *more, const char *header, struct buf *to) {
    struct buf field SD_CLEANUP(buf_free) = buf_new(LETTER_BYTES), data SD_CLEANUP(buf_free) = buf_new(LETTER_BYTES);
    struct buf raw SD_CLEANUP(buf_free) = buf_new(1024);
    struct mail_header fields;
    struct span rest;
    mail_ambiguities found = 0;
    struct sha256 digest;
    bool repeated;
    buf_printf(&field, "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=%s; s=s1; h=%s; %sbh=", domain, names,
               more);
    put_hash(span_cstr(body), &field);
    buf_text(&field, "; b=");
    assert_int_equal(mail_parse_header(span_cstr(header), arena, &fields, &rest, &found), SD_OK);
    assert_int_equal(dkim_canon_fields(&fields, span_cstr(names), true, &data, &repeated), SD_OK);
    dkim_canon_header(buf_span(&field), true, false, &data);
    assert_int_equal(crypt_sha256(buf_span(&data), &digest), SD_OK);
    assert_int_equal(signer_sign(signer, span_of(digest.b, sizeof digest.b), &raw), SD_OK);
    put_base64(&field, buf_span(&raw));
    buf_printf(to, "%.*s\r\n", SPAN_FMT(buf_span(&field)));
}

static void judge(const char *ip, const char *mail_from, struct span message) {
    static const struct span own = {(const uint8_t *)"desk.example", 12};
    static struct network front;
    const bool is_front = strcmp(ip, FRONT) == 0;
    struct auth_envelope e = {.ip = {[10] = 0xff, 0xff, is_front ? 203 : 192, 0, is_front ? 113 : 2, is_front ? 5 : 1},
                              .helo = SPAN("mail.evil.example"),
                              .mail_from = span_cstr(mail_from),
                              .received_unix_ms = NOW_MS};
    struct auth_policy policy = auth_policy_default();
    struct dns_source dns = dns_script_source(script);
    struct mail_message m;
    assert_int_equal(network_parse(SPAN("203.0.113.0/24"), &front), SD_OK);
    policy.authserv_id = SPAN("mx.desk.example");
    policy.own_domains = &own;
    policy.own_domain_count = 1;
    policy.upstream_id = SPAN("mx.front.example");
    policy.upstream_addresses = &front;
    policy.upstream_address_count = 1;
    policy.deadline = deadline_in_ms(5000);
    assert_int_equal(mail_parse(message, arena, &m), SD_OK);
    assert_int_equal(auth_judge(&e, &m, &policy, &dns, arena, &j), SD_OK);
}

/* The bank's letter, signed over `names`, with fields on top and text at the end of whoever passes it on. */
static void passed_on(const char *ip, const char *names, const char *more_tags, const char *on_top, const char *tail) {
    static const char header[] = "From: Bank <info@bank.example>\r\nTo: support@desk.example\r\nSubject: Order 1\r\n";
    struct buf letter SD_CLEANUP(buf_free) = buf_new(LETTER_BYTES);
    buf_text(&letter, on_top);
    put_signature("bank.example", names, more_tags, header, &letter);
    buf_printf(&letter, "%s\r\n%s%s", header, body, tail);
    judge(ip, "eve@evil.example", buf_span(&letter));
}

static void expect(const char *what, enum trust_level trust) {
    if (j.trust != trust)
        fail_msg("%s: %s (%.*s)", what, trust_level_text(j.trust), SPAN_FMT(j.disposition_reason));
}

static void what_answers_go_to_is_signed(void **state) {
    (void)state;
    passed_on(ANYWHERE, "From:To:Subject", "", "", "");
    expect("as it was signed", TRUST_VERIFIED);
    passed_on(ANYWHERE, "From:To:Subject", "", "Reply-To: Bank <info@evil.example>\r\n", "");
    expect("a Reply-To that nobody signed", TRUST_UNVERIFIED);
    passed_on(ANYWHERE, "From:To:Subject:Reply-To", "", "", "");
    expect("its absence signed", TRUST_VERIFIED);
}

static void our_mta_in_front_vouches_for_what_the_signature_covers(void **state) {
    (void)state;
    static const char good[] = SAID "spf=none smtp.mailfrom=evil.example; dkim=pass header.d=bank.example header.s=s1\r\n";
    static const char other[] = SAID "spf=none smtp.mailfrom=evil.example; dkim=pass header.d=bank.example\r\n";
    char twice[512];
    passed_on(FRONT, "From:To:Subject", "", good, "changed by the front, which verified it before\r\n");
    expect("found good there", TRUST_VERIFIED);
    passed_on(FRONT, "From:To:Subject", "l=22; ", good, "Pay to this account instead.\r\n");
    expect("a tail behind l=", TRUST_FAILED);
    passed_on(FRONT, "From:To", "", good, "");
    expect("the subject is open", TRUST_UNVERIFIED);
    (void)snprintf(twice, sizeof twice, "%sSubject: Pay\r\n", other);
    passed_on(FRONT, "From:To:Subject", "", twice, "");
    assert_int_not_equal(j.trust, TRUST_VERIFIED);
    judge(FRONT, "eve@evil.example",
          arena_printf(arena, "%sFrom: Bank <info@bank.example>\r\nSubject: s\r\n\r\n%s", good, body));
    expect("no such signature", TRUST_FAILED);
}

static void what_the_front_could_not_say(void **state) {
    (void)state;
    static const char letter[] = "From: a@plain.example\r\nSubject: s\r\n\r\nx\r\n";
    static const struct {
        const char *what, *field;
        enum disposition disposition;
    } cases[] = {
        {"no field", "", DISPOSITION_REVIEW},
        {"one that cannot be read", SAID "spf=fail smtp.mailfrom=\"a;b\r\n", DISPOSITION_REVIEW},
        {"one of somebody else", "Authentication-Results: mx.evil.example; spf=pass smtp.mailfrom=plain.example\r\n",
         DISPOSITION_REVIEW},
        {"its DNS did not answer: neither does it when asked again", SAID "spf=temperror smtp.mailfrom=plain.example\r\n",
         DISPOSITION_REVIEW},
        {"neither good nor bad", SAID "spf=none smtp.mailfrom=plain.example\r\n", DISPOSITION_ACCEPT},
        {"it checks other things", SAID "iprev=pass policy.iprev=192.0.2.1\r\n", DISPOSITION_ACCEPT},
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        judge(FRONT, "a@plain.example", arena_printf(arena, "%s%s", cases[i].field, letter));
        if (j.disposition != cases[i].disposition)
            fail_msg("%s: %s", cases[i].what, disposition_text(j.disposition));
        assert_int_not_equal(j.trust, TRUST_VERIFIED);
    }
    judge(FRONT, "a@plain.example", SPAN("From: boss@desk.example\r\nSubject: s\r\n\r\nx\r\n"));
    assert_int_equal(j.disposition, DISPOSITION_REVIEW); /* ours or not: nobody has looked */
}

/* Whatever SPF would have said decides where no DMARC record does. */
static void spf_that_could_not_be_checked_is_put_off(void **state) {
    (void)state;
    judge(ANYWHERE, "a@dead.example", SPAN("From: a@plain.example\r\nSubject: s\r\n\r\nx\r\n"));
    assert_string_equal(disposition_text(j.disposition), "tempfail");
    judge(ANYWHERE, "a@dead.example", SPAN("From: a@bank.example\r\nSubject: s\r\n\r\nx\r\n"));
    assert_string_equal(disposition_text(j.disposition), "review"); /* fails DMARC whatever the answer would be */
}

static void neighbours_below_a_public_suffix_prove_nobody(void **state) {
    (void)state;
    judge(ANYWHERE, "a@evil.co.uk", SPAN("From: a@victim.co.uk\r\nSubject: s\r\n\r\nx\r\n"));
    assert_int_equal(j.dmarc.result, AUTH_PASS); /* the letter of RFC 9989 */
    expect("a neighbour", TRUST_UNVERIFIED);
    judge(ANYWHERE, "a@evil.co.uk", SPAN("From: a@evil.co.uk\r\nSubject: s\r\n\r\nx\r\n"));
    expect("itself", TRUST_VERIFIED);
}

/* Also where nobody can say which of the readings is meant. */
static void our_own_domain_in_a_from_of_no_one_reading(void **state) {
    (void)state;
    static const char *const from[] = {"boss@desk.example <eve@evil.example>",
                                       "<eve@evil.example> <boss@desk.example>",
                                       "\"boss\" boss@desk.example eve@evil.example",
                                       "<@evil.example:boss@mail.desk.example>",
                                       "boss@desk.example. <boss@desk.example",
                                       "=?utf-8?q?boss=40desk.example?=, <",
                                       "boss@DESK.example\x01",
                                       "a: boss@desk.example"};
    for (size_t i = 0; i < SD_COUNT(from); i++) {
        judge(ANYWHERE, "eve@evil.example", arena_printf(arena, "From: %s\r\nSubject: s\r\n\r\nx\r\n", from[i]));
        if (j.disposition != DISPOSITION_REJECT || j.trust != TRUST_FAILED)
            fail_msg("%s: %s", from[i], disposition_text(j.disposition));
    }
    judge(ANYWHERE, "eve@evil.example", SPAN("From: boss at desk.example <\r\nSubject: s\r\n\r\nx\r\n"));
    assert_string_equal(disposition_text(j.disposition), "review");
}

/* Eight signatures must not make us hash 25 MB eight times. */
static void a_body_is_hashed_in_few_ways(void **state) {
    (void)state;
    static const char header[] = "From: Bank <info@bank.example>\r\nSubject: s\r\n";
    struct buf letter SD_CLEANUP(buf_free) = buf_new(LETTER_BYTES);
    for (unsigned i = 0; i < DKIM_MAX_SIGNATURES; i++) {
        char length[32];
        (void)snprintf(length, sizeof length, "l=%u; ", i < DKIM_MAX_SIGNATURES - 1 ? i : 0);
        put_signature("bank.example", "From:Subject", length, header, &letter);
    }
    buf_printf(&letter, "%s\r\n%s", header, body);
    judge(ANYWHERE, "eve@evil.example", buf_span(&letter));
    assert_int_equal(j.dkim_count, DKIM_MAX_SIGNATURES);
    for (size_t i = 0; i < j.dkim_count; i++) /* the last one asks for what was hashed already */
        assert_int_equal(j.dkim[i].result,
                         i < DKIM_MAX_BODY_HASHES || i == DKIM_MAX_SIGNATURES - 1 ? AUTH_FAIL : AUTH_PERMERROR);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
int main(void) {
    const struct CMUnitTest tests[] = {CASE(what_answers_go_to_is_signed),
                                       CASE(our_mta_in_front_vouches_for_what_the_signature_covers),
                                       CASE(what_the_front_could_not_say),
                                       CASE(spf_that_could_not_be_checked_is_put_off),
                                       CASE(neighbours_below_a_public_suffix_prove_nobody),
                                       CASE(our_own_domain_in_a_from_of_no_one_reading),
                                       CASE(a_body_is_hashed_in_few_ways)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
