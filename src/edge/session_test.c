/* The dialogue: the command table in every state, pipelining, what is forgotten when, limits. */
#include "edge/command.h"
#include "edge/test_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct rig rig;

static int set_up(void **state) {
    (void)state;
    rig_start(&rig);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    rig_stop(&rig);
    return 0;
}

/* The first three digits of every last reply line, a space between: "220 250 354". */
static void codes_of(struct span replies, char *to, size_t size) {
    struct span_split split = span_split_start(replies);
    struct span line;
    size_t n = 0;
    to[0] = 0;
    while (span_split_next(&split, '\n', &line) && n + 5 < size)
        if (line.n > 4 && line.p[3] == ' ')
            n += (size_t)snprintf(to + n, size - n, "%s%.3s", n ? " " : "", (const char *)line.p);
}

static void assert_codes(const char *input, const char *expected) {
    struct buf replies SD_CLEANUP(buf_free) = buf_new(1 << 20);
    char codes[8192];
    for (size_t chunk = 0; chunk < 4; chunk++) {
        buf_reset(&replies);
        rig_talk(&rig, span_cstr(input), chunk, &replies);
        codes_of(buf_span(&replies), codes, sizeof codes);
        assert_string_equal(codes, expected);
    }
}

#define EHLO "EHLO client.example\r\n"
#define MAIL "MAIL FROM:<a@example.org>\r\n"
#define RCPT "RCPT TO:<support@sealdesk.example>\r\n"
#define BODY "Subject: x\r\n\r\nbody\r\n.\r\n"

static void the_plain_dialogue(void **state) {
    (void)state;
    assert_codes(EHLO MAIL RCPT "DATA\r\n" BODY "QUIT\r\n", "220 250 250 250 354 250 221");
    assert_codes("HELO client.example\r\n" MAIL RCPT "DATA\r\n" BODY "QUIT\r\n", "220 250 250 250 354 250 221");
    assert_codes(
        "ehlo [192.0.2.1]\r\nmail from: <> size=100 body=8bitmime\r\nrcpt to: <support@SEALDESK.example>\r\ndata\r\n" BODY
        "quit\r\n",
        "220 250 250 250 354 250 221");
}

static void ehlo_offers_what_is_there(void **state) {
    (void)state;
    struct buf replies SD_CLEANUP(buf_free) = buf_new(1 << 16);
    rig_talk(&rig, SPAN(EHLO "QUIT\r\n"), 0, &replies);
    assert_true(span_eq(buf_span(&replies), SPAN("220 mx.sealdesk.example ESMTP Sealdesk\r\n"
                                                 "250-mx.sealdesk.example\r\n250-PIPELINING\r\n250-SIZE 26214400\r\n"
                                                 "250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"
                                                 "221 2.0.0 mx.sealdesk.example Bye\r\n")));
}

/* Row by row: what each command answers in each state. Whoever adds a command adds its row here. */
static void the_table_in_every_state(void **state) {
    (void)state;
    static const char *const lead[] = {"", EHLO, EHLO MAIL, EHLO MAIL RCPT};
    static const char *const lead_codes[] = {"220", "220 250", "220 250 250", "220 250 250 250"};
    static const struct {
        const char *line;
        const char *codes[4]; /* new, ready, mail, recipients */
    } rows[] = {
        {"EHLO x.example\r\n", {"250", "250", "250", "250"}},
        {"HELO x.example\r\n", {"250", "250", "250", "250"}},
        {MAIL, {"503", "250", "503", "503"}},
        {RCPT, {"503", "503", "250", "250"}},
        {"DATA\r\n", {"503", "503", "503", "354"}},
        {"STARTTLS\r\n", {"503", "502", "503", "503"}},
        {"RSET\r\n", {"250", "250", "250", "250"}},
        {"NOOP\r\n", {"250", "250", "250", "250"}},
        {"VRFY x\r\n", {"252", "252", "252", "252"}},
        {"HELP\r\n", {"214", "214", "214", "214"}},
        {"QUIT\r\n", {"221", "221", "221", "221"}},
        {"GET / HTTP/1.1\r\n", {"554", "554", "554", "554"}},
        {"BDAT 10 LAST\r\n", {"500", "500", "500", "500"}},
        {"AUTH PLAIN AAAA\r\n", {"500", "500", "500", "500"}},
        {"EXPN x\r\n", {"500", "500", "500", "500"}},
        {"TURN\r\n", {"500", "500", "500", "500"}},
        {"XYZZY\r\n", {"500", "500", "500", "500"}},
        {"\r\n", {"500", "500", "500", "500"}},
        {"DATA now\r\n", {"503", "503", "503", "501"}},
        {"RSET now\r\n", {"501", "501", "501", "501"}},
        {"EHLO\r\n", {"501", "501", "501", "501"}},
        {"EHLO a(b)c\r\n", {"501", "501", "501", "501"}},
        {"NO\1OP\r\n", {"500", "500", "500", "500"}},
    };
    for (size_t row = 0; row < SD_COUNT(rows); row++)
        for (size_t i = 0; i < 4; i++) {
            char input[512], expected[64];
            (void)snprintf(input, sizeof input, "%s%s", lead[i], rows[row].line);
            (void)snprintf(expected, sizeof expected, "%s %s", lead_codes[i], rows[row].codes[i]);
            assert_codes(input, expected);
        }
}

