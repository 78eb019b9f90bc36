/* What content is and holds: programs, pages, documents, messages; and that ordinary files are nothing. */
#include "files/files_test.h"

#define BIT(name) FINDING_BIT(name)

struct row {
    const char *name, *type;
    struct span content;
    uint64_t findings; /* among others; 0: none at all */
};
#define ROW(name, type, content, findings)                                                                                     \
    { name, type, {(const uint8_t *)("" content), sizeof(content) - 1}, findings }

static void check(const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint64_t found = judged(rows[i].name, rows[i].type, rows[i].content);
        bool fits = rows[i].findings ? (found & rows[i].findings) == rows[i].findings : found == 0;
        if (fits)
            continue;
        print_message("<%s> <%s>\n", rows[i].name, rows[i].type);
        explain("found", found);
        explain("expected", rows[i].findings);
        fail();
    }
}

#define PNG "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\0\0\0\0\x3a\x7e\x9b\x55\0\0\0\0IEND\xae\x42\x60\x82"
#define GIF "GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff\x2c\0\0\0\0\1\0\1\0\0\2\2\x44\1\0\x3b"
#define PDF_TAIL "\ntrailer\n<< /Root 1 0 R >>\nstartxref\n9\n%%EOF\n"
#define PDF(objects) "%PDF-1.4\n" objects PDF_TAIL

static void ordinary_files_are_nothing(void **state) {
    (void)state;
    static const struct row rows[] = {
        ROW("", "", "", 0),
        ROW("empty.pdf", "application/pdf", "", 0),
        ROW("notes.txt", "text/plain", "Hello\nworld\n", 0),
        ROW("", "text/plain", "#include <stdio.h>\nint main(void) { return 0; }\n", 0),
        ROW("page.txt", "text/plain", "<html><script>alert(1)</script>\n", 0),
        ROW("run.txt", "text/plain", "#!/bin/sh\necho\n", 0),
        ROW("fix.patch", "text/x-diff", "--- a\n+++ b\n-=cmd\n+x|y!z\n", 0),
        ROW("page.html", "text/html",
            "<!DOCTYPE html><html><body style='x'><p>Hi <a href='https://example.org'>there</a></body></html>", 0),
        ROW("data.xml", "text/xml", "<?xml version='1.0'?><order><form>7</form><object id='1'/></order>", 0),
        ROW("logo.svg", "image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'><path d='M0 0'/></svg>", 0),
        ROW("table.csv", "text/csv", "name,sum\n-5,+3\n\"=A1+B1\",x\n", 0),
        ROW("cal.ics", "text/calendar", "BEGIN:VCALENDAR\nATTACH;VALUE=URI:http://example.org\nEND:VCALENDAR\n", 0),
        ROW("a.vcf", "text/vcard", "BEGIN:VCARD\nPHOTO;VALUE=uri:http://example.org\nEND:VCARD\n", 0),
        ROW("x.png", "image/png", PNG, 0),
        ROW("x.jpg", "image/jpeg", PNG, 0), /* one picture for another */
        ROW("x.gif", "image/gif", GIF, 0),
        ROW("signature.asc", "application/pgp-signature", "-----BEGIN PGP SIGNATURE-----\niQ==\n-----END PGP SIGNATURE-----\n",
            0),
        ROW("data.bin", "application/octet-stream", "\1\2\3\4\5\6\7\x80\x90\xa0\xb0\xc0\xd0\xe0\xf0", 0),
        ROW("a.rtf", "text/rtf", "{\\rtf1\\ansi text \\\\objdata \\{\\field\\}{\\*\\fldinst HYPERLINK \"http://example.org\"}}",
            0),
        ROW("a.doc", "application/msword", "{\\rtf1 text}", 0),
        ROW("a.pdf", "application/pdf",
            PDF("1 0 obj\n<< /Type /Catalog /OpenAction [3 0 R /Fit] >>\nendobj\n2 0 obj\n<< /A << /S /URI /URI (http://x) >> "
                "/T (a /JS b) >>\nendobj\n"),
            0),
        ROW("a.pdf", "application/pdf", "\r\n" PDF("1 0 obj\n<< >>\nendobj\n"), 0),
    };
    check(rows, SD_COUNT(rows));
}

