#include "inspect/attachments.h"

static enum sd_err decode(const struct mail_part *part, size_t index, uint64_t *total_bytes, mail_ambiguities *found,
                          enum sd_err (*take)(void *ctx, const struct attachment *attachment), void *ctx) {
    struct buf content SD_CLEANUP(buf_free) = buf_new(LIMIT_MESSAGE_BYTES + 1024 * 1024);
    struct attachment attachment = {.index = index, .part = part};
    (void)buf_reserve(&content, part->body.n); /* at once: it does not grow by decoding */
    enum sd_err err = mail_decode_body(part, &content, &attachment.dirt);
    if (err)
        return err;
    attachment.content = buf_span(&content);
    *found |= attachment.dirt;
    *total_bytes += content.n;
    return take(ctx, &attachment);
}

enum sd_err attachments_each(const struct mail_message *message, mail_ambiguities *found,
                             enum sd_err (*take)(void *ctx, const struct attachment *attachment), void *ctx) {
    uint64_t total_bytes = 0;
    size_t count = 0;
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < message->part_count && err == SD_OK; i++) {
        const struct mail_part *part = &message->parts[i];
        if (!part->is_attachment || part->is_multipart)
            continue;
        if (count == LIMIT_ATTACHMENTS || total_bytes + part->body.n > ATTACHMENTS_BYTES) {
            *found |= (mail_ambiguities)1 << MAIL_AMBIGUITY_PARTS_TOO_MANY;
            break;
        }
        err = decode(part, count++, &total_bytes, found, take, ctx);
    }
    return err;
}
