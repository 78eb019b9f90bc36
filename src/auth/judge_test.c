/* Whole judgements: what a message of each kind is told, and what an agent sees. */
#include "auth/auth.h"
#include "auth/dns_script.h"
#include "auth/judge.h"
#include "core/codec.h"
#include "crypt/crypt.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS ((int64_t)1780308000000)

static const char zone[] = "customer.example TXT v=spf1 ip4:192.0.2.1 -all\n"
                           "_dmarc.customer.example TXT v=DMARC1; p=reject\n"
                           "strict.example TXT v=spf1 ip4:198.51.100.1 -all\n"
                           "_dmarc.strict.example TXT v=DMARC1; p=reject\n"
                           "relaxed.example TXT v=spf1 ip4:198.51.100.1 -all\n"
                           "_dmarc.relaxed.example TXT v=DMARC1; p=none\n"
                           "bare.example TXT v=spf1 ip4:192.0.2.1 -all\n"
                           "acme.example TXT v=spf1 ip4:198.51.100.7 -all\n"
                           "acme-support.example TXT v=spf1 ip4:192.0.2.1 -all\n"
                           "dead.example TXT v=spf1 include:gone.dead.example -all\n"
                           "gone.dead.example SERVFAIL\n"
                           "_dmarc.dead.example TXT v=DMARC1; p=reject\n"
                           "_dmarc.silent.example SERVFAIL\n"
                           "silent.example TXT v=spf1 ip4:192.0.2.1 -all\n"
                           "_dmarc.suffix TXT v=DMARC1; p=reject\n"
                           "evil.suffix TXT v=spf1 ip4:192.0.2.1 -all\n";

struct fixture {
    struct dns_script *script;
    struct arena *arena;
    struct signer *signer;
    struct auth_policy policy;
    struct auth_judgement j;
};

static struct fixture f;

static int set_up(void **state) {
    (void)state;
    struct secret private_key SD_CLEANUP(secret_free) = {0};
    struct buf public_key SD_CLEANUP(buf_free) = buf_new(4096);
    struct buf record SD_CLEANUP(buf_free) = buf_new(8192);
    f = (struct fixture){.arena = arena_new((size_t)16 * 1024 * 1024), .policy = auth_policy_default()};
    if (dns_script_new(&f.script) || dns_script_load(f.script, span_cstr(zone)) ||
        sign_generate(SIGN_ED25519, 0, &private_key, &public_key) || signer_new(SIGN_ED25519, &private_key, &f.signer))
        return -1;
    buf_text(&record, "v=DKIM1; k=ed25519; p=");
    put_base64(&record, span_from(buf_span(&public_key), public_key.n - 32));
    struct span text = buf_span(&record);
    return dns_script_add_txt(f.script, SPAN("k._domainkey.strict.example"), &text, 1);
}

static int tear_down(void **state) {
    (void)state;
    assert_int_equal(dns_script_open(f.script), 0);
    dns_script_free(&f.script);
    signer_free(&f.signer);
    arena_free(&f.arena);
    return 0;
}

static void judge_bytes(const char *ip, const char *mail_from, struct span message) {
    static const struct span own[] = {{(const uint8_t *)"acme.example", 12}};
    struct dns_source dns = dns_script_source(f.script);
    struct auth_policy policy = f.policy;
    policy.authserv_id = SPAN("mx.acme.example");
    policy.own_domains = own;
    policy.own_domain_count = 1;
    policy.deadline = deadline_in_ms(5000);
    struct auth_envelope e = {
        .helo = SPAN("mail.customer.example"), .mail_from = span_cstr(mail_from), .received_unix_ms = NOW_MS};
    struct mail_message m;
    memset(e.ip + 10, 0xff, 2);
    assert_int_equal(inet_pton(AF_INET, ip, e.ip + 12), 1);
    if (message.n)
        assert_int_equal(mail_parse(message, f.arena, &m), SD_OK);
    assert_int_equal(auth_judge(&e, message.n ? &m : NULL, &policy, &dns, f.arena, &f.j), SD_OK);
}

