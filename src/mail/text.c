/* What an agent reads of a letter. */
#include "mail/text.h"

#include "core/limits.h"
#include "mail/charset.h"
#include "mail/flowed.h"
#include "mail/header.h"
#include "mail/lex.h"
#include "mail/uuencode.h"

#define ENCODED_MAX_BYTES (6 * LIMIT_TEXT_BYTES) /* of one text part; HTML has several bytes of markup for one of text */

struct selection {
    const struct mail_message *m;
    struct buf text; /* at most LIMIT_TEXT_BYTES */
    mail_ambiguities seen;
    bool cut;
};

bool text_is_html(const struct mail_part *p) {
    return span_eq(p->type, SPAN("text/html"));
}

/* A multipart in which no parts were found shows what it holds, as many programs do. */
bool text_is_shown(const struct mail_message *m, size_t i) {
    const struct mail_part *p = &m->parts[i];
    bool empty_multipart = p->is_multipart && (i + 1 == m->part_count || m->parts[i + 1].parent != i);
    return !p->is_attachment && (span_starts(p->type, SPAN("text/")) || empty_multipart);
}

size_t text_behind(const struct mail_message *m, size_t i) {
    size_t k = i + 1;
    while (k < m->part_count && m->parts[k].depth > m->parts[i].depth)
        k++;
    return k;
}

/* <meta charset> of a document that has no other; within the first kilobyte, where programs look (HTML standard §13.2.3.2). */
static struct span meta_charset(struct span html) {
    struct span head = span_sub(html, 0, 1024);
    struct span rest = span_from(head, span_isearch(head, SPAN("charset=")) + 8);
    while (rest.n && (rest.p[0] == '"' || rest.p[0] == '\''))
        rest = span_from(rest, 1);
    struct lex x = lex_of(rest);
    return lex_while(&x, lex_is_token);
}

enum sd_err text_of_part(const struct mail_part *p, struct buf *utf8, bool *cut, mail_ambiguities *seen) {
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(ENCODED_MAX_BYTES + 4);
    struct mail_part head = *p;
    head.body = span_sub(p->body, 0, ENCODED_MAX_BYTES);
    *cut = head.body.n < p->body.n;
    enum sd_err err = mail_decode_body(&head, &bytes, seen);
    struct span charset = p->charset;
    if (err == SD_OK && charset.n == 0 && text_is_html(p) && !span_is_utf8(buf_span(&bytes)))
        charset = meta_charset(buf_span(&bytes));
    return err ? err : mail_to_utf8(buf_span(&bytes), charset, utf8, seen);
}

/* Anything that is left of a failed write is the text up to the maximum: then it is cut, not failed. */
static enum sd_err or_cut(struct buf *b, bool *cut) {
    if (buf_err(b) != SD_ERR_LIMIT)
        return buf_err(b);
    b->err = SD_OK;
    *cut = true;
    return SD_OK;
}

static enum sd_err put_part(struct selection *s, const struct mail_part *p) {
    struct buf utf8 SD_CLEANUP(buf_free) = buf_new(TEXT_PART_MAX_BYTES);
    struct buf lines SD_CLEANUP(buf_free) = buf_new(TEXT_PART_MAX_BYTES);
    struct buf text SD_CLEANUP(buf_free) = buf_new(LIMIT_TEXT_BYTES);
    bool cut = false;
    enum sd_err err = text_of_part(p, &utf8, &cut, &s->seen);
    if (err)
        return err;
    if (p->encoding != MAIL_ENCODING_IDENTITY && uu_any(buf_span(&utf8)))
        s->seen |= AMBIGUITY(FILE_IN_TEXT); /* only what stands there as it is was listed as an attachment */
    if (text_is_html(p)) {
        err = mail_html_to_text(buf_span(&utf8), &text);
    } else {
        charset_put_clean(buf_span(&utf8), '\n', true, &lines);
        if (p->is_flowed)
            flowed_put(buf_span(&lines), p->is_delsp, &text);
        else
            buf_put(&text, span_sub(buf_span(&lines), 0, LIMIT_TEXT_BYTES));
        cut |= !p->is_flowed && lines.n > LIMIT_TEXT_BYTES;
    }
    if (err == SD_OK || err == SD_ERR_LIMIT)
        err = or_cut(&text, &cut);
    if (err || span_trim(buf_span(&text)).n == 0)
        return err;
    if (s->text.n)
        buf_text(&s->text, "\n");
    buf_put(&s->text, span_sub(buf_span(&text), 0, LIMIT_TEXT_BYTES - s->text.n));
    cut |= s->text.n == LIMIT_TEXT_BYTES;
    if (s->text.n && s->text.p[s->text.n - 1] != '\n')
        buf_text(&s->text, "\n");
    s->cut |= cut;
    return or_cut(&s->text, &s->cut);
}

