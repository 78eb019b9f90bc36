/* The real sealdesk-render with the real programs: what each kind of file looks like, and what becomes of those that break
 * them. */
#include "render/test_files.h"
#include "render/test_role.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    struct buf file SD_CLEANUP(buf_free) = buf_new(TEST_FILE_BYTES);
    struct test_zip zip = test_zip_begin(&file);
    test_zip_add(&zip, "one/letter.txt", SPAN("hello"));
    test_zip_add(&zip, "two.txt", SPAN("hello"));
    test_zip_end(&zip);
    ask(buf_span(&file), "a.zip", 1, 1, false);
    test_tar_gz(&file, 150);
    ask(buf_span(&file), "a.tar.gz", 3, 3, false); /* what is in the archive within, a line each */
    ask(SPAN("<!DOCTYPE html><title>x</title><script>alert(1)</script><p>Hello"), "a.html", 1, 1, false);
    ask(SPAN("From: a@a.example\nTo: b@b.example\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\nDate: Mon, 23 Nov 2026 10:00:00 "
             "+0000\n\nhi\n"),
        "forwarded.eml", 1, 1, false);
    for (unsigned i = 0; i < 200; i++)
        buf_printf(&text, "line %u\n", i);
    ask(buf_span(&text), "a.log", 4, 4, false);
}

/* ---- what breaks, hangs, or is too much ---- */

static void refused(struct span content, const char *name, uint8_t outcome, const char *word) {
    struct test_pages pages = test_role_ask(&role, content, name);
    assert_int_equal(pages.rep.outcome, outcome);
    if (span_search(pages.rep.reason, span_cstr(word)) == pages.rep.reason.n)
        fail_msg("%s: %.*s", name, SPAN_FMT(pages.rep.reason));
    test_pages_free(&pages);
}

static void test_nothing_to_see(void **state) {
    (void)state;
    refused(SPAN_NONE, "", RENDER_FAILED, "nothing in the file");
    refused(SPAN("  \r\n "), "a.txt", RENDER_FAILED, "nothing in the file");
    refused(SPAN("MZ\x90\0\3\0\0\0"), "a.pdf", RENDER_UNSUPPORTED, "kind");
    refused(SPAN("%PDF-1.4 and then nothing"), "a.pdf", RENDER_FAILED, "damaged");
    refused(SPAN("\x89PNG\r\n\x1a\n and no more"), "a.png", RENDER_FAILED, "damaged");
    refused(SPAN("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0"), "a.docx", RENDER_FAILED,
            "encrypted");
}

/* Every document cut off somewhere, and bytes of it changed: an answer each time, and whole pages when there are any. */
static void test_damaged(void **state) {
    (void)state;
    struct buf file SD_CLEANUP(buf_free) = buf_new(TEST_FILE_BYTES);
    test_docx(&file, 1);
    for (unsigned i = 1; i < 4; i++) {
        struct test_pages pages = test_role_ask(&role, span_sub(buf_span(&file), 0, file.n * i / 4), "a.docx");
        test_pages_free(&pages);
    }
    buf_reset(&file);
    test_pdf(&file, 4);
    for (unsigned i = 1; i < 8; i++) {
        struct test_pages pages = test_role_ask(&role, span_sub(buf_span(&file), 0, file.n * i / 8), "a.pdf");
        test_pages_free(&pages);
        file.p[file.n * i / 9] ^= 0x55;
    }
    ask(SPAN("still there\n"), "a.txt", 1, 1, false);
}

static void test_hundred_thousand_pages(void **state) {
    (void)state;
    struct buf file SD_CLEANUP(buf_free) = buf_new(TEST_FILE_BYTES);
    test_pdf_empty(&file, 100000);
    struct test_pages pages = test_role_ask(&role, buf_span(&file), "a.pdf");
    expect_pages(&pages, 100, 100000, true);
    assert_true(span_eq(pages.preview.note, SPAN("100 of 100000 pages are shown.")));
    test_pages_free(&pages);
    buf_reset(&file);
    test_tiff(&file, 150, 20, 20);
    ask(buf_span(&file), "a.tiff", 100, 0, true);
    buf_reset(&file);
    buf_fill(&file, '\n', 1000000);
    buf_text(&file, "the end");
    ask(buf_span(&file), "a.txt", 100, 0, true);
    buf_reset(&file);
    test_docx(&file, 120);
    ask(buf_span(&file), "a.docx", 100, 0, true);
}

static void *ask_for_text(void *arg) {
    (void)arg;
    ask(SPAN("hello\n"), "a.txt", 1, 1, false);
    return NULL;
}

