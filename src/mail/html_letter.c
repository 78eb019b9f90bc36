/* The HTML that an agent sees of a letter. */
#include "core/limits.h"
#include "mail/charset.h"
#include "mail/flowed.h"
#include "mail/html_clean.h"
#include "mail/text.h"

#define CUT_LINE "<div>[The page is longer. The rest is in the source of the message.]</div>"
#define PART_MAX_BYTES (HTML_CLEAN_MAX_BYTES + 64 * 1024) /* with the end tags of what was open when it was cut */

struct selection {
    const struct mail_message *m;
    struct buf html;
    mail_ambiguities seen;
    bool any, cut;
};

static enum sd_err put_html(struct selection *s, struct span utf8, struct buf *to) {
    struct html_clean_report report = {0};
    enum sd_err err = mail_html_clean(utf8, to, &report);
    s->any = true;
    s->cut |= report.cut;
    return err;
}

static void put_plain(const struct mail_part *p, struct span utf8, struct buf *to) {
    struct buf lines SD_CLEANUP(buf_free) = buf_new(TEXT_PART_MAX_BYTES);
    struct buf text SD_CLEANUP(buf_free) = buf_new(TEXT_PART_MAX_BYTES);
    charset_put_clean(utf8, '\n', true, &lines);
    if (p->is_flowed)
        flowed_put(buf_span(&lines), p->is_delsp, &text);
    else
        buf_put(&text, buf_span(&lines));
    if (span_trim(buf_span(&text)).n)
        mail_html_from_text(buf_span(&text), to);
}

/* A part that has no room is left out whole: half of one would need end tags. */
static enum sd_err put_part(struct selection *s, const struct mail_part *p) {
    struct buf utf8 SD_CLEANUP(buf_free) = buf_new(TEXT_PART_MAX_BYTES);
    struct buf html SD_CLEANUP(buf_free) = buf_new(PART_MAX_BYTES);
    enum sd_err err = text_of_part(p, &utf8, &s->cut, &s->seen);
    if (err)
        return err;
    if (text_is_html(p))
        err = put_html(s, buf_span(&utf8), &html);
    else
        put_plain(p, buf_span(&utf8), &html);
    if (err || buf_err(&html))
        return err ? err : buf_err(&html);
    bool fits = html.n <= s->html.max - s->html.n;
    s->cut |= !fits;
    if (fits)
        buf_put(&s->html, buf_span(&html));
    return buf_err(&s->html);
}

static bool has_html(const struct mail_message *m, size_t from, size_t to) {
    for (size_t i = from; i < to; i++)
        if (text_is_shown(m, i) && text_is_html(&m->parts[i]))
            return true;
    return false;
}

static bool has_text(const struct mail_message *m, size_t from, size_t to) {
    for (size_t i = from; i < to; i++)
        if (text_is_shown(m, i) && span_trim(m->parts[i].body).n)
            return true;
    return false;
}

/* RFC 2046 §5.1.4: the best is the last. 0: none has anything to show. */
static size_t best_alternative(const struct mail_message *m, size_t multipart) {
    size_t html = 0, any = 0;
    for (size_t i = multipart + 1; i < text_behind(m, multipart); i = text_behind(m, i)) {
        if (has_html(m, i, text_behind(m, i)))
            html = i;
        if (has_text(m, i, text_behind(m, i)))
            any = i;
    }
    return html ? html : any;
}

/* Recursion is as deep as parts are nested: LIMIT_PART_DEPTH. Messages within the message are not its text. */
static enum sd_err put_parts(struct selection *s, size_t from, size_t to) {
    enum sd_err err = SD_OK;
    for (size_t i = from, next; i < to && !s->cut && err == SD_OK; i = next) {
        const struct mail_part *p = &s->m->parts[i];
        size_t best = 0;
        next = text_behind(s->m, i);
        if (text_is_shown(s->m, i))
            err = put_part(s, p);
        else if (!p->is_multipart || p->is_attachment)
            continue;
        else if (!span_eq(p->type, SPAN("multipart/alternative")))
            err = put_parts(s, i + 1, next);
        else if ((best = best_alternative(s->m, i)) > 0)
            err = put_parts(s, best, text_behind(s->m, best));
    }
    return err;
}

enum sd_err mail_html(const struct mail_message *m, struct buf *to, mail_ambiguities *ambiguities) {
    struct selection s = {.m = m, .html = buf_new(PART_MAX_BYTES)};
    enum sd_err err = has_html(m, 0, m->part_count) ? put_parts(&s, 0, m->part_count) : SD_OK;
    if (err == SD_OK && s.any) {
        buf_put(to, buf_span(&s.html));
        if (s.cut)
            buf_text(to, CUT_LINE);
        err = buf_err(to);
    }
    if (err == SD_OK)
        *ambiguities |= s.seen;
    buf_free(&s.html);
    return err;
}
