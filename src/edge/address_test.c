/* Paths, recipients, Received: what comes from the envelope. */
#include "edge/address.h"
#include "edge/received.h"
#include "edge/recipients.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static enum sd_err parse(struct span text, struct mail_path *ret, struct span *rest) {
    *rest = text;
    return mail_path_parse(rest, ret);
}

static void paths_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text, *address, *local, *rest;
    } cases[] = {
        {"<a@b.example>", "a@b.example", "a", ""},
        {"<>", "", "", ""},
        {"<> SIZE=1", "", "", " SIZE=1"},
        {"<a.b+c@b.example> X", "a.b+c@b.example", "a.b+c", " X"},
        {"<@x.example,@y.example:a@b.example>", "a@b.example", "a", ""},
        {"<\"a b\"@b.example>", "\"a b\"@b.example", "\"a b\"", ""},
        {"<\"a>\\\"b\"@b.example>", "\"a>\\\"b\"@b.example", "\"a>\\\"b\"", ""},
        {"<a@[192.0.2.1]>", "a@[192.0.2.1]", "a", ""},
        {"<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]", "a", ""},
        {"<Postmaster>", "Postmaster", "Postmaster", ""},
        {"<a!b%c/d@x_y.example>", "a!b%c/d@x_y.example", "a!b%c/d", ""},
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct mail_path path;
        struct span rest;
        assert_int_equal(parse(span_cstr(cases[i].text), &path, &rest), SD_OK);
        assert_true(span_eq(path.text, span_cstr(cases[i].address)));
        assert_true(span_eq(path.local, span_cstr(cases[i].local)));
        assert_true(span_eq(rest, span_cstr(cases[i].rest)));
        assert_false(path.is_international);
    }
}

static void what_is_no_path_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "a@b.example",
        "<a@b.example",
        "a@b.example>",
        "<a>",
        "<@b.example>",
        "<a@>",
        "<a@b..example>",
        "<a@.example>",
        "<a@b.example.>",
        "<a b@c>",
        "<.a@b>",
        "<a.@b>",
        "<a..b@c>",
        "<a@b>x",
        "<<a@b>>",
        "<a@-b.example>",
        "<a@b-.example>",
        "<\"a@b>",
        "<\"a\"b@c>",
        "<a@[1.2.3]>",
        "<a@[1.2.3.4>",
        "<a@[x]>",
        "<a@b@c>",
        "<a,b@c>",
        "<a@b c>",
        "<\"a\\\"@b>",
        "<a(x)@b>",
        "< >",
        "<a@[IPv6:zz]>",
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct mail_path path = {.local = SPAN("untouched")};
        struct span rest;
        assert_int_equal(parse(span_cstr(cases[i]), &path, &rest), SD_ERR_PARSE);
        assert_true(span_eq(path.local, SPAN("untouched")));
        assert_true(span_eq(rest, span_cstr(cases[i])));
    }
    struct mail_path path;
    struct span rest;
    assert_int_equal(parse(SPAN("<a\0b@c>"), &path, &rest), SD_ERR_PARSE);
    assert_int_equal(parse(SPAN("<\"a\1\"@c>"), &path, &rest), SD_ERR_PARSE);
}

static void limits_and_international_addresses(void **state) {
    (void)state;
    struct mail_path path;
    struct span rest;
    struct buf text SD_CLEANUP(buf_free) = buf_new(1024);
    buf_text(&text, "<");
    buf_fill(&text, 'a', 64);
    buf_text(&text, "@b.example>");
    assert_int_equal(parse(buf_span(&text), &path, &rest), SD_OK);
    buf_reset(&text);
    buf_text(&text, "<");
    buf_fill(&text, 'a', 65);
    buf_text(&text, "@b.example>");
    assert_int_equal(parse(buf_span(&text), &path, &rest), SD_ERR_LIMIT);
    assert_int_equal(parse(SPAN("<\xc3\xa9@b.example>"), &path, &rest), SD_OK);
    assert_true(path.is_international);
    assert_int_equal(parse(SPAN("<a@\xc3\xa9.example>"), &path, &rest), SD_OK);
    assert_true(path.is_international);
}

/* A path cut at any byte is none, and nothing is read behind it. */
static void truncation_at_every_byte(void **state) {
    (void)state;
    struct span whole = SPAN("<@r.example:\"a\\\"b\"@[IPv6:2001:db8::1]>");
    for (size_t n = 0; n < whole.n; n++) {
        struct mail_path path;
        struct span rest;
        assert_int_equal(parse(span_sub(whole, 0, n), &path, &rest), SD_ERR_PARSE);
    }
}

