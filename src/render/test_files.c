#include "render/test_files.h"

#include "render/png.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include <cmocka.h>

#define LINES 24
#define LINE "Thank you for your letter. We have looked into it, and this is what we found; please tell us whether it is right."

/* ---- ZIP: APPNOTE 4.3.7, 4.3.12, 4.3.16 ---- */

struct test_zip test_zip_begin(struct buf *to) {
    return (struct test_zip){.to = to, .directory = buf_new(1024 * 1024)};
}

/* From "version needed" to the length of "extra": the same in both headers. */
static void put_entry(struct buf *to, size_t name_bytes, struct span content) {
    buf_u16(to, 20);
    buf_u16(to, 0);
    buf_u16(to, 0);          /* stored */
    buf_u32(to, 0x21 << 16); /* 1980-01-01 */
    buf_u32(to, (uint32_t)crc32_z(0, content.p, content.n));
    buf_u32(to, (uint32_t)content.n);
    buf_u32(to, (uint32_t)content.n);
    buf_u16(to, (uint16_t)name_bytes);
    buf_u16(to, 0);
}

void test_zip_add(struct test_zip *zip, const char *name, struct span content) {
    struct span n = span_cstr(name);
    uint32_t at = (uint32_t)zip->to->n;
    buf_put(zip->to, SPAN("PK\3\4"));
    put_entry(zip->to, n.n, content);
    buf_put(zip->to, n);
    buf_put(zip->to, content);
    buf_put(&zip->directory, SPAN("PK\1\2\x14\0"));
    put_entry(&zip->directory, n.n, content);
    buf_fill(&zip->directory, 0, 10);
    buf_u32(&zip->directory, at);
    buf_put(&zip->directory, n);
    zip->count++;
}

void test_zip_end(struct test_zip *zip) {
    uint32_t at = (uint32_t)zip->to->n;
    buf_put(zip->to, buf_span(&zip->directory));
    buf_put(zip->to, SPAN("PK\5\6\0\0\0\0"));
    buf_u16(zip->to, (uint16_t)zip->count);
    buf_u16(zip->to, (uint16_t)zip->count);
    buf_u32(zip->to, (uint32_t)zip->directory.n);
    buf_u32(zip->to, at);
    buf_u16(zip->to, 0);
    buf_free(&zip->directory);
    assert_int_equal(buf_err(zip->to), SD_OK);
}

/* ---- tar (POSIX.1-1988 ustar) in gzip ---- */

static void put_field(char *head, size_t at, const char *text) {
    memcpy(head + at, text, strlen(text));
}

static void put_tar_head(struct buf *to, unsigned number) {
    char head[512] = {0}, text[64];
    unsigned sum = 0;
    (void)snprintf(text, sizeof text, "folder/file-%u.txt", number);
    put_field(head, 0, text);
    put_field(head, 100, "0000644");
    put_field(head, 108, "0000000");
    put_field(head, 116, "0000000");
    put_field(head, 124, "00000000000");
    put_field(head, 136, "14000000000");
    put_field(head, 148, "        0");
    put_field(head, 257, "ustar");
    put_field(head, 263, "00");
    for (size_t i = 0; i < sizeof head; i++)
        sum += (uint8_t)head[i];
    (void)snprintf(head + 148, 8, "%06o", sum);
    buf_put(to, span_of(head, sizeof head));
}

void test_tar_gz(struct buf *to, unsigned files) {
    struct buf tar SD_CLEANUP(buf_free) = buf_new(TEST_FILE_BYTES);
    z_stream z = {0};
    for (unsigned i = 0; i < files; i++)
        put_tar_head(&tar, i);
    buf_fill(&tar, 0, 1024);
    buf_reset(to);
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK); /* gzip */
    z.next_in = tar.p;
    z.avail_in = (uInt)tar.n;
    z.avail_out = (uInt)tar.n;
    z.next_out = buf_reserve(to, tar.n);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    buf_grew(to, tar.n - z.avail_out);
    (void)deflateEnd(&z);
}

/* ---- documents of Office ---- */

#define XML "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
#define TYPES "application/vnd.openxmlformats-officedocument."
#define RELATIONS "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

