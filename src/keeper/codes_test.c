#include "keeper/codes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void made_and_typed_in_again(SD_UNUSED void **state) {
    static const struct {
        enum code_kind kind;
        size_t symbols, shown;
    } kinds[] = {{CODE_RECOVERY, 16, 19}, {CODE_ENROLMENT, 8, 9}};
    for (size_t i = 0; i < 2 * SD_COUNT(kinds); i++) {
        struct secret code SD_CLEANUP(secret_free) = {0}, again SD_CLEANUP(secret_free) = {0};
        struct buf shown SD_CLEANUP(buf_free) = buf_new(64);
        assert_int_equal(code_make(kinds[i / 2].kind, &code), SD_OK);
        assert_int_equal(code.n, kinds[i / 2].symbols);
        assert_int_equal(code_show(&code, &shown), SD_OK);
        assert_int_equal(shown.n, kinds[i / 2].shown);
        assert_int_equal(shown.p[4], '-');
        assert_int_equal(code_normalise(kinds[i / 2].kind, buf_span(&shown), &again), SD_OK);
        assert_true(span_eq(secret_span(&code), secret_span(&again)));
    }
}

/* All 32 occur, evenly: 160,000 symbols, 5,000 each, 6 standard deviations. */
static void every_symbol(SD_UNUSED void **state) {
    unsigned counts[256] = {0}, symbols = 0;
    for (unsigned i = 0; i < 10000; i++) {
        struct secret code SD_CLEANUP(secret_free) = {0};
        assert_int_equal(code_make(CODE_RECOVERY, &code), SD_OK);
        for (size_t at = 0; at < code.n; at++)
            counts[code.p[at]]++;
    }
    for (unsigned c = 0; c < 256; c++) {
        if (!counts[c])
            continue;
        symbols++;
        assert_in_range(counts[c], 4580, 5420);
    }
    assert_int_equal(symbols, 32);
    assert_int_equal(counts['I'] + counts['L'] + counts['O'] + counts['U'], 0);
}

static void as_people_type(SD_UNUSED void **state) {
    static const char *const same[] = {"7KQ2-M4XD",  "7kq2-m4xd",   "7kq2m4xd",   "7KQ2 M4XD",
                                       " 7KQ2M4XD ", "7-K-Q-2M4XD", "--7KQ2M4XD", "7 K Q 2 - M 4 X D"};
    for (size_t i = 0; i < SD_COUNT(same); i++) {
        struct secret code SD_CLEANUP(secret_free) = {0};
        assert_int_equal(code_normalise(CODE_ENROLMENT, span_cstr(same[i]), &code), SD_OK);
        assert_true(span_eq(secret_span(&code), SPAN("7KQ2M4XD")));
    }
    struct secret code SD_CLEANUP(secret_free) = {0};
    assert_int_equal(code_normalise(CODE_ENROLMENT, SPAN("oO0i-IlL1"), &code), SD_OK);
    assert_true(span_eq(secret_span(&code), SPAN("00011111")));
}

static void no_codes(SD_UNUSED void **state) {
    static const char *const bad[] = {"",
                                      "7KQ2-M4X",
                                      "7KQ2-M4XD7",
                                      "7KQ2-M4XU",
                                      "7KQ2_M4XD",
                                      "7KQ2\tM4XD",
                                      "7KQ2-M4X\xc3\x96",
                                      "7KQ2-M4XD\n",
                                      "7KQ2\xe2\x80\x93M4XD",
                                      "7KQ2-M4X!",
                                      "--------",
                                      "7KQ2-M4XD-7KQ2-M4XD"};
    for (size_t i = 0; i < SD_COUNT(bad); i++) {
        struct secret code SD_CLEANUP(secret_free) = {0};
        assert_int_equal(code_normalise(CODE_ENROLMENT, span_cstr(bad[i]), &code), SD_ERR_PARSE);
        assert_int_equal(code.n, 0);
    }
    struct secret code SD_CLEANUP(secret_free) = {0};
    assert_int_equal(code_normalise(CODE_ENROLMENT, span_of("7KQ2M4X\0", 8), &code), SD_ERR_PARSE);
    assert_int_equal(code_normalise(CODE_RECOVERY, SPAN("7KQ2-M4XD"), &code), SD_ERR_PARSE);
    static const char spaces[CODE_TYPED_MAX + 1] = {[0 ... CODE_TYPED_MAX] = ' '};
    assert_int_equal(code_normalise(CODE_ENROLMENT, span_of(spaces, sizeof spaces), &code), SD_ERR_PARSE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_and_typed_in_again),
        cmocka_unit_test(every_symbol),
        cmocka_unit_test(as_people_type),
        cmocka_unit_test(no_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