static struct queues queues_for_test(void) {
    struct queues queues = {0};
    assert_int_equal(queues_add(&queues, SPAN("support"), SPAN("support@sealdesk.example")), SD_OK);
    assert_int_equal(queues_add(&queues, SPAN("billing"), SPAN("billing@other.example")), SD_OK);
    queues.domains[queues.domain_count++] = SPAN("third.example");
    return queues;
}

static void recipients_reach_their_queue(void **state) {
    (void)state;
    static const struct {
        const char *path, *queue, *token;
    } cases[] = {
        {"<support@sealdesk.example>", "support", ""},
        {"<SUPPORT@SealDesk.Example>", "support", ""},
        {"<support+AbC-1@sealdesk.example>", "support", "AbC-1"},
        {"<support+a+b@sealdesk.example>", "support", "a+b"},
        {"<support+@sealdesk.example>", "support", ""},
        {"<\"support\"@sealdesk.example>", "support", ""},
        {"<billing@other.example>", "billing", ""},
        {"<postmaster>", "support", ""},
        {"<Postmaster@sealdesk.example>", "support", ""},
        {"<postmaster@other.example>", "support", ""},
        {"<postmaster@third.example>", "support", ""},
        {"<billing@sealdesk.example>", NULL, NULL},
        {"<postmaster@fourth.example>", NULL, NULL},
        {"<support@elsewhere.example>", NULL, NULL},
        {"<supportx@sealdesk.example>", NULL, NULL},
        {"<victim%freemail.example@sealdesk.example>", NULL, NULL},
        {"<\"victim@freemail.example\"@sealdesk.example>", NULL, NULL},
        {"<freemail.example!victim@sealdesk.example>", NULL, NULL},
        {"<@sealdesk.example:victim@freemail.example>", NULL, NULL},
        {"<victim@[198.51.100.77]>", NULL, NULL},
    };
    struct queues queues = queues_for_test();
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct mail_path path;
        struct span rest, token;
        assert_int_equal(parse(span_cstr(cases[i].path), &path, &rest), SD_OK);
        const struct queue *queue = queues_find(&queues, &path, &token);
        assert_true((queue != NULL) == (cases[i].queue != NULL));
        if (queue)
            assert_true(span_eq(queue->name, span_cstr(cases[i].queue)) && span_eq(token, span_cstr(cases[i].token)));
    }
}

static void a_queue_named_postmaster_gets_its_mail(void **state) {
    (void)state;
    struct queues queues = queues_for_test();
    struct mail_path path;
    struct span rest, token;
    assert_int_equal(queues_add(&queues, SPAN("post"), SPAN("postmaster@sealdesk.example")), SD_OK);
    assert_int_equal(parse(SPAN("<postmaster@sealdesk.example>"), &path, &rest), SD_OK);
    assert_true(span_eq(queues_find(&queues, &path, &token)->name, SPAN("post")));
    assert_int_equal(queues_add(&queues, SPAN("bad"), SPAN("nobody")), SD_ERR_CONFIG);
}

static void received_names_the_one_recipient(void **state) {
    (void)state;
    struct received_facts facts = {.helo = SPAN("mail.example.org"),
                                   .ip = {[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2, [15] = 1},
                                   .by = SPAN("mx.sealdesk.example"),
                                   .extended = true,
                                   .tls = SPAN("TLSv1.3 TLS_AES_256_GCM_SHA384"),
                                   .id = SPAN("0011"),
                                   .recipient = SPAN("support@sealdesk.example"),
                                   .at_unix_ms = 0};
    struct buf b SD_CLEANUP(buf_free) = buf_new(4096);
    put_received(&b, &facts);
    assert_true(span_eq(buf_span(&b), SPAN("Received: from mail.example.org ([192.0.2.1])\r\n"
                                           "\tby mx.sealdesk.example with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
                                           "\tid 0011\r\n"
                                           "\tfor <support@sealdesk.example>;\r\n"
                                           "\tThu, 1 Jan 1970 00:00:00 +0000\r\n")));
    facts.tls = facts.recipient = SPAN_NONE;
    facts.extended = false;
    memset(facts.ip, 0, sizeof facts.ip);
    facts.ip[15] = 1;
    buf_reset(&b);
    put_received(&b, &facts);
    assert_true(span_eq(buf_span(&b), SPAN("Received: from mail.example.org ([IPv6:::1])\r\n"
                                           "\tby mx.sealdesk.example with SMTP\r\n"
                                           "\tid 0011;\r\n"
                                           "\tThu, 1 Jan 1970 00:00:00 +0000\r\n")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_read),
        cmocka_unit_test(what_is_no_path_is_refused),
        cmocka_unit_test(limits_and_international_addresses),
        cmocka_unit_test(truncation_at_every_byte),
        cmocka_unit_test(recipients_reach_their_queue),
        cmocka_unit_test(a_queue_named_postmaster_gets_its_mail),
        cmocka_unit_test(received_names_the_one_recipient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
