/*
 * reply.h - what an SMTP server answers (RFC 5321 §4.2), read byte by byte and bounded: lines, line length, text kept.
 *
 * The text is the remote's: it goes into sealed receipts only, never into logs.
 */
#ifndef SD_COURIER_REPLY_H
#define SD_COURIER_REPLY_H

#include "core/span.h"

#define REPLY_TEXT_BYTES 2048 /* cards_receipt_v1.text */
#define REPLY_LINE_BYTES 2048 /* four times RFC 5321 §4.5.3.1.5 */
#define REPLY_LINES 128       /* an EHLO answer has about 20 */
#define REPLY_STATUS_BYTES 12 /* "5.999.999" and NUL: RFC 3463 §2 */

struct smtp_reply {
    unsigned code;                   /* 200–599; 0: none yet */
    char status[REPLY_STATUS_BYTES]; /* RFC 2034: the enhanced code, or one made of the class ("4.0.0") */
    size_t text_bytes;
    uint8_t text[REPLY_TEXT_BYTES]; /* lines joined with LF, without codes; cut when longer */
};

struct reply_reader {
    struct smtp_reply reply;
    unsigned lines;
    size_t line_bytes;
    uint8_t line[REPLY_LINE_BYTES];
};

/* Starts anew. */
void reply_start(struct reply_reader *r);

/* Takes bytes up to the end of a reply: *ret_used of them; *ret_done when reader->reply is complete. SD_ERR_PARSE: no SMTP
 * reply; SD_ERR_LIMIT: over a limit. After an error the session is lost. */
enum sd_err reply_feed(struct reply_reader *r, struct span bytes, size_t *ret_used, bool *ret_done) SD_MUST_CHECK;

/* 2 sent on, 3 go on, 4 later, 5 never. */
unsigned reply_class(const struct smtp_reply *reply);
/* One of our own: what would have been said by a server that we never reached. Its text is "status text". */
void reply_local(struct smtp_reply *reply, unsigned code, const char *status, const char *text);
/* The same from a stored code and text. */
void reply_stored(struct smtp_reply *reply, unsigned code, struct span text);

#endif
