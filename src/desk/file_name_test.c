/* Names that strangers gave their files. */
#include "core/role.h"
#include "desk/file_name.h"
#include "desk/input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *corpus;
static struct arena *arena;

static int set_up(SD_UNUSED void **state) {
    arena = arena_new(8 * 1024 * 1024);
    return arena ? 0 : -1;
}

static int tear_down(SD_UNUSED void **state) {
    arena_free(&arena);
    return 0;
}

static const char *safe(struct span name) {
    const char *text = arena_cstr(arena, file_name_safe(name, arena));
    assert_non_null(text);
    return text;
}

static void a_name_becomes_one_that_can_be_saved(SD_UNUSED void **state) {
    static const struct {
        const char *name, *want;
    } names[] = {
        {"invoice.pdf", "invoice.pdf"},
        {"R\xc3\xa9sum\xc3\xa9 2026.docx", "R\xc3\xa9sum\xc3\xa9 2026.docx"},
        {"\xe8\xab\x8b\xe6\xb1\x82\xe6\x9b\xb8.pdf", "\xe8\xab\x8b\xe6\xb1\x82\xe6\x9b\xb8.pdf"},
        {"../../etc/passwd", "passwd"},
        {"..\\..\\windows\\system32\\evil.exe", "evil.exe"},
        {"C:\\temp\\a.txt", "a.txt"},
        {"folder/", "folder"},
        {"///", "attachment"},
        {"", "attachment"},
        {"...", "attachment"},
        {" . . ", "attachment"},
        {"..", "attachment"},
        {"a:b*c?.txt", "a_b_c_.txt"},
        {"x\xef\xbc\x8fy.txt", "x_y.txt"}, /* fullwidth solidus */
        {"invoice\xe2\x80\xae"
         "fdp.exe",
         "invoicefdp.exe"},                                             /* right-to-left override */
        {"inv\xe2\x80\x8boice.pdf\xe2\x80\x8b.exe", "invoice.pdf.exe"}, /* zero width space */
        {"invoice.pdf\xe2\x80\xa8.exe", "invoice.pdf.exe"},             /* line separator */
        {"a\r\nSet-Cookie: x=y.txt", "aSet-Cookie_ x=y.txt"},
        {"tab\there.txt", "tabhere.txt"},
        {"invoice.pdf                                        .exe", "invoice.pdf.exe"},
        {"invoice.pdf\xc2\xa0\xe2\x80\x83\xe3\x80\x80.exe", "invoice.pdf.exe"},
        {"evil.exe. . .", "evil.exe"},
        {".htaccess", "_.htaccess"},
        {"-rf.txt", "_-rf.txt"},
        {"CON", "_CON"},
        {"con.txt", "_con.txt"},
        {"nul .tar.gz", "_nul .tar.gz"},
        {"COM1.pdf", "_COM1.pdf"},
        {"lpt\xc2\xb2.pdf", "_lpt\xc2\xb2.pdf"},
        {"COM10.pdf", "COM10.pdf"},
        {"console.log", "console.log"},
        {"bad\xff\xfe.pdf", "bad__.pdf"},
        {"half\xe2\x80", "half__"},
        {"over\xc0\xaflong.txt", "over__long.txt"}, /* a solidus in two bytes */
        {"surrogate\xed\xa0\x80.txt", "surrogate___.txt"},
    };
    for (size_t i = 0; i < SD_COUNT(names); i++)
        assert_string_equal(safe(span_cstr(names[i].name)), names[i].want);
    assert_string_equal(safe(SPAN("a\0b.pdf")), "ab.pdf");
}

