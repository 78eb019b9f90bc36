/* RFC 8463 Appendix A, canonicalisation of RFC 6376 §3.4.5, round trips, and mutation of every byte. */
#include "auth/dkim.h"
#include "auth/dns_script.h"
#include "core/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS ((int64_t)1780000000000)

static const char rfc8463[] = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
                              " d=football.example.com; i=@football.example.com;\r\n"
                              " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
                              " subject : date : message-id : from : subject : date;\r\n"
                              " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
                              " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
                              " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
                              "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
                              " d=football.example.com; i=@football.example.com;\r\n"
                              " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
                              " date : message-id : from : subject : date;\r\n"
                              " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
                              " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n"
                              " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n"
                              " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n"
                              "From: Joe SixPack <joe@football.example.com>\r\n"
                              "To: Suzie Q <suzie@shopping.example.net>\r\n"
                              "Subject: Is dinner ready?\r\n"
                              "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
                              "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
                              "\r\nHi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
static const char rfc8463_zone[] =
    "brisbane._domainkey.football.example.com TXT v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
    "test._domainkey.football.example.com TXT v=DKIM1; k=rsa; "
    "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6"
    "Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/"
    "8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC"
    "3Ip3G+2kryOTIKT+l/K4w3QIDAQAB\n";

/* Verifies; the verdicts' spans die with the arena, so only what is compared comes back. */
struct outcome {
    size_t count;
    enum auth_result result[DKIM_MAX_SIGNATURES];
    bool repeated, subject_unsigned, format_unsigned, partial;
    unsigned bits;
    char reason[80];
};

static struct outcome verify_at(struct dns_script *script, struct span message, int64_t now_ms) {
    struct dns_source dns = dns_script_source(script);
    struct arena *arena = arena_new(4 * 1024 * 1024);
    struct mail_message m = {.bytes = message};
    mail_ambiguities ambiguities = 0;
    const struct dkim_verdict *v = NULL;
    struct outcome o = {0};
    assert_int_equal(mail_parse_header(message, arena, &m.header, &m.body_bytes, &ambiguities), SD_OK);
    assert_int_equal(dkim_verify(&m, now_ms, &dns, deadline_in_ms(1000), arena, &v, &o.count), SD_OK);
    for (size_t i = 0; i < o.count; i++)
        o.result[i] = v[i].result;
    if (o.count) {
        o.repeated = v[0].repeated;
        o.subject_unsigned = v[0].subject_unsigned;
        o.format_unsigned = v[0].format_unsigned;
        o.partial = v[0].partial;
        o.bits = v[0].bits;
        (void)snprintf(o.reason, sizeof o.reason, "%.*s", SPAN_FMT(v[0].reason));
    }
    arena_free(&arena);
    assert_int_equal(dns_script_open(script), 0);
    return o;
}

static struct outcome verify(struct dns_script *script, struct span message) {
    return verify_at(script, message, NOW_MS);
}

static struct dns_script *zone(const char *lines) {
    struct dns_script *script = NULL;
    assert_int_equal(dns_script_new(&script), SD_OK);
    assert_int_equal(dns_script_load(script, span_cstr(lines)), SD_OK);
    return script;
}

static void rfc8463_appendix_a(void **state) {
    (void)state;
    struct dns_script *script = zone(rfc8463_zone);
    struct outcome o = verify(script, span_cstr(rfc8463));
    assert_int_equal(o.count, 2);
    assert_int_equal(o.result[0], AUTH_PASS);
    assert_int_equal(o.result[1], AUTH_PASS);
    assert_false(o.repeated || o.partial || o.subject_unsigned || o.format_unsigned);
    /* A field on top that its h= does not name: the signature holds, and no longer says how the text is read. */
    static const char *const added[] = {"Content-Type: text/html\r\n", "Content-Transfer-Encoding: base64\r\n"};
    for (size_t i = 0; i < SD_COUNT(added); i++) {
        struct buf message SD_CLEANUP(buf_free) = buf_new(65536);
        buf_text(&message, added[i]);
        buf_text(&message, rfc8463);
        o = verify(script, buf_span(&message));
        assert_int_equal(o.result[0], AUTH_PASS);
        assert_true(o.format_unsigned);
    }
    dns_script_free(&script);
}

static struct outcome with_prefix(struct dns_script *script, const char *prefix) {
    struct buf message SD_CLEANUP(buf_free) = buf_new(65536);
    buf_text(&message, prefix);
    buf_text(&message, rfc8463);
    return verify(script, buf_span(&message));
}

