/* charset.h - character sets, inside the mail library. charset.c is the only user of ICU. */
#ifndef SD_MAIL_CHARSET_H
#define SD_MAIL_CHARSET_H

#include "mail/mail.h"

/* mail_to_utf8() without its error: what goes wrong with `to` sticks to it. */
mail_ambiguities charset_put(struct span bytes, struct span charset, struct buf *to);
/* Appends UTF-8 without control characters; a line end of any kind becomes `newline` (0: nothing), a tab a space unless
 * keep_tab. */
void charset_put_clean(struct span utf8, uint8_t newline, bool keep_tab, struct buf *to);
/* s cut to at most max bytes, never within a character. */
struct span charset_cut(struct span utf8, size_t max);
/* Text in it does not look like text to a program that takes it for ASCII, and the other way round. */
bool charset_is_masking(struct span name);

#endif
