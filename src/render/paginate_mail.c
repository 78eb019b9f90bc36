#include "render/paginate.h"

#include "core/limits.h"
#include "mail/mail.h"

#define ARENA_BYTES ((size_t)64 * 1024 * 1024)
#define TEXT_BYTES ((size_t)4 * 1024 * 1024)

static void put_field(const struct mail_message *m, const char *name, struct buf *to) {
    const struct mail_field *field = mail_field_first(&m->header, span_cstr(name));
    if (!field)
        return;
    buf_text(to, name);
    buf_text(to, ": ");
    buf_put(to, mail_decode_text(field->body, m->arena));
    buf_byte(to, '\n');
}

static void put_size(const struct mail_part *part, struct buf *to) {
    struct buf body = buf_new(LIMIT_MESSAGE_BYTES);
    mail_ambiguities ambiguities = 0;
    if (mail_decode_body(part, &body, &ambiguities) == SD_OK)
        buf_printf(to, "  %zu bytes", body.n);
    buf_free(&body);
}

static void put_attachments(const struct mail_message *m, struct buf *to) {
    bool any = false;
    for (size_t i = 0; i < m->part_count; i++) {
        const struct mail_part *part = &m->parts[i];
        if (!part->is_attachment)
            continue;
        buf_text(to, any ? "" : "\nAttachments\n");
        any = true;
        buf_text(to, "  ");
        buf_put(to, part->name.n ? part->name : SPAN("(no name)"));
        buf_text(to, "  ");
        buf_put(to, part->type);
        put_size(part, to);
        buf_byte(to, '\n');
    }
}

/* Line ends as mail has them: an attached letter may have been saved with LF only. */
static struct span with_crlf(struct span content) {
    static struct buf letter;
    if (span_search(content, SPAN("\r\n")) < content.n)
        return content;
    letter = buf_new(2 * content.n + 2);
    for (size_t i = 0; i < content.n; i++) {
        if (content.p[i] == '\n')
            buf_byte(&letter, '\r');
        buf_byte(&letter, content.p[i]);
    }
    return buf_span(&letter);
}

enum show_reason show_mail(struct paginate *p) {
    static const char *const fields[] = {"From", "To", "Cc", "Subject", "Date"};
    struct arena *arena = arena_new(ARENA_BYTES);
    struct buf text = buf_new(TEXT_BYTES);
    struct mail_message message;
    mail_ambiguities ambiguities = 0;
    if (!arena || mail_parse(with_crlf(p->content), arena, &message) != SD_OK)
        return SHOW_ROOM;
    for (size_t i = 0; i < SD_COUNT(fields); i++)
        put_field(&message, fields[i], &text);
    buf_byte(&text, '\n');
    if (mail_text(&message, &text, &ambiguities) != SD_OK)
        return SHOW_ROOM;
    buf_byte(&text, '\n');
    put_attachments(&message, &text);
    return buf_err(&text) ? SHOW_ROOM : pages_from_text(p, buf_span(&text), false);
}
