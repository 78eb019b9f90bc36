/*
 * paginate.h - the program that runs inside of the sandbox of one document: finds out what it is, has it shown by the program
 * for such files, and sends the pixels out (stream.h). It runs once and keeps nothing: what it allocates ends with it.
 *
 * It may be taken over by what it shows. Its care is to give a useful answer, not to defend anything.
 */
#ifndef SD_RENDER_PAGINATE_H
#define SD_RENDER_PAGINATE_H

#include "core/buf.h"
#include "render/stream.h"

#include <stdio.h>

struct paginate {
    struct span content;
    const char *extension; /* lower case letters and digits; "-": none */
    uint32_t pages_max, side_max;
    uint32_t pages; /* sent, or begun */
    uint32_t total; /* of the document; 0: unknown */
    bool more;
};

/* ---- sending; a failure to send ends the program ---- */

/* False: no more pages are wanted, which is noted in ->more. */
bool send_page(struct paginate *p, uint32_t width, uint32_t height);
void send_rows(const void *rgb, size_t n);
void send_end(const struct paginate *p, enum show_reason reason);

/* ---- other programs ---- */

/* Runs one with nothing on its standard input. What it writes can be read; with_errors: its complaints too. */
struct program {
    FILE *output;
    int pid;
};
enum sd_err program_start(const char *const arguments[], bool with_errors, struct program *ret) SD_MUST_CHECK;
/* Reads no more of it; what it ended with, 0 when all went well, -1 when a signal ended it. */
int program_end(struct program *program);
/* Is a file there and readable? A program that can be run? */
bool there(const char *path);
bool installed(const char *path);
/* The content as a file, for those programs; its path, which is good until the next call. */
enum sd_err content_file(const struct paginate *p, const char *extension, const char **ret_path) SD_MUST_CHECK;

/* ---- what shows a kind of file: pages are sent, and the reason says what became of it ---- */

enum show_reason show_pdf(struct paginate *p);
enum show_reason show_pdf_file(struct paginate *p, const char *path);
enum show_reason show_picture(struct paginate *p);
enum show_reason show_document(struct paginate *p);
enum show_reason show_text(struct paginate *p);
enum show_reason show_html(struct paginate *p);
enum show_reason show_mail(struct paginate *p);
enum show_reason show_archive(struct paginate *p);

/* All images of a stream of PPM (P6) or PAM (P7) files; what is transparent is white. SD_ERR_PARSE: it ends within one. */
enum sd_err pages_from_pnm(struct paginate *p, FILE *from) SD_MUST_CHECK;
/* Lines of UTF-8 as pages of paper. */
enum show_reason pages_from_text(struct paginate *p, struct span text, bool monospaced);

/* ---- what it is ---- */

enum file_form {
    FORM_UNKNOWN,
    FORM_EMPTY,
    FORM_PDF,
    FORM_PICTURE,
    FORM_DOCUMENT,
    FORM_HTML,
    FORM_MAIL,
    FORM_ARCHIVE,
    FORM_TEXT,
};
enum file_form form_of(struct span content, const char *extension);
/* GraphicsMagick's name for the kind of picture; NULL: none that is shown. */
const char *picture_reader(struct span content);

/* Which part of LibreOffice shows it, by its content. */
enum office { OFFICE_NONE, OFFICE_WRITER, OFFICE_CALC, OFFICE_IMPRESS, OFFICE_ENCRYPTED };
enum office part_of_office(struct span content, const char *extension);

#endif