static enum sd_err put_parts(struct selection *s, size_t from, size_t to);

/* Text of one alternative, or of any other part with all it holds; 0 bytes when it has none that an agent reads. */
static size_t plain_in(const struct selection *s, size_t from, size_t to) {
    size_t bytes = 0;
    for (size_t i = from; i < to; i++) {
        const struct mail_part *p = &s->m->parts[i];
        if (text_is_shown(s->m, i) && !text_is_html(p) && !p->is_multipart)
            bytes += span_trim(p->body).n;
    }
    return bytes;
}

static bool has_html(const struct selection *s, size_t from, size_t to) {
    for (size_t i = from; i < to; i++)
        if (text_is_shown(s->m, i) && text_is_html(&s->m->parts[i]))
            return true;
    return false;
}

/*
 * RFC 2046 §5.1.4: alternatives of the same content, the best last. The best plain text is the last text/plain that is not
 * blank; then the last with HTML; then the last that has any text.
 */
static enum sd_err put_alternative(struct selection *s, size_t multipart) {
    size_t plain = 0, html = 0, any = 0;
    for (size_t i = multipart + 1; i < text_behind(s->m, multipart); i = text_behind(s->m, i)) {
        if (span_eq(s->m->parts[i].type, SPAN("text/plain")) && plain_in(s, i, i + 1))
            plain = i;
        else if (has_html(s, i, text_behind(s->m, i)))
            html = i;
        else if (plain_in(s, i, text_behind(s->m, i)))
            any = i;
    }
    size_t best = plain ? plain : html ? html : any;
    return best ? put_parts(s, best, text_behind(s->m, best)) : SD_OK;
}

/* Recursion is as deep as parts are nested: LIMIT_PART_DEPTH. Messages within the message are not its text. */
static enum sd_err put_parts(struct selection *s, size_t from, size_t to) {
    enum sd_err err = SD_OK;
    for (size_t i = from; i < to && !s->cut && err == SD_OK;) {
        const struct mail_part *p = &s->m->parts[i];
        size_t next = text_behind(s->m, i);
        if (text_is_shown(s->m, i))
            err = put_part(s, p);
        else if (!p->is_multipart || p->is_attachment)
            err = SD_OK;
        else if (span_eq(p->type, SPAN("multipart/alternative")))
            err = put_alternative(s, i);
        else
            err = put_parts(s, i + 1, next);
        i = next;
    }
    return err;
}

enum sd_err mail_text(const struct mail_message *m, struct buf *to, mail_ambiguities *ambiguities) {
    const struct span cut_line = SPAN("[The text is longer. The rest is in the source of the message.]\n");
    struct selection s = {.m = m, .text = buf_new(LIMIT_TEXT_BYTES)};
    enum sd_err err = put_parts(&s, 0, m->part_count);
    if (err == SD_OK) {
        struct span text = s.cut ? charset_cut(buf_span(&s.text), LIMIT_TEXT_BYTES - cut_line.n - 1) : buf_span(&s.text);
        buf_put(to, text);
        if (s.cut && text.n && text.p[text.n - 1] != '\n')
            buf_text(to, "\n");
        if (s.cut)
            buf_put(to, cut_line);
        err = buf_err(to);
    }
    if (err == SD_OK)
        *ambiguities |= s.seen;
    buf_free(&s.text);
    return err;
}

static bool is_word(const struct mail_field *f, struct span word) {
    struct lex x = lex_of(f->body);
    return lex_cfws(&x, NULL) == SD_OK && span_ieq(lex_while(&x, lex_is_token), word);
}

bool mail_is_automatic(const struct mail_message *m) {
    for (size_t i = 0; i < m->header.count; i++) {
        const struct mail_field *f = &m->header.fields[i];
        if (span_istarts(f->name, SPAN("List-"))) /* RFC 2369, RFC 2919 */
            return true;
        if (span_ieq(f->name, SPAN("Auto-Submitted")) && !is_word(f, SPAN("no"))) /* RFC 3834 §5 */
            return true;
        if (span_ieq(f->name, SPAN("Precedence")) &&
            (is_word(f, SPAN("bulk")) || is_word(f, SPAN("list")) || is_word(f, SPAN("junk"))))
            return true;
    }
    return m->part_count && span_eq(m->parts[0].type, SPAN("multipart/report")); /* RFC 6522: made by programs */
}
