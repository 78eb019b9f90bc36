/* PDF files of pictures, read by poppler. */
#include "desk/pixel_pdf.h"
#include "desk/test_png.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const uint8_t colours[3][3] = {{200, 30, 40}, {10, 220, 30}, {20, 30, 240}};

static void put_pages(struct buf *pages, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        struct buf png SD_CLEANUP(buf_free) = buf_new(65536);
        test_png(&png, i % 2 ? 30 : 60, 40, colours[i % 3]);
        buf_blob(pages, buf_span(&png));
    }
}

static char dir[] = "/tmp/sealdesk-pdf-XXXXXX";

static int set_up(SD_UNUSED void **state) {
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(SD_UNUSED void **state) {
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

/* Renders page 1, 2 … to dir/p-1.ppm … at 72 dots per inch: a dot is a point. */
static void render(const struct buf *pdf) {
    char command[256];
    (void)snprintf(command, sizeof command, "%s/a.pdf", dir);
    FILE *f = fopen(command, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(pdf->p, 1, pdf->n, f), pdf->n);
    assert_int_equal(fclose(f), 0);
    (void)snprintf(command, sizeof command, "pdftoppm -r 72 %s/a.pdf %s/p 2>%s/said", dir, dir, dir);
    assert_int_equal(system(command), 0);
    (void)snprintf(command, sizeof command, "test ! -s %s/said", dir); /* it mends what is wrong, and says so */
    assert_int_equal(system(command), 0);
}

static void check_page(unsigned page, unsigned width, unsigned height, const uint8_t colour[3]) {
    char path[128];
    unsigned have_width = 0, have_height = 0;
    uint8_t pixel[3];
    (void)snprintf(path, sizeof path, "%s/p-%u.ppm", dir, page);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "P6 %u %u 255", &have_width, &have_height), 2);
    assert_int_equal(have_width, width);
    assert_int_equal(have_height, height);
    for (unsigned row = 1; row < 3; row++) { /* the second was "the same as above" */
        assert_int_equal(fseek(f, -(long)(3 * width * (row * height / 3) + 3 * (width / 2)), SEEK_END), 0);
        assert_int_equal(fread(pixel, 1, 3, f), 3);
        assert_memory_equal(pixel, colour, 3);
    }
    assert_int_equal(fclose(f), 0);
}

static void poppler_sees_the_pages_that_were_put_in(SD_UNUSED void **state) {
    struct buf pages SD_CLEANUP(buf_free) = buf_new(1 << 20), pdf SD_CLEANUP(buf_free) = buf_new(1 << 20);
    if (access("/usr/bin/pdftoppm", X_OK) != 0)
        skip();
    put_pages(&pages, 3);
    assert_int_equal(pixel_pdf(buf_span(&pages), &pdf), SD_OK);
    render(&pdf);
    check_page(1, 842, 561, colours[0]);
    check_page(2, 631, 842, colours[1]);
    check_page(3, 842, 561, colours[2]);
}

static void there_is_nothing_in_it_but_pictures(SD_UNUSED void **state) {
    static const char *const never[] = {"/JavaScript", "/OpenAction", "/URI",          "/Annots",
                                        "/Font",       "/AA",         "/EmbeddedFile", "/Launch"};
    struct buf pages SD_CLEANUP(buf_free) = buf_new(1 << 20), pdf SD_CLEANUP(buf_free) = buf_new(1 << 20);
    put_pages(&pages, 2);
    assert_int_equal(pixel_pdf(buf_span(&pages), &pdf), SD_OK);
    for (size_t i = 0; i < SD_COUNT(never); i++)
        assert_int_equal(span_search(buf_span(&pdf), span_cstr(never[i])), pdf.n);
    assert_true(span_starts(buf_span(&pdf), SPAN("%PDF-1.4\n")) && span_ends(buf_span(&pdf), SPAN("\n%%EOF\n")));
}

static void other_pictures_are_refused(SD_UNUSED void **state) {
    struct buf png SD_CLEANUP(buf_free) = buf_new(65536);
    test_png(&png, 10, 10, colours[0]);
    static const struct {
        size_t at;
        uint8_t byte;
    } changes[] = {{0, 'P'}, {12, 'J'}, {16, 1}, {19, 0}, {24, 16}, {25, 6}, {28, 1}, {33, 9}, {37, 'J'}};
    for (size_t i = 0; i < SD_COUNT(changes); i++) {
        struct buf pages SD_CLEANUP(buf_free) = buf_new(65536), pdf SD_CLEANUP(buf_free) = buf_new(65536);
        buf_blob(&pages, buf_span(&png));
        pages.p[4 + changes[i].at] = changes[i].byte;
        assert_int_equal(pixel_pdf(buf_span(&pages), &pdf), SD_ERR_PARSE);
    }
    for (size_t n = 0; n < png.n; n++) {
        struct buf pages SD_CLEANUP(buf_free) = buf_new(65536), pdf SD_CLEANUP(buf_free) = buf_new(65536);
        buf_blob(&pages, span_sub(buf_span(&png), 0, n));
        assert_int_not_equal(pixel_pdf(buf_span(&pages), &pdf), SD_OK);
    }
}

static void there_is_a_most_of_pages(SD_UNUSED void **state) {
    struct buf pages SD_CLEANUP(buf_free) = buf_new(16 << 20), pdf SD_CLEANUP(buf_free) = buf_new(16 << 20);
    put_pages(&pages, PIXEL_PDF_PAGES_MAX);
    assert_int_equal(pixel_pdf(buf_span(&pages), &pdf), SD_OK);
    put_pages(&pages, 1);
    assert_int_equal(pixel_pdf(buf_span(&pages), &pdf), SD_ERR_LIMIT);
    struct buf little SD_CLEANUP(buf_free) = buf_new(1000);
    buf_reset(&pages);
    put_pages(&pages, 1);
    assert_int_equal(pixel_pdf(buf_span(&pages), &little), SD_ERR_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(poppler_sees_the_pages_that_were_put_in, set_up, tear_down),
        cmocka_unit_test(there_is_nothing_in_it_but_pictures),
        cmocka_unit_test(other_pictures_are_refused),
        cmocka_unit_test(there_is_a_most_of_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
