/* Chains made here (the key of RFC 8463 appendix A), their rules and limits, and mutation of every byte. */
#include "auth/arc.h"
#include "auth/authres_read.h"
#include "auth/dns_script.h"
#include "core/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS ((int64_t)1780000000000)
#define MAX_BYTES ((size_t)1024 * 1024)
#define ORDINARY "from:from:to:to:subject:subject:date:date"

static const char zone_lines[] =
    "s1._domainkey.example.org TXT v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
    "s2._domainkey.example.org TXT v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
    "dead._domainkey.example.org SERVFAIL\n";
static const char letter[] = "From: Alice <alice@example.com>\r\n"
                             "To: list@example.org\r\n"
                             "Subject: folded\r\n and  long\r\n"
                             "Date: Mon, 01 Jun 2026 10:00:00 +0000\r\n"
                             "\r\n"
                             "Hello  there\r\n\r\nworld\r\n";

/* A message and its chain so far, canonical. */
struct chain {
    struct buf message;
    struct buf sealed;
    struct signer *signer;
    unsigned count;
};

struct set_words {
    const char *status;   /* cv=; NULL: the right one */
    const char *names;    /* h=; NULL: ORDINARY */
    const char *selector; /* NULL: s1 */
    const char *signature_tags, *seal_tags;
};

static struct chain chain_new(void) {
    /* PKCS #8 of RFC 8463 appendix A.2's seed */
    struct secret key SD_CLEANUP(secret_free) = {0};
    struct buf der SD_CLEANUP(buf_free) = buf_new(64);
    struct chain c = {.message = buf_new(MAX_BYTES), .sealed = buf_new(MAX_BYTES)};
    assert_int_equal(base64_decode(SPAN("MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g"), &der), SD_OK);
    assert_int_equal(secret_copy(buf_span(&der), &key), SD_OK);
    assert_int_equal(signer_new(SIGN_ED25519, &key, &c.signer), SD_OK);
    buf_text(&c.message, letter);
    return c;
}

static void chain_free(struct chain *c) {
    buf_free(&c->message);
    buf_free(&c->sealed);
    signer_free(&c->signer);
}

/* The field gets its b= and its line end. */
static void finish_field(const struct chain *c, struct span data, struct buf *field) {
    struct buf signature SD_CLEANUP(buf_free) = buf_new(256);
    struct sha256 digest;
    assert_int_equal(crypt_sha256(data, &digest), SD_OK);
    assert_int_equal(signer_sign(c->signer, span_of(digest.b, sizeof digest.b), &signature), SD_OK);
    put_base64(field, buf_span(&signature));
    buf_text(field, "\r\n");
}

static void put_body_hash(struct span body, struct buf *field) {
    struct buf canonical SD_CLEANUP(buf_free) = buf_new(MAX_BYTES);
    struct dkim_sink sink = {.copy = &canonical, .limit = UINT64_MAX};
    struct sha256 digest;
    dkim_canon_body(body, true, &sink);
    assert_int_equal(crypt_sha256(buf_span(&canonical), &digest), SD_OK);
    put_base64(field, span_of(digest.b, sizeof digest.b));
}

static void sign_message(const struct chain *c, const struct set_words *w, struct buf *field) {
    struct arena *arena = arena_new(4 * MAX_BYTES);
    struct buf data SD_CLEANUP(buf_free) = buf_new(MAX_BYTES);
    const char *names = w->names ? w->names : ORDINARY;
    struct mail_header header;
    struct span body;
    mail_ambiguities ambiguities = 0;
    bool repeated;
    assert_int_equal(mail_parse_header(buf_span(&c->message), arena, &header, &body, &ambiguities), SD_OK);
    buf_printf(field,
               "ARC-Message-Signature: i=%u; a=ed25519-sha256; c=relaxed/relaxed;\r\n\td=example.org; s=%s; h=%s;%s\r\n\tbh=",
               c->count, w->selector ? w->selector : "s1", names, w->signature_tags ? w->signature_tags : "");
    put_body_hash(body, field);
    buf_text(field, ";\r\n\tb=");
    assert_int_equal(dkim_canon_fields(&header, span_cstr(names), true, &data, &repeated), SD_OK);
    dkim_canon_header(buf_span(field), true, false, &data);
    finish_field(c, buf_span(&data), field);
    arena_free(&arena);
}