static void judge(const char *ip, const char *mail_from, const char *from, const char *more) {
    struct span message = arena_printf(f.arena, "From: %s\r\nTo: support@acme.example\r\nSubject: hello\r\n%s\r\nText\r\n",
                                       from, more);
    judge_bytes(ip, mail_from, message);
}

static void expect(enum disposition disposition, const char *reply, const char *sentence) {
    assert_string_equal(disposition_text(f.j.disposition), disposition_text(disposition));
    if (!span_starts(f.j.smtp_reply, span_cstr(reply)))
        fail_msg("reply %.*s", SPAN_FMT(f.j.smtp_reply));
    if (!span_eq(f.j.trust_sentence, span_cstr(sentence)))
        fail_msg("sentence %.*s", SPAN_FMT(f.j.trust_sentence));
}

static void genuine(void **state) {
    (void)state;
    judge("192.0.2.1", "a@customer.example", "Ann <a@customer.example>", "");
    expect(DISPOSITION_ACCEPT, "250 2.0.0 accepted", "Verified: customer.example");
    assert_int_equal(f.j.dmarc.result, AUTH_PASS);
    assert_int_equal(f.j.signals, 0);
    judge("192.0.2.1", "x@bare.example", "x@mail.bare.example", ""); /* no record: aligned by organisation */
    expect(DISPOSITION_ACCEPT, "250 2.0.0 accepted", "Verified: mail.bare.example");
}

static void nothing_known(void **state) {
    (void)state;
    judge("192.0.2.1", "a@unknown.example", "a@unknown.example", "");
    expect(DISPOSITION_ACCEPT, "250", "Not verified: claims to be unknown.example");
}

static void own_domain_from_outside(void **state) {
    (void)state;
    judge("192.0.2.1", "a@customer.example", "Boss <boss@acme.example>", "");
    expect(DISPOSITION_REJECT, "550 5.7.1 ", "Failed: claims to be acme.example, but the checks failed");
    assert_true(f.j.signals & 1u << AUTH_SIGNAL_OWN_DOMAIN);
    judge("127.0.0.1", "boss@acme.example", "boss@mail.acme.example", ""); /* loopback gets no trust */
    expect(DISPOSITION_REJECT, "550 5.7.1 ", "Failed: claims to be mail.acme.example, but the checks failed");
    judge("192.0.2.1", "a@customer.example", "a@customer.example\r\nFrom: boss@acme.example", "");
    assert_string_equal(disposition_text(f.j.disposition), "reject");
    judge("198.51.100.7", "boss@acme.example", "boss@acme.example", "");
    expect(DISPOSITION_ACCEPT, "250", "Verified: acme.example");
}

static void reject_needs_more_than_policy(void **state) {
    (void)state;
    const char *failed = "Failed: claims to be strict.example, but the checks failed";
    judge("192.0.2.1", "a@strict.example", "a@strict.example", "");
    expect(DISPOSITION_REJECT, "550 5.7.26 ", failed);
    assert_true(span_search(f.j.smtp_reply, SPAN("strict.example")) < f.j.smtp_reply.n);
    judge("192.0.2.1", "a@customer.example", "a@strict.example", "");
    expect(DISPOSITION_REVIEW, "250", failed);
    judge("192.0.2.1", "a@strict.example", "a@strict.example",
          "DKIM-Signature: v=1; a=rsa-sha256; d=strict.example; s=k; h=from; bh=x; b=x\r\n");
    expect(DISPOSITION_REVIEW, "250", failed);
    judge("192.0.2.1", "a@relaxed.example", "a@relaxed.example", "");
    expect(DISPOSITION_FLAG, "250", "Failed: claims to be relaxed.example, but the checks failed");
    judge("203.0.113.9", "a@bare.example", "a@elsewhere.example", "");
    expect(DISPOSITION_REVIEW, "250", "Failed: claims to be elsewhere.example, but the checks failed");
}

