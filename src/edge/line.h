/*
 * line.h - lines of SMTP. The one place that decides what ends a line: CRLF and nothing else (RFC 5321 §2.3.8). A CR or LF that
 * is not part of CRLF is "bare": it ends nothing, and whoever reads is told.
 *
 * Both forms of reading share one buffer, so nothing is lost between commands and message data. Spans are valid until the next
 * read.
 */
#ifndef SD_EDGE_LINE_H
#define SD_EDGE_LINE_H

#include "edge/stream.h"

/* A letter of ordinary size in one read; pages of it that are never filled cost nothing. */
#define LINE_BUFFER_BYTES ((size_t)32 * 1024)

struct line_reader {
    struct stream *stream;
    size_t from, to; /* what is buffered */
    uint8_t bytes[LINE_BUFFER_BYTES];
};

/* Part of a line, or all of it. */
struct line_piece {
    struct span bytes; /* without the CRLF */
    bool ends;         /* CRLF followed: the line is complete */
    bool bare;         /* a bare CR or LF is among the bytes */
};

void line_reader_start(struct line_reader *r, struct stream *stream); /* forgets what is buffered */

/*
 * A whole line of at most max bytes, max below LINE_BUFFER_BYTES. SD_ERR_LIMIT: it was longer and is read to its end;
 * SD_ERR_PARSE: bare CR or LF in it (seen at once, without waiting for an end that may never come); SD_ERR_CLOSED: the client
 * is gone; SD_ERR_TIMEOUT.
 */
enum sd_err line_read(struct line_reader *r, size_t max, struct deadline deadline, struct span *ret) SD_MUST_CHECK;

/* The next piece, as much as is there: for message data, whose lines may have any length. */
enum sd_err line_piece(struct line_reader *r, struct deadline deadline, struct line_piece *ret) SD_MUST_CHECK;

bool line_ready(const struct line_reader *r);      /* line_read would not wait */
size_t line_buffered(const struct line_reader *r); /* bytes */

/* What the first bytes of s are: exposed for the test at every split point. n: how many bytes of s the piece consumes. */
struct line_piece line_find(struct span s, size_t *ret_n);

#endif
