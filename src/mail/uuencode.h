/* uuencode.h - files that stand in the lines of a text (POSIX uuencode), which some programs show as attachments. Inside the
 * mail library. */
#ifndef SD_MAIL_UUENCODE_H
#define SD_MAIL_UUENCODE_H

#include "mail/mail.h"

struct uu_file {
    struct span name;  /* as it stands there */
    struct span lines; /* of the content, with their line ends */
    size_t next;       /* behind the last line that is of it */
    bool complete;     /* it is well-formed and has its end */
};
/* At the start of a line: does a file begin here? */
bool uu_file_at(struct span text, size_t at, struct uu_file *ret);
/* Appends the content; what lines say of their length is believed as far as they reach. */
void uu_decode(struct span lines, struct buf *to);
/* A file of any of these kinds, or of yEnc's or BinHex's, is in the text. */
bool uu_any(struct span text);
/* yEnc or BinHex only. */
bool uu_other_any(struct span text);

#endif
