/* header.h - header fields, inside the mail library. */
#ifndef SD_MAIL_HEADER_H
#define SD_MAIL_HEADER_H

#include "mail/mail.h"

#define AMBIGUITY(name) ((mail_ambiguities)1 << MAIL_AMBIGUITY_##name)

/* mail_parse_header() with room for at most max_fields, and the offset of the body instead of its span. */
enum sd_err header_read(struct span bytes, size_t max_fields, struct arena *arena, struct mail_header *ret, size_t *ret_body_at,
                        mail_ambiguities *ambiguities) SD_MUST_CHECK;

#endif
