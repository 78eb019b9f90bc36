/* The client's dialogue against a scripted server. */
#include "courier/body.h"
#include "courier/smtp.h"
#include "courier/test_server.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct smtp_times quick = {.connect_ms = 5000,
                                        .greeting_ms = 5000,
                                        .command_ms = 5000,
                                        .tls_ms = 5000,
                                        .data_ms = 5000,
                                        .block_ms = 5000,
                                        .end_ms = 5000};
static struct smtp_settings settings = {.hostname = {(const uint8_t *)"desk.example", 12}, .times = &quick};
static struct buf certificate, key;

#define WITH_TLS "250-mx.test\r\n250-PIPELINING\r\n250 STARTTLS\r\n"

static struct wire_address address_of(const struct test_server *server) {
    struct wire_address a;
    assert_int_equal(wire_address_ip(span_of("\177\0\0\1", 4), server->port, &a), SD_OK);
    return a;
}

static enum sd_err try_open(struct test_server *server, struct smtp_session **s, enum smtp_failure *why,
                            struct smtp_reply *reply) {
    struct wire_address a = address_of(server);
    return smtp_open(&settings, &a, SPAN("mx.test"), s, why, reply);
}

static struct smtp_session *open_ok(struct test_server *server) {
    struct smtp_session *s = NULL;
    enum smtp_failure why;
    struct smtp_reply reply;
    assert_int_equal(try_open(server, &s, &why, &reply), SD_OK);
    return s;
}

static void assert_open_fails(struct test_server *server, enum smtp_failure expected, const char *status) {
    struct smtp_session *s = NULL;
    enum smtp_failure why;
    struct smtp_reply reply;
    assert_int_not_equal(try_open(server, &s, &why, &reply), SD_OK);
    assert_null(s);
    assert_int_equal(why, expected);
    assert_int_equal(reply_class(&reply), 4);
    assert_string_equal(reply.status, status);
}

#define LETTER "From: a@b.example\r\n\r\n.dot\r\ntext\r\n"

static enum sd_err send_to(struct smtp_session *s, struct smtp_recipient *to, size_t n, bool *untouched) {
    struct buf body SD_CLEANUP(buf_free) = buf_new(10000);
    assert_int_equal(body_for_data(SPAN(LETTER), &body), SD_OK);
    struct smtp_message m = {
        .mail_from = SPAN("support@desk.example"), .wire_body = buf_span(&body), .size_bytes = sizeof LETTER - 1};
    return smtp_send(s, &m, to, n, untouched);
}

static void assert_result(const struct smtp_recipient *r, unsigned code, const char *status) {
    assert_int_equal(r->reply.code, code);
    assert_string_equal(r->reply.status, status);
}

static void test_one(void **state) {
    (void)state;
    struct test_server server;
    struct smtp_recipient to[] = {{.address = SPAN("a@mx.test")}};
    bool untouched;
    test_server_init(&server);
    test_server_start(&server);
    struct smtp_session *s = open_ok(&server);
    assert_int_equal(send_to(s, to, 1, &untouched), SD_OK);
    assert_result(&to[0], 250, "2.6.0");
    assert_string_equal(smtp_tls_text(s), "");
    assert_true(smtp_usable(s));
    smtp_close(&s);
    assert_true(test_server_heard(&server,
                                  "EHLO desk.example\r\nMAIL FROM:<support@desk.example> SIZE=33\r\nRCPT TO:<a@mx.test>\r\n"
                                  "DATA\r\nQUIT\r\n"));
    assert_true(span_eq(buf_span(&server.message), SPAN("From: a@b.example\r\n\r\n..dot\r\ntext\r\n")));
    test_server_stop(&server);
}

/* Every server reply cut into single bytes, with and without pipelining: the same results. */
static void test_results_of_each(void **state) {
    (void)state;
    static const char *const hellos[] = {"250-mx.test\r\n250 PIPELINING\r\n", "250 mx.test\r\n"};
    for (size_t i = 0; i < SD_COUNT(hellos); i++) {
        struct test_server server;
        struct smtp_recipient to[] = {{.address = SPAN("a@mx.test")},
                                      {.address = SPAN("later@mx.test")},
                                      {.address = SPAN("never@mx.test")},
                                      {.address = SPAN("b@mx.test")}};
        bool untouched;
        test_server_init(&server);
        server.byte_by_byte = true;
        server.answers[ON_EHLO] = hellos[i];
        test_server_start(&server);
        struct smtp_session *s = open_ok(&server);
        assert_int_equal(send_to(s, to, 4, &untouched), SD_OK);
        assert_result(&to[0], 250, "2.6.0");
        assert_result(&to[1], 450, "4.2.1");
        assert_result(&to[2], 550, "5.1.1");
        assert_result(&to[3], 250, "2.6.0");
        assert_true(smtp_usable(s));
        smtp_close(&s);
        test_server_stop(&server);
    }
}

