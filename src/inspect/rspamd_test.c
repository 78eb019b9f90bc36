/* The spam filter: Debian's rspamd, and servers that answer anything. */
#include "core/ipc/cards.h"
#include "crypt/seal.h"
#include "inspect/http.h"
#include "inspect/rspamd_rig.h"
#include "inspect/test_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define ZONE "customer.example TXT \"v=spf1 ip4:192.0.2.1 -all\"\n_dmarc.customer.example TXT \"v=DMARC1; p=reject\"\n"
#define HEAD                                                                                                                   \
    "From: Kim <kim@customer.example>\r\nTo: support@sealdesk.example\r\nSubject: hello\r\nDate: Mon, 23 Nov 2026 10:00:00 "   \
    "+0000\r\n"

static struct rspamd_rig rspamd;
static struct rig rig;
static bool has_rspamd;

/* ---- HTTP ---- */

static enum sd_err received(struct span answer, unsigned *ret_status, struct buf *body) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_true(answer.n == 0 || send(pair[1], answer.p, answer.n, MSG_NOSIGNAL) == (ssize_t)answer.n);
    (void)close(pair[1]);
    enum sd_err err = http_receive(pair[0], deadline_in_ms(5000), ret_status, body);
    (void)close(pair[0]);
    return err;
}

static void answers_are_read(void **state) {
    (void)state;
    static const struct {
        const char *answer;
        unsigned status;
        const char *body;
    } cases[] = {{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, "{}"},
                 {"HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\n{}more", 200, "{}"},
                 {"HTTP/1.0 404 Not found\r\n\r\nwhole", 404, "whole"},
                 {"HTTP/1.1 204 <x> contains less\r\nContent-Length: 89\r\n\r\n", 204, ""},
                 {"HTTP/1.1 500\r\nContent-Length: 0\r\n\r\n", 500, ""}};
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct buf body SD_CLEANUP(buf_free) = buf_new(4096);
        unsigned status = 0;
        assert_int_equal(received(span_cstr(cases[i].answer), &status, &body), SD_OK);
        assert_int_equal(status, cases[i].status);
        assert_true(span_eq(buf_span(&body), span_cstr(cases[i].body)));
    }
}

static void what_is_no_answer_is_none(void **state) {
    (void)state;
    static const char *const wrong[] = {"",
                                        "HTTP/1.1 200 OK\r\n",
                                        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}",
                                        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
                                        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 1\r\n\r\n{}",
                                        "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n{}",
                                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                                        "HTTP/1.1 2x0 OK\r\n\r\n",
                                        "HTTP/1.1 100 Continue\r\n\r\n",
                                        "\r\n\r\n{}",
                                        "SMTP 200 OK\r\n\r\n{}"};
    for (size_t i = 0; i < SD_COUNT(wrong); i++) {
        struct buf body SD_CLEANUP(buf_free) = buf_new(4096);
        unsigned status = 0;
        assert_int_not_equal(received(span_cstr(wrong[i]), &status, &body), SD_OK);
        assert_int_equal(status, 0);
    }
}

/* Nobody's HELO becomes a field of its own. */
static void a_value_with_a_line_end_is_no_field(void **state) {
    (void)state;
    struct buf fields SD_CLEANUP(buf_free) = buf_new(4096);
    http_field(&fields, "Helo", SPAN("mx\r\nSettings: {}"));
    http_field(&fields, "Helo", SPAN("mx\xff"));
    http_field(&fields, "Helo", SPAN_NONE);
    assert_int_equal(fields.n, 0);
    http_field(&fields, "Helo", SPAN("mx.customer.example"));
    assert_true(span_eq(buf_span(&fields), SPAN("Helo: mx.customer.example\r\n")));
}

/* ---- its words ---- */