static void added_fields(void **state) {
    (void)state;
    struct dns_script *script = zone(rfc8463_zone);
    assert_int_equal(with_prefix(script, "From: x@football.example.com\r\n").result[0], AUTH_FAIL); /* oversigned */
    struct outcome o = with_prefix(script, "To: someone@else.example\r\n");                         /* signed once */
    assert_int_equal(o.result[0], AUTH_PASS);
    assert_true(o.repeated);
    o = with_prefix(script, "Received: from x by y\r\n");
    assert_int_equal(o.result[0], AUTH_PASS);
    assert_false(o.repeated);
    dns_script_free(&script);
}

static void keys_that_cannot_be_used(void **state) {
    (void)state;
    static const struct {
        const char *record;
        enum auth_result result;
    } cases[] = {
        {"TXT v=DKIM1; k=ed25519; p=", AUTH_PERMERROR},
        {"TXT v=DKIM1; k=ed25519; h=sha1; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", AUTH_PERMERROR},
        {"TXT v=DKIM1; k=ed25519; s=tlsrpt; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", AUTH_PERMERROR},
        {"TXT v=DKIM2; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", AUTH_PERMERROR},
        {"TXT v=DKIM1; k=rsa; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", AUTH_PERMERROR},
        {"TXT v=DKIM1; k=unknown; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", AUTH_PERMERROR},
        {"TXT v=DKIM1; k=ed25519; t=y:s; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", AUTH_PASS},
        {"TXT k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=;", AUTH_PASS},
        {"A 192.0.2.1", AUTH_PERMERROR},
        {"SERVFAIL", AUTH_TEMPERROR},
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        char lines[400];
        (void)snprintf(lines, sizeof lines, "brisbane._domainkey.football.example.com %s\n", cases[i].record);
        struct dns_script *script = zone(lines);
        struct outcome o = verify(script, span_cstr(rfc8463));
        if (o.result[0] != cases[i].result)
            fail_msg("%s: %s (%s)", cases[i].record, auth_result_text(o.result[0]), o.reason);
        dns_script_free(&script);
    }
}

static void header_examples_of_section_3_4_5(void **state) {
    (void)state;
    struct buf to SD_CLEANUP(buf_free) = buf_new(4096);
    dkim_canon_header(SPAN("A: X\r\n"), true, true, &to);
    dkim_canon_header(SPAN("B : Y\t\r\n\tZ  \r\n"), true, true, &to);
    assert_true(span_eq(buf_span(&to), SPAN("a:X\r\nb:Y Z\r\n")));
    buf_reset(&to);
    dkim_canon_header(SPAN("B : Y\t\r\n\tZ  \r\n"), false, true, &to);
    assert_true(span_eq(buf_span(&to), SPAN("B : Y\t\r\n\tZ  \r\n")));
}

static void body_is(const char *body, bool relaxed, uint64_t limit, const char *wanted, uint64_t total) {
    struct buf to SD_CLEANUP(buf_free) = buf_new(4096);
    struct dkim_sink sink = {.copy = &to, .limit = limit};
    dkim_canon_body(span_cstr(body), relaxed, &sink);
    assert_int_equal(sink.err, SD_OK);
    if (!span_eq(buf_span(&to), span_cstr(wanted)) || sink.total != total)
        fail_msg("\"%s\": \"%.*s\" of %llu", body, SPAN_FMT(buf_span(&to)), (unsigned long long)sink.total);
}

/* §3.4.4 as it is written, one byte after the other. */
static void relaxed_by_the_book(struct span body, struct buf *to) {
    struct buf lines SD_CLEANUP(buf_free) = buf_new(4096);
    for (size_t i = 0; i < body.n; i++) {
        bool crlf = span_starts(span_from(body, i), SPAN("\r\n"));
        bool gap = lines.n && lines.p[lines.n - 1] == ' ';
        if (crlf && gap)
            lines.n--;
        if (body.p[i] != ' ' && body.p[i] != '\t')
            buf_byte(&lines, body.p[i]);
        else if (!gap)
            buf_byte(&lines, ' ');
        if (crlf)
            buf_byte(&lines, body.p[++i]);
    }
    if (lines.n && lines.p[lines.n - 1] == ' ')
        lines.n--;
    while (span_ends(buf_span(&lines), SPAN("\r\n")))
        lines.n -= 2;
    if (lines.n)
        buf_text(&lines, "\r\n");
    buf_put(to, buf_span(&lines));
}

