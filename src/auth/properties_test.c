/*
 * No change of a signed message that changes what people read leaves it verified, and nothing makes a check pass for a domain
 * that did not sign: every position of one small message, in several ways of signing, and random changes of several at once.
 */
#include "auth/auth.h"
#include "auth/dkim.h"
#include "auth/dns_script.h"
#include "auth/name.h"
#include "core/codec.h"
#include "core/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS ((int64_t)1795000000000)
#define MESSAGE_MAX_BYTES 16384
#define RANDOM_CHANGES 3000
#define RANDOM_SEED 3

static const char header[] = "Received: from a.example by b.example; Mon, 23 Nov 2026 10:00:00 +0000\r\n"
                             "From: Robin Customer\r\n <robin@example.com>\r\n"
                             "To: support@desk.example,\r\n  second@desk.example\r\n"
                             "Subject: Order 4711  is\r\n late\r\n"
                             "Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
                             "Message-ID: <1@example.com>\r\n"
                             "MIME-Version: 1.0\r\n"
                             "Content-Type: text/plain; charset=utf-8\r\n";
static const char body[] = "Please send  it\r\nto my new address.  \r\n\r\nRobin\r\n";

/*
 * How others sign: names, canonicalisation, whether l= covers the body that is there. mime: what says how the body is to be
 * read is signed against additions, as we do it; else (Gmail leaves Content-Type out) only the body's bytes are what was
 * signed.
 */
static const struct signing {
    const char *what, *names, *canon;
    bool header_relaxed, body_relaxed, length, mime;
} signings[] = {
    {"relaxed, each field once", "From:To:Subject:Date:Message-ID:MIME-Version:Content-Type", "relaxed/relaxed", true, true,
     false},
    {"simple, each field once", "From:To:Subject:Date:Message-ID:MIME-Version:Content-Type", "simple/simple", false, false,
     false, false},
    {"oversigned",
     "From:From:To:To:Subject:Subject:Date:Date:Reply-To:Content-Type:Content-Type:MIME-Version:MIME-Version:"
     "Content-Transfer-Encoding",
     "relaxed/simple", true, false, false, true},
    {"with l=", "From:To:Subject:Date:Content-Type:MIME-Version", "relaxed/relaxed", true, true, true, false},
};

static struct dns_script *zone;
static struct buf record;
static struct signer *signer;
static size_t judged, verified;

/* A script answers a limited number of questions: a fresh one now and then. */
static void renew_zone(void) {
    dns_script_free(&zone);
    assert_int_equal(dns_script_new(&zone), SD_OK);
    assert_int_equal(dns_script_load(zone, buf_span(&record)), SD_OK);
}

static int set_up(void **state) {
    (void)state;
    struct secret private_key SD_CLEANUP(secret_free) = {0};
    struct buf public_key SD_CLEANUP(buf_free) = buf_new(1024);
    assert_int_equal(sign_generate(SIGN_ED25519, 0, &private_key, &public_key), SD_OK);
    assert_int_equal(signer_new(SIGN_ED25519, &private_key, &signer), SD_OK);
    record = buf_new(1024);
    buf_text(&record, "s1._domainkey.example.com TXT v=DKIM1; k=ed25519; p=");
    put_base64(&record, span_from(buf_span(&public_key), public_key.n - KEY_BYTES));
    buf_text(&record, "\n_dmarc.example.com TXT v=DMARC1; p=reject\n_dmarc.evil.example TXT v=DMARC1; p=none\n");
    renew_zone();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    signer_free(&signer);
    dns_script_free(&zone);
    buf_free(&record);
    return 0;
}

/* ---- a signature of any shape, in front of the message ---- */

static void put_body_hash(const struct signing *s, struct buf *to) {
    struct hash_stream *hash SD_CLEANUP(hash_stream_free) = NULL;
    struct sha256 digest;
    assert_int_equal(hash_stream_new(&hash), SD_OK);
    struct dkim_sink sink = {.hash = hash, .limit = UINT64_MAX};
    dkim_canon_body(span_cstr(body), s->body_relaxed, &sink);
    assert_int_equal(hash_stream_end(hash, &digest), SD_OK);
    if (s->length)
        buf_printf(to, " l=%llu;", (unsigned long long)sink.total);
    buf_text(to, " bh=");
    put_base64(to, span_of(digest.b, sizeof digest.b));
}