static void seal_set(const struct chain *c, const struct set_words *w, struct buf *field) {
    struct buf data SD_CLEANUP(buf_free) = buf_new(MAX_BYTES);
    buf_printf(field, "ARC-Seal: i=%u; a=ed25519-sha256; cv=%s; d=example.org; s=%s;%s b=", c->count,
               w->status       ? w->status
               : c->count == 1 ? "none"
                               : "pass",
               w->selector ? w->selector : "s1", w->seal_tags ? w->seal_tags : "");
    buf_put(&data, buf_span(&c->sealed));
    dkim_canon_header(buf_span(field), true, false, &data);
    finish_field(c, buf_span(&data), field);
}

static void put_on_top(struct chain *c, const struct buf *field) {
    struct buf message = buf_new(MAX_BYTES);
    buf_put(&message, buf_span(field));
    buf_put(&message, buf_span(&c->message));
    buf_free(&c->message);
    c->message = message;
}

static void add_set(struct chain *c, struct set_words w) {
    struct buf results SD_CLEANUP(buf_free) = buf_new(MAX_BYTES);
    struct buf signature SD_CLEANUP(buf_free) = buf_new(MAX_BYTES);
    struct buf seal SD_CLEANUP(buf_free) = buf_new(MAX_BYTES);
    c->count++;
    buf_printf(&results, "ARC-Authentication-Results: i=%u; mx%u.example.org;\r\n\tdmarc=pass header.from=example.com\r\n",
               c->count, c->count);
    sign_message(c, &w, &signature);
    dkim_canon_header(buf_span(&results), true, true, &c->sealed);
    dkim_canon_header(buf_span(&signature), true, true, &c->sealed);
    seal_set(c, &w, &seal);
    dkim_canon_header(buf_span(&seal), true, true, &c->sealed);
    put_on_top(c, &results);
    put_on_top(c, &signature);
    put_on_top(c, &seal);
}

static struct chain chain_of(unsigned sets) {
    struct chain c = chain_new();
    while (c.count < sets)
        add_set(&c, (struct set_words){0});
    return c;
}

struct outcome {
    enum auth_result result;
    unsigned instance;
    size_t sets, asked;
    bool partial;
    char domain[32], reason[120];
};

static struct dns_script *script;

static int set_up(void **state) {
    (void)state;
    return dns_script_new(&script) || dns_script_load(script, span_cstr(zone_lines)) ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    size_t open = dns_script_open(script);
    dns_script_free(&script);
    return open ? -1 : 0;
}

static struct outcome verify_with(struct dns_script *with, struct span message) {
    struct dns_source dns = dns_script_source(with);
    struct arena *arena = arena_new(4 * MAX_BYTES);
    struct mail_message m = {.bytes = message};
    struct arc_verdict v = {0};
    mail_ambiguities ambiguities = 0;
    size_t before = dns_script_asked(with);
    assert_int_equal(mail_parse_header(message, arena, &m.header, &m.body_bytes, &ambiguities), SD_OK);
    assert_int_equal(arc_verify(&m, NOW_MS, &dns, deadline_in_ms(1000), arena, &v), SD_OK);
    struct outcome o = {v.result, v.instance, v.set_count, dns_script_asked(with) - before, v.partial, "", ""};
    (void)snprintf(o.domain, sizeof o.domain, "%.*s", SPAN_FMT(v.domain));
    (void)snprintf(o.reason, sizeof o.reason, "%.*s", SPAN_FMT(v.reason));
    arena_free(&arena);
    return o;
}

/* The mutation tests ask more often than one script counts. */
static struct outcome verify(struct span message) {
    struct dns_script *fresh = NULL;
    assert_int_equal(dns_script_new(&fresh), SD_OK);
    assert_int_equal(dns_script_load(fresh, span_cstr(zone_lines)), SD_OK);
    struct outcome o = verify_with(fresh, message);
    assert_int_equal(dns_script_open(fresh), 0);
    dns_script_free(&fresh);
    return o;
}

static void is(const struct chain *c, enum auth_result wanted) {
    struct outcome o = verify(buf_span(&c->message));
    if (o.result != wanted)
        fail_msg("%s (%s), wanted %s", auth_result_text(o.result), o.reason, auth_result_text(wanted));
}

