/* html_write.h - text of clean HTML, written so that no parser reads anything else out of it. Inside the mail library. */
#ifndef SD_MAIL_HTML_WRITE_H
#define SD_MAIL_HTML_WRITE_H

#include "core/buf.h"

/*
 * Appends at most max bytes, whole characters and references; returns false when not all of it had room. Left out: control
 * characters but tab and line end, noncharacters, byte order marks, and what turns the reading direction of the text behind it.
 */
bool html_put_text(struct span utf8, size_t max, struct buf *to);
/* The value of an attribute between its double quotes. ASCII without control characters. */
void html_put_value(struct span value, struct buf *to);
/* Somebody would see it: not only spaces, no-break or of no width. */
bool html_is_seen(struct span utf8);

#endif