static void put_signature(const struct signing *s, struct span field, struct buf *to) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(4 * 1024 * 1024);
    struct buf data SD_CLEANUP(buf_free) = buf_new(MESSAGE_MAX_BYTES), raw SD_CLEANUP(buf_free) = buf_new(1024);
    struct buf whole SD_CLEANUP(buf_free) = buf_new(MESSAGE_MAX_BYTES);
    struct mail_header fields;
    struct span body_bytes;
    mail_ambiguities found = 0;
    struct sha256 digest;
    bool repeated;
    buf_text(&whole, header);
    buf_text(&whole, "\r\n");
    assert_int_equal(mail_parse_header(buf_span(&whole), arena, &fields, &body_bytes, &found), SD_OK);
    assert_int_equal(dkim_canon_fields(&fields, span_cstr(s->names), s->header_relaxed, &data, &repeated), SD_OK);
    dkim_canon_header(field, s->header_relaxed, false, &data);
    assert_int_equal(crypt_sha256(buf_span(&data), &digest), SD_OK);
    assert_int_equal(signer_sign(signer, span_of(digest.b, sizeof digest.b), &raw), SD_OK);
    put_base64(to, buf_span(&raw));
}

static void put_signed(const struct signing *s, struct buf *to) {
    struct buf field SD_CLEANUP(buf_free) = buf_new(MESSAGE_MAX_BYTES);
    buf_printf(&field, "DKIM-Signature: v=1; a=ed25519-sha256; c=%s; d=example.com; s=s1;\r\n h=%s;\r\n", s->canon, s->names);
    put_body_hash(s, &field);
    buf_text(&field, ";\r\n b=");
    buf_put(to, buf_span(&field));
    put_signature(s, buf_span(&field), to);
    buf_printf(to, "\r\n%s\r\n%s", header, body);
    assert_int_equal(buf_err(to), SD_OK);
}

/* ---- what people read ---- */

/* Each different From, To, Subject and Date, then the body, with mime its text too; white space and folding apart. */
static void put_read(const struct mail_message *m, bool mime, struct buf *to) {
    static const char *const shown[] = {"From", "To", "Subject", "Date"};
    for (size_t k = 0; k < SD_COUNT(shown); k++)
        for (size_t i = 0; i < m->header.count; i++) {
            struct buf one SD_CLEANUP(buf_free) = buf_new(MESSAGE_MAX_BYTES);
            if (!span_ieq(m->header.fields[i].name, span_cstr(shown[k])))
                continue;
            dkim_canon_header(m->header.fields[i].raw, true, true, &one);
            if (span_search(buf_span(to), buf_span(&one)) == to->n)
                buf_put(to, buf_span(&one));
        }
    struct buf text SD_CLEANUP(buf_free) = buf_new(LIMIT_TEXT_BYTES),
                    lines SD_CLEANUP(buf_free) = buf_new(2 * MESSAGE_MAX_BYTES);
    mail_ambiguities found = 0;
    if (mime)
        assert_int_equal(mail_text(m, &text, &found), SD_OK);
    struct dkim_sink sink = {.copy = to, .limit = UINT64_MAX};
    for (size_t i = 0; i < text.n; i++)
        buf_put(&lines, text.p[i] == '\n' ? SPAN("\r\n") : span_of(text.p + i, 1));
    dkim_canon_body(buf_span(&lines), true, &sink);
    dkim_canon_body(m->body_bytes, true, &sink);
    assert_int_equal(buf_err(to), SD_OK);
}

static struct auth_judgement judge(const struct mail_message *m, struct arena *arena) {
    static const struct span own = {(const uint8_t *)"desk.example", 12};
    const struct auth_envelope envelope = {.ip = {[10] = 0xff, 0xff, 192, 0, 2, 1},
                                           .helo = SPAN("mail.evil.example"),
                                           .mail_from = SPAN("eve@evil.example"),
                                           .received_unix_ms = NOW_MS};
    struct auth_policy policy = auth_policy_default();
    struct auth_judgement j;
    struct dns_source dns = dns_script_source(zone);
    policy.authserv_id = SPAN("mx.desk.example");
    policy.own_domains = &own;
    policy.own_domain_count = 1;
    policy.deadline = deadline_in_ms(10000);
    assert_int_equal(auth_judge(&envelope, m, &policy, &dns, arena, &j), SD_OK);
    return j;
}

