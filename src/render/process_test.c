/* The real sealdesk-render with the real programs: what each kind of file looks like, and what becomes of those that break
 * them. */
#include "render/test_files.h"
#include "render/test_role.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *program;
static struct test_role role;

static void expect_pages(const struct test_pages *pages, uint32_t count, uint32_t total, bool cut) {
    if (pages->rep.outcome != RENDER_DONE)
        fail_msg("outcome %u: %.*s", pages->rep.outcome, SPAN_FMT(pages->rep.reason));
    assert_int_equal(pages->preview.count, count);
    assert_int_equal(pages->preview.total, total);
    assert_int_equal(pages->preview.cut, cut);
    struct reader r = reader_of(pages->preview.pages);
    for (uint32_t i = 0; i < count; i++)
        assert_true(read_blob(&r, pages->preview.pages.n).n > 60);
    assert_int_equal(reader_end(&r), SD_OK);
}

static void ask(struct span content, const char *name, uint32_t count, uint32_t total, bool cut) {
    struct test_pages pages = test_role_ask(&role, content, name);
    expect_pages(&pages, count, total, cut);
    test_pages_free(&pages);
}

static void test_documents(void **state) {
    (void)state;
    struct buf file SD_CLEANUP(buf_free) = buf_new(TEST_FILE_BYTES);
    test_docx(&file, 10);
    ask(buf_span(&file), "letter.docx", 10, 10, false);
    ask(buf_span(&file), "", 10, 10, false); /* by what is in it */
    buf_reset(&file);
    test_odt(&file, 3);
    ask(buf_span(&file), "letter.odt", 3, 3, false);
    buf_reset(&file);
    test_xlsx(&file);
    ask(buf_span(&file), "table.xlsx", 1, 1, false);
    ask(SPAN("a;b\n1;2\n"), "table.csv", 1, 1, false);
    ask(SPAN("{\\rtf1\\ansi Hello\\par}"), "letter.rtf", 1, 1, false);
}

static void test_pdf_pages(void **state) {
    (void)state;
    struct buf file SD_CLEANUP(buf_free) = buf_new(TEST_FILE_BYTES);
    uint32_t width, height;
    test_pdf(&file, 3);
    struct test_pages pages = test_role_ask(&role, buf_span(&file), "a.pdf");
    expect_pages(&pages, 3, 3, false);
    test_page_size(&pages, 2, &width, &height);
    assert_int_equal(height, 1400);
    assert_in_range(width, 988, 991);
    test_pages_free(&pages);
}

static void test_pictures(void **state) {
    (void)state;
    struct buf file SD_CLEANUP(buf_free) = buf_new(TEST_FILE_BYTES);
    uint32_t width, height;
    test_png(&file, 2800, 100);
    struct test_pages pages = test_role_ask(&role, buf_span(&file), "a.png");
    expect_pages(&pages, 1, 1, false);
    test_page_size(&pages, 0, &width, &height);
    assert_int_equal(width, 1400);
    assert_int_equal(height, 50);
    test_pages_free(&pages);
    buf_reset(&file);
    test_tiff(&file, 5, 40, 30);
    pages = test_role_ask(&role, buf_span(&file), "fax.tif");
    expect_pages(&pages, 5, 5, false);
    test_page_size(&pages, 4, &width, &height);
    assert_int_equal(width, 40); /* small ones stay small */
    test_pages_free(&pages);
}

static void test_words(void **state) {
    (void)state;
    struct buf text SD_CLEANUP(buf_free) = buf_new(1024 * 1024);
    ask(SPAN("hello\n"), "a.txt", 1, 1, false);
    ask(SPAN("\xff\xfeh\0i\0"), "", 1, 1, false);
    ask(SPAN("<!DOCTYPE html><title>x</title><script>alert(1)</script><p>Hello"), "a.html", 1, 1, false);
    ask(SPAN("From: a@a.example\nTo: b@b.example\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\nDate: Mon, 23 Nov 2026 10:00:00 "
             "+0000\n\nhi\n"),
        "forwarded.eml", 1, 1, false);
    for (unsigned i = 0; i < 200; i++)
        buf_printf(&text, "line %u\n", i);
    ask(buf_span(&text), "a.log", 4, 4, false);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_pdf_pages),
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_words),
    };
    if (argc != 2)
        return 2;
    program = argv[1];
    test_role_start(&role, program, "");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_role_stop(&role);
    return failed;
}