static void programs_are_seen_by_content(void **state) {
    (void)state;
    static const struct row rows[] = {
        ROW("invoice.pdf", "application/pdf", "MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0", BIT(EXECUTABLE) | BIT(TYPE_MISMATCH)),
        ROW("photo.jpg", "image/jpeg",
            "\x7f"
            "ELF\2\1\1\0\0\0\0\0\0\0\0\0",
            BIT(EXECUTABLE) | BIT(TYPE_MISMATCH)),
        ROW("x", "", "\xcf\xfa\xed\xfe\7\0\0\1", BIT(EXECUTABLE)),
        ROW("x", "", "\xca\xfe\xba\xbe\0\0\0\x34", BIT(EXECUTABLE)),
        ROW("x", "", "#!/bin/sh\nrm -r /\n", BIT(SCRIPT)),
        ROW("x.txt", "text/plain", "X5O!P%@AP[4\\PZX54(P^)7CC)7}", BIT(EXECUTABLE)),
        ROW("x.doc", "", "\x4c\0\0\0\1\x14\2\0\0\0\0\0\xc0\0\0\0", BIT(SHORTCUT) | BIT(TYPE_MISMATCH)),
        ROW("x.txt", "", "[InternetShortcut]\r\nURL=file://host/x\r\n", BIT(SHORTCUT)),
        ROW("x.dat", "",
            "\xff\xfeW\0i\0n\0d\0o\0w\0s\0 \0R\0e\0g\0i\0s\0t\0r\0y\0 \0E\0d\0i\0t\0o\0r\0 \0V\0e\0r\0s\0i\0o\0n\0",
            BIT(SHORTCUT)),
        ROW("x.xml", "", "<?xml version='1.0'?><libraryDescription xmlns='x'/>", BIT(SHORTCUT)),
        ROW("x.bin", "", "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", BIT(ONENOTE)),
        ROW("x.bin", "", "ITSF\3\0\0\0\x60\0\0\0", BIT(HELP_FILE)),
        ROW("x.bin", "", "vhdxfile", BIT(DISK_IMAGE)),
        ROW("x.bin", "", "-----BEGIN PGP MESSAGE-----\n\nhQ==\n", BIT(ENCRYPTED_FILE)),
        ROW("x.gif", "image/gif", "<html><body>log in</body></html>", BIT(TYPE_MISMATCH)),
        ROW("x.pdf", "application/pdf", "<html><body>log in</body></html>", BIT(TYPE_MISMATCH)),
        ROW("x.arj", "", "\x60\xea\x2a\0\x1e\x06\1\0\x10\0\2\x7f", BIT(DAMAGED)),
        ROW("x.zip", "application/zip", "no archive at all", 0),
        ROW("x.zip", "application/zip", "\1\2\3\4\5\6\7\x80\x90\xa0", BIT(DAMAGED)),
    };
    check(rows, SD_COUNT(rows));
}

