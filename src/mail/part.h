/* part.h - what the header of one part says about it, inside the mail library. */
#ifndef SD_MAIL_PART_H
#define SD_MAIL_PART_H

#include "mail/mail.h"

/*
 * Fills type, charset, name, encoding and the flags of *part from part->header. in_digest: the default type is message/rfc822
 * (RFC 2046 §5.1.5). The boundary of a multipart goes to *ret_boundary, empty when it has none that can be used.
 */
enum sd_err part_read(struct mail_part *part, bool in_digest, struct arena *arena, struct span *ret_boundary,
                      mail_ambiguities *ambiguities) SD_MUST_CHECK;
/* Gives a part that has no header its name, read like one of a header. */
enum sd_err part_name(struct mail_part *part, struct span name, struct arena *arena,
                      mail_ambiguities *ambiguities) SD_MUST_CHECK;

#endif
