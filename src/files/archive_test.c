/* Archives, and documents that are archives. */
#include "files/files_test.h"

#include <archive.h>
#include <archive_entry.h>

#define BIT(name) FINDING_BIT(name)
#define MZ SPAN("MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0")

static uint64_t judge_zip_of(const char *outer, const char *name, struct span content, struct zip_oddity odd) {
    struct zip_maker z SD_CLEANUP(zip_maker_free) = zip_maker_new();
    zip_put(&z, name, content, odd);
    return judged(outer, "", zip_finish(&z));
}
#define PLAIN ((struct zip_oddity){0})

static void zip_entries_are_judged(void **state) {
    (void)state;
    assert_exactly(judge_zip_of("a.zip", "notes.txt", SPAN("hello\n"), PLAIN), 0);
    assert_exactly(judge_zip_of("a.zip", "setup.exe", MZ, PLAIN), BIT(EXECUTABLE));
    assert_has(judge_zip_of("a.zip", "notes.pdf", MZ, PLAIN), BIT(EXECUTABLE) | BIT(TYPE_MISMATCH));
    assert_has(judge_zip_of("a.zip", "x.js", SPAN("1\n"), PLAIN), BIT(SCRIPT));
    assert_has(judge_zip_of("a.pdf", "x.txt", SPAN("1\n"), PLAIN), BIT(TYPE_MISMATCH));
    assert_has(judge_zip_of("a.docx", "x.txt", SPAN("1\n"), PLAIN), BIT(TYPE_MISMATCH));
}

static void zip_paths_and_links(void **state) {
    (void)state;
    const char *const outside[] = {"../x.txt", "a/../../x.txt", "/etc/x", "\\x.txt", "C:\\x.txt", "a\\..\\x.txt"};
    for (size_t i = 0; i < SD_COUNT(outside); i++)
        assert_has(judge_zip_of("a.zip", outside[i], SPAN("x\n"), PLAIN), BIT(ARCHIVE_PATH));
    assert_exactly(judge_zip_of("a.zip", "a/b..c/x.txt", SPAN("x\n"), PLAIN), 0);
    assert_has(judge_zip_of("a.zip", "link", SPAN("/etc/passwd"), (struct zip_oddity){.mode = 0120777}), BIT(ARCHIVE_SPECIAL));
    assert_exactly(judge_zip_of("a.zip", "x.txt", SPAN("x\n"), (struct zip_oddity){.mode = 0100644}), 0);
}

static void zip_that_lies(void **state) {
    (void)state;
    assert_has(judge_zip_of("a.zip", "x.txt", SPAN("x\n"), (struct zip_oddity){.flags = 1}), BIT(ENCRYPTED_ENTRY));
    assert_has(judge_zip_of("a.zip", "x.exe", SPAN("x\n"), (struct zip_oddity){.flags = 1}),
               BIT(ENCRYPTED_ENTRY) | BIT(EXECUTABLE));
    assert_has(judge_zip_of("a.zip", "x.txt", SPAN("x\n"), (struct zip_oddity){.local_name = "x.exe"}),
               BIT(AMBIGUOUS) | BIT(EXECUTABLE));
    assert_has(judge_zip_of("a.zip", "x.txt", SPAN("x\n"), (struct zip_oddity){.size = 99}), BIT(DAMAGED));
    assert_has(judge_zip_of("a.zip", "x.txt", SPAN("\xff\xff\xff"), (struct zip_oddity){.method = 8}), BIT(DAMAGED));
    assert_has(judge_zip_of("a.zip", "x.txt", SPAN("xxx"), (struct zip_oddity){.method = 6}), BIT(DAMAGED));
}

static void zip_cut_or_grown(void **state) {
    (void)state;
    struct zip_maker z SD_CLEANUP(zip_maker_free) = zip_maker_new();
    zip_put(&z, "a.txt", SPAN("hello\n"), PLAIN);
    size_t second = z.bytes.n;
    zip_put(&z, "b.exe", MZ, PLAIN);
    struct span whole = zip_finish(&z);
    for (size_t n = 5; n < whole.n; n++) {
        uint64_t found = judged("a.zip", "", span_sub(whole, 0, n));
        if (!found)
            fail_msg("nothing found in the first %zu of %zu bytes", n, whole.n);
    }
    struct buf grown SD_CLEANUP(buf_free) = buf_new(4096);
    buf_text(&grown, "\xff\xd8\xff\xe0 a picture, or what begins like one");
    buf_put(&grown, whole);
    assert_has(judged("a.jpg", "image/jpeg", buf_span(&grown)), BIT(POLYGLOT) | BIT(EXECUTABLE));
    /* The directory names one entry; the other is there for programs that stream. */
    struct zip_maker hidden SD_CLEANUP(zip_maker_free) = zip_maker_new();
    buf_put(&hidden.bytes, span_sub(whole, second, 46));
    zip_put(&hidden, "a.txt", SPAN("hello\n"), PLAIN);
    assert_has(judged("a.zip", "", zip_finish(&hidden)), BIT(AMBIGUOUS));
}