static void every_row_has_a_handler_and_denies_by_default(void **state) {
    (void)state;
    assert_null(command_find(SPAN("")));
    assert_null(command_find(SPAN("EHL")));
    assert_null(command_find(SPAN("EHLOO")));
    assert_non_null(command_find(SPAN("eHlO")));
    assert_int_equal((struct command){0}.states & STATE_ANY, 0); /* a row that forgot its states is legal nowhere */
}

static void parameters_of_mail_and_rcpt(void **state) {
    (void)state;
    static const struct {
        const char *line, *code;
    } mail[] = {
        {"MAIL FROM:<a@b.example> SIZE=100", "250"},
        {"MAIL FROM:<a@b.example> SIZE=26214400", "250"},
        {"MAIL FROM:<a@b.example> SIZE=26214401", "552"},
        {"MAIL FROM:<a@b.example> SIZE=99999999999999999999999", "501"},
        {"MAIL FROM:<a@b.example> SIZE=", "501"},
        {"MAIL FROM:<a@b.example> SIZE", "501"},
        {"MAIL FROM:<a@b.example> SIZE=-1", "501"},
        {"MAIL FROM:<a@b.example> SIZE=1 SIZE=1", "501"},
        {"MAIL FROM:<a@b.example> BODY=7BIT SIZE=1", "250"},
        {"MAIL FROM:<a@b.example> BODY=BINARYMIME", "501"},
        {"MAIL FROM:<a@b.example> BODY=7BIT BODY=7BIT", "501"},
        {"MAIL FROM:<a@b.example> SMTPUTF8", "555"},
        {"MAIL FROM:<a@b.example> RET=FULL", "555"},
        {"MAIL FROM:<a@b.example> AUTH=<>", "555"},
        {"MAIL FROM:<\xc3\xa9@b.example>", "553"},
        {"MAIL FROM:a@b.example", "501"},
        {"MAIL TO:<a@b.example>", "501"},
        {"MAIL <a@b.example>", "501"},
        {"MAIL FROM:<a@b.example>SIZE=1", "501"},
    };
    static const struct {
        const char *line, *code;
    } rcpt[] = {
        {"RCPT TO:<support@sealdesk.example>", "250"},
        {"RCPT TO:<support+token@sealdesk.example>", "250"},
        {"RCPT TO:<postmaster>", "250"},
        {"RCPT TO:<nobody@sealdesk.example>", "550"},
        {"RCPT TO:<support@elsewhere.example>", "550"},
        {"RCPT TO:<>", "501"},
        {"RCPT TO:<support@sealdesk.example> NOTIFY=NEVER", "555"},
        {"RCPT FROM:<support@sealdesk.example>", "501"},
        {"RCPT TO:support@sealdesk.example", "501"},
        {"RCPT TO:<support+\xff@sealdesk.example>", "553"}, /* not even UTF-8, and it would stand in our Received field */
        {"RCPT TO:<support+\xc3\xa9@sealdesk.example>", "553"},
    };
    for (size_t i = 0; i < SD_COUNT(mail); i++) {
        char input[256], expected[64];
        (void)snprintf(input, sizeof input, EHLO "%s\r\n" RCPT, mail[i].line);
        (void)snprintf(expected, sizeof expected, "220 250 %s %s", mail[i].code, mail[i].code[0] == '2' ? "250" : "503");
        assert_codes(input, expected);
    }
    for (size_t i = 0; i < SD_COUNT(rcpt); i++) {
        char input[256], expected[64];
        (void)snprintf(input, sizeof input, EHLO MAIL "%s\r\nDATA x\r\n", rcpt[i].line);
        (void)snprintf(expected, sizeof expected, "220 250 250 %s %s", rcpt[i].code, rcpt[i].code[0] == '2' ? "501" : "503");
        assert_codes(input, expected);
    }
}

/* After each of these, nothing of the transaction is left: RCPT needs a new MAIL. */
static void a_transaction_ends_completely(void **state) {
    (void)state;
    assert_codes(EHLO MAIL RCPT "RSET\r\n" RCPT "DATA\r\n" MAIL "DATA\r\n", "220 250 250 250 250 503 503 250 503");
    assert_codes(EHLO MAIL RCPT EHLO RCPT "DATA\r\n", "220 250 250 250 250 503 503");
    assert_codes(EHLO MAIL RCPT "HELO x.example\r\n" RCPT "DATA\r\n", "220 250 250 250 250 503 503");
    assert_codes(EHLO MAIL RCPT "DATA\r\n" BODY RCPT "DATA\r\n", "220 250 250 250 354 250 503 503");
    assert_codes(EHLO MAIL RCPT "DATA\r\nX-Test: reject\r\n\r\n.\r\n" RCPT "DATA\r\n", "220 250 250 250 354 550 503 503");
    assert_codes(EHLO MAIL RCPT "DATA\r\nX-Test: tempfail\r\n\r\n.\r\n" RCPT, "220 250 250 250 354 451 503");
    assert_codes(EHLO MAIL RCPT "DATA\r\nbare\n\r\n.\r\n" RCPT "DATA\r\n", "220 250 250 250 354 550 503 503");
    assert_int_equal(rig.edge.budget.used, 0);
}

