/* One attempt over the DNS and several servers: which host, which recipients, what is never done. */
#include "auth/dns_script.h"
#include "courier/delivery.h"
#include "courier/test_server.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct smtp_times quick = {.connect_ms = 3000,
                                        .greeting_ms = 3000,
                                        .command_ms = 3000,
                                        .tls_ms = 3000,
                                        .data_ms = 3000,
                                        .block_ms = 3000,
                                        .end_ms = 3000};

struct world {
    struct dns_script *script;
    struct delivery_settings settings;
    struct arena *arena;
    struct test_server server;
    struct delivery_recipient recipients[4];
    struct delivery delivery;
};

static void begin(struct world *w, const char *table, unsigned per_destination) {
    *w = (struct world){0};
    w->arena = arena_new((size_t)8 * 1024 * 1024);
    assert_int_equal(dns_script_new(&w->script), SD_OK);
    assert_int_equal(dns_script_load(w->script, span_cstr(table)), SD_OK);
    w->settings.dns = dns_script_source(w->script);
    w->settings.smtp = (struct smtp_settings){.hostname = SPAN("desk.example"), .times = &quick};
    assert_int_equal(tls_client_context(SPAN_NONE, &w->settings.smtp.tls), SD_OK);
    assert_int_equal(pool_new(per_destination, &w->settings.pool), SD_OK);
    test_server_init(&w->server);
}

static void go(struct world *w) {
    test_server_start(&w->server);
    w->settings.port = w->server.port;
}

static void address(struct world *w, const char *text) {
    w->recipients[w->delivery.count++].address = span_cstr(text);
}

static void attempt(struct world *w) {
    w->delivery.arena = w->arena;
    w->delivery.recipients = w->recipients;
    w->delivery.postponed = false;
    w->delivery.message = (struct smtp_message){
        .mail_from = SPAN("support@desk.example"), .wire_body = SPAN("A: b\r\n\r\n.\r\n"), .size_bytes = 8};
    for (size_t i = 0; i < w->delivery.count; i++) {
        w->recipients[i].settled = delivery_final(&w->recipients[i]);
        w->recipients[i].tried = false;
    }
    assert_int_equal(delivery_try(&w->settings, &w->delivery), SD_OK);
}

static void finish(struct world *w) {
    pool_free(&w->settings.pool);
    test_server_stop(&w->server);
    tls_context_free(&w->settings.smtp.tls);
    dns_script_free(&w->script);
    arena_free(&w->arena);
}

static void assert_reply(const struct world *w, size_t i, unsigned code, const char *status) {
    assert_true(w->recipients[i].tried);
    assert_int_equal(w->recipients[i].reply.code, code);
    assert_string_equal(w->recipients[i].reply.status, status);
}

/* The first host refuses connections, the second takes the message. */
static void test_next_host(void **state) {
    (void)state;
    struct world w;
    begin(&w,
          "d.example MX 1 dead.example\nd.example MX 2 gone.example\nd.example MX 3 live.example\ndead.example A 127.0.0.2\n"
          "live.example A 127.0.0.3\nlive.example A 127.0.0.1\n",
          4);
    go(&w);
    address(&w, "a@d.example");
    attempt(&w);
    assert_reply(&w, 0, 250, "2.6.0");
    assert_true(span_eq(w.recipients[0].host, SPAN("live.example")));
    assert_true(delivery_final(&w.recipients[0]));
    finish(&w);
}

static void test_nobody_there(void **state) {
    (void)state;
    struct world w;
    begin(&w,
          "d.example MX 1 dead.example\ndead.example A 127.0.0.2\nn.example MX 1 noaddress.example\n"
          "noaddress.example TXT x\nf.example MX 1 fails.example\nfails.example SERVFAIL\n",
          4);
    go(&w);
    address(&w, "a@d.example");
    address(&w, "a@n.example");
    address(&w, "a@f.example");
    address(&w, "a@nowhere.example");
    attempt(&w);
    assert_reply(&w, 0, 421, "4.4.1");
    assert_reply(&w, 1, 451, "4.4.4");
    assert_reply(&w, 2, 451, "4.4.3");
    assert_reply(&w, 3, 550, "5.1.2");
    finish(&w);
}

/* A retry goes to those without a final answer, to nobody else. */
static void test_only_those_left(void **state) {
    (void)state;
    struct world w;
    begin(&w, "d.example A 127.0.0.1\n", 4);
    go(&w);
    address(&w, "a@d.example");
    address(&w, "never@d.example");
    address(&w, "later@D.example");
    attempt(&w);
    assert_reply(&w, 0, 250, "2.6.0");
    assert_reply(&w, 1, 550, "5.1.1");
    assert_reply(&w, 2, 450, "4.2.1");
    buf_reset(&w.server.commands);
    attempt(&w);
    assert_true(test_server_heard(&w.server, "RCPT TO:<later@D.example>"));
    assert_false(test_server_heard(&w.server, "<a@d.example>"));
    assert_false(test_server_heard(&w.server, "<never@d.example>"));
    assert_int_equal(test_server_messages(&w.server), 1);
    assert_int_equal(w.server.session_count, 1); /* the same connection */
    finish(&w);
}

