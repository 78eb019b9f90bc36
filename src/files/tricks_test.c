/* ../shared/corpora/attachments/type-tricks.json: names, types and archives that trick, built as they are described there. */
#include "files/files_test.h"

#include <stdio.h>

#define BIT(name) FINDING_BIT(name)
#define PLAIN ((struct zip_oddity){0})

typedef void make_content(struct buf *to);

static void make_zip_entry(struct buf *to, const char *name, struct span content, struct zip_oddity odd) {
    struct zip_maker z SD_CLEANUP(zip_maker_free) = zip_maker_new();
    zip_put(&z, name, content, odd);
    buf_put(to, zip_finish(&z));
}

static void climbing_zip(struct buf *to) {
    make_zip_entry(to, "../../x.txt", SPAN("x\n"), PLAIN);
}

static void nested_zip(struct buf *to) {
    buf_text(to, "x\n");
    for (int i = 0; i < 20; i++) {
        struct buf next SD_CLEANUP(buf_free) = buf_new(64 * 1024);
        make_zip_entry(&next, "x.zip", buf_span(to), PLAIN);
        buf_reset(to);
        buf_put(to, buf_span(&next));
    }
}

static void locked_zip(struct buf *to) {
    make_zip_entry(to, "x.txt", SPAN("xxxxxxxxxxxxxxxx"), (struct zip_oddity){.flags = 1});
}

static void zip_behind_pdf(struct buf *to) {
    buf_text(to, "%PDF-1.4\n1 0 obj\n<< >>\nendobj\ntrailer\nstartxref\n9\n%%EOF\n");
    make_zip_entry(to, "x.txt", SPAN("x\n"), PLAIN);
}

static void make_office(struct buf *to, const char *part, struct span content) {
    struct zip_maker z SD_CLEANUP(zip_maker_free) = zip_maker_new();
    zip_put(&z, "[Content_Types].xml", SPAN("<Types/>"), PLAIN);
    zip_put(&z, part, content, PLAIN);
    buf_put(to, zip_finish(&z));
}

static void remote_template(struct buf *to) {
    make_office(
        to, "word/_rels/settings.xml.rels",
        SPAN("<Relationship Type='http://x/attachedTemplate' Target='http://example.org/x.dotm' TargetMode='External'/>"));
}

static void remote_object(struct buf *to) {
    make_office(to, "word/_rels/document.xml.rels",
                SPAN("<Relationship Type='http://x/oleObject' Target='http://example.org/x.html!' TargetMode='External'/>"));
}

static void formula_link(struct buf *to) {
    make_office(to, "xl/externalLinks/externalLink1.xml",
                SPAN("<externalLink><ddeLink ddeService='cmd' ddeTopic='/c calc'/></externalLink>"));
}

static void android_package(struct buf *to) {
    make_zip_entry(to, "classes.dex", SPAN("dex\n035"), PLAIN);
}

static void billion_laughs(struct buf *to) {
    buf_text(to, "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'ha'>");
    for (char c = 'b'; c < 'k'; c++)
        buf_printf(to, "<!ENTITY %c '&%c;&%c;&%c;'>", c, c - 1, c - 1, c - 1);
    buf_text(to, "]><x>&j;</x>");
}

struct trick {
    const char *id;
    struct span content;
    make_content *make; /* instead */
    uint64_t findings;  /* among others; 0: none at all */
};
#define TEXT(literal)                                                                                                          \
    { (const uint8_t *)("" literal), sizeof(literal) - 1 }
#define MZ_TEXT TEXT("MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0")

