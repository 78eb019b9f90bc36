#include "files/files.h"
#include "render/paginate.h"

/* Which reader of GraphicsMagick a picture gets: by what it begins with, and not by GraphicsMagick's own guess. */
static const struct {
    size_t at;
    struct span bytes;
    const char *reader;
} pictures[] = {
#define PICTURE(at, bytes, reader)                                                                                             \
    { at, {(const uint8_t *)("" bytes), sizeof(bytes) - 1}, reader }
    PICTURE(0, "\x89PNG\r\n\x1a\n", "png"),
    PICTURE(0, "\xff\xd8\xff", "jpeg"),
    PICTURE(0, "GIF8", "gif"),
    PICTURE(0, "II*\0", "tiff"),
    PICTURE(0, "MM\0*", "tiff"),
    PICTURE(8, "WEBP", "webp"),
    PICTURE(0, "BM", "bmp"),
#undef PICTURE
};

const char *picture_reader(struct span content) {
    for (size_t i = 0; i < SD_COUNT(pictures); i++)
        if (span_eq(span_sub(content, pictures[i].at, pictures[i].bytes.n), pictures[i].bytes))
            return pictures[i].reader;
    return NULL;
}

static bool has(struct span content, struct span text) {
    return span_search(content, text) < content.n;
}

/* Names of a ZIP archive's files stand in it as they are; those of an OLE file in UTF-16. */
enum office part_of_office(struct span content, const char *extension) {
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

/* A spreadsheet as text is one by its name alone. */
static enum file_form form_of_kind(enum file_kind kind, const char *extension) {
    switch (kind) {
    case FILE_KIND_TEXT:
        return strcmp(extension, "csv") == 0 ? FORM_DOCUMENT : FORM_TEXT;
    case FILE_KIND_HTML:
        return FORM_HTML;
    case FILE_KIND_MAIL:
        return FORM_MAIL;
    case FILE_KIND_PDF:
        return FORM_PDF;
    case FILE_KIND_PICTURE:
        return FORM_PICTURE;
    case FILE_KIND_DOCUMENT:
        return FORM_DOCUMENT;
    case FILE_KIND_ARCHIVE:
        return FORM_ARCHIVE;
    case FILE_KIND_UNKNOWN:
        break;
    }
    return FORM_UNKNOWN;
}

enum file_form form_of(struct span content, const char *extension) {
    struct files *files = NULL;
    if (span_trim(content).n == 0)
        return FORM_EMPTY;
    if (files_new(&files) != SD_OK)
        return FORM_UNKNOWN;
    enum file_form form = form_of_kind(files_kind(files, content), extension);
    files_free(&files);
    return form;
}