static void unknown_is_put_off(void **state) {
    (void)state;
    judge("192.0.2.1", "a@dead.example", "a@dead.example", "");
    expect(DISPOSITION_TEMPFAIL, "451 4.7.0 ", "Not verified: claims to be dead.example");
    judge("203.0.113.1", "a@silent.example", "a@silent.example", "");
    expect(DISPOSITION_TEMPFAIL, "451 4.7.0 ", "Not verified: claims to be silent.example");
    judge("192.0.2.1", "a@silent.example", "a@silent.example", ""); /* SPF passes for that very domain */
    expect(DISPOSITION_ACCEPT, "250", "Verified: silent.example");
}

static void signals(void **state) {
    (void)state;
    judge("192.0.2.1", "a@acme-support.example", "Acme <a@acme-support.example>", "");
    expect(DISPOSITION_FLAG, "250", "Verified: acme-support.example");
    assert_int_equal(f.j.signals, 1u << AUTH_SIGNAL_LOOKALIKE_OWN);
    judge("192.0.2.1", "a@customer.example", "\"ceo@bank.example\" <a@customer.example>", "");
    assert_string_equal(disposition_text(f.j.disposition), "flag");
    assert_int_equal(f.j.signals, 1u << AUTH_SIGNAL_DISPLAY_ADDRESS);
    judge("192.0.2.1", "a@customer.example", "\"a@customer.example\" <a@customer.example>", "Reply-To: x@other.example\r\n");
    assert_string_equal(disposition_text(f.j.disposition), "accept");
    assert_int_equal(f.j.signals, 1u << AUTH_SIGNAL_REPLY_TO_ELSEWHERE);
}

static void two_readings_are_held(void **state) {
    (void)state;
    judge("192.0.2.1", "a@customer.example", "a@customer.example\r\nFrom: b@bank.example", "");
    assert_string_equal(disposition_text(f.j.disposition), "review");
    assert_int_not_equal(f.j.trust, TRUST_VERIFIED);
    judge("192.0.2.1", "a@customer.example", "a@customer.example, b@bank.example", "");
    assert_string_equal(disposition_text(f.j.disposition), "review");
    judge("192.0.2.1", "a@customer.example", "a@customer.example", "Subject: again\r\n");
    assert_string_equal(disposition_text(f.j.disposition), "flag");
}

static void a_suffix_that_aligns_everybody_proves_nobody(void **state) {
    (void)state;
    judge("192.0.2.1", "a@evil.suffix", "a@victim.suffix", "");
    assert_int_equal(f.j.dmarc.result, AUTH_PASS); /* the letter of RFC 9989 */
    assert_int_not_equal(f.j.trust, TRUST_VERIFIED);
}

static void forged_results_are_cut_and_ours_is_one_field(void **state) {
    (void)state;
    judge("192.0.2.1", "a@customer.example", "a@customer.example",
          "Authentication-Results: MX.acme.example (x) 1; dmarc=pass\r\nAuthentication-Results: other.example; none\r\n");
    assert_int_equal(f.j.cut_count, 1);
    assert_true(span_starts(f.j.cuts[0], SPAN("Authentication-Results: MX.acme")));
    assert_true(span_starts(f.j.results_field,
                            SPAN("Authentication-Results: mx.acme.example;\r\n\tspf=pass smtp.mailfrom=customer.example;")));
    assert_true(span_ends(f.j.results_field, SPAN("dmarc=pass (p=reject) header.from=customer.example;\r\n"
                                                  "\tiprev=permerror policy.iprev=192.0.2.1\r\n")));
}