/* Bodies of exactly their size, so that a read outside is seen by ASan; mostly letters, so that whole blocks are passed. */
static void relaxed_bodies_of_every_length(void **state) {
    (void)state;
    static const char odd[] = "  \t\t\r\n\n";
    uint32_t random = 1;
    for (size_t round = 0; round < 20000; round++) {
        size_t n = round % 101;
        unsigned letters = (unsigned)(round / 101) % 16;
        uint8_t *bytes = malloc(n ? n : 1);
        struct buf got SD_CLEANUP(buf_free) = buf_new(4096), wanted SD_CLEANUP(buf_free) = buf_new(4096);
        struct dkim_sink sink = {.copy = &got, .limit = UINT64_MAX};
        for (size_t i = 0; bytes && i < n; i++) {
            random = random * 1664525 + 1013904223;
            bytes[i] = random >> 28 < letters ? 'a' : (uint8_t)odd[(random >> 20) % (sizeof odd - 1)];
            if (i && bytes[i] == '\n' && random >> 8 & 3)
                bytes[i - 1] = '\r';
        }
        dkim_canon_body(span_of(bytes, n), true, &sink);
        relaxed_by_the_book(span_of(bytes, n), &wanted);
        assert_true(span_eq(buf_span(&got), buf_span(&wanted)));
        assert_int_equal(sink.total, wanted.n);
        assert_int_equal(sink.err, SD_OK);
        free(bytes);
    }
}

static void body_examples_of_section_3_4(void **state) {
    (void)state;
    body_is(" C \r\nD \t E\r\n\r\n\r\n", true, UINT64_MAX, " C\r\nD E\r\n", 9);
    body_is(" C \r\nD \t E\r\n\r\n\r\n", false, UINT64_MAX, " C \r\nD \t E\r\n", 12);
    body_is("", true, UINT64_MAX, "", 0);
    body_is("", false, UINT64_MAX, "\r\n", 2);
    body_is("\r\n\r\n", true, UINT64_MAX, "", 0);
    body_is("no end", true, UINT64_MAX, "no end\r\n", 8);
    body_is("a\r\n\r\n\r\nb \t", true, UINT64_MAX, "a\r\n\r\n\r\nb\r\n", 10);
    body_is("bare\nLF  and\rCR\r\n", true, UINT64_MAX, "bare\nLF and\rCR\r\n", 16);
    body_is("0123456789\r\n", true, 4, "0123", 12);
    body_is("a  b\r\n", true, 2, "a ", 5);
}

static void tag_lists(void **state) {
    (void)state;
    static const char *const bad[] = {"", ";", "a", "a=1;;b=2", "a=1; a=2", "=1", "1a=2", "a b=1", "a=\x01", "v=1;\x7f=2"};
    struct dkim_tags tags;
    for (size_t i = 0; i < SD_COUNT(bad); i++)
        assert_int_equal(dkim_tags_parse(span_cstr(bad[i]), &tags), SD_ERR_PARSE);
    assert_int_equal(dkim_tags_parse(SPAN(" a = x=y ;\r\n\tb_2=\t ; "), &tags), SD_OK);
    assert_int_equal(tags.count, 2);
    assert_true(span_eq(dkim_tag_value(&tags, "a"), SPAN("x=y")));
    assert_int_equal(dkim_tag_value(&tags, "b_2").n, 0);
    assert_null(dkim_tag(&tags, "A"));
}

#define LETTER                                                                                                                 \
    "From: Alice <alice@example.com>\r\n"                                                                                      \
    "To: bob@example.net\r\n"                                                                                                  \
    "Subject: folded\r\n and\r\n\tlong\r\n"                                                                                    \
    "Date: Mon, 01 Jun 2026 10:00:00 +0000\r\n"                                                                                \
    "Message-ID: <1@example.com>\r\n"                                                                                          \
    "MIME-Version: 1.0\r\n"                                                                                                    \
    "Content-Type: text/plain\r\n"                                                                                             \
    "\r\n"                                                                                                                     \
    "Hello\r\n\r\nworld\r\n"

struct signed_letter {
    struct buf message;
    struct dns_script *script;
};

static struct signed_letter sign_letter(const char *letter, bool is_ed25519) {
    struct secret private_key SD_CLEANUP(secret_free) = {0};
    struct buf public_key SD_CLEANUP(buf_free) = buf_new(4096);
    struct buf record SD_CLEANUP(buf_free) = buf_new(8192);
    struct signer *signer SD_CLEANUP(signer_free) = NULL;
    enum sign_algorithm algorithm = is_ed25519 ? SIGN_ED25519 : SIGN_RSA_SHA256;
    struct signed_letter l = {.message = buf_new(65536)};
    assert_int_equal(sign_generate(algorithm, 2048, &private_key, &public_key), SD_OK);
    assert_int_equal(signer_new(algorithm, &private_key, &signer), SD_OK);
    struct dkim_sign_key key = {SPAN("example.com"), SPAN("s1"), signer, is_ed25519};
    assert_int_equal(dkim_sign(span_cstr(letter), &key, NOW_MS, &l.message), SD_OK);
    buf_text(&l.message, letter);
    buf_text(&record, is_ed25519 ? "v=DKIM1; k=ed25519; p=" : "v=DKIM1; k=rsa; p=");
    put_base64(&record, is_ed25519 ? span_from(buf_span(&public_key), public_key.n - 32) : buf_span(&public_key));
    struct span text = buf_span(&record);
    assert_int_equal(dns_script_new(&l.script), SD_OK);
    assert_int_equal(dns_script_add_txt(l.script, SPAN("s1._domainkey.example.com"), &text, 1), SD_OK);
    return l;
}