/* Nobody taken: no DATA, and the session goes on. */
static void test_nobody_taken(void **state) {
    (void)state;
    struct test_server server;
    struct smtp_recipient to[] = {{.address = SPAN("never@mx.test")}, {.address = SPAN("later@mx.test")}};
    struct smtp_recipient next[] = {{.address = SPAN("a@mx.test")}};
    bool untouched;
    test_server_init(&server);
    test_server_start(&server);
    struct smtp_session *s = open_ok(&server);
    assert_int_equal(send_to(s, to, 2, &untouched), SD_OK);
    assert_false(test_server_heard(&server, "DATA"));
    assert_true(test_server_heard(&server, "RSET"));
    assert_int_equal(send_to(s, next, 1, &untouched), SD_OK);
    assert_result(&next[0], 250, "2.6.0");
    assert_int_equal(smtp_messages(s), 2);
    smtp_close(&s);
    test_server_stop(&server);
}

struct stage {
    enum smtp_verb verb;
    const char *answer;
    unsigned code;
    const char *status;
    enum sd_err err;
};

/* Refusals, nonsense and silence at each stage of a transaction. */
static void test_each_stage(void **state) {
    (void)state;
    static const struct stage stages[] = {
        {ON_MAIL, "451 4.3.0 not now\r\n", 451, "4.3.0", SD_OK},
        {ON_MAIL, "550 5.7.1 go away\r\n", 550, "5.7.1", SD_OK},
        {ON_MAIL, "354 what\r\n", 451, "4.5.0", SD_OK},
        {ON_MAIL, "421 4.3.2 bye\r\n", 421, "4.3.2", SD_ERR_CLOSED},
        {ON_MAIL, "nonsense\r\n", 421, "4.4.2", SD_ERR_PARSE},
        {ON_MAIL, NULL, 421, "4.4.2", SD_ERR_CLOSED},
        {ON_RCPT, "452 4.5.3 enough\r\n", 452, "4.5.3", SD_OK},
        {ON_RCPT, "552 too many recipients\r\n", 452, "4.5.3", SD_OK},
        {ON_RCPT, "354 what\r\n", 451, "4.5.0", SD_OK},
        {ON_RCPT, "421 4.7.0 slow down\r\n", 421, "4.7.0", SD_ERR_CLOSED},
        {ON_RCPT, NULL, 421, "4.4.2", SD_ERR_CLOSED},
        {ON_DATA, "451 4.3.1 disk\r\n", 451, "4.3.1", SD_OK},
        {ON_DATA, "554 5.7.1 no\r\n", 554, "5.7.1", SD_OK},
        {ON_DATA, "250 fine\r\n", 451, "4.5.0", SD_OK},
        {ON_DATA, NULL, 421, "4.4.2", SD_ERR_CLOSED},
        {ON_END, "451 4.7.1 greylisted\r\n", 451, "4.7.1", SD_OK},
        {ON_END, "554 5.7.1 spam\r\n", 554, "5.7.1", SD_OK},
        {ON_END, "354 more\r\n", 451, "4.5.0", SD_OK},
        {ON_END, NULL, 421, "4.4.2", SD_ERR_CLOSED},
    };
    for (size_t i = 0; i < SD_COUNT(stages); i++) {
        struct test_server server;
        struct smtp_recipient to[] = {{.address = SPAN("a@mx.test")}, {.address = SPAN("b@mx.test")}};
        bool untouched;
        test_server_init(&server);
        server.answers[stages[i].verb] = stages[i].answer;
        test_server_start(&server);
        struct smtp_session *s = open_ok(&server);
        assert_int_equal(send_to(s, to, 2, &untouched), stages[i].err);
        assert_result(&to[0], stages[i].code, stages[i].status);
        assert_int_equal(reply_class(&to[1].reply), stages[i].code / 100);
        assert_int_equal(untouched,
                         stages[i].err && stages[i].verb == ON_MAIL && stages[i].code == 421 && stages[i].status[2] == '4');
        assert_false(stages[i].err && smtp_usable(s));
        smtp_close(&s);
        test_server_stop(&server);
    }
}

