/* flowed.h - format=flowed (RFC 3676), inside the mail library. */
#ifndef SD_MAIL_FLOWED_H
#define SD_MAIL_FLOWED_H

#include "core/buf.h"

/* Text with LF line ends; paragraphs become one line each, quoting becomes "> " per level. */
void flowed_put(struct span text, bool delsp, struct buf *to);

#endif