static void chains_pass(void **state) {
    (void)state;
    for (unsigned n = 1; n <= ARC_MAX_INSTANCE; n += n == 1 ? 2 : 47) {
        struct chain c = chain_of(n);
        struct outcome o = verify(buf_span(&c.message));
        if (o.result != AUTH_PASS)
            fail_msg("%u sets: %s (%s)", n, auth_result_text(o.result), o.reason);
        assert_int_equal(o.instance, n);
        assert_int_equal(o.sets, n);
        assert_int_equal(o.asked, 1); /* one key, asked for once */
        assert_string_equal(o.domain, "example.org");
        assert_false(o.partial);
        chain_free(&c);
    }
}

static void sets_are_readable(void **state) {
    (void)state;
    struct chain c = chain_of(2);
    struct dns_source dns = dns_script_source(script);
    struct arena *arena = arena_new(4 * MAX_BYTES);
    struct mail_message m = {.bytes = buf_span(&c.message)};
    struct arc_verdict v = {0};
    struct authres read = {0};
    mail_ambiguities ambiguities = 0;
    assert_int_equal(mail_parse_header(m.bytes, arena, &m.header, &m.body_bytes, &ambiguities), SD_OK);
    assert_int_equal(arc_verify(&m, NOW_MS, &dns, deadline_in_ms(1000), arena, &v), SD_OK);
    assert_int_equal(v.set_count, 2);
    assert_true(span_eq(v.sets[1].sealer, SPAN("example.org")));
    assert_int_equal(authres_read(v.sets[0].results, arena, &read), SD_OK);
    assert_true(span_eq(read.id, SPAN("mx1.example.org")));
    assert_int_equal(authres_read(v.sets[1].results, arena, &read), SD_OK);
    assert_true(span_eq(read.id, SPAN("mx2.example.org")));
    assert_int_equal(read.count, 1);
    assert_true(span_eq(authres_value(&read.results[0], SPAN("header"), SPAN("from")), SPAN("example.com")));
    arena_free(&arena);
    chain_free(&c);
}

static void no_fields_cost_nothing(void **state) {
    (void)state;
    struct outcome o = verify(span_cstr(letter));
    assert_int_equal(o.result, AUTH_NONE);
    assert_int_equal(o.instance, 0);
    assert_int_equal(o.asked, 0);
}

static void status_rules(void **state) {
    (void)state;
    static const struct {
        const char *first, *second;
        enum auth_result wanted;
    } cases[] = {{"none", "pass", AUTH_PASS}, {"pass", "pass", AUTH_FAIL}, {"fail", "pass", AUTH_FAIL},
                 {"none", "none", AUTH_FAIL}, {"none", "fail", AUTH_FAIL}, {"none", "Pass", AUTH_FAIL},
                 {"none", "", AUTH_FAIL}};
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct chain c = chain_new();
        add_set(&c, (struct set_words){.status = cases[i].first});
        add_set(&c, (struct set_words){.status = cases[i].second});
        is(&c, cases[i].wanted);
        chain_free(&c);
    }
}

static void tags_of_the_newest(void **state) {
    (void)state;
    static const struct {
        struct set_words words;
        enum auth_result wanted;
    } cases[] = {{{.names = "from:arc-seal"}, AUTH_FAIL},     {{.seal_tags = " h=from;"}, AUTH_FAIL},
                 {{.seal_tags = " t=1; t=1;"}, AUTH_FAIL},    {{.seal_tags = " t=99999999999;"}, AUTH_FAIL}, /* the future */
                 {{.signature_tags = " x=1000;"}, AUTH_FAIL}, {{.signature_tags = " l=99999;"}, AUTH_FAIL},
                 {{.seal_tags = " zz=1;"}, AUTH_PASS},        {{.selector = "s2"}, AUTH_PASS},
                 {{.selector = "missing"}, AUTH_FAIL}};
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct chain c = chain_of(1);
        add_set(&c, cases[i].words);
        is(&c, cases[i].wanted);
        chain_free(&c);
    }
}

