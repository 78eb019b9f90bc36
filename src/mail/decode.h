/* decode.h - transfer encodings, inside the mail library. Both append what they can read and return what was wrong. */
#ifndef SD_MAIL_DECODE_H
#define SD_MAIL_DECODE_H

#include "mail/mail.h"

mail_ambiguities decode_base64(struct span s, struct buf *to);
mail_ambiguities decode_qp(struct span s, struct buf *to);

#endif
