/*
 * build.h - writes a finished RFC 5322 message: CRLF line ends, ASCII header with RFC 2047 words, UTF-8 text body as
 * quoted-printable (or 7bit when it can), lines of at most 76 characters in the body and 998 anywhere.
 */
#ifndef SD_MAIL_BUILD_H
#define SD_MAIL_BUILD_H

#include "mail/mail.h"

struct mail_draft {
    struct mail_address from;
    struct mail_address reply_to; /* empty address: no field */
    const struct mail_address *to;
    size_t to_count;
    const struct mail_address *cc;
    size_t cc_count;
    struct span subject;           /* UTF-8 */
    struct span message_id;        /* without brackets */
    struct span in_reply_to;       /* without brackets; may be empty */
    const struct span *references; /* oldest first, without brackets */
    size_t reference_count;
    struct span text; /* UTF-8, LF or CRLF */
    int64_t date_unix_ms;
    bool auto_generated; /* Auto-Submitted: auto-generated (RFC 3834 §5) */
};

/* SD_ERR_PARSE when an address or id would not survive the header (CR, LF, NUL, controls), SD_ERR_LIMIT at the buf's maximum.
 */
enum sd_err mail_build(const struct mail_draft *draft, struct buf *to) SD_MUST_CHECK;

#endif
