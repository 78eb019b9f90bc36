/* body.h - a message as it goes out after DATA. */
#ifndef SD_COURIER_BODY_H
#define SD_COURIER_BODY_H

#include "core/buf.h"

/*
 * Appends the message with dots doubled (RFC 5321 §4.5.2), the final CRLF and the line that ends it. SD_ERR_PARSE, nothing of
 * use in `to`: a bare CR or LF, or a NUL: another server might see the end of the message, and a second message, where we see
 * none.
 */
enum sd_err body_for_data(struct span message, struct buf *to) SD_MUST_CHECK;

/* Any byte over 127: needs 8BITMIME (RFC 6152). */
bool body_is_8bit(struct span message);

#endif