static void a_long_name_keeps_its_ending(SD_UNUSED void **state) {
    char name[700];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(name, 'a', shift);
        for (size_t i = shift; i + 3 <= 600; i += 3)
            memcpy(name + i, "\xe2\x82\xac", 4);
        strcat(name, ".pdf.exe");
        const char *cut = safe(span_cstr(name));
        size_t n = strlen(cut);
        assert_true(n <= FILE_NAME_BYTES && n > FILE_NAME_BYTES - 8);
        assert_true(span_is_utf8(span_cstr(cut)));
        assert_string_equal(cut + n - 4, ".exe");
    }
    memset(name, 'x', 600);
    name[600] = 0;
    assert_int_equal(strlen(safe(span_cstr(name))), FILE_NAME_BYTES);
    memset(name, '.', 600); /* one long ending, or none */
    memcpy(name, "a", 1);
    assert_string_equal(safe(span_cstr(name)), "a");
    memset(name + 1, 'b', 599);
    name[1] = '.';
    assert_int_equal(strlen(safe(span_cstr(name))), FILE_NAME_BYTES);
}

static void the_field_has_both_forms(SD_UNUSED void **state) {
    assert_string_equal(arena_cstr(arena, file_name_disposition(SPAN("a b\xe2\x82\xac%41'.pdf"), arena)),
                        "attachment; filename=\"a b__41'.pdf\"; filename*=UTF-8''a%20b%E2%82%AC%2541%27.pdf");
    assert_string_equal(arena_cstr(arena, file_name_disposition(SPAN("\"; filename=\"x.exe\r\n"), arena)),
                        "attachment; filename=\"_; filename=_x.exe\"; filename*=UTF-8''_%3B%20filename%3D_x.exe");
}

/* Whatever the name was: what a saved name must never have. */
static void check(struct span name) {
    struct span to = file_name_safe(name, arena), field = file_name_disposition(name, arena);
    assert_true(to.n > 0 && to.n <= FILE_NAME_BYTES && span_is_utf8(to));
    assert_true(to.p[0] != '.' && to.p[0] != ' ' && to.p[to.n - 1] != '.' && to.p[to.n - 1] != ' ');
    for (size_t i = 0; i < to.n; i++)
        assert_true(to.p[i] >= 0x20 && to.p[i] != 0x7f && !strchr("/\\:*?\"<>|", to.p[i]));
    static const char *const never[] = {"\xe2\x80\xae", "\xe2\x80\x8b", "\xe2\x80\x8f",
                                        "\xef\xbb\xbf", "\xe2\x81\xa6", "\xc2\x85"};
    for (size_t i = 0; i < SD_COUNT(never); i++)
        assert_int_equal(span_search(to, span_cstr(never[i])), to.n);
    assert_true(span_is_ascii(field) && span_find(field, '\r') == field.n && span_find(field, '\n') == field.n);
}

static void names_of_the_corpus_are_safe(SD_UNUSED void **state) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(1024 * 1024);
    struct json_in *list SD_CLEANUP(in_free) = NULL;
    if (!corpus || file_read(corpus, &text) != SD_OK)
        skip();
    assert_int_equal(in_read(buf_span(&text), &list), SD_OK);
    assert_true(in_count(list) > 20);
    for (size_t i = 0; i < in_count(list); i++)
        check(in_text(in_member(in_item(list, i), "filename")));
}

static void noise_is_safe(SD_UNUSED void **state) {
    uint8_t name[64];
    unsigned seed = 4711;
    for (unsigned turn = 0; turn < 20000; turn++) {
        for (size_t i = 0; i < sizeof name; i++) {
            seed = seed * 1103515245 + 12345;
            name[i] = turn % 2 ? (uint8_t)(seed >> 16)
                               : (uint8_t)("\xe2\x80\xae\x8b./\\ :CON1\xef\xbb\xbf\xf0\x9f"[(seed >> 16) % 19]);
        }
        arena_free(&arena);
        arena = arena_new(8 * 1024 * 1024);
        check(span_of(name, turn % sizeof name));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv) {
    corpus = argc > 1 ? argv[1] : NULL;
    input_setup();
    const struct CMUnitTest tests[] = {TEST(a_name_becomes_one_that_can_be_saved), TEST(a_long_name_keeps_its_ending),
                                       TEST(the_field_has_both_forms), TEST(names_of_the_corpus_are_safe), TEST(noise_is_safe)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