static void nobody_else_passes(const struct auth_judgement *j, const char *what) {
    for (size_t i = 0; i < j->dkim_count; i++)
        if (j->dkim[i].result == AUTH_PASS && !span_eq(j->dkim[i].domain, SPAN("example.com")))
            fail_msg("%s: DKIM passes for %.*s, which did not sign", what, SPAN_FMT(j->dkim[i].domain));
    if (j->spf.result == AUTH_PASS || j->arc.result == AUTH_PASS)
        fail_msg("%s: SPF or ARC passes without a record or a seal", what);
    if (j->trust == TRUST_VERIFIED && !name_is_under(j->trust_domain, SPAN("example.com")))
        fail_msg("%s: verified as %.*s", what, SPAN_FMT(j->trust_domain));
}

static void check(struct span bytes, struct span original_read, const struct signing *s, const char *how, size_t at) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(8 * 1024 * 1024);
    struct buf now_read SD_CLEANUP(buf_free) = buf_new(4 * MESSAGE_MAX_BYTES);
    struct mail_message m;
    char text[160];
    if (dns_script_asked(zone) > 3000)
        renew_zone();
    if (mail_parse(bytes, arena, &m))
        return; /* refused: nobody reads it */
    const struct auth_judgement j = judge(&m, arena);
    (void)snprintf(text, sizeof text, "%s, %s at %zu", s->what, how, at);
    nobody_else_passes(&j, text);
    judged++;
    if (j.trust != TRUST_VERIFIED)
        return;
    verified++;
    put_read(&m, s->mime, &now_read);
    if (!span_eq(buf_span(&now_read), original_read))
        fail_msg("%s: verified, and reads otherwise:\n%.*s", text, SPAN_FMT(buf_span(&now_read)));
}

/* ---- changes: each makes out of a message, a position and a number another one ---- */

static void put_split(struct span m, size_t at, struct span between, size_t skip, struct buf *to) {
    buf_put(to, span_sub(m, 0, at));
    buf_put(to, between);
    buf_put(to, span_from(m, at + skip < m.n ? at + skip : m.n));
}

static void change_cut(struct span m, size_t at, unsigned n, struct buf *to) {
    (void)n;
    buf_put(to, span_sub(m, 0, at));
}

static void change_case(struct span m, size_t at, unsigned n, struct buf *to) {
    const uint8_t c = m.p[at] ^ 0x20;
    (void)n;
    put_split(m, at, span_of(&c, 1), 1, to);
}

static void change_byte(struct span m, size_t at, unsigned n, struct buf *to) {
    const uint8_t c = (uint8_t)(m.p[at] ^ (1u << n % 8));
    put_split(m, at, span_of(&c, 1), 1, to);
}

static void change_insert(struct span m, size_t at, unsigned n, struct buf *to) {
    static const struct span what[] = {
        {(const uint8_t *)"\0", 1},       {(const uint8_t *)" ", 1},        {(const uint8_t *)"\t", 1},
        {(const uint8_t *)"\r\n ", 3},    {(const uint8_t *)"\r\n", 2},     {(const uint8_t *)"\r", 1},
        {(const uint8_t *)"\n", 1},       {(const uint8_t *)"\xc2\xa0", 2}, {(const uint8_t *)"=", 1},
        {(const uint8_t *)"\r\n\r\n", 4}, {(const uint8_t *)"\n\n", 2},     {(const uint8_t *)":", 1}};
    put_split(m, at, what[n % SD_COUNT(what)], 0, to);
}

static void change_drop(struct span m, size_t at, unsigned n, struct buf *to) {
    put_split(m, at, SPAN_NONE, 1 + n % 3, to);
}

/* Of a whole line, wherever at is in it: again, gone, or in front of everything. */
static void change_line(struct span m, size_t at, unsigned n, struct buf *to) {
    size_t start = at, end = at + span_find(span_from(m, at), '\n') + 1;
    while (start > 0 && m.p[start - 1] != '\n')
        start--;
    end = end < m.n ? end : m.n;
    struct span line = span_sub(m, start, end - start);
    if (n % 3 == 0)
        put_split(m, end, line, 0, to);
    else if (n % 3 == 1)
        put_split(m, start, SPAN_NONE, line.n, to);
    else {
        buf_put(to, line);
        put_split(m, start, SPAN_NONE, line.n, to);
    }
}

