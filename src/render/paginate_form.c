#include "render/paginate_magic.h"

#define LOOK_BYTES 4096 /* of text, to see whether it is some */

#define MAGIC(at, bytes, form, reader)                                                                                         \
    { at, {(const uint8_t *)("" bytes), sizeof(bytes) - 1}, FORM_##form, reader }
static const struct magic magics[] = {
    MAGIC(0, "\x89PNG\r\n\x1a\n", PICTURE, "png"),
    MAGIC(0, "\xff\xd8\xff", PICTURE, "jpeg"),
    MAGIC(0, "GIF87a", PICTURE, "gif"),
    MAGIC(0, "GIF89a", PICTURE, "gif"),
    MAGIC(0, "II*\0", PICTURE, "tiff"),
    MAGIC(0, "MM\0*", PICTURE, "tiff"),
    MAGIC(8, "WEBP", PICTURE, "webp"),
    MAGIC(0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", DOCUMENT, ""),
    MAGIC(0, "{\\rtf", DOCUMENT, ""),
    MAGIC(0, "PK\3\4", ARCHIVE, ""),
    MAGIC(0, "PK\5\6", ARCHIVE, ""),
    MAGIC(0, "7z\xbc\xaf\x27\x1c", ARCHIVE, ""),
    MAGIC(0, "Rar!\x1a\x07", ARCHIVE, ""),
    MAGIC(0, "\x1f\x8b", ARCHIVE, ""),
    MAGIC(0, "BZh", ARCHIVE, ""),
    MAGIC(0,
          "\xfd"
          "7zXZ\0",
          ARCHIVE, ""),
    MAGIC(0, "\x28\xb5\x2f\xfd", ARCHIVE, ""),
    MAGIC(0, "MSCF", ARCHIVE, ""),
    MAGIC(257, "ustar", ARCHIVE, ""),
    MAGIC(0, "BM", PICTURE, "bmp"),
};

const struct magic *magic_find(struct span content) {
    for (size_t i = 0; i < SD_COUNT(magics); i++)
        if (span_eq(span_sub(content, magics[i].at, magics[i].bytes.n), magics[i].bytes))
            return &magics[i];
    return NULL;
}

static bool has(struct span content, struct span text) {
    return span_search(content, text) < content.n;
}

/* Names of a ZIP archive's files stand in it as they are; those of an OLE file in UTF-16. */
enum office office_of(struct span content, const char *extension) {
    struct span mimetype = span_sub(content, 30, 120); /* OpenDocument 1.2, part 3 §3.3: the first file, not compressed */
    if (span_starts(content, SPAN("PK\3\4"))) {
        if (has(mimetype, SPAN("opendocument.spreadsheet")) || has(content, SPAN("xl/workbook.")))
            return OFFICE_CALC;
        if (has(mimetype, SPAN("opendocument.presentation")) || has(mimetype, SPAN("opendocument.graphics")) ||
            has(content, SPAN("ppt/presentation.xml")))
            return OFFICE_IMPRESS;
        return has(mimetype, SPAN("opendocument.text")) || has(content, SPAN("word/document.xml")) ? OFFICE_WRITER
                                                                                                   : OFFICE_NONE;
    }
    if (span_starts(content, SPAN("\xd0\xcf\x11\xe0"))) {
        if (has(content, SPAN("E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0")))
            return OFFICE_ENCRYPTED;
        if (has(content, SPAN("W\0o\0r\0d\0D\0o\0c\0u\0m\0e\0n\0t\0")))
            return OFFICE_WRITER;
        if (has(content, SPAN("P\0o\0w\0e\0r\0P\0o\0i\0n\0t\0")))
            return OFFICE_IMPRESS;
        return has(content, SPAN("W\0o\0r\0k\0b\0o\0o\0k\0")) || has(content, SPAN("B\0o\0o\0k\0")) ? OFFICE_CALC : OFFICE_NONE;
    }
    if (strcmp(extension, "csv") == 0)
        return OFFICE_CALC;
    return span_starts(content, SPAN("{\\rtf")) ? OFFICE_WRITER : OFFICE_NONE;
}

/* Readable by people: no controls but white space, or UTF-16 with its mark. */
static bool is_text(struct span content) {
    struct span head = span_sub(content, 0, LOOK_BYTES);
    if (span_starts(head, SPAN("\xff\xfe")) || span_starts(head, SPAN("\xfe\xff")))
        return true;
    for (size_t i = 0; i < head.n; i++)
        if (head.p[i] < 0x20 && head.p[i] != '\n' && head.p[i] != '\r' && head.p[i] != '\t' && head.p[i] != '\f' &&
            head.p[i] != 0x1b)
            return false;
    return true;
}

static bool is_html(struct span content) {
    struct span head = span_trim(span_sub(content, 0, LOOK_BYTES));
    if (span_starts(head, SPAN("\xef\xbb\xbf")))
        head = span_trim(span_from(head, 3));
    return span_istarts(head, SPAN("<!doctype html")) || span_istarts(head, SPAN("<html")) ||
           span_istarts(head, SPAN("<head")) || span_istarts(head, SPAN("<body"));
}

/* Begins with a header that has what letters have. */
static bool is_mail(struct span content) {
    static const char *const fields[] = {"From:",    "Received:", "Return-Path:", "Date:",         "MIME-Version:",
                                         "Subject:", "To:",       "Message-ID:",  "Delivered-To:", "Content-Type:"};
    struct span_split split = span_split_start(span_sub(content, 0, 4 * LOOK_BYTES));
    struct span line;
    unsigned found = 0;
    while (span_split_next(&split, '\n', &line) && span_trim(line).n) {
        if (span_find(line, ':') == line.n && line.p[0] != ' ' && line.p[0] != '\t')
            return false;
        for (size_t i = 0; i < SD_COUNT(fields); i++)
            found += span_istarts(line, span_cstr(fields[i]));
    }
    return found >= 3;
}

enum file_form form_of(struct span content, const char *extension) {
    const struct magic *magic = magic_find(content);
    if (span_trim(content).n == 0)
        return FORM_EMPTY;
    if (has(span_sub(content, 0, 1024), SPAN("%PDF-")))
        return FORM_PDF;
    if (office_of(content, extension) != OFFICE_NONE && (magic || is_text(content)))
        return FORM_DOCUMENT;
    if (magic && magic->form != FORM_DOCUMENT)
        return magic->form;
    if (!is_text(content) || magic)
        return FORM_UNKNOWN;
    return is_mail(content) ? FORM_MAIL : is_html(content) ? FORM_HTML : FORM_TEXT;
}