/* TLS was offered and failed: the host's other addresses, which may offer none, are not asked, and nothing goes in the clear.
 */
static void test_no_clear_text_after_tls(void **state) {
    (void)state;
    struct world w;
    begin(&w, "d.example MX 1 mx.example\nmx.example A 127.0.0.1\nmx.example A 127.0.0.1\n", 4);
    w.server.answers[ON_EHLO] = "250-mx\r\n250 STARTTLS\r\n";
    w.server.breaks_tls = true;
    go(&w);
    address(&w, "a@d.example");
    attempt(&w);
    assert_reply(&w, 0, 454, "4.7.5");
    assert_int_equal(w.server.session_count, 1);
    assert_false(test_server_heard(&w.server, "MAIL"));
    finish(&w);
}

static void test_reuse(void **state) {
    (void)state;
    struct world w;
    begin(&w, "d.example MX 1 mx.example\ne.example MX 1 mx.example\nmx.example A 127.0.0.1\n", 1);
    go(&w);
    for (int i = 0; i < 60; i++) {
        w.delivery.count = 0;
        memset(w.recipients, 0, sizeof w.recipients);
        address(&w, "a@d.example");
        address(&w, "a@e.example");
        attempt(&w);
        assert_reply(&w, 0, 250, "2.6.0");
        assert_reply(&w, 1, 250, "2.6.0");
    }
    assert_int_equal(test_server_messages(&w.server), 120);
    assert_int_equal(w.server.session_count, 3);  /* 50 messages each */
    assert_in_range(w.server.most_at_once, 1, 2); /* on a busy machine the one before is still saying goodbye */
    finish(&w);
}

/* The server closes after each message while we keep the session: the next one finds that out and opens another. */
static void test_closed_meanwhile(void **state) {
    (void)state;
    struct world w;
    begin(&w, "d.example A 127.0.0.1\n", 1);
    w.server.closes_after_messages = 1;
    go(&w);
    for (int i = 0; i < 20; i++) {
        w.delivery.count = 0;
        memset(w.recipients, 0, sizeof w.recipients);
        address(&w, "a@d.example");
        attempt(&w);
        assert_reply(&w, 0, 250, "2.6.0");
    }
    assert_int_equal(test_server_messages(&w.server), 20);
    finish(&w);
}

/* All places of the destination are taken: left untried, not failed. */
static void test_busy(void **state) {
    (void)state;
    struct world w;
    struct smtp_session *s = NULL;
    char name[64];
    size_t place;
    begin(&w, "d.example A 127.0.0.1\ne.example A 127.0.0.1\n", 1);
    go(&w);
    (void)snprintf(name, sizeof name, "d.example:%u", w.server.port);
    assert_int_equal(pool_take(w.settings.pool, span_cstr(name), deadline_in_ms(0), &place, &s), SD_OK);
    address(&w, "a@d.example");
    address(&w, "a@e.example");
    attempt(&w);
    assert_true(w.delivery.postponed);
    assert_false(w.recipients[0].tried);
    assert_reply(&w, 1, 250, "2.6.0");
    pool_give(w.settings.pool, place, NULL);
    attempt(&w);
    assert_false(w.delivery.postponed);
    assert_reply(&w, 0, 250, "2.6.0");
    assert_false(w.recipients[1].tried);
    finish(&w);
}

static void test_relay(void **state) {
    (void)state;
    struct world w;
    char text[64];
    begin(&w, "", 4);
    go(&w);
    (void)snprintf(text, sizeof text, "127.0.0.1:%u", w.server.port);
    assert_int_equal(relay_parse(span_cstr(text), &w.settings.relay), SD_OK);
    address(&w, "a@d.example");
    address(&w, "b@e.example");
    attempt(&w);
    assert_reply(&w, 0, 250, "2.6.0");
    assert_reply(&w, 1, 250, "2.6.0");
    assert_int_equal(test_server_messages(&w.server), 1); /* one transaction for all */
    assert_int_equal(dns_script_asked(w.script), 0);
    finish(&w);
}

static void test_bad_addresses_and_stop(void **state) {
    (void)state;
    struct world w;
    begin(&w, "d.example A 127.0.0.1\n", 4);
    go(&w);
    address(&w, "a@d.example>\r\nRCPT TO:<b@d.example");
    address(&w, "c@d.example");
    atomic_store(&w.settings.stopping, true);
    attempt(&w);
    assert_reply(&w, 0, 553, "5.1.3");
    assert_false(w.recipients[1].tried);
    assert_true(w.delivery.postponed);
    assert_int_equal(w.server.session_count, 0);
    finish(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_host),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_only_those_left),
        cmocka_unit_test(test_no_clear_text_after_tls),
        cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_closed_meanwhile),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_relay),
        cmocka_unit_test(test_bad_addresses_and_stop),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