static void what_is_left_out_is_said(void **state) {
    (void)state;
    struct chain c = chain_new();
    add_set(&c, (struct set_words){.names = "to:subject"});
    struct outcome o = verify(buf_span(&c.message));
    assert_int_equal(o.result, AUTH_PASS);
    assert_true(o.partial);
    chain_free(&c);
    c = chain_new();
    add_set(&c, (struct set_words){.names = "from:to"});
    struct buf from SD_CLEANUP(buf_free) = buf_new(64);
    buf_text(&from, "From: mallory@example.net\r\n");
    put_on_top(&c, &from);
    o = verify(buf_span(&c.message));
    assert_int_equal(o.result, AUTH_PASS);
    assert_true(o.partial);
    chain_free(&c);
}

static void unknown_is_not_pass(void **state) {
    (void)state;
    struct chain c = chain_of(1);
    add_set(&c, (struct set_words){.selector = "dead"});
    struct outcome o = verify(buf_span(&c.message));
    assert_int_equal(o.result, AUTH_TEMPERROR);
    assert_int_equal(o.sets, 0);
    assert_int_equal(o.asked, 2);
    c.message.p[c.message.n - 5] ^= 1; /* the body */
    is(&c, AUTH_FAIL);
    c.message.p[c.message.n - 5] ^= 1;
    size_t first = span_search(buf_span(&c.message), SPAN("; cv=none"));
    assert_true(first < c.message.n);
    c.message.p[first + 20] ^= 1; /* d= of the first seal */
    is(&c, AUTH_FAIL);
    chain_free(&c);
}

static void limits(void **state) {
    (void)state;
    struct chain c = chain_of(51);
    struct outcome o = verify(buf_span(&c.message));
    assert_int_equal(o.result, AUTH_FAIL);
    assert_int_equal(o.asked, 0);
    chain_free(&c);
    c = chain_of(1);
    struct buf field SD_CLEANUP(buf_free) = buf_new(64);
    buf_text(&field, "ARC-Seal: i=51; cv=pass\r\n");
    put_on_top(&c, &field);
    o = verify(buf_span(&c.message));
    assert_int_equal(o.result, AUTH_FAIL);
    assert_int_equal(o.asked, 0);
    chain_free(&c);
}

/* The seal of the highest instance signs itself without its b=. */
static void put_content_field(const struct mail_field *field, unsigned newest, struct buf *to) {
    struct dkim_tags tags;
    char position[16];
    (void)snprintf(position, sizeof position, "%u", newest);
    if (span_ieq(field->name, SPAN("ARC-Seal")) && dkim_tags_parse(field->body, &tags) == SD_OK && dkim_tag(&tags, "b") &&
        span_eq(dkim_tag_value(&tags, "i"), span_cstr(position)))
        dkim_canon_signature(field->raw, dkim_tag(&tags, "b")->extent, true, to);
    else
        dkim_canon_header(field->raw, true, true, to);
}

/* All that is signed: two messages with the same content may both pass. */
static struct buf content_of(struct span message, unsigned newest) {
    struct arena *arena = arena_new(4 * MAX_BYTES);
    struct buf content = buf_new(MAX_BYTES);
    struct mail_header header;
    struct span body;
    mail_ambiguities ambiguities = 0;
    struct dkim_sink sink = {.copy = &content, .limit = UINT64_MAX};
    assert_int_equal(mail_parse_header(message, arena, &header, &body, &ambiguities), SD_OK);
    for (size_t i = 0; i < header.count; i++)
        put_content_field(&header.fields[i], newest, &content);
    dkim_canon_body(body, true, &sink);
    arena_free(&arena);
    return content;
}

static size_t mutants, passing;

static void passes_only_unchanged(const struct chain *c, struct span mutant, const char *what, size_t at) {
    struct outcome o = verify(mutant);
    mutants++;
    if (o.result != AUTH_PASS)
        return;
    passing++;
    struct buf before SD_CLEANUP(buf_free) = content_of(buf_span(&c->message), c->count);
    struct buf after SD_CLEANUP(buf_free) = content_of(mutant, c->count);
    if (!span_eq(buf_span(&before), buf_span(&after)))
        fail_msg("passes with other content: %s at %zu", what, at);
}