static void test_refused_greetings(void **state) {
    (void)state;
    static const struct {
        enum smtp_verb verb;
        const char *answer, *status;
        enum smtp_failure why;
    } cases[] = {
        {ON_CONNECT, "554 5.7.1 no service\r\n", "4.3.2", SMTP_REFUSED},
        {ON_CONNECT, "421 busy\r\n", "4.3.2", SMTP_REFUSED},
        {ON_CONNECT, "SSH-2.0-x\r\n", "4.4.2", SMTP_BROKEN},
        {ON_CONNECT, NULL, "4.4.2", SMTP_BROKEN},
        {ON_EHLO, "421 no\r\n", "4.3.2", SMTP_REFUSED},
        {ON_EHLO, NULL, "4.4.2", SMTP_BROKEN},
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct test_server server;
        test_server_init(&server);
        server.answers[cases[i].verb] = cases[i].answer;
        test_server_start(&server);
        assert_open_fails(&server, cases[i].why, cases[i].status);
        test_server_stop(&server);
    }
}

static void test_nobody_listens(void **state) {
    (void)state;
    struct test_server server;
    test_server_init(&server);
    test_server_start(&server);
    test_server_stop(&server);
    assert_open_fails(&server, SMTP_NO_CONNECTION, "4.4.1");
}

static void test_helo(void **state) {
    (void)state;
    struct test_server server;
    struct smtp_recipient to[] = {{.address = SPAN("a@mx.test")}};
    bool untouched;
    test_server_init(&server);
    server.answers[ON_EHLO] = "502 unknown\r\n";
    test_server_start(&server);
    struct smtp_session *s = open_ok(&server);
    assert_int_equal(send_to(s, to, 1, &untouched), SD_OK);
    assert_result(&to[0], 250, "2.6.0");
    smtp_close(&s);
    assert_true(test_server_heard(&server, "HELO desk.example\r\nMAIL FROM:<support@desk.example>\r\n"));
    test_server_stop(&server);
}

/* ---- STARTTLS ---- */

static void init_tls(struct test_server *server) {
    test_server_init(server);
    server->answers[ON_EHLO] = WITH_TLS;
    server->ehlo_after_tls = "250-mx.test\r\n250 SIZE 5000\r\n";
    assert_int_equal(tls_server_context(buf_span(&certificate), buf_span(&key), &server->tls), SD_OK);
}

static void test_starttls(void **state) {
    (void)state;
    struct test_server server;
    struct smtp_recipient to[] = {{.address = SPAN("a@mx.test")}};
    bool untouched;
    init_tls(&server);
    server.byte_by_byte = true;
    test_server_start(&server);
    struct smtp_session *s = open_ok(&server);
    assert_true(strncmp(smtp_tls_text(s), "TLSv1.3 TLS_", 12) == 0);
    assert_true(smtp_certificate_valid(s));
    assert_int_equal(send_to(s, to, 1, &untouched), SD_OK);
    assert_result(&to[0], 250, "2.6.0");
    assert_true(smtp_usable(s));
    smtp_close(&s);
    /* What was offered in the clear counts no more: no pipelining, but SIZE. */
    assert_true(test_server_heard(&server, "STARTTLS\r\nEHLO desk.example\r\nMAIL FROM:<support@desk.example> SIZE=33\r\n"));
    test_server_stop(&server);
}

static void test_other_name(void **state) {
    (void)state;
    struct test_server server;
    struct smtp_session *s = NULL;
    enum smtp_failure why;
    struct smtp_reply reply;
    init_tls(&server);
    test_server_start(&server);
    struct wire_address a = address_of(&server);
    assert_int_equal(smtp_open(&settings, &a, SPAN("other.test"), &s, &why, &reply), SD_OK);
    assert_false(smtp_certificate_valid(s)); /* opportunistic: told, not refused */
    smtp_close(&s);
    test_server_stop(&server);
}

static void test_starttls_fails(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct test_server server;
        init_tls(&server);
        server.answers[ON_STARTTLS] = i == 0 ? "454 4.7.0 not now\r\n" : i == 1 ? NULL : server.answers[ON_STARTTLS];
        server.breaks_tls = i == 2;
        server.injects = i == 3; /* plain text behind the 220 must never be read as if it came over TLS */
        test_server_start(&server);
        assert_open_fails(&server, SMTP_TLS_FAILED, "4.7.5");
        assert_false(test_server_heard(&server, "MAIL"));
        test_server_stop(&server);
    }
}

/* ---- what is known before a word is said ---- */

static void test_too_big(void **state) {
    (void)state;
    struct test_server server;
    struct smtp_recipient to[] = {{.address = SPAN("a@mx.test")}};
    bool untouched;
    test_server_init(&server);
    server.answers[ON_EHLO] = "250-mx.test\r\n250 SIZE 32\r\n";
    test_server_start(&server);
    struct smtp_session *s = open_ok(&server);
    assert_int_equal(send_to(s, to, 1, &untouched), SD_OK);
    assert_result(&to[0], 552, "5.3.4");
    smtp_close(&s);
    assert_false(test_server_heard(&server, "MAIL"));
    test_server_stop(&server);
}