static void signed_by_an_aligned_domain(void **state) {
    (void)state;
    struct buf field SD_CLEANUP(buf_free) = buf_new(4096);
    struct dkim_sign_key key = {SPAN("strict.example"), SPAN("k"), f.signer, true};
    struct span letter = SPAN("From: a@mail.strict.example\r\nSubject: s\r\n\r\nText\r\n");
    assert_int_equal(dkim_sign(letter, &key, NOW_MS, &field), SD_OK);
    buf_put(&field, letter);
    judge_bytes("203.0.113.9", "bounce@esp.example", buf_span(&field));
    expect(DISPOSITION_ACCEPT, "250", "Verified: mail.strict.example");
    assert_true(f.j.dmarc.dkim_aligned);
}

/* A replayed signature that leaves the subject open is not mended by a signature of somebody else that covers it. */
static void only_the_authors_own_signature_covers(void **state) {
    (void)state;
    struct auth_judgement j = {0};
    struct claims claims = {.from_domain = SPAN("strict.example"), .has_signature = true};
    const struct dkim_verdict signatures[] = {{.result = AUTH_PASS, .domain = SPAN("strict.example"), .subject_unsigned = true},
                                              {.result = AUTH_PASS, .domain = SPAN("evil.example")}};
    j.dkim = signatures;
    j.dkim_count = 2;
    j.dmarc = (struct dmarc_verdict){
        .result = AUTH_PASS, .dkim_aligned = true, .signatures = 1, .org_domain = SPAN("strict.example")};
    assert_int_equal(disposition_decide(&claims, true, &f.policy, f.arena, &j), SD_OK);
    assert_int_equal(j.trust, TRUST_UNVERIFIED);
    j.dmarc.signatures = 2;
    assert_int_equal(disposition_decide(&claims, true, &f.policy, f.arena, &j), SD_OK);
    assert_int_equal(j.trust, TRUST_VERIFIED);
}

static void how_the_text_is_read_is_signed_or_said(void **state) {
    (void)state;
    for (unsigned open = 0; open < 2; open++) {
        struct auth_judgement j = {0};
        struct claims claims = {.from_domain = SPAN("strict.example"), .has_signature = true};
        const struct dkim_verdict v = {.result = AUTH_PASS, .domain = SPAN("strict.example"), .format_unsigned = open != 0};
        j.dkim = &v;
        j.dkim_count = 1;
        j.dmarc = (struct dmarc_verdict){
            .result = AUTH_PASS, .dkim_aligned = true, .signatures = 1, .org_domain = SPAN("strict.example")};
        assert_int_equal(disposition_decide(&claims, true, &f.policy, f.arena, &j), SD_OK);
        assert_int_equal(j.signals >> AUTH_SIGNAL_UNSIGNED_FORMAT & 1, open);
        j.signals = 0;
        j.dmarc.spf_aligned = true; /* the domain's own server handed it over */
        assert_int_equal(disposition_decide(&claims, true, &f.policy, f.arena, &j), SD_OK);
        assert_int_equal(j.signals >> AUTH_SIGNAL_UNSIGNED_FORMAT & 1, 0);
    }
    /* our own signatures cover it, also where it is absent */
    struct buf letter SD_CLEANUP(buf_free) = buf_new(8192);
    struct dkim_sign_key key = {SPAN("strict.example"), SPAN("k"), f.signer, true};
    struct span text = SPAN("From: a@strict.example\r\nSubject: s\r\nContent-Type: text/plain\r\n\r\nText\r\n");
    assert_int_equal(dkim_sign(text, &key, NOW_MS, &letter), SD_OK);
    buf_put(&letter, text);
    judge_bytes("203.0.113.9", "bounce@esp.example", buf_span(&letter));
    expect(DISPOSITION_ACCEPT, "250", "Verified: strict.example");
    assert_int_equal(f.j.signals, 0);
}

