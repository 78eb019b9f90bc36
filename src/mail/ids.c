/* Message-ID, In-Reply-To and References (RFC 5322 §3.6.4). */
#include "core/limits.h"
#include "mail/lex.h"
#include "mail/mail.h"

#define ID_MAX_BYTES 998 /* RFC 5322 §2.1.1: what fits in a line */

static bool is_id(struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] == 0x7f || s.p[i] == '<')
            return false;
    return s.n > 0 && s.n <= ID_MAX_BYTES;
}

struct span mail_message_id(const struct mail_message *m) {
    const struct mail_field *f = mail_field_first(&m->header, SPAN("Message-ID"));
    if (!f)
        return SPAN_NONE;
    struct lex x = lex_of(f->body);
    if (lex_cfws(&x, NULL) != SD_OK || !lex_take(&x, '<'))
        return SPAN_NONE;
    struct span rest = span_from(f->body, x.at);
    struct span id = span_sub(rest, 0, span_find(rest, '>'));
    x.at += id.n;
    bool ends = lex_take(&x, '>') && lex_cfws(&x, NULL) == SD_OK && lex_end(&x);
    return ends && is_id(id) ? id : SPAN_NONE;
}

static bool is_known(const struct span *ids, size_t count, struct span id) {
    for (size_t i = 0; i < count; i++)
        if (span_eq(ids[i], id))
            return true;
    return false;
}

/* From the last one back, so that a field of any length costs no more than what is taken from it. */
static size_t take_ids(struct span body, struct span *to, size_t count, size_t max) {
    while (body.n && count < max) {
        size_t end = span_rfind(body, '>');
        struct span before = span_sub(body, 0, end);
        size_t start = span_rfind(before, '<');
        if (end == body.n || start == before.n)
            return count;
        struct span id = span_from(before, start + 1);
        if (is_id(id) && !is_known(to, count, id))
            to[count++] = id;
        body = span_sub(before, 0, start);
    }
    return count;
}

size_t mail_references(const struct mail_message *m, struct span *to, size_t max) {
    const struct mail_field *reply = mail_field_first(&m->header, SPAN("In-Reply-To"));
    const struct mail_field *references = mail_field_first(&m->header, SPAN("References"));
    size_t count = 0;
    if (max > LIMIT_REFERENCES)
        max = LIMIT_REFERENCES;
    if (reply)
        count = take_ids(reply->body, to, count, max);
    if (references)
        count = take_ids(references->body, to, count, max);
    return count;
}
