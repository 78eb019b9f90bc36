#include "courier/reply.h"
#include "courier/smtp_ehlo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Fed in two pieces cut at `cut`; how many bytes the reply took, 0 when it is not complete. */
static size_t feed_cut(const char *text, size_t cut, struct reply_reader *r, enum sd_err *err) {
    struct span all = span_cstr(text);
    size_t used = 0, more = 0;
    bool done = false;
    reply_start(r);
    *err = reply_feed(r, span_sub(all, 0, cut), &used, &done);
    if (*err == SD_OK && !done)
        *err = reply_feed(r, span_from(all, cut), &more, &done);
    return *err == SD_OK && done ? used + more : 0;
}

static size_t feed(const char *text, struct reply_reader *r, enum sd_err *err) {
    return feed_cut(text, strlen(text), r, err);
}

static void assert_text(const struct reply_reader *r, const char *text) {
    assert_int_equal(r->reply.text_bytes, strlen(text));
    assert_memory_equal(r->reply.text, text, strlen(text));
}

static void test_every_cut(void **state) {
    (void)state;
    static const char text[] = "550-5.1.1 no such\r\n550-user\r\n550 here\r\n250 next\r\n";
    struct reply_reader r;
    enum sd_err err;
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        assert_int_equal(feed_cut(text, cut, &r, &err), 39);
        assert_int_equal(r.reply.code, 550);
        assert_string_equal(r.reply.status, "5.1.1");
        assert_text(&r, "5.1.1 no such\nuser\nhere");
    }
}

static void test_forms(void **state) {
    (void)state;
    static const struct {
        const char *text, *status, *words;
        unsigned code;
    } cases[] = {
        {"250\r\n", "2.0.0", "", 250},
        {"250 \r\n", "2.0.0", "", 250},
        {"250 ok\n", "2.0.0", "ok", 250},
        {"250 2.1.5 ok\r\n", "2.1.5", "2.1.5 ok", 250},
        {"250 2.1.5\r\n", "2.1.5", "2.1.5", 250},
        {"450 5.1.1 liar\r\n", "4.0.0", "5.1.1 liar", 450},
        {"550 5.1234.1 x\r\n", "5.0.0", "5.1234.1 x", 550},
        {"550 5.1.\r\n", "5.0.0", "5.1.", 550},
        {"550 5.100.999 x\r\n", "5.100.999", "5.100.999 x", 550},
        {"354 go\r\n", "3.0.0", "go", 354},
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct reply_reader r;
        enum sd_err err;
        assert_int_equal(feed(cases[i].text, &r, &err), strlen(cases[i].text));
        assert_int_equal(r.reply.code, cases[i].code);
        assert_string_equal(r.reply.status, cases[i].status);
        assert_text(&r, cases[i].words);
    }
}

static void test_junk(void **state) {
    (void)state;
    static const char *const cases[] = {"\r\n",           "25\r\n",           "hello\r\n",  "150 x\r\n",
                                        "600 x\r\n",      "250x\r\n",         "2500 x\r\n", "250-a\r\n251 b\r\n",
                                        "250-a\r\nb\r\n", "HTTP/1.1 400\r\n", " 250 x\r\n"};
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct reply_reader r;
        enum sd_err err;
        assert_int_equal(feed(cases[i], &r, &err), 0);
        assert_int_equal(err, SD_ERR_PARSE);
    }
}

static void test_limits(void **state) {
    (void)state;
    static struct reply_reader r;
    size_t used;
    bool done = false;
    enum sd_err err = SD_OK;
    reply_start(&r);
    for (int i = 0; i < REPLY_LINES; i++)
        assert_int_equal(reply_feed(&r, SPAN("250-some words of a talkative server\r\n"), &used, &done), SD_OK);
    assert_int_equal(reply_feed(&r, SPAN("250-one more\r\n"), &used, &done), SD_ERR_LIMIT);
    assert_int_equal(r.reply.text_bytes, REPLY_TEXT_BYTES);
    reply_start(&r);
    for (int i = 0; i <= REPLY_LINE_BYTES && err == SD_OK; i++)
        err = reply_feed(&r, SPAN("2"), &used, &done);
    assert_int_equal(err, SD_ERR_LIMIT);
}

static void test_local(void **state) {
    (void)state;
    struct smtp_reply reply, again;
    reply_local(&reply, 556, "5.1.10", "takes no mail");
    assert_string_equal(reply.status, "5.1.10");
    reply_stored(&again, reply.code, span_of(reply.text, reply.text_bytes));
    assert_string_equal(again.status, "5.1.10");
    assert_int_equal(reply_class(&again), 5);
}

static void test_offers(void **state) {
    (void)state;
    static struct reply_reader r;
    enum sd_err err;
    assert_true(feed("250-STARTTLS\r\n250-size 1000\r\n250-Pipelining\r\n250-XSTARTTLS\r\n250 8BITMIME\r\n", &r, &err) > 0);
    struct smtp_offers offers = smtp_read_offers(&r.reply);
    assert_false(offers.starttls); /* the first line is the server's name */
    assert_true(offers.pipelining && offers.size && offers.eight_bit);
    assert_int_equal(offers.size_max, 1000);
    assert_true(feed("250-mx\r\n250-STARTTLS\r\n250 SIZE x\r\n", &r, &err) > 0);
    offers = smtp_read_offers(&r.reply);
    assert_true(offers.starttls && offers.size && !offers.pipelining);
    assert_int_equal(offers.size_max, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut), cmocka_unit_test(test_forms), cmocka_unit_test(test_junk),
        cmocka_unit_test(test_limits),    cmocka_unit_test(test_local), cmocka_unit_test(test_offers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