/* What Word loads as macros is a macro, whatever is in it. */
static void a_part_that_holds_macros_is_one(void **state) {
    (void)state;
    struct zip_maker named SD_CLEANUP(zip_maker_free) = zip_maker_new(), called SD_CLEANUP(zip_maker_free) = zip_maker_new();
    zip_put(&named, "[Content_Types].xml", SPAN("<Types/>"), PLAIN);
    zip_put(&named, "word/document.xml", SPAN("<w:document/>"), PLAIN);
    zip_put(&named, "word/vbaProject.bin", SPAN("nothing that is known"), PLAIN);
    assert_has(judged("a.docm", "", zip_finish(&named)), BIT(MACRO));
    zip_put(&called, "[Content_Types].xml", SPAN("<Types/>"), PLAIN);
    zip_put(&called, "word/document.xml", SPAN("<w:document/>"), PLAIN);
    zip_put(&called, "word/_rels/document.xml.rels",
            SPAN("<Relationships><Relationship Id=\"a\" Target=\"other.dat\" "
                 "Type=\"http://schemas.microsoft.com/office/2006/relationships/vbaProject\"/></Relationships>"),
            PLAIN);
    zip_put(&called, "word/other.dat", SPAN("nothing that is known"), PLAIN);
    assert_has(judged("a.docx", "", zip_finish(&called)), BIT(MACRO));
}

/* An archive of libarchive's making. */
static void make_archive(struct archive *a, const char *name, unsigned type, const char *link, struct span content,
                         struct buf *to) {
    uint8_t *bytes = buf_reserve(to, 1024 * 1024);
    size_t used = 0;
    assert_non_null(bytes);
    assert_int_equal(archive_write_open_memory(a, bytes, 1024 * 1024, &used), ARCHIVE_OK);
    struct archive_entry *e = archive_entry_new();
    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, type);
    archive_entry_set_perm(e, 0644);
    archive_entry_set_size(e, type == AE_IFREG && !link ? (la_int64_t)content.n : 0);
    if (link && type == AE_IFREG)
        archive_entry_set_hardlink(e, link);
    else if (link)
        archive_entry_set_symlink(e, link);
    assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
    if (type == AE_IFREG && !link)
        (void)archive_write_data(a, content.p, content.n);
    archive_entry_free(e);
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    (void)archive_write_free(a);
    buf_grew(to, used);
}

static uint64_t judge_made(struct archive *a, const char *outer, const char *name, unsigned type, const char *link,
                           struct span content) {
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(2 * 1024 * 1024);
    make_archive(a, name, type, link, content, &bytes);
    return judged(outer, "", buf_span(&bytes));
}

typedef int make_format(struct archive *a);

static struct archive *writer(make_format *format, make_format *filter) {
    struct archive *a = archive_write_new();
    assert_non_null(a);
    assert_int_equal(format(a), ARCHIVE_OK);
    if (filter)
        assert_int_equal(filter(a), ARCHIVE_OK);
    (void)archive_write_set_bytes_in_last_block(a, 1);
    return a;
}

static void other_archives_are_walked(void **state) {
    (void)state;
    static make_format *const formats[] = {archive_write_set_format_7zip, archive_write_set_format_pax_restricted,
                                           archive_write_set_format_ustar, archive_write_set_format_cpio_newc,
                                           archive_write_set_format_ar_svr4};
    static make_format *const filters[] = {archive_write_add_filter_gzip, archive_write_add_filter_bzip2,
                                           archive_write_add_filter_xz,   archive_write_add_filter_zstd,
                                           archive_write_add_filter_lz4,  archive_write_add_filter_compress};
    for (size_t i = 0; i < SD_COUNT(formats); i++) {
        assert_exactly(judge_made(writer(formats[i], NULL), "a", "x.txt", AE_IFREG, NULL, SPAN("hello\n")), 0);
        assert_has(judge_made(writer(formats[i], NULL), "a", "x.pdf", AE_IFREG, NULL, MZ),
                   BIT(EXECUTABLE) | BIT(TYPE_MISMATCH));
    }
    for (size_t i = 0; i < SD_COUNT(filters); i++) {
        assert_exactly(judge_made(writer(archive_write_set_format_ustar, filters[i]), "a.tar.gz", "x.txt", AE_IFREG, NULL,
                                  SPAN("hello\n")),
                       0);
        assert_has(
            judge_made(writer(archive_write_set_format_ustar, filters[i]), "a.tar.gz", "x.js", AE_IFREG, NULL, SPAN("1\n")),
            BIT(SCRIPT));
    }
    assert_has(judge_made(writer(archive_write_set_format_iso9660, NULL), "a.bin", "X.LNK", AE_IFREG, NULL, SPAN("x")),
               BIT(DISK_IMAGE) | BIT(SHORTCUT));
}