static void test_8bit(void **state) {
    (void)state;
    for (int offered = 0; offered < 2; offered++) {
        struct test_server server;
        struct smtp_recipient to[] = {{.address = SPAN("a@mx.test")}};
        struct smtp_message m = {.wire_body = SPAN("A: b\r\n\r\n\xc3\xa4\r\n.\r\n"), .size_bytes = 12, .is_8bit = true};
        bool untouched;
        test_server_init(&server);
        server.answers[ON_EHLO] = offered ? "250-mx.test\r\n250 8BITMIME\r\n" : "250 mx.test\r\n";
        test_server_start(&server);
        struct smtp_session *s = open_ok(&server);
        assert_int_equal(smtp_send(s, &m, to, 1, &untouched), SD_OK);
        assert_result(&to[0], offered ? 250 : 554, offered ? "2.6.0" : "5.6.3");
        smtp_close(&s);
        assert_int_equal(test_server_heard(&server, "MAIL FROM:<> BODY=8BITMIME\r\n"), offered);
        test_server_stop(&server);
    }
}

/* Larger than any socket buffer, so that it goes out in many pieces. */
static void test_large(void **state) {
    (void)state;
    struct test_server server;
    struct smtp_recipient to[] = {{.address = SPAN("a@mx.test")}};
    struct buf letter SD_CLEANUP(buf_free) = buf_new((size_t)4 * 1024 * 1024);
    struct buf body SD_CLEANUP(buf_free) = buf_new((size_t)8 * 1024 * 1024);
    bool untouched;
    buf_text(&letter, "A: b\r\n\r\n");
    while (letter.n < (size_t)3 * 1024 * 1024)
        buf_text(&letter, "a line of the usual length, as people write them in letters to a help desk\r\n");
    assert_int_equal(body_for_data(buf_span(&letter), &body), SD_OK);
    init_tls(&server);
    server.ehlo_after_tls = "250 mx.test\r\n";
    test_server_start(&server);
    struct smtp_session *s = open_ok(&server);
    struct smtp_message m = {.wire_body = buf_span(&body), .size_bytes = letter.n};
    assert_int_equal(smtp_send(s, &m, to, 1, &untouched), SD_OK);
    assert_result(&to[0], 250, "2.6.0");
    smtp_close(&s);
    assert_true(span_eq(buf_span(&server.message), buf_span(&letter)));
    test_server_stop(&server);
}

static void test_silence(void **state) {
    (void)state;
    static const struct smtp_times hasty = {.connect_ms = 2000,
                                            .greeting_ms = 200,
                                            .command_ms = 200,
                                            .tls_ms = 200,
                                            .data_ms = 200,
                                            .block_ms = 200,
                                            .end_ms = 200};
    static const enum smtp_verb verbs[] = {ON_CONNECT, ON_EHLO, ON_MAIL, ON_DATA, ON_END};
    settings.times = &hasty;
    for (size_t i = 0; i < SD_COUNT(verbs); i++) {
        struct test_server server;
        struct smtp_recipient to[] = {{.address = SPAN("a@mx.test")}};
        bool untouched;
        test_server_init(&server);
        server.answers[verbs[i]] = "";
        if (verbs[i] == ON_DATA)
            server.answers[ON_DATA] = "354-\r\n"; /* begins and never ends */
        test_server_start(&server);
        if (verbs[i] == ON_CONNECT || verbs[i] == ON_EHLO) {
            assert_open_fails(&server, SMTP_BROKEN, "4.4.2");
        } else {
            struct smtp_session *s = open_ok(&server);
            assert_int_equal(send_to(s, to, 1, &untouched), SD_ERR_TIMEOUT);
            assert_result(&to[0], 421, "4.4.2");
            smtp_close(&s);
        }
        test_server_stop(&server);
    }
    settings.times = &quick;
}

static int set_up(void **state) {
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    certificate = buf_new(10000);
    key = buf_new(10000);
    assert_int_equal(tls_self_signed(SPAN("mx.test"), &certificate, &key), SD_OK);
    assert_int_equal(tls_client_context(buf_span(&certificate), &settings.tls), SD_OK);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    tls_context_free(&settings.tls);
    buf_free(&certificate);
    buf_free(&key);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_results_of_each),
        cmocka_unit_test(test_nobody_taken),
        cmocka_unit_test(test_each_stage),
        cmocka_unit_test(test_refused_greetings),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_helo),
        cmocka_unit_test(test_starttls),
        cmocka_unit_test(test_other_name),
        cmocka_unit_test(test_starttls_fails),
        cmocka_unit_test(test_too_big),
        cmocka_unit_test(test_8bit),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_silence),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