static void put_ooxml_head(struct test_zip *zip, const char *part, const char *type) {
    struct buf text = buf_new(4096);
    buf_printf(&text,
               XML "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"rels\" "
                   "ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" "
                   "ContentType=\"application/xml\"/><Override PartName=\"/%s\" ContentType=\"" TYPES
                   "%s.main+xml\"/>%s</Types>",
               part, type,
               strstr(type, "sheet") ? "<Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"" TYPES
                                       "spreadsheetml.worksheet+xml\"/>"
                                     : "");
    test_zip_add(zip, "[Content_Types].xml", buf_span(&text));
    buf_reset(&text);
    buf_printf(&text,
               XML "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship "
                   "Id=\"rId1\" Type=\"" RELATIONS "/officeDocument\" Target=\"%s\"/></Relationships>",
               part);
    test_zip_add(zip, "_rels/.rels", buf_span(&text));
    buf_free(&text);
}

void test_docx(struct buf *to, unsigned pages) {
    struct test_zip zip = test_zip_begin(to);
    struct buf text = buf_new(TEST_FILE_BYTES);
    put_ooxml_head(&zip, "word/document.xml", "wordprocessingml.document");
    buf_text(&text, XML "<w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"><w:body>");
    for (unsigned page = 1; page <= pages; page++) {
        buf_printf(&text, "<w:p><w:r>%s<w:t>Page %u</w:t></w:r></w:p>", page > 1 ? "<w:br w:type=\"page\"/>" : "", page);
        for (unsigned line = 0; line < LINES; line++)
            buf_printf(&text, "<w:p><w:r><w:t>%u. " LINE "</w:t></w:r></w:p>", line);
    }
    buf_text(&text, "</w:body></w:document>");
    test_zip_add(&zip, "word/document.xml", buf_span(&text));
    test_zip_end(&zip);
    buf_free(&text);
}

void test_xlsx(struct buf *to) {
    struct test_zip zip = test_zip_begin(to);
    put_ooxml_head(&zip, "xl/workbook.xml", "spreadsheetml.sheet");
    test_zip_add(&zip, "xl/workbook.xml",
                 SPAN(XML "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"" RELATIONS
                          "\"><sheets><sheet name=\"One\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"));
    test_zip_add(&zip, "xl/_rels/workbook.xml.rels",
                 SPAN(XML "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship "
                          "Id=\"rId1\" Type=\"" RELATIONS "/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"));
    test_zip_add(&zip, "xl/worksheets/sheet1.xml",
                 SPAN(XML
                      "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData><row r=\"1\">"
                      "<c r=\"A1\"><v>42</v></c></row></sheetData></worksheet>"));
    test_zip_end(&zip);
}

void test_odt(struct buf *to, unsigned pages) {
    struct test_zip zip = test_zip_begin(to);
    struct buf text = buf_new(TEST_FILE_BYTES);
    test_zip_add(&zip, "mimetype", SPAN("application/vnd.oasis.opendocument.text"));
    buf_text(&text, XML
             "<office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" "
             "xmlns:style=\"urn:oasis:names:tc:opendocument:xmlns:style:1.0\" "
             "xmlns:fo=\"urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0\" "
             "xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" office:version=\"1.2\"><office:automatic-styles>"
             "<style:style style:name=\"P1\" style:family=\"paragraph\"><style:paragraph-properties fo:break-before=\"page\"/>"
             "</style:style></office:automatic-styles><office:body><office:text>");
    for (unsigned page = 1; page <= pages; page++)
        buf_printf(&text, "<text:p%s>Page %u</text:p><text:p>" LINE "</text:p>", page > 1 ? " text:style-name=\"P1\"" : "",
                   page);
    buf_text(&text, "</office:text></office:body></office:document-content>");
    test_zip_add(&zip, "content.xml", buf_span(&text));
    test_zip_add(&zip, "META-INF/manifest.xml",
                 SPAN(XML
                      "<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\"><manifest:file-"
                      "entry manifest:full-path=\"/\" manifest:media-type=\"application/vnd.oasis.opendocument.text\"/>"
                      "<manifest:file-entry manifest:full-path=\"content.xml\" manifest:media-type=\"text/xml\"/>"
                      "</manifest:manifest>"));
    test_zip_end(&zip);
    buf_free(&text);
}

/* ---- PDF: ISO 32000-1 §7.5 ---- */

static void put_pdf_page(struct buf *to, unsigned page, size_t offsets[2]) {
    struct buf text = buf_new(8192);
    buf_printf(&text, "BT /F1 24 Tf 60 760 Td (Page %u) Tj /F1 9 Tf", page + 1);
    for (unsigned line = 0; line < LINES; line++)
        buf_printf(&text, " 0 -24 Td (" LINE ") Tj");
    buf_text(&text, " ET");
    offsets[0] = to->n;
    buf_printf(
        to,
        "%u 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %u 0 R/Resources<</Font<</F1 3 0 R>>>>>> endobj\n",
        4 + 2 * page, 5 + 2 * page);
    offsets[1] = to->n;
    buf_printf(to, "%u 0 obj <</Length %zu>> stream\n", 5 + 2 * page, text.n);
    buf_put(to, buf_span(&text));
    buf_text(to, "\nendstream endobj\n");
    buf_free(&text);
}

static void put_pdf(struct buf *to, unsigned pages, bool empty) {
    unsigned each = empty ? 1 : 2, count = 4 + each * pages;
    size_t *offsets = calloc(count, sizeof *offsets);
    assert_non_null(offsets);
    buf_text(to, "%PDF-1.4\n");
    offsets[1] = to->n;
    buf_text(to, "1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj\n");
    offsets[2] = to->n;
    buf_text(to, "2 0 obj <</Type/Pages/MediaBox[0 0 595 842]/Kids[");
    for (unsigned page = 0; page < pages; page++)
        buf_printf(to, "%u 0 R ", 4 + each * page);
    buf_printf(to, "]/Count %u>> endobj\n", pages);
    offsets[3] = to->n;
    buf_text(to, "3 0 obj <</Type/Font/Subtype/Type1/BaseFont/Helvetica>> endobj\n");
    for (unsigned page = 0; page < pages; page++) {
        if (!empty) {
            put_pdf_page(to, page, &offsets[4 + 2 * page]);
            continue;
        }
        offsets[4 + page] = to->n;
        buf_printf(to, "%u 0 obj <</Type/Page/Parent 2 0 R>> endobj\n", 4 + page);
    }
    size_t table = to->n;
    buf_printf(to, "xref\n0 %u\n0000000000 65535 f \n", count);
    for (unsigned i = 1; i < count; i++)
        buf_printf(to, "%010zu 00000 n \n", offsets[i]);
    buf_printf(to, "trailer <</Size %u/Root 1 0 R>>\nstartxref\n%zu\n%%%%EOF\n", count, table);
    free(offsets);
    assert_int_equal(buf_err(to), SD_OK);
}

void test_pdf(struct buf *to, unsigned pages) {
    put_pdf(to, pages, false);
}

void test_pdf_empty(struct buf *to, unsigned pages) {
    put_pdf(to, pages, true);
}

/* ---- pictures ---- */

static void put_tag(struct buf *to, uint16_t tag, uint16_t type, uint32_t value) {
    buf_u16(to, tag);
    buf_u16(to, type);
    buf_u32(to, 1);
    buf_u32(to, value);
}

/* TIFF 6.0: grey, 8 bits, one strip a page. */
void test_tiff(struct buf *to, unsigned pages, uint32_t width, uint32_t height) {
    buf_put(to, SPAN("II*\0"));
    buf_u32(to, 8);
    for (unsigned page = 0; page < pages; page++) {
        uint32_t directory = (uint32_t)to->n;
        uint32_t pixels = directory + 2 + 9 * 12 + 4;
        buf_u16(to, 9);
        put_tag(to, 256, 4, width);
        put_tag(to, 257, 4, height);
        put_tag(to, 258, 3, 8);
        put_tag(to, 259, 3, 1);
        put_tag(to, 262, 3, 1);
        put_tag(to, 273, 4, pixels);
        put_tag(to, 277, 3, 1);
        put_tag(to, 278, 4, height);
        put_tag(to, 279, 4, width * height);
        buf_u32(to, page + 1 < pages ? pixels + width * height : 0);
        buf_fill(to, (uint8_t)(page * 40), (size_t)width * height);
    }
    assert_int_equal(buf_err(to), SD_OK);
}

void test_png(struct buf *to, uint32_t width, uint32_t height) {
    struct png *png = NULL;
    uint8_t *row = calloc(width, 3);
    assert_non_null(row);
    assert_int_equal(png_begin(width, height, to, &png), SD_OK);
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++)
            row[3 * x] = (uint8_t)(x ^ y);
        assert_int_equal(png_row(png, span_of(row, (size_t)width * 3)), SD_OK);
    }
    assert_int_equal(png_end(png), SD_OK);
    png_free(&png);
    free(row);
}