static const struct trick tricks[] = {
    {"tt-01", MZ_TEXT, NULL, BIT(EXECUTABLE) | BIT(DOUBLE_EXTENSION) | BIT(TYPE_MISMATCH)},
    {"tt-02", MZ_TEXT, NULL, BIT(EXECUTABLE) | BIT(TYPE_MISMATCH)},
    {"tt-03", MZ_TEXT, NULL, BIT(EXECUTABLE) | BIT(TYPE_MISMATCH)},
    {"tt-04", MZ_TEXT, NULL, BIT(EXECUTABLE)},
    {"tt-05", MZ_TEXT, NULL, BIT(EXECUTABLE) | BIT(NAME_DECEPTIVE)},
    {"tt-06", MZ_TEXT, NULL, BIT(EXECUTABLE) | BIT(NAME_DECEPTIVE)},
    {"tt-10", TEXT("text"), NULL, BIT(NAME_DECEPTIVE)},
    {"tt-11", TEXT("text"), NULL, 0},
    {"tt-14", TEXT("text"), NULL, 0},
    {"tt-15", TEXT("text"), NULL, BIT(NAME_DECEPTIVE)},
    {"tt-16", TEXT("text"), NULL, 0},
    {"tt-17", TEXT("text"), NULL, 0},
    {"tt-18", TEXT("text"), NULL, 0},
    {"tt-19", MZ_TEXT, NULL, BIT(EXECUTABLE) | BIT(NAME_SEVERAL)},
    {"tt-23", TEXT("<script>saveAs(new Blob([x]))</script>"), NULL, BIT(HTML_SMUGGLING)},
    {"tt-27", {NULL, 0}, climbing_zip, BIT(ARCHIVE_PATH)},
    {"tt-29", {NULL, 0}, nested_zip, BIT(LIMIT_DEPTH)},
    {"tt-30", {NULL, 0}, locked_zip, BIT(ENCRYPTED_ENTRY)},
    {"tt-33", {NULL, 0}, zip_behind_pdf, BIT(POLYGLOT)},
    {"tt-36", TEXT("x"), NULL, BIT(DISK_IMAGE)},
    {"tt-40", TEXT("<?xml version='1.0'?><x/>"), NULL, BIT(SHORTCUT)},
    {"tt-41", TEXT("<?xml version='1.0'?><x/>"), NULL, BIT(SHORTCUT)},
    {"tt-44", {NULL, 0}, remote_template, BIT(EXTERNAL_TEMPLATE)},
    {"tt-45", {NULL, 0}, remote_object, BIT(EXTERNAL_TEMPLATE)},
    {"tt-46", {NULL, 0}, formula_link, BIT(DDE)},
    {"tt-47", TEXT("=cmd|\"/c calc\"!A1\n"), NULL, BIT(DDE)},
    {"tt-49", TEXT("BEGIN:VCALENDAR\r\nATTACH;VALUE=URI:http://evil\r\n"), NULL, 0},
    {"tt-50", TEXT("BEGIN:VCARD\r\nPHOTO;VALUE=uri:http://evil\r\n"), NULL, 0},
    {"tt-54", TEXT("-----BEGIN PGP MESSAGE-----\n"), NULL, BIT(ENCRYPTED_FILE)},
    {"tt-55", TEXT("\xff\xd8\xff\xe0\0\4aa\xff\xda\0\2ab\xff\xd9X5O!P%@AP[4\\PZX54(P^)7CC)7}"), NULL,
     BIT(POLYGLOT) | BIT(EXECUTABLE)},
    {"tt-58", TEXT("%!PS\n{} loop\n"), NULL, 0}, /* a preview's worry */
    {"tt-59", {NULL, 0}, billion_laughs, BIT(LIMIT_SIZE)},
    {"tt-60",
     TEXT("\0\0\0\x18"
          "ftypmp42"),
     NULL, 0},
    {"tt-61", TEXT("1\n"), NULL, BIT(SCRIPT)},
    {"tt-62", TEXT("1\n"), NULL, BIT(SCRIPT)},
    {"tt-64", TEXT("x"), NULL, BIT(EXECUTABLE)},
    {"tt-65", {NULL, 0}, android_package, BIT(INSTALLER) | BIT(EXECUTABLE)},
    {"tt-66", TEXT("1\n"), NULL, BIT(SCRIPT)},
    {"tt-68", TEXT("<html><script>1</script>"), NULL, 0},
};

static void put_escape(struct span *rest, struct buf *to) {
    uint8_t c = rest->n > 1 ? rest->p[1] : 0;
    unsigned code = 0;
    *rest = span_from(*rest, 2);
    if (c != 'u') {
        buf_byte(to, c == 'n' ? '\n' : c);
        return;
    }
    char hex[5] = {0};
    memcpy(hex, rest->p, rest->n < 4 ? rest->n : 4);
    code = (unsigned)strtoul(hex, NULL, 16);
    *rest = span_from(*rest, 4);
    if (code < 0x80) {
        buf_byte(to, (uint8_t)code);
        return;
    }
    buf_byte(to, (uint8_t)(0xe0 | code >> 12));
    buf_byte(to, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
    buf_byte(to, (uint8_t)(0x80 | (code & 0x3f)));
}

/* The text behind a key, unescaped and NUL-terminated. */
static const char *value_of(struct span object, struct span key, struct buf *to) {
    struct span rest = span_from(object, span_search(object, key) + key.n);
    while (rest.n && rest.p[0] != '"')
        if (rest.p[0] == '\\') {
            put_escape(&rest, to);
        } else {
            buf_byte(to, rest.p[0]);
            rest = span_from(rest, 1);
        }
    buf_byte(to, 0);
    return (const char *)to->p;
}

static void check_trick(const struct trick *trick, struct span object) {
    struct buf name SD_CLEANUP(buf_free) = buf_new(8192), type SD_CLEANUP(buf_free) = buf_new(1024),
                    content SD_CLEANUP(buf_free) = buf_new(1024 * 1024);
    (void)value_of(object, SPAN("\"filename\": \""), &name);
    (void)value_of(object, SPAN("\"content_type\": \""), &type);
    if (trick->make)
        trick->make(&content);
    else
        buf_put(&content, trick->content);
    uint64_t found = judged((const char *)name.p, (const char *)type.p, buf_span(&content));
    if (trick->findings ? (found & trick->findings) != trick->findings : found != 0) {
        print_message("%s <%s>\n", trick->id, (const char *)name.p);
        explain("found", found);
        explain("expected", trick->findings);
        fail();
    }
}

static void each_trick_is_seen(void **state) {
    (void)state;
    char path[4096], key[64];
    struct buf json SD_CLEANUP(buf_free) = buf_new(1024 * 1024);
    const char *corpora = getenv("SEALDESK_CORPORA");
    (void)snprintf(path, sizeof path, "%s/attachments/type-tricks.json", corpora ? corpora : "../shared/corpora");
    FILE *f = fopen(path, "rb");
    if (!f)
        skip();
    uint8_t *p = buf_reserve(&json, 1024 * 1024);
    assert_non_null(p);
    buf_grew(&json, fread(p, 1, 1024 * 1024, f));
    (void)fclose(f);
    for (size_t i = 0; i < SD_COUNT(tricks); i++) {
        int n = snprintf(key, sizeof key, "\"id\": \"%s\"", tricks[i].id);
        struct span object = span_from(buf_span(&json), span_search(buf_span(&json), span_of(key, (size_t)n)));
        if (object.n)
            check_trick(&tricks[i], span_sub(object, 0, span_search(object, SPAN("\n}"))));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_trick_is_seen)};
    return cmocka_run_group_tests(tests, setup_files, drop_files);
}