static void pages_that_act(void **state) {
    (void)state;
    static const struct row rows[] = {
        ROW("a.html", "text/html", "<p><SCRIPT>x</SCRIPT>", BIT(ACTIVE_PAGE)),
        ROW("a.html", "text/html", "<img src=x onerror=alert(1)>", BIT(ACTIVE_PAGE)),
        ROW("a.html", "text/html", "<a href=\" jav&#x61;\nscript:alert(1)\">x</a>", BIT(ACTIVE_PAGE)),
        ROW("a.html", "text/html", "<form action=https://example.org><input></form>", BIT(ACTIVE_PAGE)),
        ROW("a.html", "text/html", "<meta http-equiv=refresh content='0; url=https://example.org'>", BIT(ACTIVE_PAGE)),
        ROW("a.html", "text/html", "<a b==\"><script>x</script>", BIT(ACTIVE_PAGE)),
        ROW("a.html", "text/html", "GIF89a<script>x</script>", BIT(ACTIVE_PAGE)),
        ROW("a.html", "text/html", "\xff\xfe<\0s\0c\0r\0i\0p\0t\0>\0x\0<\0/\0s\0c\0r\0i\0p\0t\0>\0", BIT(ACTIVE_PAGE)),
        ROW("a", "text/html", "<iframe src=x></iframe>", BIT(ACTIVE_PAGE)),
        ROW("a", "", "<html><embed src=x></html>", BIT(ACTIVE_PAGE)),
        ROW("a.svg", "image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'><foreignObject/></svg>", BIT(ACTIVE_PAGE)),
        ROW("a.svg", "", "<svg:svg xmlns:svg='http://www.w3.org/2000/svg'><svg:script/></svg:svg>", BIT(ACTIVE_PAGE)),
        ROW("a.xml", "", "<?xml version='1.0'?><x:script xmlns:x='http://www.w3.org/1999/xhtml'>x</x:script>",
            BIT(ACTIVE_PAGE)),
        ROW("a.html", "text/html", "<script>navigator.msSaveOrOpenBlob(new Blob([x]))</script>", BIT(HTML_SMUGGLING)),
        ROW("a.html", "text/html", "<script>location=URL.createObjectURL(b)</script>", BIT(HTML_SMUGGLING)),
        ROW("a.html", "text/html", "<a download=x.exe href='data:application/octet-stream;base64,TVqQ'>x</a>",
            BIT(HTML_SMUGGLING)),
        ROW("a.xml", "", "<!DOCTYPE x [<!ENTITY a 'b'><!ENTITY c '&a;&a;'><!ENTITY d '&c;&c;'>]><x>&d;</x>", BIT(LIMIT_SIZE)),
        ROW("a.xml", "", "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a SYSTEM 'http://example.org'>]><x>&a;</x>",
            BIT(EXTERNAL_TEMPLATE)),
        ROW("a.csv", "text/csv", "a,b\nx,\"=cmd|'/c calc'!A0\"\n", BIT(DDE)),
        ROW("a.csv", "", "@SUM(1+1)*cmd|' /C calc'!A0\n", BIT(DDE)),
        ROW("a.csv", "", "=DDE(\"cmd\";\"/c calc\";\"x\")\n", BIT(DDE)),
        ROW("a.slk", "", "ID;P\nNN;NAuto_open;ER1C1\nC;X1;Y1;EEXEC(\"calc\")\nE\n", BIT(MACRO_EXCEL4) | BIT(MACRO_AUTORUN)),
        ROW("a.rtf", "", "{\\rtf1{\\object\\objemb{\\*\\objdata 0105}}}", BIT(EMBEDDED_OBJECT)),
        ROW("a.doc", "", "{\\rt{\\object\\objupdate{\\*\\objdata 01\n05 {\\x} 00}}}", BIT(EMBEDDED_OBJECT)),
        ROW("a.rtf", "", "{\\rtf1{\\*\\template https://example.org/x.dot}}", BIT(EXTERNAL_TEMPLATE)),
        ROW("a.rtf", "", "{\\rtf1{\\field{\\*\\fldinst {DD}{EAUTO cmd \"/c calc\"}}}}", BIT(DDE)),
    };
    check(rows, SD_COUNT(rows));
}

static void pdf_that_acts(void **state) {
    (void)state;
    static const struct row rows[] = {
        ROW("a.pdf", "", PDF("1 0 obj\n<< /OpenAction << /S /JavaScript /JS (app.alert(1)) >> >>\nendobj\n"), BIT(PDF_SCRIPT)),
        ROW("a.pdf", "", PDF("1 0 obj\n<< /S /J#61vaScript >>\nendobj\n"), BIT(PDF_SCRIPT)),
        ROW("a.pdf", "", PDF("1 0 obj\n<< /S /Launch /F (cmd.exe) >>\nendobj\n"), BIT(PDF_ACTION)),
        ROW("a.pdf", "", PDF("1 0 obj\n<< /S /SubmitForm >>\nendobj\n"), BIT(PDF_ACTION)),
        ROW("a.pdf", "", PDF("1 0 obj\n<< /OpenAction 2 0 R >>\nendobj\n2 0 obj\n<< /S /URI /URI (http://x) >>\nendobj\n"),
            BIT(PDF_ACTION)),
        ROW("a.pdf", "", PDF("1 0 obj\n<< /Names << /EmbeddedFiles 2 0 R >> >>\nendobj\n"), BIT(PDF_EMBEDDED)),
        ROW("a.pdf", "", "%PDF-1.4\n1 0 obj\n<< >>\nendobj\ntrailer\n<< /Encrypt 2 0 R >>\nstartxref\n9\n%%EOF\n",
            BIT(ENCRYPTED_FILE)),
        ROW("a.pdf", "",
            PDF("1 0 obj\n<< /Length 5 >>\nstream\nendob\nendstream\nendobj\n( 2 0 obj\n<< /S /Launch >>\nendobj\n"),
            BIT(PDF_ACTION)),
        ROW("a.pdf", "",
            PDF("1 0 obj\n<< /Length 9 0 R >>\nstream\nx\nendobj\n2 0 obj\n<< /JS (x) >>\nendobj\n3 0 obj\nstream\nendstream"),
            BIT(PDF_SCRIPT)),
        ROW("a.pdf", "", "%PDF-1.4\n1 0 obj\n<< >>\nstream\nxxxxxxxxxxxx", BIT(DAMAGED)),
        ROW("a.gif", "image/gif", GIF "\n%PDF-1.4\n1 0 obj\n<< /JS (x) >>\nendobj\nstartxref\n",
            BIT(POLYGLOT) | BIT(PDF_SCRIPT)),
        ROW("a.pdf", "", "junk\1\2\3\n" PDF("1 0 obj\n<< >>\nendobj\n"), BIT(POLYGLOT)),
        ROW("a.png", "", PNG "MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0", BIT(POLYGLOT) | BIT(EXECUTABLE)),
        ROW("a.gif", "", GIF "<?php system($_GET[0]); ?>", BIT(POLYGLOT)),
    };
    check(rows, SD_COUNT(rows));
}