/* More than there are sandboxes: they wait for their turn. */
static void test_many_at_once(void **state) {
    (void)state;
    pthread_t threads[8];
    for (size_t i = 0; i < SD_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_for_text, NULL), 0);
    for (size_t i = 0; i < SD_COUNT(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static struct render_abilities_rep abilities(void) {
    struct ipc_msg *msg = NULL;
    struct render_abilities_rep rep;
    assert_int_equal(render_abilities_call(role.render, &(struct render_abilities_req){}, deadline_in_ms(5000), &msg, &rep),
                     SD_OK);
    ipc_msg_free(&msg);
    return rep;
}

static void test_abilities(void **state) {
    (void)state;
    struct render_abilities_rep rep = abilities();
    assert_true(rep.documents && rep.pdf && rep.pictures && rep.sandbox);
}

/* What is not installed is named, and the others go on. */
static void test_missing(void **state) {
    (void)state;
    static const struct {
        const char *program, *package;
        bool documents, pdf, pictures, sandbox;
    } cases[] = {
        {"/usr/lib/libreoffice/program/soffice.bin", "libreoffice-writer-nogui", false, true, true, true},
        {"/usr/bin/pdftoppm", "poppler-utils", false, false, true, true},
        {"/usr/bin/gm", "graphicsmagick", true, true, false, true},
        {"/usr/bin/bwrap", "bubblewrap", false, false, false, false},
    };
    struct buf files[4] = {buf_new(TEST_FILE_BYTES), buf_new(TEST_FILE_BYTES), buf_new(TEST_FILE_BYTES),
                           buf_new(TEST_FILE_BYTES)};
    if (getuid() != 0)
        skip();
    test_docx(&files[0], 1);
    test_pdf(&files[1], 1);
    test_png(&files[2], 9, 9);
    buf_text(&files[3], "hello");
    test_role_stop(&role);
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        const bool shown[] = {cases[i].documents, cases[i].pdf, cases[i].pictures, cases[i].sandbox};
        test_role_start_without(&role, program, cases[i].program);
        struct render_abilities_rep rep = abilities();
        assert_true(rep.documents == shown[0] && rep.pdf == shown[1] && rep.pictures == shown[2] && rep.sandbox == shown[3]);
        for (size_t k = 0; k < SD_COUNT(files); k++) {
            if (shown[k])
                ask(buf_span(&files[k]), "", 1, 1, false);
            else
                refused(buf_span(&files[k]), "", RENDER_UNSUPPORTED, cases[i].package);
        }
        test_role_stop(&role);
    }
    for (size_t k = 0; k < SD_COUNT(files); k++)
        buf_free(&files[k]);
    test_role_start(&role, program, 60);
}

/* A role with one second for each. What takes longer costs only itself. */
static void test_too_long(void **state) {
    (void)state;
    struct buf file SD_CLEANUP(buf_free) = buf_new(TEST_FILE_BYTES);
    test_role_stop(&role);
    test_role_start(&role, program, 1);
    test_docx(&file, 2000);
    int64_t since_ns = clock_mono_ns();
    refused(buf_span(&file), "a.docx", RENDER_FAILED, "too long");
    assert_in_range((clock_mono_ns() - since_ns) / 1000000, 500, 5000);
    ask(SPAN("still there\n"), "a.txt", 1, 1, false);
}

/* ---- its end ---- */

/* All that come from it, but not itself. */
static size_t descendants(pid_t of, pid_t *to, size_t n, size_t max) {
    char path[64];
    int pid;
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", of, of);
    FILE *f = fopen(path, "r");
    while (f && n < max && fscanf(f, "%d", &pid) == 1) {
        to[n++] = pid;
        n = descendants(pid, to, n, max);
    }
    if (f)
        (void)fclose(f);
    return n;
}

/* Killed while LibreOffice is at work: it ends, too, and all of its sandbox. */
static void test_killed(void **state) {
    (void)state;
    struct buf file SD_CLEANUP(buf_free) = buf_new(TEST_FILE_BYTES);
    struct ipc_ticket *ticket = NULL;
    pid_t pids[64];
    size_t count = 0;
    test_role_stop(&role);
    test_role_start(&role, program, 60);
    test_docx(&file, 2000);
    struct render_pages_req req = {.name = SPAN("a.docx"), .content = buf_span(&file)};
    assert_int_equal(render_pages_start(role.render, &req, deadline_in_ms(TEST_WAIT_MS), &ticket), SD_OK);
    struct deadline deadline = deadline_in_ms(TEST_WAIT_MS);
    while ((count = descendants(role.pid, pids, 0, SD_COUNT(pids))) < 6 && !deadline_passed(deadline))
        (void)usleep(10000);
    assert_true(count >= 6); /* the launcher, bubblewrap twice, prlimit become paginate, LibreOffice … */
    assert_int_equal(kill(role.pid, SIGKILL), 0);
    for (size_t i = 0; i < count; i++)
        while (kill(pids[i], 0) == 0 && !deadline_passed(deadline))
            (void)usleep(10000);
    assert_false(deadline_passed(deadline));
}

#define SKIPPED 77 /* Meson's word for it */

int main(int argc, char **argv) {
    if (getenv("SEALDESK_ASAN")) { /* a sanitized program needs more address space than a sandbox has */
        print_message("skipped: not with a sanitizer\n");
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),    cmocka_unit_test(test_pdf_pages),
        cmocka_unit_test(test_pictures),     cmocka_unit_test(test_words),
        cmocka_unit_test(test_abilities),    cmocka_unit_test(test_nothing_to_see),
        cmocka_unit_test(test_damaged),      cmocka_unit_test(test_hundred_thousand_pages),
        cmocka_unit_test(test_many_at_once), cmocka_unit_test(test_missing),
        cmocka_unit_test(test_too_long),     cmocka_unit_test(test_killed), /* the last one */
    };
    if (argc != 2)
        return 2;
    program = argv[1];
    test_role_start(&role, program, 60);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_role_stop(&role);
    return failed;
}