static void no_mutation_passes(bool is_ed25519) {
    struct signed_letter l = sign_letter(LETTER, is_ed25519);
    struct outcome o = verify(l.script, buf_span(&l.message));
    assert_int_equal(o.count, 1);
    if (o.result[0] != AUTH_PASS)
        fail_msg("%s: %s", auth_result_text(o.result[0]), o.reason);
    assert_false(o.subject_unsigned || o.repeated || o.partial);
    for (size_t i = 0; i < l.message.n; i++) {
        l.message.p[i] ^= 1;
        o = verify(l.script, buf_span(&l.message));
        for (size_t k = 0; k < o.count; k++)
            if (o.result[k] == AUTH_PASS)
                fail_msg("passes with byte %zu changed", i);
        l.message.p[i] ^= 1;
    }
    for (size_t n = 0; n + 2 < l.message.n; n++) { /* the last CRLF may be cut: relaxed puts it back */
        o = verify(l.script, span_sub(buf_span(&l.message), 0, n));
        if (o.count && o.result[0] == AUTH_PASS)
            fail_msg("passes when cut at %zu", n);
    }
    buf_free(&l.message);
    dns_script_free(&l.script);
}

static void no_mutation_passes_ed25519(void **state) {
    (void)state;
    no_mutation_passes(true);
}

static void no_mutation_passes_rsa(void **state) {
    (void)state;
    no_mutation_passes(false);
}

static void nothing_can_be_added_to_what_we_sign(void **state) {
    (void)state;
    static const char *const added[] = {
        "From: x@example.com",     "To: x@example.com", "Cc: x@example.com",  "Subject: other",   "Reply-To: x@example.com",
        "Content-Type: text/html", "Date: x",           "Auto-Submitted: no", "References: <x@y>"};
    struct signed_letter l = sign_letter(LETTER, true);
    for (size_t i = 0; i < SD_COUNT(added); i++) {
        struct buf message SD_CLEANUP(buf_free) = buf_new(65536);
        buf_text(&message, added[i]);
        buf_text(&message, "\r\n");
        buf_put(&message, buf_span(&l.message));
        assert_int_equal(verify(l.script, buf_span(&message)).result[0], AUTH_FAIL);
    }
    buf_free(&l.message);
    dns_script_free(&l.script);
}

static void our_field_is_folded_and_single(void **state) {
    (void)state;
    struct signed_letter l = sign_letter(LETTER, false);
    struct span field = span_sub(buf_span(&l.message), 0, span_search(buf_span(&l.message), SPAN("From: Alice")));
    struct span line;
    for (struct span_split s = span_split_start(field); span_split_next(&s, '\n', &line);)
        assert_true(line.n <= 79);
    assert_int_equal(verify_at(l.script, buf_span(&l.message), NOW_MS - 86400000).result[0], AUTH_PERMERROR); /* t= ahead */
    buf_free(&l.message);
    dns_script_free(&l.script);
}

static void signs_only_what_has_one_reading(void **state) {
    (void)state;
    struct secret private_key SD_CLEANUP(secret_free) = {0};
    struct buf public_key SD_CLEANUP(buf_free) = buf_new(4096);
    struct signer *signer SD_CLEANUP(signer_free) = NULL;
    struct buf to SD_CLEANUP(buf_free) = buf_new(4096);
    assert_int_equal(sign_generate(SIGN_ED25519, 0, &private_key, &public_key), SD_OK);
    assert_int_equal(signer_new(SIGN_ED25519, &private_key, &signer), SD_OK);
    struct dkim_sign_key key = {SPAN("example.com"), SPAN("s1"), signer, true};
    assert_int_equal(dkim_sign(SPAN("From: a@b.example\r\nno field\r\n\r\nx\r\n"), &key, NOW_MS, &to), SD_ERR_PARSE);
    assert_int_equal(to.n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc8463_appendix_a),
        cmocka_unit_test(added_fields),
        cmocka_unit_test(keys_that_cannot_be_used),
        cmocka_unit_test(header_examples_of_section_3_4_5),
        cmocka_unit_test(body_examples_of_section_3_4),
        cmocka_unit_test(relaxed_bodies_of_every_length),
        cmocka_unit_test(tag_lists),
        cmocka_unit_test(no_mutation_passes_ed25519),
        cmocka_unit_test(no_mutation_passes_rsa),
        cmocka_unit_test(nothing_can_be_added_to_what_we_sign),
        cmocka_unit_test(our_field_is_folded_and_single),
        cmocka_unit_test(signs_only_what_has_one_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
