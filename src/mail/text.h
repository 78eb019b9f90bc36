/* text.h - the characters of one text part, inside the mail library. */
#ifndef SD_MAIL_TEXT_H
#define SD_MAIL_TEXT_H

#include "mail/mail.h"

/* Appends the part in UTF-8, transfer-decoded; *cut: it is longer than is read. */
enum sd_err text_of_part(const struct mail_part *part, struct buf *utf8, bool *cut, mail_ambiguities *seen) SD_MUST_CHECK;
/* What text_of_part() appends at most. */
#define TEXT_PART_MAX_BYTES (24 * LIMIT_TEXT_BYTES)

#endif
