/* Message data: its only end, the dots, what is refused, and that nothing of it becomes a command. */
#include "edge/data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct script {
    struct span bytes;
    size_t at, cut, step;
};

static enum sd_err script_read(struct stream *stream, void *p, size_t n, struct deadline deadline, size_t *ret_n) {
    struct script *s = stream->script;
    (void)deadline;
    size_t to = s->step ? s->at + s->step : s->at < s->cut ? s->cut : s->bytes.n;
    struct span part = span_sub(s->bytes, s->at, to - s->at < n ? to - s->at : n);
    if (part.n)
        memcpy(p, part.p, part.n);
    s->at += part.n;
    *ret_n = part.n;
    return SD_OK;
}

struct outcome {
    enum sd_err err;
    enum data_fault fault;
    struct buf body;
    struct span line; /* what the next command line would be */
};

static struct limits limits;
static struct budget budget;

static int set_up(void **state) {
    (void)state;
    memset(&limits, 0, sizeof limits);
    limits_default(&limits);
    budget = (struct budget){.max = 64 * 1024 * 1024};
    return 0;
}

static struct line_reader reader;

/* The body is copied out; everything else is freed, and the budget must be whole again. */
static struct outcome read_data(struct script script, uint64_t declared) {
    static const struct stream_ops ops = {.read = script_read};
    struct stream stream = {.ops = &ops, .fd = -1, .script = &script};
    struct outcome outcome = {.body = buf_new(LIMIT_MESSAGE_BYTES)};
    struct transaction *t = NULL;
    line_reader_start(&reader, &stream);
    assert_int_equal(transaction_new(SPAN_NONE, &budget, &t), SD_OK);
    t->declared_bytes = declared;
    outcome.err = data_read(&reader, t, &limits, 1, deadline_in_ms(60000), &outcome.fault);
    buf_put(&outcome.body, buf_span(&t->body));
    assert_true(atomic_load(&budget.used) >= t->body.cap);
    transaction_free(&t);
    assert_int_equal(atomic_load(&budget.used), 0);
    if (outcome.err == SD_OK && line_read(&reader, 1000, deadline_in_ms(1000), &outcome.line))
        outcome.line = SPAN("(none)");
    return outcome;
}

static void assert_data(struct span input, enum data_fault fault, struct span body, struct span next) {
    for (size_t cut = 0; cut <= input.n; cut++) {
        struct outcome o = read_data((struct script){.bytes = input, .cut = cut, .step = cut == input.n}, 0);
        assert_int_equal(o.err, SD_OK);
        assert_int_equal(o.fault, fault);
        assert_true(span_eq(buf_span(&o.body), body));
        assert_true(span_eq(o.line, next));
        buf_free(&o.body);
    }
}

static void dots_at_every_cut(void **state) {
    (void)state;
    assert_data(SPAN("a\r\n.\r\nQUIT\r\n"), DATA_FINE, SPAN("a\r\n"), SPAN("QUIT"));
    assert_data(SPAN(".\r\nQUIT\r\n"), DATA_FINE, SPAN(""), SPAN("QUIT"));
    assert_data(SPAN("..\r\n...\r\n.a\r\n.\r\nQUIT\r\n"), DATA_FINE, SPAN(".\r\n..\r\na\r\n"), SPAN("QUIT"));
    assert_data(SPAN("a.\r\n a\r\n. \r\n.\r\nQUIT\r\n"), DATA_FINE, SPAN("a.\r\n a\r\n \r\n"), SPAN("QUIT"));
    assert_data(SPAN("a\0b\r\n\0.\r\n.\0\r\n.\r\nQUIT\r\n"), DATA_FINE, SPAN("a\0b\r\n\0.\r\n\0\r\n"), SPAN("QUIT"));
    assert_data(SPAN("\r\n\r\n.\r\nQUIT\r\n"), DATA_FINE, SPAN("\r\n\r\n"), SPAN("QUIT"));
}

static void bare_ends_are_read_to_the_real_one(void **state) {
    (void)state;
    static const char *const sequences[] = {"\n.\n",   "\n.\r\n", "\n.\r",   "\r.\n",       "\r.\r",         "\r.\r\n",
                                            "\r\n.\n", "\r\n.\r", "\n\n.\n", "\r\n.\r\r\n", "\r\r\n.\r\r\n", "\n.\r\r\n"};
    for (size_t i = 0; i < SD_COUNT(sequences); i++) {
        struct buf input SD_CLEANUP(buf_free) = buf_new(1024);
        buf_text(&input, "a");
        buf_text(&input, sequences[i]);
        buf_text(&input, "MAIL FROM:<b@c.example>\r\n.\r\nQUIT\r\n");
        assert_data(buf_span(&input), DATA_BARE_LINE_END, SPAN_NONE, SPAN("QUIT"));
    }
}

