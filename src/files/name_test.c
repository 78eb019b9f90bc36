/* Names: extensions as Windows takes them, and characters that turn or hide. */
#include "files/files_test.h"

static void expect(const char *name, uint64_t findings) {
    uint64_t found = files_judge_name(span_cstr(name));
    if (found != findings) {
        print_message("<%s>\n", name);
        assert_exactly(found, findings);
    }
}

#define BIT(name) FINDING_BIT(name)

static void ordinary_names_are_nothing(void **state) {
    (void)state;
    const char *const names[] = {
        "",
        "invoice.pdf",
        "Rechnung 2024-01.final.docx",
        "a.tar.gz",
        "README",
        "notes.v2.txt",
        "photo.JPG",
        "smime.p7s",
        "0001-fix.patch",
        "\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae\xd9\x88\xd8\xa7\xd9\x87\xd9\x85.pdf", /* Persian, with its joiner */
        "Bildschirmfoto um 10.15\342\200\257AM.png",
        "\xe6\x97\xa5\xe6\x9c\xac.xlsx",
        "console.txt",
        "www.example.org.html"};
    for (size_t i = 0; i < SD_COUNT(names); i++)
        expect(names[i], 0);
}

static void programs_are_seen_by_name(void **state) {
    (void)state;
    expect("setup.exe", BIT(EXECUTABLE));
    expect("SETUP.ScR", BIT(EXECUTABLE));
    expect("a.js", BIT(SCRIPT));
    expect("a.hta", BIT(SCRIPT));
    expect("a.lnk", BIT(SHORTCUT));
    expect("a.library-ms", BIT(SHORTCUT));
    expect("a.searchConnector-ms", BIT(SHORTCUT));
    expect("a.settingcontent-ms", BIT(SHORTCUT));
    expect("a.iso", BIT(DISK_IMAGE));
    expect("a.vhdx", BIT(DISK_IMAGE));
    expect("a.msi", BIT(INSTALLER));
    expect("a.one", BIT(ONENOTE));
    expect("a.chm", BIT(HELP_FILE));
}

static void two_extensions_are_one_too_many(void **state) {
    (void)state;
    expect("invoice.pdf.exe", BIT(EXECUTABLE) | BIT(DOUBLE_EXTENSION));
    expect("photo.jpg.js", BIT(SCRIPT) | BIT(DOUBLE_EXTENSION));
    expect("invoice.pdf.html", BIT(DOUBLE_EXTENSION));
    expect("invoice.pdf                                 .exe", BIT(EXECUTABLE) | BIT(DOUBLE_EXTENSION) | BIT(NAME_DECEPTIVE));
    expect("7.1.exe", BIT(EXECUTABLE));
}

static void windows_tails_do_not_hide(void **state) {
    (void)state;
    expect("invoice.exe.", BIT(EXECUTABLE) | BIT(NAME_DECEPTIVE));
    expect("invoice.exe ", BIT(EXECUTABLE) | BIT(NAME_DECEPTIVE));
    expect("invoice.exe . .", BIT(EXECUTABLE) | BIT(NAME_DECEPTIVE));
    expect("CON", BIT(NAME_DECEPTIVE));
    expect("lpt1.txt", BIT(NAME_DECEPTIVE));
    expect("x.exe:note.txt", BIT(EXECUTABLE));
    expect("a.{3050f4d8-98b5-11cf-bb82-00aa00bdce0b}", BIT(NAME_DECEPTIVE) | BIT(SHORTCUT));
    expect("../../x.txt", BIT(NAME_DECEPTIVE));
    expect("C:\\temp\\x.exe", BIT(EXECUTABLE));
}

static void characters_that_turn_or_hide(void **state) {
    (void)state;
    expect("invoice\xe2\x80\xae"
           "fdp.exe",
           BIT(EXECUTABLE) | BIT(NAME_DECEPTIVE));
    expect("a\xe2\x80\x8b.pdf", BIT(NAME_DECEPTIVE));
    expect("a\xe2\x80\x8d.pdf", BIT(NAME_DECEPTIVE));
    expect("a\xe2\x81\xa6.pdf", BIT(NAME_DECEPTIVE));
    expect("a\xc2\xad.pdf", BIT(NAME_DECEPTIVE));
    expect("a\x01.pdf", BIT(NAME_DECEPTIVE));
    expect("invoice\xe2\x80\xa4pdf", BIT(NAME_DECEPTIVE));
    expect("a\xe2", 0);
    expect("Fr\xf6sche.txt", 0); /* Latin-1 */
}

static void both_names_are_looked_at(void **state) {
    (void)state;
    struct files_budget budget = files_budget_default();
    struct files_subject s = {.content = SPAN("text\n"), .name = SPAN("ok.txt"), .other_name = SPAN("evil.exe")};
    assert_has(judged_within(&budget, &s), BIT(EXECUTABLE) | BIT(NAME_SEVERAL));
    s.other_name = SPAN("OK.TXT");
    assert_exactly(judged_within(&budget, &s), 0);
    s.name = SPAN("=?utf-8?B?ZXZpbC5leGU=?=");
    s.other_name = SPAN_NONE;
    assert_has(judged_within(&budget, &s), BIT(EXECUTABLE) | BIT(NAME_SEVERAL));
    s.name = SPAN("evil%2Eexe");
    assert_has(judged_within(&budget, &s), BIT(EXECUTABLE) | BIT(NAME_SEVERAL));
    s.name = SPAN("100%.txt");
    assert_exactly(judged_within(&budget, &s), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_names_are_nothing),      cmocka_unit_test(programs_are_seen_by_name),
        cmocka_unit_test(two_extensions_are_one_too_many), cmocka_unit_test(windows_tails_do_not_hide),
        cmocka_unit_test(characters_that_turn_or_hide),    cmocka_unit_test(both_names_are_looked_at),
    };
    return cmocka_run_group_tests(tests, setup_files, drop_files);
}
