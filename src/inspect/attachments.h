/* attachments.h - which parts of a letter are its attachments, in which order: one answer for whoever seals them, and for
 * whoever looks into them in another process. */
#ifndef SD_INSPECT_ATTACHMENTS_H
#define SD_INSPECT_ATTACHMENTS_H

#include "core/limits.h"
#include "mail/mail.h"

/* What attachments of one letter may hold together: one that is itself a message is listed, and so is what it holds. More stays
 * in the source and flags the mail, as do attachments beyond LIMIT_ATTACHMENTS: nested messages would multiply 25 MiB by 20. */
#define ATTACHMENTS_BYTES (2 * LIMIT_MESSAGE_BYTES)

/* One attachment, decoded; content is valid during the call. dirt: what decoding it showed. */
struct attachment {
    size_t index;
    const struct mail_part *part;
    struct span content;
    mail_ambiguities dirt;
};

/* Each in order, until `take` fails. What decoding showed is or-ed into *found, and that there is more than is listed. */
enum sd_err attachments_each(const struct mail_message *message, mail_ambiguities *found,
                             enum sd_err (*take)(void *ctx, const struct attachment *attachment), void *ctx) SD_MUST_CHECK;

#endif