static void its_answer_becomes_a_sentence(void **state) {
    (void)state;
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(65536);
    struct spam_answer answer;
    assert_int_equal(
        rspamd_read_answer(SPAN("{\"score\":11.04,\"required_score\":15,\"action\":\"add header\",\"symbols\":{"
                                "\"A_SMALL\":{\"score\":0.1},\"B_LARGE\":{\"score\":7.25},\"C_NEGATIVE\":{\"score\":-3},"
                                "\"D_NOTHING\":{\"score\":0},\"<script>\":{\"score\":1}}}"),
                           arena, &answer),
        SD_OK);
    assert_int_equal(answer.action, SPAM_ADD_HEADER);
    assert_true(
        span_eq(answer.sentence, SPAN("The spam filter gives it 11.0 of 15.0 (add header): B_LARGE 7.2, C_NEGATIVE -3.0, "
                                      "_script_ 1.0, A_SMALL 0.1.")));
}

static void what_it_did_not_say_is_not_guessed(void **state) {
    (void)state;
    static const char *const wrong[] = {"",
                                        "{",
                                        "[]",
                                        "{}",
                                        "{\"score\":1}",
                                        "{\"action\":\"no action\"}",
                                        "{\"score\":\"1\",\"action\":\"no action\"}",
                                        "{\"score\":1,\"action\":\"explode\"}",
                                        "{\"score\":1,\"action\":\"reject\",\"action\":\"no action\"}"};
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(65536);
    struct spam_answer answer;
    for (size_t i = 0; i < SD_COUNT(wrong); i++)
        assert_int_equal(rspamd_read_answer(span_cstr(wrong[i]), arena, &answer), SD_ERR_PROTOCOL);
    assert_int_equal(rspamd_read_answer(SPAN("{\"score\":1e999,\"action\":\"no action\"}"), arena, &answer), SD_ERR_PROTOCOL);
}

static void its_action_is_a_weight(void **state) {
    (void)state;
    assert_int_equal(spam_weight(SPAM_NONE, 60), 0);
    assert_int_equal(spam_weight(SPAM_GREYLIST, 60), 0);
    assert_int_equal(spam_weight(SPAM_ADD_HEADER, 60), 60);
    assert_int_equal(spam_weight(SPAM_SOFT_REJECT, 60), 60);
    assert_int_equal(spam_weight(SPAM_REJECT, 60), 100);
    assert_int_equal(spam_weight(SPAM_REJECT, 0), 0);
}

/* ---- with rspamd ---- */

/* A letter, its verdict, and its head card's signals. */
struct judged {
    struct ipc_msg *answer;
    struct inspect_judge_rep rep;
    struct span signals;
};

static void judged_free(struct judged *j) {
    ipc_msg_free(&j->answer);
}

static void judge(struct judged *j, struct span letter) {
    assert_int_equal(rig_judge(&rig, letter, &j->answer, &j->rep), SD_OK);
    struct reader r = reader_of(j->rep.facets);
    while (r.rest.n && !r.err) {
        struct cards_facet_v1 f;
        struct cards_head_v1 head;
        assert_int_equal(cards_facet_v1_decode(read_blob(&r, j->rep.facets.n), NULL, &f), SD_OK);
        if (f.facet != FACET_HEAD)
            continue;
        assert_int_equal(cards_head_v1_decode(f.content, NULL, &head), SD_OK);
        j->signals = head.signals;
    }
}

static bool says(struct span text, const char *part) {
    return span_search(text, span_cstr(part)) < text.n;
}

static void an_ordinary_letter_is_told_its_score(void **state) {
    (void)state;
    struct judged j SD_CLEANUP(judged_free) = {0};
    judge(&j, SPAN(HEAD "Message-ID: <1@customer.example>\r\n\r\nHello, my order has not come. What can I do?\r\n"));
    assert_int_equal(j.rep.disposition, DISPOSITION_ACCEPT);
    assert_int_equal(j.rep.signals, 0);
    assert_true(says(j.signals, "\"spam-filter\""));
    assert_true(says(j.signals, "(no action)"));
    assert_true(says(j.signals, "\"weight\":0"));
}

