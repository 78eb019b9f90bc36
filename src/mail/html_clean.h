/*
 * html_clean.h - HTML of a letter made safe to show.
 *
 * The tree is gumbo's, which reads HTML as browsers do; what is written is put together anew from an allow-list of elements,
 * attributes, style properties and what their values are made of. Nothing of the input's markup is copied.
 *   - Nothing in it runs, fetches, asks for input, names itself (id, class, name), leaves its place or covers anything.
 *   - Links lead to web sites, mail addresses and telephones only; behind each stands where it leads in brackets, unless that
 * is what it shows.
 *   - Pictures are text in brackets. Text that a reader would not see is left out and counted; text whose colour is that of
 * what is under it gets another.
 *   - A browser makes of the result the tree that was meant (no element stands where a parser would move it), and cleaning
 *     the result again gives the same bytes.
 */
#ifndef SD_MAIL_HTML_CLEAN_H
#define SD_MAIL_HTML_CLEAN_H

#include "core/buf.h"

#define HTML_CLEAN_MAX_BYTES ((size_t)1024 * 1024) /* of a result, but for the end tags: what an agent can read of a letter */

/* What was taken out, or changed. */
struct html_clean_report {
    uint32_t scripts;    /* elements, event handlers, javascript: links */
    uint32_t pictures;   /* pictures and backgrounds that would have been fetched */
    uint32_t forms;      /* forms and their controls */
    uint32_t hidden;     /* pieces of text that nobody would have seen */
    uint32_t unreadable; /* colours that were taken away because the text had that of its background */
    uint32_t links;      /* whose target was refused, or written otherwise, or that got their target beside them */
    bool cut;            /* there was more than is read or written */
    bool as_text;        /* it would have cost too much to read: only its text is there */
};

/* Appends the clean HTML, a fragment in UTF-8. Errors are ours only: NOMEM, or LIMIT when `to` is too small. */
enum sd_err mail_html_clean(struct span utf8, struct buf *to, struct html_clean_report *report) SD_MUST_CHECK;
/* Plain text as such a fragment; line ends and spaces are kept. */
void mail_html_from_text(struct span utf8, struct buf *to);

#endif