static void protected_domains_and_listed_senders(void **state) {
    (void)state;
    static const struct span guarded[] = {{(const uint8_t *)"strict.example", 14}, {(const uint8_t *)"relaxed.example", 15}};
    static const struct span refused[] = {{(const uint8_t *)"bare.example", 12},
                                          {(const uint8_t *)"spam@customer.example", 21}};
    f.policy.protected_domains = guarded;
    f.policy.protected_domain_count = 2;
    f.policy.refused_senders = refused;
    f.policy.refused_sender_count = 2;
    judge("192.0.2.1", "a@customer.example", "a@strict.example", "");
    assert_string_equal(disposition_text(f.j.disposition), "reject");
    judge("192.0.2.1", "a@customer.example", "a@relaxed.example",
          ""); /* its owner asks for nothing; whoever protects it does */
    assert_string_equal(disposition_text(f.j.disposition), "review");
    judge("192.0.2.1", "a@bare.example", "a@news.bare.example", "");
    expect(DISPOSITION_REJECT, "550 5.7.1 ", "Verified: news.bare.example");
    judge("192.0.2.1", "spam@customer.example", "SPAM@customer.example", "");
    assert_string_equal(disposition_text(f.j.disposition), "reject");
    judge("192.0.2.1", "a@customer.example", "a@customer.example", "");
    assert_string_equal(disposition_text(f.j.disposition), "accept");
}

static void a_forwarder_explains_but_does_not_verify(void **state) {
    (void)state;
    static const struct span forwarders[] = {{(const uint8_t *)"192.0.2.0/28", 12}};
    f.policy.forwarders = forwarders;
    f.policy.forwarder_count = 1;
    judge("192.0.2.1", "a@strict.example", "a@strict.example", "");
    expect(DISPOSITION_ACCEPT, "250", "Not verified: claims to be strict.example, passed on by 192.0.2.0/28");
    assert_int_equal(f.j.override.kind, AUTH_OVERRIDE_FORWARDER);
    assert_int_equal(f.j.dmarc.result, AUTH_FAIL); /* recorded as it is */
    judge("192.0.2.1", "a@acme.example", "a@acme.example", "");
    assert_string_equal(disposition_text(f.j.disposition), "reject"); /* our own domain: always */
    judge("192.0.2.77", "a@strict.example", "a@strict.example", "");
    assert_string_equal(disposition_text(f.j.disposition), "reject");
    judge("192.0.2.1", "a@customer.example", "a@customer.example", ""); /* nothing failed: nothing to explain */
    assert_int_equal(f.j.override.kind, AUTH_OVERRIDE_NONE);
    expect(DISPOSITION_ACCEPT, "250", "Verified: customer.example");
}

static void behind_our_own_mta(void **state) {
    (void)state;
    static const char said[] = "Authentication-Results: mx.front.example; spf=pass smtp.mailfrom=a@strict.example\r\n";
    static const char forged[] = "Authentication-Results: mx.front.example; spf=pass smtp.mailfrom=a@strict.example;\r\n"
                                 "\tdkim=pass header.d=strict.example header.a=rsa-sha256\r\n";
    struct network front;
    assert_int_equal(network_parse(SPAN("203.0.113.0/24"), &front), SD_OK);
    f.policy.upstream_id = SPAN("mx.front.example");
    f.policy.upstream_addresses = &front;
    f.policy.upstream_address_count = 1;
    judge("203.0.113.5", "a@strict.example", "a@strict.example", said);
    expect(DISPOSITION_ACCEPT, "250", "Verified: strict.example");
    assert_true(f.j.upstream);
    assert_int_equal(f.j.cut_count, 0);
    /* the same words from anybody else are cut, and change nothing */
    judge("192.0.2.1", "a@strict.example", "a@strict.example", said);
    assert_string_equal(disposition_text(f.j.disposition), "reject");
    assert_int_equal(f.j.cut_count, 1);
    /* only the topmost field: what is below came with the message */
    judge("203.0.113.5", "a@strict.example", "a@strict.example",
          arena_cstr(f.arena, arena_printf(f.arena,
                                           "Authentication-Results: mx.front.example; spf=fail "
                                           "smtp.mailfrom=strict.example\r\n%s",
                                           forged)));
    assert_string_equal(disposition_text(f.j.disposition), "review"); /* no refusal: our MTA has taken it already */
    assert_int_equal(f.j.trust, TRUST_FAILED);
    assert_int_equal(f.j.cut_count, 1);
    judge("203.0.113.5", "a@strict.example", "a@strict.example",
          arena_cstr(f.arena, arena_printf(f.arena, "Authentication-Results: other.example; none\r\n%s", forged)));
    assert_int_not_equal(f.j.trust, TRUST_VERIFIED);
    judge("203.0.113.5", "a@strict.example", "a@strict.example", "");
    assert_int_not_equal(f.j.trust, TRUST_VERIFIED);
}