static void the_next_transaction_has_its_own_envelope(void **state) {
    (void)state;
    struct buf replies SD_CLEANUP(buf_free) = buf_new(1 << 16);
    rig_talk(&rig,
             SPAN(EHLO MAIL RCPT "RCPT TO:<billing@sealdesk.example>\r\nDATA\r\n" BODY "MAIL FROM:<>\r\n" RCPT "DATA\r\n" BODY
                                 "QUIT\r\n"),
             0, &replies);
    assert_int_equal(rig.letter_count, 2);
    assert_int_equal(rig.mail_from.n, 0);
    assert_int_equal(rig.recipient_count, 1);
    assert_true(span_eq(buf_span(&rig.helo), SPAN("client.example")));
}

static void bare_line_ends_and_long_lines(void **state) {
    (void)state;
    char input[LIMIT_LINE_BYTES + 200] = "NOOP ";
    assert_codes("EHLO x\nMAIL FROM:<a@b.example>\n", "220 500");
    assert_codes("EHLO x.example\rNOOP\r\nNOOP\r\n", "220 500");
    memset(input + 5, 'x', LIMIT_LINE_BYTES - 5);
    strcpy(input + LIMIT_LINE_BYTES, "\r\nQUIT\r\n");
    assert_codes(input, "220 250 221");
    strcpy(input + LIMIT_LINE_BYTES, "x\r\nQUIT\r\n");
    assert_codes(input, "220 500 221");
}

static void limits_end_the_session_or_ask_to_wait(void **state) {
    (void)state;
    struct limits *limits = &rig.edge.limits;
    limits->value[EDGE_BAD_COMMANDS] = 3;
    assert_codes("X\r\nX\r\nX\r\nNOOP\r\n", "220 500 500 500 421");
    assert_codes(EHLO MAIL
                 "RCPT TO:<u1@sealdesk.example>\r\nRCPT TO:<u2@sealdesk.example>\r\nRCPT TO:<u3@sealdesk.example>\r\n" RCPT,
                 "220 250 250 550 550 550 421");
    limits->value[EDGE_COMMANDS] = 4;
    assert_codes("NOOP\r\nRSET\r\nVRFY x\r\nHELP\r\nNOOP\r\nNOOP\r\n", "220 250 250 252 214 421");
    assert_codes(EHLO MAIL RCPT "DATA\r\n" BODY MAIL RCPT "DATA\r\n" BODY MAIL RCPT "DATA\r\n" BODY "QUIT\r\n",
                 "220 250 250 250 354 250 250 250 354 250 250 250 354 250 221");
    limits->value[EDGE_RECIPIENTS] = 2;
    assert_codes(EHLO MAIL RCPT RCPT RCPT "DATA\r\n" BODY, "220 250 250 250 250 452 354 250");
    assert_true(atomic_load(&limits->hits[EDGE_BAD_COMMANDS]) > 0 && atomic_load(&limits->hits[EDGE_COMMANDS]) > 0 &&
                atomic_load(&limits->hits[EDGE_RECIPIENTS]) > 0);
}

static void more_queues_than_one_letter_may_have(void **state) {
    (void)state;
    struct buf input SD_CLEANUP(buf_free) = buf_new(1 << 16);
    static char names[16][40];
    buf_text(&input, EHLO MAIL);
    for (size_t i = 0; i < 10; i++) {
        (void)snprintf(names[i], sizeof names[i], "q%zu@sealdesk.example", i);
        assert_int_equal(queues_add(&rig.edge.queues, SPAN("q"), span_cstr(names[i])), SD_OK);
        buf_printf(&input, "RCPT TO:<%s>\r\n", names[i]);
    }
    buf_byte(&input, 0);
    assert_codes((const char *)input.p, "220 250 250 250 250 250 250 250 250 250 250 452 452");
}

static void a_stopping_edge_begins_nothing(void **state) {
    (void)state;
    rig.edge.roster.stopping = true;
    assert_codes(EHLO MAIL, "421");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_plain_dialogue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ehlo_offers_what_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_table_in_every_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_row_has_a_handler_and_denies_by_default, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parameters_of_mail_and_rcpt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_transaction_ends_completely, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_next_transaction_has_its_own_envelope, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bare_line_ends_and_long_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limits_end_the_session_or_ask_to_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_queues_than_one_letter_may_have, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stopping_edge_begins_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
