#include "mail/mail_test.h"

#include "core/limits.h"

static mail_ambiguities flags(struct span bytes, struct mail_header *h, struct span *body, struct arena *arena) {
    mail_ambiguities seen = 0;
    assert_int_equal(mail_parse_header(bytes, arena, h, body, &seen), SD_OK);
    return seen;
}

static void splits_fields(void **state) {
    (void)state;
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(TEST_ARENA_BYTES);
    struct mail_header h;
    struct span body;
    struct span bytes = SPAN("A: 1\r\nLong: x\r\n y\r\n\tz\r\na:2\r\n\r\nbody\r\n");
    assert_int_equal(flags(bytes, &h, &body, arena), 0);
    assert_int_equal(h.count, 3);
    assert_text(h.fields[1].name, "Long");
    assert_text(h.fields[1].body, " x\r\n y\r\n\tz");
    assert_text(h.fields[1].raw, "Long: x\r\n y\r\n\tz\r\n");
    assert_text(body, "body\r\n");
    assert_ptr_equal(mail_field_first(&h, SPAN("A")), &h.fields[0]);
    assert_int_equal(mail_field_count(&h, SPAN("A")), 2);
    assert_null(mail_field_first(&h, SPAN("B")));
}

struct flag_case {
    struct span bytes;
    mail_ambiguities expected;
    size_t fields;
};

static void flags_what_programs_read_differently(void **state) {
    (void)state;
    const struct flag_case cases[] = {
        {SPAN("A: 1\r\nno field\r\nB: 2\r\n\r\n"), AMBIGUITY(HEADER_SYNTAX), 2},
        {SPAN(" lead\r\nB: 2\r\n\r\n"), AMBIGUITY(HEADER_SYNTAX), 1},
        {SPAN(": 1\r\nB: 2\r\n\r\n"), AMBIGUITY(HEADER_SYNTAX), 1},
        {SPAN("Two words: 1\r\n\r\n"), AMBIGUITY(HEADER_SYNTAX), 0},
        {SPAN("From x Mon Jan 1\r\nB: 2\r\n\r\n"), AMBIGUITY(HEADER_SYNTAX), 1},
        {SPAN("From : x\r\n\r\n"), AMBIGUITY(HEADER_SPACE_NAME), 1},
        {SPAN("A: 1\0\r\n\r\n"), AMBIGUITY(HEADER_NUL), 1},
        {SPAN("A: 1\nB: 2\r\n\r\n"), AMBIGUITY(HEADER_CR), 2},
        {SPAN("A: 1\rB: 2\r\n\r\n"), AMBIGUITY(HEADER_CR), 1},
        {SPAN("A: \xc3\xa9\r\n\r\n"), AMBIGUITY(HEADER_8BIT), 1},
        {SPAN("A: 1\r\n \t\r\nB: 2\r\n\r\n"), AMBIGUITY(HEADER_EMPTY_FOLD), 2},
        {SPAN(""), 0, 0},
        {SPAN("\r\nbody"), 0, 0},
        {SPAN("A: 1"), 0, 1},
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct arena *arena SD_CLEANUP(arena_free) = arena_new(TEST_ARENA_BYTES);
        struct mail_header h;
        struct span body;
        assert_int_equal(flags(cases[i].bytes, &h, &body, arena), cases[i].expected);
        assert_int_equal(h.count, cases[i].fields);
    }
}

static void keeps_to_its_limits(void **state) {
    (void)state;
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(TEST_ARENA_BYTES);
    struct buf b SD_CLEANUP(buf_free) = buf_new(1024 * 1024);
    struct mail_header h;
    struct span body;
    for (int i = 0; i < LIMIT_HEADER_FIELDS; i++)
        buf_text(&b, "a: b\r\n");
    buf_text(&b, "\r\nbody");
    assert_int_equal(flags(buf_span(&b), &h, &body, arena), 0);
    assert_int_equal(h.count, LIMIT_HEADER_FIELDS);
    buf_reset(&b);
    for (int i = 0; i <= LIMIT_HEADER_FIELDS; i++)
        buf_text(&b, "a: b\r\n");
    buf_text(&b, "\r\nbody");
    assert_int_equal(flags(buf_span(&b), &h, &body, arena), AMBIGUITY(HEADER_TOO_LONG));
    assert_int_equal(h.count, LIMIT_HEADER_FIELDS);
    assert_text(body, "body");
    buf_reset(&b);
    buf_text(&b, "a: ");
    buf_fill(&b, 'x', LIMIT_HEADER_BYTES);
    buf_text(&b, "\r\nFrom: late@example.org\r\n\r\nbody");
    assert_int_equal(flags(buf_span(&b), &h, &body, arena), AMBIGUITY(HEADER_TOO_LONG));
    assert_int_equal(h.count, 0);
    assert_text(body, "body");
}

static void every_ambiguity_has_its_words(void **state) {
    (void)state;
    for (int i = 0; i < MAIL_AMBIGUITY_COUNT; i++) {
        assert_true(strlen(mail_ambiguity_id((enum mail_ambiguity)i)) > 2);
        assert_true(strlen(mail_ambiguity_sentence((enum mail_ambiguity)i)) > 10);
    }
    assert_string_equal(mail_ambiguity_id(MAIL_AMBIGUITY_COUNT), "unknown");
    assert_true(mail_ambiguity_severe(AMBIGUITY(FROM_REPEATED) | AMBIGUITY(BODY_CR)));
    assert_true(mail_ambiguity_of_parts(AMBIGUITY(BOUNDARY_LINE)) && !mail_ambiguity_of_names(AMBIGUITY(BOUNDARY_LINE)));
    assert_true(mail_ambiguity_of_names(AMBIGUITY(NAME_SYNTAX)) && mail_ambiguity_severe(AMBIGUITY(NAME_SYNTAX)));
    assert_false(mail_ambiguity_of_parts(AMBIGUITY(FROM_SYNTAX) | AMBIGUITY(UUENCODE)));
    assert_false(mail_ambiguity_severe(AMBIGUITY(BODY_CR) | AMBIGUITY(UUENCODE)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_fields),
        cmocka_unit_test(flags_what_programs_read_differently),
        cmocka_unit_test(keeps_to_its_limits),
        cmocka_unit_test(every_ambiguity_has_its_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
