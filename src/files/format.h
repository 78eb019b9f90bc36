/*
 * format.h - what bytes are, by their own signatures, and by libmagic where those do not know. Inside the files library.
 *
 * X(name, class). The class says how a file of that format may deceive, and what it is for whoever opens it.
 */
#ifndef SD_FILES_FORMAT_H
#define SD_FILES_FORMAT_H

#include "files/files.h"

#define FORMAT_LIST(X)                                                                                                         \
    X(UNKNOWN, UNKNOWN)                                                                                                        \
    X(EMPTY, UNKNOWN)                                                                                                          \
    X(TEXT, TEXT)                                                                                                              \
    X(HTML, PAGE)                                                                                                              \
    X(SVG, PAGE)                                                                                                               \
    X(XML, TEXT)                                                                                                               \
    X(MAIL, MAIL)                                                                                                              \
    X(TNEF, MAIL)                                                                                                              \
    X(PDF, DOCUMENT)                                                                                                           \
    X(CFB, DOCUMENT)                                                                                                           \
    X(RTF, DOCUMENT)                                                                                                           \
    X(SYLK, DOCUMENT)                                                                                                          \
    X(BIFF, DOCUMENT)                                                                                                          \
    X(ACTIVE_MIME, DOCUMENT)                                                                                                   \
    X(PICTURE, PICTURE)                                                                                                        \
    X(PNG, PICTURE)                                                                                                            \
    X(JPEG, PICTURE)                                                                                                           \
    X(GIF, PICTURE)                                                                                                            \
    X(OTHER_PICTURE, PICTURE)                                                                                                  \
    X(MEDIA, MEDIA)                                                                                                            \
    X(ZIP, ARCHIVE)                                                                                                            \
    X(ARCHIVE, ARCHIVE)     /* libarchive lists it */                                                                          \
    X(COMPRESSED, ARCHIVE)  /* one stream */                                                                                   \
    X(OLD_ARCHIVE, ARCHIVE) /* nothing here unpacks it */                                                                      \
    X(ISO, DISK)                                                                                                               \
    X(DISK, DISK)                                                                                                              \
    X(MZ, PROGRAM)                                                                                                             \
    X(PROGRAM, PROGRAM)                                                                                                        \
    X(SCRIPT, SCRIPT)                                                                                                          \
    X(SHORTCUT, SHORTCUT)                                                                                                      \
    X(INSTALLER, INSTALLER)                                                                                                    \
    X(ONENOTE, ONENOTE)                                                                                                        \
    X(HELP, HELP)                                                                                                              \
    X(DATABASE, SCRIPT) /* Access: its macros run when it is opened */                                                         \
    X(FLASH, SCRIPT)                                                                                                           \
    X(CIPHERTEXT, CIPHERTEXT)                                                                                                  \
    X(CMS, CMS)
enum format {
#define X(name, class) FORMAT_##name,
    FORMAT_LIST(X)
#undef X
};

/* X(name, finding that such content is): 0 is nothing to tell. */
#define FORMAT_CLASS_LIST(X)                                                                                                   \
    X(UNKNOWN, 0)                                                                                                              \
    X(TEXT, 0)                                                                                                                 \
    X(PAGE, 0)                                                                                                                 \
    X(MAIL, 0)                                                                                                                 \
    X(DOCUMENT, 0)                                                                                                             \
    X(PICTURE, 0)                                                                                                              \
    X(MEDIA, 0)                                                                                                                \
    X(ARCHIVE, 0)                                                                                                              \
    X(DISK, FINDING_BIT(DISK_IMAGE))                                                                                           \
    X(PROGRAM, FINDING_BIT(EXECUTABLE))                                                                                        \
    X(SCRIPT, FINDING_BIT(SCRIPT))                                                                                             \
    X(SHORTCUT, FINDING_BIT(SHORTCUT))                                                                                         \
    X(INSTALLER, FINDING_BIT(INSTALLER))                                                                                       \
    X(ONENOTE, FINDING_BIT(ONENOTE))                                                                                           \
    X(HELP, FINDING_BIT(HELP_FILE))                                                                                            \
    X(CIPHERTEXT, FINDING_BIT(ENCRYPTED_FILE))                                                                                 \
    X(CMS, 0)
enum format_class {
#define X(name, finding) FORMAT_CLASS_##name,
    FORMAT_CLASS_LIST(X)
#undef X
};

enum format_class format_class(enum format format);
uint64_t format_finding(enum format_class class);

/* By signatures alone. */
enum format format_of(struct span content);
/* Of what is mostly characters; TEXT when it is nothing more. format_of() asks it. */
enum format format_of_text(struct span content);
/* By libmagic, for what signatures leave unknown. */
enum format format_by_magic(struct files *files, struct span content);
bool format_looks_like_text(struct span content);

#endif
