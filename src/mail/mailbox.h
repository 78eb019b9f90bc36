/* mailbox.h - addr-spec (RFC 5322 §3.4.1) and Mailbox (RFC 5321 §4.1.2), inside the mail library. Decodes no character sets. */
#ifndef SD_MAIL_MAILBOX_H
#define SD_MAIL_MAILBOX_H

#include "mail/lex.h"
#include "mail/mail.h"

/* At the first word of the local part; reads local@domain with comments and obsolete white space. Leaves display empty. */
enum sd_err mailbox_read(struct lex *x, struct arena *arena, struct mail_address *ret) SD_MUST_CHECK;

#endif