static void links_and_devices(void **state) {
    (void)state;
    make_format *tar = archive_write_set_format_ustar;
    assert_has(judge_made(writer(tar, NULL), "a.tar", "x", AE_IFLNK, "/etc/passwd", SPAN_NONE), BIT(ARCHIVE_SPECIAL));
    assert_has(judge_made(writer(tar, NULL), "a.tar", "x", AE_IFREG, "y", SPAN_NONE), BIT(ARCHIVE_SPECIAL));
    assert_has(judge_made(writer(tar, NULL), "a.tar", "x", AE_IFCHR, NULL, SPAN_NONE), BIT(ARCHIVE_SPECIAL));
    assert_has(judge_made(writer(tar, NULL), "a.tar", "/etc/x", AE_IFREG, NULL, SPAN("x")), BIT(ARCHIVE_PATH));
    assert_has(judge_made(writer(archive_write_set_format_7zip, NULL), "a.7z", "x", AE_IFLNK, "y", SPAN_NONE),
               BIT(ARCHIVE_SPECIAL));
}

static void cut_archives_are_damaged(void **state) {
    (void)state;
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(2 * 1024 * 1024);
    make_archive(writer(archive_write_set_format_ustar, archive_write_add_filter_gzip), "x.txt", AE_IFREG, NULL,
                 SPAN("hello\n"), &bytes);
    for (size_t n = 4; n < bytes.n; n++)
        if (!judged("a.tar.gz", "", span_sub(buf_span(&bytes), 0, n)))
            fail_msg("nothing found in the first %zu of %zu bytes", n, bytes.n);
}

static uint64_t judge_office(const char *outer, const char *part, struct span content) {
    struct zip_maker z SD_CLEANUP(zip_maker_free) = zip_maker_new();
    zip_put(&z, "[Content_Types].xml", SPAN("<?xml version=\"1.0\"?><Types/>"), PLAIN);
    zip_put(&z, part, content, PLAIN);
    return judged(outer, "", zip_finish(&z));
}

#define RELATIONSHIP(type, target)                                                                                             \
    SPAN("<?xml version=\"1.0\"?><Relationships><Relationship Id=\"r\" Type=\"http://schemas.openxmlformats.org/"              \
         "officeDocument/2006/relationships/" type "\" Target=\"" target "\" TargetMode=\"External\"/></Relationships>")

static void office_relationships(void **state) {
    (void)state;
    const char *rels = "word/_rels/settings.xml.rels";
    uint64_t fetched = BIT(EXTERNAL_TEMPLATE);
    assert_exactly(judge_office("a.docx", rels, RELATIONSHIP("hyperlink", "https://example.org")), 0);
    assert_exactly(judge_office("a.docx", rels, RELATIONSHIP("attachedTemplate", "file:///C:\\x\\Normal.dotm")), 0);
    assert_exactly(judge_office("a.docx", rels, RELATIONSHIP("attachedTemplate", "https://example.org/x.dotm")), fetched);
    assert_exactly(judge_office("a.docx", rels, RELATIONSHIP("attachedTemplate", "\\\\192.0.2.1\\x.dotm")), fetched);
    assert_exactly(judge_office("a.docx", rels, RELATIONSHIP("attachedTemplate", "file://192.0.2.1/x.dotm")), fetched);
    assert_exactly(judge_office("a.docx", rels, RELATIONSHIP("oleObject", "mhtml:http://example.org/x.html!")), fetched);
    assert_exactly(judge_office("a.docx", rels, RELATIONSHIP("oleObject", "&#104;ttp://example.org/x.html!")), fetched);
    assert_exactly(judge_office("a.docx", rels, RELATIONSHIP("hyperlink", "ms-msdt:/id")), fetched);
}

