/* text.h - the characters of one text part, inside the mail library. */
#ifndef SD_MAIL_TEXT_H
#define SD_MAIL_TEXT_H

#include "mail/mail.h"

/* Appends the part in UTF-8, transfer-decoded; *cut: it is longer than is read. */
enum sd_err text_of_part(const struct mail_part *part, struct buf *utf8, bool *cut, mail_ambiguities *seen) SD_MUST_CHECK;
/* What text_of_part() appends at most. */
#define TEXT_PART_MAX_BYTES (24 * LIMIT_TEXT_BYTES)

bool text_is_html(const struct mail_part *part);
/* Part i is one whose text an agent sees. */
bool text_is_shown(const struct mail_message *m, size_t i);
/* Index behind the parts within part i. */
size_t text_behind(const struct mail_message *m, size_t i);

#endif