static void spam_is_held_and_says_why(void **state) {
    (void)state;
    struct judged j SD_CLEANUP(judged_free) = {0};
    struct buf letter SD_CLEANUP(buf_free) = buf_new(4096);
    buf_text(&letter, HEAD "\r\n");
    buf_put(&letter, gtube());
    buf_text(&letter, "\r\n");
    judge(&j, buf_span(&letter));
    assert_int_equal(j.rep.disposition, DISPOSITION_REVIEW);
    assert_int_equal(j.rep.signals, UINT64_C(1) << AUTH_SIGNAL_SPAM_FILTER);
    assert_int_equal(j.rep.weight, 100);
    assert_true(says(j.signals, "(reject): GTUBE"));
}

static void learned(bool spam, struct span source, char problem[257]) {
    struct ipc_msg *answer SD_CLEANUP(ipc_msg_free) = NULL;
    struct inspect_learn_rep rep;
    assert_int_equal(rig_learn(&rig, spam, source, &answer, &rep), SD_OK);
    if (rep.problem.n)
        memcpy(problem, rep.problem.p, rep.problem.n);
    problem[rep.problem.n] = 0;
}

static void it_learns(void **state) {
    (void)state;
    char problem[257];
    struct buf letter SD_CLEANUP(buf_free) = buf_new(65536);
    buf_text(&letter, HEAD "Message-ID: <2@customer.example>\r\n\r\n");
    for (int i = 0; i < 100; i++)
        buf_printf(&letter, "cheap%d pills%d winner%d\r\n", i, i, i);
    learned(true, buf_span(&letter), problem);
    assert_string_equal(problem, "");
    learned(true, buf_span(&letter), problem); /* again: known already */
    learned(true, SPAN(HEAD "\r\nx\r\n"), problem);
    assert_true(strlen(problem) > 0); /* too short to learn from */
}

static void one_that_is_gone_changes_nothing(void **state) {
    (void)state;
    char problem[257];
    struct judged j SD_CLEANUP(judged_free) = {0};
    rspamd_rig_kill(&rspamd);
    judge(&j, SPAN(HEAD "Message-ID: <3@customer.example>\r\n\r\nHello\r\n"));
    assert_int_equal(j.rep.disposition, DISPOSITION_ACCEPT);
    assert_false(says(j.signals, "spam-filter"));
    assert_true(atomic_load(&rig.inspector.rspamd.down));
    learned(true, SPAN(HEAD "\r\nx\r\n"), problem);
    assert_true(span_starts(span_cstr(problem), SPAN("The spam filter does not answer")));
}

static int set_up(void **state) {
    (void)state;
    char lines[512];
    has_rspamd = rspamd_rig_start(&rspamd);
    if (!has_rspamd)
        return 0;
    (void)snprintf(lines, sizeof lines, "scan.rspamd=%s\nscan.rspamd_controller=%s\nscan.rspamd_password_file=%s\n",
                   rspamd.check, rspamd.controller, rspamd.password_file);
    rig_start_scanning(&rig, ZONE, lines);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    rspamd_rig_stop(&rspamd);
    return 0;
}

static int needs_rspamd(void **state) {
    (void)state;
    if (!has_rspamd)
        skip();
    return 0;
}

#define WITH_RSPAMD(test) cmocka_unit_test_setup(test, needs_rspamd)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(what_is_no_answer_is_none),
        cmocka_unit_test(a_value_with_a_line_end_is_no_field),
        cmocka_unit_test(its_answer_becomes_a_sentence),
        cmocka_unit_test(what_it_did_not_say_is_not_guessed),
        cmocka_unit_test(its_action_is_a_weight),
        WITH_RSPAMD(an_ordinary_letter_is_told_its_score),
        WITH_RSPAMD(spam_is_held_and_says_why),
        WITH_RSPAMD(it_learns),
        WITH_RSPAMD(one_that_is_gone_changes_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
