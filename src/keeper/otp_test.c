/*
 * One-time codes: the vectors of RFC 6238 and RFC 4226, and the rules of behaviour of ../shared/corpora/otp, read in place. A
 * rule of that list that has no test here fails the run.
 */
#include "core/codec.h"
#include "keeper/throttle.h"
#include "keeper/totp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define SECRET SPAN("12345678901234567890")
#define T0 INT64_C(3000) /* seconds; the beginning of a step */

static void code_at(int64_t at_s, char ret[TOTP_DIGITS + 1]) {
    uint32_t code = 0;
    assert_int_equal(totp_code(SECRET, (uint64_t)at_s / TOTP_STEP_S, TOTP_DIGITS, &code), SD_OK);
    (void)snprintf(ret, TOTP_DIGITS + 1, "%06u", code % 1000000);
}

static enum totp_verdict try_text(int64_t now_s, struct span typed, struct totp_used *used) {
    enum totp_verdict verdict = TOTP_REFUSED;
    assert_int_equal(totp_check(SECRET, typed, now_s * 1000, used, &verdict), SD_OK);
    return verdict;
}

static enum totp_verdict try_code(int64_t now_s, int64_t code_s, struct totp_used *used) {
    char typed[TOTP_DIGITS + 1];
    code_at(code_s, typed);
    return try_text(now_s, span_cstr(typed), used);
}

static bool refused(const char *text, size_t n) {
    struct totp_used used = {0};
    return try_text(T0, span_of(text, n), &used) == TOTP_REFUSED && used.last == 0;
}

static void replay(void) {
    struct totp_used used = {0};
    assert_int_equal(try_code(T0, T0, &used), TOTP_GOOD);
    assert_int_equal(try_code(T0, T0, &used), TOTP_REFUSED);
    assert_int_equal(try_code(T0 + 29, T0, &used), TOTP_REFUSED);
    assert_int_equal(try_code(T0 + 30, T0, &used), TOTP_REFUSED);
    assert_int_equal(try_code(T0 + 30, T0 + 30, &used), TOTP_GOOD);
}

static void window(void) {
    struct totp_used used = {0};
    assert_int_equal(try_code(T0, T0 - 60, &used), TOTP_REFUSED);
    assert_int_equal(try_code(T0, T0 + 30, &used), TOTP_REFUSED); /* none ahead */
    assert_int_equal(try_code(T0, T0 + 60, &used), TOTP_REFUSED);
    assert_int_equal(used.last, 0);
    assert_int_equal(try_code(T0, T0 - 1, &used), TOTP_GOOD);
    assert_int_equal(try_code(T0, T0, &used), TOTP_GOOD);
}

static void older_after_newer(void) {
    struct totp_used used = {0};
    assert_int_equal(try_code(T0, T0, &used), TOTP_GOOD);
    assert_int_equal(try_code(T0, T0 - 30, &used), TOTP_REFUSED);
    assert_int_equal(try_code(T0 - 30, T0 - 30, &used), TOTP_REFUSED); /* nor when the clock is set back */
    assert_int_equal(used.last, T0 / 30);
}

/* throttle.h; that sign-in asks it before the code is in session_test.c. */
static void rate_limit(void) {
    struct throttle t = {0};
    for (unsigned i = 0; i < THROTTLE_LOCK; i++)
        throttle_charge(&t, T0 * 1000);
    assert_int_equal(throttle_wait_ms(&t, T0 * 1000), THROTTLE_LOCK_MS);
}

static void length_5(void) {
    assert_true(refused("12345", 5) && refused("", 0));
}

/* The right code with one more, at either end. */
static void length_7(void) {
    char code[TOTP_DIGITS + 1], typed[2 * TOTP_DIGITS];
    code_at(T0, code);
    (void)snprintf(typed, sizeof typed, "%s0", code);
    assert_true(refused(typed, 7));
    (void)snprintf(typed, sizeof typed, "0%s", code);
    assert_true(refused(typed, 7));
    assert_true(refused(code, 7)); /* with its NUL */
}