/* A field or a tail of the attacker's own, on top, at the position, or at the end. */
static void change_added(struct span m, size_t at, unsigned n, struct buf *to) {
    static const char *const added[] = {"From: Eve <eve@evil.example>\r\n",
                                        "From: Robin Customer <eve@example.com>\r\n",
                                        "Subject: pay here instead\r\n",
                                        "SUBJECT : pay here instead\r\n",
                                        "To: all@desk.example\r\n",
                                        "Date: Tue, 24 Nov 2026 10:00:00 +0000\r\n",
                                        "Content-Type: text/html\r\n",
                                        "Content-Transfer-Encoding: base64\r\n",
                                        "DKIM-Signature: v=1; a=ed25519-sha256; d=evil.example; s=s1; h=from; bh=x; b=x\r\n",
                                        "Pay to another account, please.\r\n",
                                        "\r\n<b>more</b>\r\n"};
    struct span what = span_cstr(added[n / 3 % SD_COUNT(added)]);
    put_split(m, n % 3 == 0 ? 0 : n % 3 == 1 ? at : m.n, what, 0, to);
}

static const struct {
    const char *what;
    unsigned ways; /* tried at every position */
    void (*run)(struct span m, size_t at, unsigned n, struct buf *to);
} changes[] = {{"cut", 1, change_cut},          {"case", 1, change_case},    {"bit", 1, change_byte},
               {"inserted", 12, change_insert}, {"dropped", 3, change_drop}, {"line", 3, change_line},
               {"added", 33, change_added}};

/* ---- the tests ---- */

static void start(const struct signing *s, struct buf *message, struct buf *read) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(8 * 1024 * 1024);
    struct mail_message m;
    put_signed(s, message);
    assert_int_equal(mail_parse(buf_span(message), arena, &m), SD_OK);
    put_read(&m, s->mime, read);
    const struct auth_judgement j = judge(&m, arena);
    if (j.trust != TRUST_VERIFIED || !span_eq(j.trust_domain, SPAN("example.com")))
        fail_msg("%s: whole, and not verified: %.*s", s->what, SPAN_FMT(j.disposition_reason));
}

static void every_position(void **state) {
    (void)state;
    for (size_t k = 0; k < SD_COUNT(signings); k++) {
        struct buf message SD_CLEANUP(buf_free) = buf_new(MESSAGE_MAX_BYTES),
                           read SD_CLEANUP(buf_free) = buf_new(MESSAGE_MAX_BYTES);
        start(&signings[k], &message, &read);
        for (size_t c = 0; c < SD_COUNT(changes); c++)
            for (size_t i = 0; i < message.n * changes[c].ways; i++) {
                struct buf changed SD_CLEANUP(buf_free) = buf_new(2 * MESSAGE_MAX_BYTES);
                size_t at = i / changes[c].ways;
                if (changes[c].run == change_added && at > 0 && i % 3 != 1)
                    continue; /* the same wherever at is */
                changes[c].run(buf_span(&message), at, (unsigned)(i % changes[c].ways), &changed);
                check(buf_span(&changed), buf_span(&read), &signings[k], changes[c].what, i);
            }
    }
    print_message("%zu judged, %zu of them verified and reading the same\n", judged, verified);
    assert_true(judged > 10000 && verified > 100);
}

static unsigned dice(unsigned *seed) {
    return (unsigned)rand_r(seed);
}

static void several_at_once(void **state) {
    (void)state;
    unsigned seed = RANDOM_SEED;
    for (unsigned i = 0; i < RANDOM_CHANGES; i++) {
        const struct signing *s = &signings[i % SD_COUNT(signings)];
        struct buf message SD_CLEANUP(buf_free) = buf_new(MESSAGE_MAX_BYTES),
                           read SD_CLEANUP(buf_free) = buf_new(MESSAGE_MAX_BYTES);
        start(s, &message, &read);
        for (unsigned n = 1 + dice(&seed) % 4; n > 0 && message.n; n--) {
            struct buf changed = buf_new(MESSAGE_MAX_BYTES);
            size_t c = 1 + dice(&seed) % (SD_COUNT(changes) - 1);
            changes[c].run(buf_span(&message), dice(&seed) % message.n, dice(&seed), &changed);
            assert_int_equal(buf_err(&changed), SD_OK);
            buf_free(&message);
            message = changed;
        }
        check(buf_span(&message), buf_span(&read), s, "random change", i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_position, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_at_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