static void cut_off_data_is_no_message(void **state) {
    (void)state;
    struct span whole = SPAN("Subject: x\r\n\r\n..a\r\n.\r\n");
    for (size_t n = 0; n < whole.n; n++) {
        struct outcome o = read_data((struct script){.bytes = span_sub(whole, 0, n)}, 0);
        assert_int_equal(o.err, SD_ERR_CLOSED);
        buf_free(&o.body);
    }
}

static void assert_fault(struct buf *input, uint64_t declared, enum data_fault fault) {
    buf_text(input, "\r\n.\r\nQUIT\r\n");
    struct outcome o = read_data((struct script){.bytes = buf_span(input)}, declared);
    assert_int_equal(o.err, SD_OK);
    assert_int_equal(o.fault, fault);
    assert_true(span_eq(o.line, SPAN("QUIT")));
    if (fault)
        assert_int_equal(o.body.n, 0);
    buf_free(&o.body);
    buf_reset(input);
}

static void size_limits(void **state) {
    (void)state;
    struct buf input SD_CLEANUP(buf_free) = buf_new(8 << 20);
    limits.value[EDGE_MESSAGE] = 100000;
    buf_text(&input, "A: b\r\n\r\n");
    buf_fill(&input, 'x', 100000 - 10);
    assert_fault(&input, 0, DATA_FINE);
    buf_text(&input, "A: b\r\n\r\n");
    buf_fill(&input, 'x', 100000 - 9);
    assert_fault(&input, 0, DATA_TOO_LARGE);
    buf_fill(&input, 'x', 3 << 20);
    assert_fault(&input, 10, DATA_TOO_LARGE); /* SIZE=10 was a lie */
    limits.value[EDGE_MESSAGE] = 8 << 20;
    buf_text(&input, "A: ");
    buf_fill(&input, 'x', LIMIT_HEADER_BYTES - 5);
    assert_fault(&input, 0, DATA_FINE);
    buf_text(&input, "A: ");
    buf_fill(&input, 'x', LIMIT_HEADER_BYTES);
    assert_fault(&input, 0, DATA_HEADER_TOO_LARGE);
    buf_text(&input, "A: b\r\n\r\n");
    buf_fill(&input, 'x', LIMIT_HEADER_BYTES * 2);
    assert_fault(&input, UINT64_MAX, DATA_FINE);
    assert_true(atomic_load(&limits.hits[EDGE_MESSAGE]) == 2 && atomic_load(&limits.hits[EDGE_HEADER]) == 1);
}

static void too_many_hops(void **state) {
    (void)state;
    struct buf input SD_CLEANUP(buf_free) = buf_new(1 << 20);
    for (size_t i = 0; i < 100; i++)
        buf_text(&input, "Received: x\r\n");
    buf_text(&input, "A: b\r\n\r\nReceived: in the body\r\n");
    assert_fault(&input, 0, DATA_FINE);
    for (size_t i = 0; i < 101; i++)
        buf_text(&input, "received: x\r\n");
    assert_fault(&input, 0, DATA_LOOPS);
}

static void the_budget_of_all_sessions(void **state) {
    (void)state;
    struct buf input SD_CLEANUP(buf_free) = buf_new(1 << 20);
    budget.max = 100000;
    buf_text(&input, "A: b\r\n\r\n");
    buf_fill(&input, 'x', 60000);
    assert_fault(&input, 0, DATA_FINE);
    buf_text(&input, "A: b\r\n\r\n");
    buf_fill(&input, 'x', 70000);
    assert_fault(&input, 0, DATA_NO_ROOM);
    assert_int_equal(atomic_load(&limits.hits[EDGE_DATA_TOTAL]), 1);
    assert_false(budget_take(&budget, 100001));
    assert_true(budget_take(&budget, 100000));
    assert_false(budget_take(&budget, 1));
    budget_give(&budget, 100000);
}

static void endless_data_ends(void **state) {
    (void)state;
    struct buf input SD_CLEANUP(buf_free) = buf_new(1 << 20);
    limits.value[EDGE_MESSAGE] = 1000;
    limits.value[EDGE_DISCARD] = 100000;
    buf_fill(&input, 'x', 500000);
    struct outcome o = read_data((struct script){.bytes = buf_span(&input)}, 0);
    assert_int_equal(o.err, SD_ERR_LIMIT);
    buf_free(&o.body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(dots_at_every_cut, set_up),
        cmocka_unit_test_setup(bare_ends_are_read_to_the_real_one, set_up),
        cmocka_unit_test_setup(cut_off_data_is_no_message, set_up),
        cmocka_unit_test_setup(size_limits, set_up),
        cmocka_unit_test_setup(too_many_hops, set_up),
        cmocka_unit_test_setup(the_budget_of_all_sessions, set_up),
        cmocka_unit_test_setup(endless_data_ends, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