static void office_parts(void **state) {
    (void)state;
    assert_exactly(judge_office("a.docx", "word/document.xml", SPAN("<?xml version='1.0'?><w:document><w:p/></w:document>")),
                   0);
    assert_exactly(
        judge_office(
            "a.docx", "word/document.xml",
            SPAN("<w:fldChar w:fldCharType='begin'/><w:instrText> DD</w:instrText><w:instrText>EAUTO c:\\x</w:instrText>")),
        BIT(DDE));
    assert_exactly(judge_office("a.docx", "word/document.xml", SPAN("<w:fldSimple w:instr=' DDE x'/>")), BIT(DDE));
    assert_exactly(judge_office("a.docx", "word/document.xml", SPAN("<w:instrText>HYPERLINK \"http://x\"</w:instrText>")), 0);
    assert_exactly(judge_office("a.xlsx", "xl/worksheets/sheet1.xml", SPAN("<c><f>cmd|'/c calc'!A1</f></c>")), BIT(DDE));
    assert_exactly(judge_office("a.xlsx", "xl/worksheets/sheet1.xml", SPAN("<c><f>SUM(A1:A2)</f><v>a|b</v></c>")), 0);
    assert_exactly(judge_office("a.xlsm", "xl/macrosheets/sheet1.xml", SPAN("<x/>")), BIT(MACRO_EXCEL4));
    assert_exactly(judge_office("a.docx", "word/activeX/activeX1.xml", SPAN("<x/>")), BIT(EMBEDDED_OBJECT));
    assert_has(judge_office("a.docx", "word/embeddings/oleObject1.bin", MZ), BIT(EMBEDDED_OBJECT) | BIT(EXECUTABLE));
}

static void open_document(void **state) {
    (void)state;
    struct zip_maker z SD_CLEANUP(zip_maker_free) = zip_maker_new();
    zip_put(&z, "mimetype", SPAN("application/vnd.oasis.opendocument.text"), PLAIN);
    zip_put(&z, "content.xml", SPAN("<office:document-content><office:forms/></office:document-content>"), PLAIN);
    struct zip_maker macros SD_CLEANUP(zip_maker_free) = zip_maker_new();
    zip_put(&macros, "mimetype", SPAN("application/vnd.oasis.opendocument.text"), PLAIN);
    zip_put(&macros, "content.xml", SPAN("<x/>"), PLAIN);
    zip_put(&macros, "Basic/Standard/Module1.xml", SPAN("<x/>"), PLAIN);
    zip_put(&macros, "META-INF/manifest.xml", SPAN("<manifest:encryption-data/>"), PLAIN);
    assert_exactly(judged("a.odt", "", zip_finish(&z)), 0);
    assert_exactly(judged("a.odt", "", zip_finish(&macros)), BIT(MACRO) | BIT(ENCRYPTED_FILE));
}

static void archives_are_listed(void **state) {
    (void)state;
    struct zip_maker z SD_CLEANUP(zip_maker_free) = zip_maker_new();
    struct buf text SD_CLEANUP(buf_free) = buf_new(4096), tar SD_CLEANUP(buf_free) = buf_new(2 * 1024 * 1024);
    struct files_budget budget = files_budget_default();
    zip_put(&z,
            "a\n\xe2\x80\xae"
            "b.txt",
            SPAN("hello\n"), PLAIN);
    struct span zip = zip_finish(&z);
    assert_int_equal(files_list(&budget, zip, &text), SD_OK);
    assert_string_equal(span_eq(buf_span(&text), SPAN("           6  2024-00-00  a..b.txt\n")) ? "" : (char *)text.p, "");
    budget.entries_left = 0;
    assert_int_equal(files_list(&budget, zip, &text), SD_ERR_LIMIT);
    budget = files_budget_default();
    buf_reset(&text);
    make_archive(writer(archive_write_set_format_ustar, NULL), "x.txt", AE_IFREG, NULL, SPAN("hello\n"), &tar);
    assert_int_equal(files_list(&budget, buf_span(&tar), &text), SD_OK);
    assert_true(span_ends(buf_span(&text), SPAN("  x.txt\n")));
    assert_int_equal(files_list(&budget, SPAN("no archive"), &text), SD_ERR_PARSE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_that_holds_macros_is_one),
        cmocka_unit_test(zip_entries_are_judged),
        cmocka_unit_test(zip_paths_and_links),
        cmocka_unit_test(zip_that_lies),
        cmocka_unit_test(zip_cut_or_grown),
        cmocka_unit_test(other_archives_are_walked),
        cmocka_unit_test(links_and_devices),
        cmocka_unit_test(cut_archives_are_damaged),
        cmocka_unit_test(office_relationships),
        cmocka_unit_test(office_parts),
        cmocka_unit_test(open_document),
        cmocka_unit_test(archives_are_listed),
    };
    return cmocka_run_group_tests(tests, setup_files, drop_files);
}
