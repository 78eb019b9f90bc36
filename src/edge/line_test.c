/* The line reader: what ends a line, at every point where the bytes may be cut. */
#include "edge/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NO_LIMIT deadline_in_ms(1000)

/* Gives what is before `cut`, then the rest, then the end; with step > 0 in pieces of step bytes instead. */
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

static struct line_reader *reader_over(struct stream *stream, struct script *script) {
    static const struct stream_ops ops = {.read = script_read};
    struct line_reader *r = malloc(sizeof *r);
    assert_non_null(r);
    *stream = (struct stream){.ops = &ops, .fd = -1, .script = script};
    line_reader_start(r, stream);
    return r;
}

/* Lines as "[line]", errors as their names, until the client is gone. */
static void read_lines(struct script script, size_t max, struct buf *to) {
    struct stream stream;
    struct line_reader *r = reader_over(&stream, &script);
    enum sd_err err = SD_OK;
    while (err == SD_OK || err == SD_ERR_LIMIT) {
        struct span line = SPAN_NONE;
        err = line_read(r, max, NO_LIMIT, &line);
        buf_printf(to, "%s[", err ? sd_err_name(err) : "");
        buf_put(to, line);
        buf_text(to, "]");
    }
    free(r);
}

static void assert_lines_at_every_cut(struct span input, size_t max, const char *expected) {
    struct buf got SD_CLEANUP(buf_free) = buf_new(65536);
    for (size_t cut = 0; cut <= input.n; cut++) {
        buf_reset(&got);
        read_lines((struct script){.bytes = input, .cut = cut}, max, &got);
        assert_true(span_eq(buf_span(&got), span_cstr(expected)));
    }
    buf_reset(&got);
    read_lines((struct script){.bytes = input, .step = 1}, max, &got);
    assert_true(span_eq(buf_span(&got), span_cstr(expected)));
}

static void only_crlf_ends_a_line(void **state) {
    (void)state;
    assert_lines_at_every_cut(SPAN("EHLO a\r\n\r\nQUIT\r\n"), 100, "[EHLO a][][QUIT]CLOSED[]");
    assert_lines_at_every_cut(SPAN("EHLO a\r\nQUI"), 100, "[EHLO a]CLOSED[]");
    assert_lines_at_every_cut(SPAN(""), 100, "CLOSED[]");
}

static void bare_ends_are_told_at_once(void **state) {
    (void)state;
    assert_lines_at_every_cut(SPAN("A\r\nEHLO a\nMAIL\r\n"), 100, "[A]PARSE[]");
    assert_lines_at_every_cut(SPAN("A\r\nEHLO a\rMAIL\r\n"), 100, "[A]PARSE[]");
    assert_lines_at_every_cut(SPAN("EHLO a\r\r\n"), 100, "PARSE[]");
    assert_lines_at_every_cut(SPAN("\n"), 100, "PARSE[]");
    assert_lines_at_every_cut(SPAN("A\n\r\n"), 100, "PARSE[]");
}

static void long_lines_are_skipped_to_their_end(void **state) {
    (void)state;
    assert_lines_at_every_cut(SPAN("12345\r\nQUIT\r\n"), 5, "[12345][QUIT]CLOSED[]");
    assert_lines_at_every_cut(SPAN("123456\r\nQUIT\r\n"), 5, "LIMIT[][QUIT]CLOSED[]");
    assert_lines_at_every_cut(SPAN("123456789012345\r\nQUIT\r\n"), 5, "LIMIT[][QUIT]CLOSED[]");
}

static void a_line_longer_than_the_buffer_is_skipped(void **state) {
    (void)state;
    size_t n = 3 * LINE_BUFFER_BYTES;
    struct buf input SD_CLEANUP(buf_free) = buf_new(n + 100);
    struct buf got SD_CLEANUP(buf_free) = buf_new(65536);
    buf_fill(&input, 'x', n);
    buf_text(&input, "\r\nQUIT\r\n");
    read_lines((struct script){.bytes = buf_span(&input), .cut = 1000}, 4096, &got);
    assert_true(span_eq(buf_span(&got), SPAN("LIMIT[][QUIT]CLOSED[]")));
}

/* Pieces put together: "|" where a line ends, "!" for a bare end. */
static void read_pieces(struct script script, struct buf *to) {
    struct stream stream;
    struct line_reader *r = reader_over(&stream, &script);
    struct line_piece piece;
    bool bare = false;
    while (line_piece(r, NO_LIMIT, &piece) == SD_OK) {
        buf_put(to, piece.bytes);
        bare |= piece.bare;
        if (piece.ends)
            buf_text(to, bare ? "!|" : "|");
        bare = bare && !piece.ends;
    }
    free(r);
}

static void pieces_make_the_same_lines_at_every_cut(void **state) {
    (void)state;
    static const struct {
        struct span input;
        struct span expected;
    } cases[] = {
        {SPAN("a\r\n.\r\nb\r\n"), SPAN("a|.|b|")}, {SPAN("a\n.\r\n"), SPAN("a\n.!|")},      {SPAN("a\r.\r\n"), SPAN("a\r.!|")},
        {SPAN("\r\r\n\r\n"), SPAN("\r!||")},       {SPAN("a\r\n.\r\r\n"), SPAN("a|.\r!|")}, {SPAN("\n\r\n"), SPAN("\n!|")},
        {SPAN("\r\n\r\n\r\n"), SPAN("|||")},       {SPAN("a\n\rb\r\n"), SPAN("a\n\rb!|")},
    };
    struct buf got SD_CLEANUP(buf_free) = buf_new(4096);
    for (size_t i = 0; i < SD_COUNT(cases); i++)
        for (size_t cut = 0; cut <= cases[i].input.n; cut++) {
            buf_reset(&got);
            read_pieces((struct script){.bytes = cases[i].input, .cut = cut, .step = cut == cases[i].input.n}, &got);
            assert_true(span_eq(buf_span(&got), cases[i].expected));
        }
}

static void commands_and_data_share_the_buffer(void **state) {
    (void)state;
    struct script script = {.bytes = SPAN("DATA\r\nbody\r\n.\r\nQUIT\r\n")};
    struct stream stream;
    struct line_reader *r = reader_over(&stream, &script);
    struct span line;
    struct line_piece piece;
    assert_int_equal(line_read(r, 100, NO_LIMIT, &line), SD_OK);
    assert_true(line_ready(r));
    assert_int_equal(line_buffered(r), 15);
    assert_int_equal(line_piece(r, NO_LIMIT, &piece), SD_OK);
    assert_true(piece.ends && span_eq(piece.bytes, SPAN("body")));
    assert_int_equal(line_piece(r, NO_LIMIT, &piece), SD_OK);
    assert_true(piece.ends && span_eq(piece.bytes, SPAN(".")));
    assert_int_equal(line_read(r, 100, NO_LIMIT, &line), SD_OK);
    assert_true(span_eq(line, SPAN("QUIT")));
    assert_false(line_ready(r));
    free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_crlf_ends_a_line),
        cmocka_unit_test(bare_ends_are_told_at_once),
        cmocka_unit_test(long_lines_are_skipped_to_their_end),
        cmocka_unit_test(a_line_longer_than_the_buffer_is_skipped),
        cmocka_unit_test(pieces_make_the_same_lines_at_every_cut),
        cmocka_unit_test(commands_and_data_share_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
