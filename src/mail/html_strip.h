/* html_strip.h - text out of HTML that is too expensive to parse. Inside the mail library. */
#ifndef SD_MAIL_HTML_STRIP_H
#define SD_MAIL_HTML_STRIP_H

#include "core/buf.h"

/* Everything between tags, in lines; script and style left out. Linear in the input, whatever it is. */
void html_strip(struct span html, struct buf *to);

#endif
