/* test_files.h - documents that the tests of this folder and the benchmark make. */
#ifndef SD_RENDER_TEST_FILES_H
#define SD_RENDER_TEST_FILES_H

#include "core/buf.h"

#define TEST_FILE_BYTES ((size_t)64 * 1024 * 1024)

/* A ZIP archive, nothing compressed. */
struct test_zip {
    struct buf *to;
    struct buf directory;
    unsigned count;
};
struct test_zip test_zip_begin(struct buf *to);
void test_zip_add(struct test_zip *zip, const char *name, struct span content);
void test_zip_end(struct test_zip *zip);

/* In place of what is there: an archive of so many empty files, compressed. */
void test_tar_gz(struct buf *to, unsigned files);

/* Each appends a whole file with this many pages; each page has a heading "Page N" and some lines. */
void test_docx(struct buf *to, unsigned pages);
void test_odt(struct buf *to, unsigned pages);
void test_xlsx(struct buf *to);
void test_pdf(struct buf *to, unsigned pages);
/* Of empty pages, so that a hundred thousand are a few megabytes. */
void test_pdf_empty(struct buf *to, unsigned pages);
/* Pages of one colour each, width * height; of a TIFF not compressed. */
void test_tiff(struct buf *to, unsigned pages, uint32_t width, uint32_t height);
void test_png(struct buf *to, uint32_t width, uint32_t height);

#endif