static void mutate_byte(const struct chain *c, size_t at, uint8_t byte, const char *what) {
    uint8_t was = c->message.p[at];
    c->message.p[at] = byte;
    struct buf mutant SD_CLEANUP(buf_free) = buf_new(MAX_BYTES);
    buf_put(&mutant, buf_span(&c->message));
    c->message.p[at] = was;
    passes_only_unchanged(c, buf_span(&mutant), what, at);
}

static void insert(const struct chain *c, size_t at, struct span text, const char *what) {
    struct buf mutant SD_CLEANUP(buf_free) = buf_new(MAX_BYTES);
    buf_put(&mutant, span_sub(buf_span(&c->message), 0, at));
    buf_put(&mutant, text);
    buf_put(&mutant, span_from(buf_span(&c->message), at));
    passes_only_unchanged(c, buf_span(&mutant), what, at);
}

static void no_mutation_passes(void **state) {
    (void)state;
    struct chain c = chain_of(2);
    is(&c, AUTH_PASS);
    for (size_t i = 0; i < c.message.n; i++) {
        passes_only_unchanged(&c, span_sub(buf_span(&c.message), 0, i), "cut", i);
        mutate_byte(&c, i, c.message.p[i] ^ 1, "bit");
        mutate_byte(&c, i, c.message.p[i] ^ 0x20, "case");
        mutate_byte(&c, i, 0, "NUL");
        insert(&c, i, SPAN("\r\n "), "fold");
        insert(&c, i, SPAN(" "), "space");
        insert(&c, i, SPAN(";"), "semicolon");
    }
    assert_true(passing > 50); /* folds where white space is: the oracle is not idle */
    chain_free(&c);
}

/* One field twice, on top or below the others; and each field away. */
static void no_field_can_come_or_go(void **state) {
    (void)state;
    struct chain c = chain_of(2);
    struct arena *arena = arena_new(4 * MAX_BYTES);
    struct mail_header header;
    struct span body;
    mail_ambiguities ambiguities = 0;
    assert_int_equal(mail_parse_header(buf_span(&c.message), arena, &header, &body, &ambiguities), SD_OK);
    assert_int_equal(header.count, 10);
    for (size_t i = 0; i < header.count; i++) {
        struct span raw = header.fields[i].raw;
        size_t at = (size_t)(raw.p - c.message.p);
        struct buf without SD_CLEANUP(buf_free) = buf_new(MAX_BYTES);
        buf_put(&without, span_sub(buf_span(&c.message), 0, at));
        buf_put(&without, span_from(buf_span(&c.message), at + raw.n));
        insert(&c, 0, raw, "doubled on top");
        insert(&c, (size_t)(body.p - c.message.p) - 2, raw, "doubled below");
        passes_only_unchanged(&c, buf_span(&without), "removed", i);
    }
    arena_free(&arena);
    chain_free(&c);
}

/* §5.1.1 orders by instance, so fields may stand in any order; their positions may not be exchanged. */
static void order_is_by_instance(void **state) {
    (void)state;
    struct chain c = chain_of(3);
    struct arena *arena = arena_new(4 * MAX_BYTES);
    struct buf reversed SD_CLEANUP(buf_free) = buf_new(MAX_BYTES);
    struct mail_header header;
    struct span body;
    mail_ambiguities ambiguities = 0;
    assert_int_equal(mail_parse_header(buf_span(&c.message), arena, &header, &body, &ambiguities), SD_OK);
    for (size_t i = header.count; i > 0; i--)
        buf_put(&reversed, header.fields[i - 1].raw);
    buf_text(&reversed, "\r\n");
    buf_put(&reversed, body);
    assert_int_equal(verify(buf_span(&reversed)).result, AUTH_PASS);
    size_t one = span_search(buf_span(&c.message), SPAN("i=1; mx1"));
    size_t two = span_search(buf_span(&c.message), SPAN("i=2; mx2"));
    c.message.p[one + 2] = '2';
    c.message.p[two + 2] = '1';
    is(&c, AUTH_FAIL);
    arena_free(&arena);
    chain_free(&c);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(chains_pass),        CASE(sets_are_readable),        CASE(no_fields_cost_nothing), CASE(status_rules),
        CASE(tags_of_the_newest), CASE(what_is_left_out_is_said), CASE(unknown_is_not_pass),    CASE(limits),
        CASE(no_mutation_passes), CASE(no_field_can_come_or_go),  CASE(order_is_by_instance)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