static void envelope_alone(void **state) {
    (void)state;
    judge_bytes("192.0.2.1", "a@customer.example", SPAN_NONE);
    assert_int_equal(f.j.spf.result, AUTH_PASS);
    assert_int_equal(f.j.dkim_count, 0);
    assert_int_equal(f.j.dmarc.result, AUTH_NONE);
    expect(DISPOSITION_ACCEPT, "250", "Not verified: claims to be customer.example");
    judge_bytes("192.0.2.1", "a@dead.example", SPAN_NONE);
    assert_string_equal(disposition_text(f.j.disposition), "tempfail");
    judge_bytes("192.0.2.1", "", SPAN_NONE);
    assert_int_equal(f.j.spf.identity, SPF_HELO);
    judge_bytes("192.0.2.1", "any@bank.example(a.customer.example", SPAN_NONE);
    assert_int_equal(f.j.spf.result, AUTH_NONE);
    assert_int_equal(f.j.trust_domain.n, 0);
}

static void as_json(void **state) {
    (void)state;
    struct buf to SD_CLEANUP(buf_free) = buf_new(65536);
    judge("192.0.2.1", "a@customer.example", "\"ceo@bank.example\" <a@customer.example>", "");
    auth_judgement_json(&f.j, f.policy.weights, &to);
    assert_int_equal(buf_err(&to), SD_OK);
    static const char *const parts[] = {
        "{\"spf\":{\"result\":\"pass\",\"domain\":\"customer.example\",\"identity\":\"mailfrom\"",
        "\"dkim\":[]",
        "\"dmarc\":{\"result\":\"pass\",\"policy\":\"reject\"",
        "\"from\":{\"address\":\"a@customer.example\"",
        "\"ambiguities\":[]",
        "\"signals\":[{\"id\":\"display-address\"",
        "\"trust\":{\"level\":\"verified\"",
        "\"disposition\":\"flag\"",
        "\"smtp_reply\":\"250 2.0.0 accepted\"}"};
    for (size_t i = 0; i < SD_COUNT(parts); i++)
        if (span_search(buf_span(&to), span_cstr(parts[i])) == to.n)
            fail_msg("%s is not in %.*s", parts[i], SPAN_FMT(buf_span(&to)));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
int main(void) {
    const struct CMUnitTest tests[] = {CASE(genuine),
                                       CASE(nothing_known),
                                       CASE(own_domain_from_outside),
                                       CASE(reject_needs_more_than_policy),
                                       CASE(unknown_is_put_off),
                                       CASE(signals),
                                       CASE(two_readings_are_held),
                                       CASE(a_suffix_that_aligns_everybody_proves_nobody),
                                       CASE(forged_results_are_cut_and_ours_is_one_field),
                                       CASE(signed_by_an_aligned_domain),
                                       CASE(only_the_authors_own_signature_covers),
                                       CASE(how_the_text_is_read_is_signed_or_said),
                                       CASE(protected_domains_and_listed_senders),
                                       CASE(a_forwarder_explains_but_does_not_verify),
                                       CASE(behind_our_own_mta),
                                       CASE(envelope_alone),
                                       CASE(as_json)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
