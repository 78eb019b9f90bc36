/*
 * files.h - what a file is and what it holds, without opening it as its programs would: type by content against name and
 * declared type, archives walked, active content found. No network, no files but libmagic's database, no time but what the
 * deadline needs.
 *
 * For hostile input, so it is called in a process that may die (inspect's child; the preview's sandbox). Everything is counted
 * against one budget per whole message. What cannot be read to its end is a finding, never a pass.
 */
#ifndef SD_FILES_FILES_H
#define SD_FILES_FILES_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/ipc/states.h"

/* Of one whole message; counts down. A file of a message that is over its limits gets the finding, and so do those behind it.
 */
struct files_budget {
    uint32_t entries_left; /* files within archives, messages, documents */
    uint32_t depth;        /* containers within containers */
    uint64_t bytes_left;   /* unpacked */
    uint32_t ratio;        /* unpacked to packed, of one container that unpacks to more than FILES_RATIO_FROM bytes */
    struct deadline deadline;
};
#define FILES_RATIO_FROM ((uint64_t)1024 * 1024)
struct files_budget files_budget_default(void); /* config.def's section scan */

/* What files_judge() finds. Raise it whenever it comes to find more: what is stored is then looked into again. */
#define FILES_RULES 1

struct files; /* libmagic's database; one thread */
/* Reads the database: before confinement. SD_ERR_CONFIG (logged): libmagic1's database is not there. */
enum sd_err files_new(struct files **ret) SD_MUST_CHECK;
void files_free(struct files **files);

struct files_subject {
    struct span content;
    struct span name;       /* decoded, UTF-8; empty: none */
    struct span other_name; /* what another mail program would take (RFC 2231 against RFC 2047 …); empty: the same */
    struct span type;       /* declared, lower case; empty or "application/octet-stream": says nothing */
};
/* Findings: bits 1 << enum finding (core/ipc/states.h). Errors are ours only (NOMEM); hostile input gives findings. */
enum sd_err files_judge(struct files *files, struct files_budget *budget, const struct files_subject *subject,
                        uint64_t *ret_findings) SD_MUST_CHECK;

/* What a name alone tells: double and dangerous extensions, trailing dots and spaces, characters that turn or hide. */
uint64_t files_judge_name(struct span name);

/* What kind of thing it is, by content: for whoever shows it. */
#define FILE_KIND_LIST(X)                                                                                                      \
    X(UNKNOWN, "unknown")                                                                                                      \
    X(TEXT, "text")                                                                                                            \
    X(HTML, "html")                                                                                                            \
    X(MAIL, "mail")                                                                                                            \
    X(PDF, "pdf")                                                                                                              \
    X(PICTURE, "picture")   /* png jpeg gif webp tiff bmp */                                                                   \
    X(DOCUMENT, "document") /* what LibreOffice shows: OOXML, OLE, ODF, RTF, CSV */                                            \
    X(ARCHIVE, "archive")   /* what libarchive lists */
enum file_kind {
#define X(name, text) FILE_KIND_##name,
    FILE_KIND_LIST(X)
#undef X
};
enum file_kind files_kind(struct files *files, struct span content);
/* A listing of an archive for people: "size  date  path" a line, UTF-8, control characters replaced; within the budget. */
enum sd_err files_list(struct files_budget *budget, struct span archive, struct buf *to) SD_MUST_CHECK;

#endif