static void messages_within(void **state) {
    (void)state;
    static const struct row rows[] = {
        ROW("a.eml", "message/rfc822", "From: a@example.org\r\nSubject: x\r\n\r\nhello\r\n", 0),
        ROW("a.eml", "message/rfc822",
            "From: a@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream; name=x.exe\r\n"
            "Content-Transfer-Encoding: base64\r\n\r\nTVqQAAMAAAAEAAAA//8AAA==\r\n",
            BIT(EXECUTABLE)),
        ROW("", "message/rfc822",
            "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\nContent-Type: multipart/mixed; "
            "boundary=b\r\n\r\n"
            "--a\r\n\r\nx\r\n--a--\r\n--b\r\n\r\ny\r\n--b--\r\n",
            BIT(AMBIGUOUS)),
        ROW("a.eml", "message/rfc822",
            "From: a@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; name=a.txt\r\n"
            "Content-Disposition: attachment; filename=a.js\r\n\r\nx\r\n",
            BIT(SCRIPT)),
        ROW("a.txt", "text/plain", "hi\nbegin 644 x.exe\n#35J0\n`\nend\n", BIT(EXECUTABLE)),
        ROW("smime.p7m", "application/pkcs7-mime",
            "\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80\x02\x01\x01\x31\x00\x30\x80\x06\x09\x2a\x86"
            "\x48\x86\xf7\x0d\x01\x07\x01"
            "\xa0\x80\x24\x80\x04\x03"
            "MZ\x90"
            "\x04\x0d"
            "\0\3\0\0\0\4\0\0\0\xff\xff\0\0"
            "\0\0\0\0\0\0",
            BIT(EXECUTABLE)),
        ROW("smime.p7m", "application/pkcs7-mime", "\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80\x30\x80",
            BIT(ENCRYPTED_FILE)),
        ROW("smime.p7s", "application/pkcs7-signature",
            "\x30\x1c\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x0f\x30\x0d\x02\x01\x01\x31\x00\x30\x06\x06\x04\x2a\x03"
            "\x04\x05",
            0),
        ROW("winmail.dat", "application/ms-tnef",
            "\x78\x9f\x3e\x22\1\0"
            "\2\2\x90\6\0\4\0\0\0\0\0\0\0\0\0"
            "\2\x10\x80\1\0\6\0\0\0x.exe\0\0\0"
            "\2\x0f\x80\6\0\2\0\0\0MZ\0\0",
            BIT(EXECUTABLE)),
    };
    check(rows, SD_COUNT(rows));
}

static void kinds_are_told(void **state) {
    (void)state;
    assert_int_equal(files_kind(files, SPAN("hello\n")), FILE_KIND_TEXT);
    assert_int_equal(files_kind(files, SPAN("<!doctype html><p>x")), FILE_KIND_HTML);
    assert_int_equal(files_kind(files, SPAN(PNG)), FILE_KIND_PICTURE);
    assert_int_equal(files_kind(files, SPAN("%PDF-1.7\n")), FILE_KIND_PDF);
    assert_int_equal(files_kind(files, SPAN("{\\rtf1}")), FILE_KIND_DOCUMENT);
    assert_int_equal(files_kind(files, SPAN("From: a\r\nSubject: b\r\nDate: c\r\n\r\n")), FILE_KIND_MAIL);
    assert_int_equal(files_kind(files, SPAN("7z\xbc\xaf\x27\x1c\0\4")), FILE_KIND_ARCHIVE);
    assert_int_equal(files_kind(files, SPAN("MZ\x90\0\3\0\0\0")), FILE_KIND_UNKNOWN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_files_are_nothing),
        cmocka_unit_test(programs_are_seen_by_content),
        cmocka_unit_test(pages_that_act),
        cmocka_unit_test(pdf_that_acts),
        cmocka_unit_test(messages_within),
        cmocka_unit_test(kinds_are_told),
    };
    return cmocka_run_group_tests(tests, setup_files, drop_files);
}