static void leading_zero(void) {
    int64_t at_s = T0;
    char code[TOTP_DIGITS + 1];
    struct totp_used used = {0};
    for (code_at(at_s, code); code[0] != '0'; code_at(at_s, code))
        at_s += 30;
    assert_int_equal(try_text(at_s, span_of(code + 1, 5), &used), TOTP_REFUSED);
    assert_int_equal(try_text(at_s, span_of(code, 6), &used), TOTP_GOOD);
}

static void spaces(void) {
    char code[TOTP_DIGITS + 1], typed[16];
    struct totp_used used = {0};
    code_at(T0, code);
    static const char *const bad[] = {" %.3s%s", "%.3s%s ", "%.3s  %s", "%.3sa%s", "%.3s\t%s", "%.3s-%s", "%.3s\xc2\xa0%s"};
    for (size_t i = 0; i < SD_COUNT(bad); i++) {
        int n = snprintf(typed, sizeof typed, bad[i], code, code + 3);
        assert_true(refused(typed, (size_t)n));
    }
    (void)snprintf(typed, sizeof typed, "%.2s %s", code, code + 2);
    assert_true(refused(typed, 7));
    (void)snprintf(typed, sizeof typed, "%.3s %s", code, code + 3);
    assert_int_equal(try_text(T0, span_of(typed, 7), &used), TOTP_GOOD);
}

/* Arabic-Indic and full-width. */
static void unicode_digits(void) {
    char code[TOTP_DIGITS + 1];
    struct buf arabic SD_CLEANUP(buf_free) = buf_new(64), wide SD_CLEANUP(buf_free) = buf_new(64);
    code_at(T0, code);
    for (size_t i = 0; i < TOTP_DIGITS; i++) {
        buf_byte(&arabic, 0xd9);
        buf_byte(&arabic, (uint8_t)(0xa0 + code[i] - '0'));
        buf_put(&wide, SPAN("\xef\xbc"));
        buf_byte(&wide, (uint8_t)(0x90 + code[i] - '0'));
    }
    assert_true(refused((const char *)arabic.p, arabic.n) && refused((const char *)wide.p, wide.n));
    assert_true(refused((const char *)arabic.p, 6));
}

/* By construction: span_eq_secret() on text of one length, for both steps whatever the first one gave. */
static void constant_time(void) {
    assert_true(span_eq_secret(SPAN("123456"), SPAN("123456")) && !span_eq_secret(SPAN("123456"), SPAN("123457")));
}

static void year_2038(void) {
    struct totp_used used = {.last = (UINT64_C(1) << 31) / 30};
    assert_int_equal(try_code(INT64_C(20000000000), INT64_C(20000000000), &used), TOTP_GOOD);
    assert_int_equal(used.last, 20000000000 / 30);
}

static void negative_time(void) {
    char code[TOTP_DIGITS + 1];
    struct totp_used used = {0};
    code_at(0, code);
    assert_int_equal(try_text(-1, span_of(code, 6), &used), TOTP_REFUSED);
    assert_int_equal(try_text(-31, span_of(code, 6), &used), TOTP_REFUSED);
    assert_int_equal(try_text(INT64_MIN / 1000, span_of(code, 6), &used), TOTP_REFUSED);
}

static void no_import(void) {
    print_message("  not for us: secrets are made here and never typed in\n");
}

static void secret_short(void) {
    struct totp_used used = {0};
    enum totp_verdict verdict = TOTP_REFUSED;
    assert_true(TOTP_SECRET_BYTES >= TOTP_SECRET_LEAST);
    assert_int_equal(totp_check(SPAN("123456789012345"), SPAN("123456"), T0 * 1000, &used, &verdict), SD_ERR_BUG);
}

static void enrolment(void) {
    print_message("  not here: what is stored when is the keeper's, and its tests'\n");
}

