/* param.h - value and parameters of Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2231). Inside the mail library. */
#ifndef SD_MAIL_PARAM_H
#define SD_MAIL_PARAM_H

#include "core/limits.h"
#include "mail/mail.h"

struct param {
    struct span name;  /* without section and asterisks */
    struct span value; /* between its quotes, still escaped */
    int section;       /* RFC 2231 §3, -1 without */
    bool extended;     /* RFC 2231 §4 */
    bool quoted;
    bool escaped; /* a backslash within the quotes */
    bool loose;   /* unquoted though the grammar wants quotes, or empty: what many senders write */
    bool odd;     /* any other reading that another program may not share */
};

/* Zero-copy; for the stack. */
struct param_field {
    struct span value; /* before the first semicolon */
    struct param params[LIMIT_MIME_PARAMETERS];
    size_t count;
    bool commented; /* there is a comment, which many programs do not know */
    bool odd;       /* anything that the grammar has not, but for loose values */
};
void param_read(struct span body, struct param_field *ret);

/* One parameter in all the ways it was given. Values are in the arena. */
struct param_value {
    struct span plain;    /* name=value, unescaped, otherwise as it came */
    struct span raw;      /* the same, still escaped */
    struct span extended; /* RFC 2231, in UTF-8 */
    struct span token;    /* of a loose value, what a strict program reads: as far as it is one */
    size_t plain_count;
    size_t extended_count; /* values, not sections */
    bool escaped, loose;
    bool odd; /* of any of them; and sections that are missing, repeated or out of place */
};
enum sd_err param_get(const struct param_field *f, struct span name, struct arena *arena,
                      struct param_value *ret) SD_MUST_CHECK;

#endif
