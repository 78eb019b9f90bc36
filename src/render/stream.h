/*
 * stream.h - what comes out of the sandbox: pages as raw pixels, then why there are no more. Nothing else of what is said in
 * there is believed.
 *
 *   page: 'P', u16 width, u16 height, then rows of width * 3 bytes, red green blue
 *   end:  'E', u8 enum show_reason, u32 pages of the document (0: unknown), u8 1 when there are more pages than were sent
 *
 * Little endian. Behind the end comes nothing. Words for people are made outside, from the reason.
 */
#ifndef SD_RENDER_STREAM_H
#define SD_RENDER_STREAM_H

#include "core/span.h"

/* X(name, outcome of render.def, sentence) */
#define SHOW_REASON_LIST(X)                                                                                                    \
    X(SHOWN, DONE, "")                                                                                                         \
    X(EMPTY, FAILED, "There is nothing in the file.")                                                                          \
    X(BROKEN, FAILED, "The file is damaged, or not what it seems: what shows such files could not read it.")                   \
    X(ENCRYPTED, FAILED, "The file is encrypted: nobody but its owner can look into it.")                                      \
    X(ROOM, FAILED, "Showing the file takes more memory than one preview gets.")                                               \
    X(KIND, UNSUPPORTED, "There is nothing to see in a file of this kind.")                                                    \
    X(NO_WRITER, UNSUPPORTED, "libreoffice-writer-nogui is not installed: text documents cannot be shown.")                    \
    X(NO_CALC, UNSUPPORTED, "libreoffice-calc-nogui is not installed: spreadsheets cannot be shown.")                          \
    X(NO_IMPRESS, UNSUPPORTED, "libreoffice-impress-nogui is not installed: presentations cannot be shown.")                   \
    X(NO_POPPLER, UNSUPPORTED, "poppler-utils is not installed: PDF files and documents cannot be shown.")                     \
    X(NO_GRAPHICSMAGICK, UNSUPPORTED, "graphicsmagick is not installed: pictures cannot be shown.")
enum show_reason {
#define X(name, outcome, sentence) SHOW_##name,
    SHOW_REASON_LIST(X)
#undef X
};
bool show_reason_known(uint8_t reason);
uint8_t show_reason_outcome(enum show_reason reason); /* RENDER_* */
const char *show_reason_sentence(enum show_reason reason);

#define STREAM_SIDE_MAX 4000 /* pixels of a page's longer side */
#define STREAM_PAGES_MAX 500

/* Where the pages go. What a function returns ends the parsing. */
struct stream_sink {
    enum sd_err (*page)(void *ctx, uint32_t width, uint32_t height);
    enum sd_err (*row)(void *ctx, struct span rgb);
    enum sd_err (*page_end)(void *ctx);
    void *ctx;
};

struct stream_end {
    enum show_reason reason;
    uint32_t total;
    bool more;
};

struct stream_parser {
    const struct stream_sink *sink;
    uint32_t pages_max, side_max;
    uint32_t pages; /* whole ones, so far */
    bool ended;     /* and then: */
    struct stream_end end;
    enum sd_err err; /* sticky */
    uint32_t rows_left, row_bytes;
    size_t have; /* bytes of head or row */
    uint8_t head[8];
    uint8_t row[STREAM_SIDE_MAX * 3];
};

/* pages_max and side_max at most STREAM_PAGES_MAX and STREAM_SIDE_MAX; sink outlives the parser. */
void stream_start(struct stream_parser *parser, const struct stream_sink *sink, uint32_t pages_max, uint32_t side_max);
/* SD_ERR_PROTOCOL: this is no such stream, or it says what it may not; or what the sink returned. */
enum sd_err stream_feed(struct stream_parser *parser, struct span bytes) SD_MUST_CHECK;

#endif