static const struct {
    const char *id;
    void (*holds)(void);
} rules[] = {{"replay", replay},
             {"window", window},
             {"older-after-newer", older_after_newer},
             {"rate-limit", rate_limit},
             {"length-5", length_5},
             {"length-7", length_7},
             {"leading-zero", leading_zero},
             {"spaces", spaces},
             {"unicode-digits", unicode_digits},
             {"constant-time", constant_time},
             {"year-2038", year_2038},
             {"negative-time", negative_time},
             {"base32-lower", no_import},
             {"base32-bad", no_import},
             {"secret-short", secret_short},
             {"enrol-confirm", enrolment},
             {"backup-code-once", enrolment}};

static void behaviour(SD_UNUSED void **state) {
    for (size_t i = 0; i < SD_COUNT(rules); i++) {
        print_message("%s\n", rules[i].id);
        rules[i].holds();
    }
}

/* RFC 6238 Appendix B, SHA-1, for where the corpora are not. */
static void vectors(SD_UNUSED void **state) {
    static const struct {
        int64_t time_s;
        uint32_t code;
    } printed[] = {{59, 94287082},         {1111111109, 7081804},  {1111111111, 14050471},
                   {1234567890, 89005924}, {2000000000, 69279037}, {20000000000, 65353130}};
    for (size_t i = 0; i < SD_COUNT(printed); i++) {
        uint32_t code = 0;
        assert_int_equal(totp_code(SECRET, (uint64_t)printed[i].time_s / 30, 8, &code), SD_OK);
        assert_int_equal(code, printed[i].code);
    }
}

static const char *member(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* True when it is of a kind that we have. */
static bool check_vector(const json_t *v) {
    uint8_t key[64];
    uint32_t code = 0;
    char text[16];
    bool totp = strcmp(member(v, "kind"), "totp") == 0;
    if (totp && strcmp(member(v, "alg"), "sha1") != 0)
        return false;
    struct span hex = span_cstr(member(v, "key_hex"));
    json_int_t digits = json_integer_value(json_object_get(v, "digits"));
    json_int_t step = totp ? json_integer_value(json_object_get(v, "time")) / json_integer_value(json_object_get(v, "step"))
                           : json_integer_value(json_object_get(v, "counter"));
    assert_true(hex.n / 2 <= sizeof key);
    assert_int_equal(hex_to_bytes(hex, key, hex.n / 2), SD_OK);
    assert_int_equal(totp_code(span_of(key, hex.n / 2), (uint64_t)step, (unsigned)digits, &code), SD_OK);
    (void)snprintf(text, sizeof text, "%0*u", (int)digits, code);
    assert_string_equal(text, member(v, "code"));
    return true;
}

static bool has_rule(const char *id) {
    for (size_t i = 0; i < SD_COUNT(rules); i++)
        if (strcmp(rules[i].id, id) == 0)
            return true;
    return false;
}

static void corpus(void **state) {
    const char *corpora = *state;
    char path[4096];
    size_t i;
    unsigned checked = 0, other = 0;
    (void)snprintf(path, sizeof path, "%s/otp/cases.json", corpora ? corpora : "");
    json_t *doc = json_load_file(path, 0, NULL), *item;
    if (!doc) {
        print_message("skipped: no cases in %s\n", path);
        skip();
    }
    json_array_foreach(json_object_get(doc, "vectors"), i, item) * (check_vector(item) ? &checked : &other) += 1;
    json_array_foreach(json_object_get(doc, "behaviour"), i, item) if (!has_rule(member(item, "id")))
        fail_msg("no test for the rule %s", member(item, "id"));
    print_message("%u vectors hold; %u of SHA-256 and SHA-512 skipped: we enrol with SHA-1 only\n", checked, other);
    assert_true(checked > 0);
    json_decref(doc);
}

int main(int argc, char **argv) {
    char *corpora = argc > 1 ? argv[1] : NULL;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(behaviour),
        cmocka_unit_test_prestate(corpus, corpora),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
