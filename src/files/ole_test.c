/* Compound files made by hand: macros, objects, encryption, installers, and chains that go round or nowhere. */
#include "files/files_test.h"

#define BIT(name) FINDING_BIT(name)
#define SECTOR 512
#define STREAM_BYTES 4096 /* eight sectors, so that no small stream is needed */
#define NOWHERE UINT32_MAX

struct entry {
    const char *name;
    unsigned type;
    uint32_t child, right;
    const char *content; /* of a stream: every stream has the same eight sectors */
    const char *clsid;   /* 16 bytes, or NULL */
};

static void put_entry(struct buf *to, const struct entry *e) {
    size_t n = strlen(e->name), start = to->n;
    for (size_t i = 0; i < n; i++)
        buf_u16(to, (uint16_t)(uint8_t)e->name[i]);
    buf_fill(to, 0, 64 - 2 * n);
    buf_u16(to, (uint16_t)(2 * n + 2));
    buf_u8(to, (uint8_t)e->type);
    buf_u8(to, 1);
    buf_u32(to, NOWHERE);
    buf_u32(to, e->right ? e->right : NOWHERE);
    buf_u32(to, e->child ? e->child : NOWHERE);
    buf_put(to, span_of(e->clsid ? e->clsid : "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16));
    buf_fill(to, 0, 20);
    buf_u32(to, e->type == 2 ? 2 : 0xfffffffe);
    buf_u64(to, e->type == 2 ? STREAM_BYTES : 0);
    assert_int_equal(to->n - start, 128);
}

/* Header, sector 0: FAT, sector 1: directory of four entries, sectors 2 to 9: the one stream. */
static void make_compound(struct buf *to, const struct entry entries[4], struct span content, uint32_t after_second) {
    buf_put(to, SPAN("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"));
    buf_fill(to, 0, 16);
    buf_put(to, SPAN("\x3e\0\3\0\xfe\xff\x09\0\6\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\0\x10\0\0"));
    buf_u32(to, 0xfffffffe);
    buf_u32(to, 0);
    buf_u32(to, 0xfffffffe);
    buf_u32(to, 0);
    buf_u32(to, 0);
    buf_fill(to, 0xff, 108 * 4);
    assert_int_equal(to->n, SECTOR);
    buf_u32(to, 0xfffffffd);
    buf_u32(to, 0xfffffffe);
    buf_u32(to, after_second);
    for (uint32_t i = 3; i < 9; i++)
        buf_u32(to, i + 1);
    buf_u32(to, 0xfffffffe);
    buf_fill(to, 0xff, SECTOR - 40);
    for (int i = 0; i < 4; i++)
        put_entry(to, &entries[i]);
    buf_put(to, content);
    buf_fill(to, ' ', STREAM_BYTES - content.n);
    assert_int_equal(buf_err(to), SD_OK);
}

static uint64_t judge_stream(const char *storage, const char *stream, struct span content, const char *clsid) {
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(64 * 1024);
    const struct entry entries[4] = {{"Root Entry", 5, 1, 0, NULL, clsid},
                                     {storage, 1, 2, 0, NULL, NULL},
                                     {stream, 2, 0, 0, NULL, NULL},
                                     {"", 0, 0, 0, NULL, NULL}};
    make_compound(&bytes, entries, content, 3);
    return judged("a.doc", "", buf_span(&bytes));
}

static void ordinary_documents_are_nothing(void **state) {
    (void)state;
    assert_exactly(judge_stream("x", "WordDocument", SPAN("\xec\xa5\xc1\0\0\0\0\0\0\0\0\0text"), NULL), 0);
    assert_exactly(judge_stream("x", "Contents", SPAN("AutoOpen"), NULL), 0);
}

static void macros(void **state) {
    (void)state;
    assert_exactly(judge_stream("VBA", "dir", SPAN("x"), NULL), BIT(MACRO));
    assert_exactly(judge_stream("x", "_VBA_PROJECT", SPAN("x"), NULL), BIT(MACRO));
    assert_exactly(judge_stream("VBA", "_VBA_PROJECT", SPAN("..AutoOpen.."), NULL), BIT(MACRO) | BIT(MACRO_AUTORUN));
    /* "Attribut", "e A", "utoOpen" as bytes, then "Document_Open" in pieces: "Document" and a copy of seven bytes back. */
    static const char source[] = "\1\x1a\xb0\0Attribut\0e\nSub Au\0toOpen()";
    assert_exactly(judge_stream("VBA", "Module1", span_of(source, sizeof source - 1), NULL), BIT(MACRO) | BIT(MACRO_AUTORUN));
    static const char copied[] = "\1\x13\xb0\0Attribut\x04"
                                 "Au\4\x70toO";
    (void)judge_stream("VBA", "Module1", span_of(copied, sizeof copied - 1), NULL); /* a piece from before the beginning */
}

static void objects_and_links(void **state) {
    (void)state;
    assert_exactly(judge_stream("ObjectPool", "x", SPAN("x"), NULL), BIT(EMBEDDED_OBJECT));
    assert_exactly(judge_stream("MBD00000001", "x", SPAN("x"), NULL), BIT(EMBEDDED_OBJECT));
    assert_exactly(judge_stream("x", "Equation Native", SPAN("x"), NULL), BIT(EMBEDDED_OBJECT));
    assert_has(
        judge_stream("x", "\x01Ole10Native", SPAN("\x40\0\0\0\2\0a.exe\0C:\\a.exe\0\0\0\3\0\2\0\0\0x\0\2\0\0\0MZ"), NULL),
        BIT(EMBEDDED_OBJECT) | BIT(EXECUTABLE));
    assert_exactly(judge_stream("x", "\x01Ole",
                                SPAN("\1\0\0\2\1\0\0\0\xe0\xc9\xea\x79\xf9\xba\xce\x11\x8c\x82\0\xaa\0\x4b\xa9\x0b"), NULL),
                   BIT(EXTERNAL_TEMPLATE));
    assert_exactly(judge_stream("x", "WordDocument", SPAN("\xec\xa5\xc1\0\0\0\0\0\0\0\0\0\x13 DDEAUTO c:\\x \x14"), NULL),
                   BIT(DDE));
    assert_exactly(judge_stream("x", "WordDocument", SPAN("\xec\xa5\xc1\0\0\0\0\0\0\0\0\0\x13\0D\0D\0E\0 \0"), NULL), BIT(DDE));
}

static void encryption_and_installers(void **state) {
    (void)state;
    assert_exactly(judge_stream("x", "EncryptedPackage", SPAN("x"), NULL), BIT(ENCRYPTED_FILE));
    assert_exactly(judge_stream("x", "WordDocument", SPAN("\xec\xa5\xc1\0\0\0\0\0\0\0\0\1x"), NULL), BIT(ENCRYPTED_FILE));
    assert_exactly(judge_stream("x", "Current User", SPAN("\0\0\xf6\x0f\x14\0\0\0\x14\0\0\0\xdf\xc4\xd1\xf3"), NULL),
                   BIT(ENCRYPTED_FILE));
    assert_exactly(judge_stream("x", "y", SPAN("x"), "\x84\x10\x0c\0\0\0\0\0\xc0\0\0\0\0\0\0\x46"), BIT(INSTALLER));
}

#define SHEET_BEGIN "\x09\x08\x10\0\0\x06\x05\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void workbooks(void **state) {
    (void)state;
    assert_exactly(judge_stream("x", "Workbook", SPAN(SHEET_BEGIN "\x85\0\7\0\0\0\0\0\0\0a"), NULL), 0);
    assert_exactly(judge_stream("x", "Workbook", SPAN(SHEET_BEGIN "\x85\0\7\0\0\0\0\0\0\1a"), NULL), BIT(MACRO_EXCEL4));
    assert_exactly(judge_stream("x", "Workbook",
                                SPAN(SHEET_BEGIN "\x85\0\7\0\0\0\0\0\0\1a\x18\0\x10\0\x20\0\0\1\0\0\0\0\0\0\0\0\0\0\0\1"),
                                NULL),
                   BIT(MACRO_EXCEL4) | BIT(MACRO_AUTORUN));
    assert_exactly(judge_stream("x", "Workbook", SPAN(SHEET_BEGIN "\x2f\0\2\0\0\0"), NULL), BIT(ENCRYPTED_FILE));
    assert_exactly(judge_stream("x", "Workbook", SPAN(SHEET_BEGIN "\xae\1\x0d\0\0\0\x08\0\0cmd\3/c x"), NULL), BIT(DDE));
    assert_exactly(judge_stream("x", "Workbook", SPAN(SHEET_BEGIN "\xae\1\x0d\0\0\0\x08\0\0\1Cdir\3xx"), NULL),
                   0); /* another workbook */
}

static void chains_that_go_round(void **state) {
    (void)state;
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(64 * 1024);
    const struct entry loop[4] = {
        {"Root Entry", 5, 1, 0, NULL, NULL}, {"x", 1, 1, 1, NULL, NULL}, {"y", 2, 0, 1, NULL, NULL}, {"", 0, 0, 0, NULL, NULL}};
    make_compound(&bytes, loop, SPAN("x"), 2); /* the stream's second sector is its first */
    (void)judged("a.doc", "", buf_span(&bytes));
    buf_reset(&bytes);
    make_compound(&bytes, loop, SPAN("x"), 0xfffffffe); /* it ends after one */
    assert_has(judged("a.doc", "", buf_span(&bytes)), BIT(DAMAGED));
    for (size_t n = 8; n < bytes.n; n += 16)
        (void)judged("a.doc", "", span_sub(buf_span(&bytes), 0, n));
    assert_has(judged("a.doc", "", span_sub(buf_span(&bytes), 0, 600)), BIT(DAMAGED));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_documents_are_nothing), cmocka_unit_test(macros),    cmocka_unit_test(objects_and_links),
        cmocka_unit_test(encryption_and_installers),      cmocka_unit_test(workbooks), cmocka_unit_test(chains_that_go_round),
    };
    return cmocka_run_group_tests(tests, setup_files, drop_files);
}
