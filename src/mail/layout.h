/* layout.h - lines of plain text out of words, breaks, quotes and lists. Inside the mail library. */
#ifndef SD_MAIL_LAYOUT_H
#define SD_MAIL_LAYOUT_H

#include "core/buf.h"

struct layout {
    struct buf *to;
    size_t start;           /* of what this layout wrote */
    unsigned quotes, lists; /* nesting, as it is shown */
    unsigned breaks;        /* line ends that come before the next word */
    bool space;             /* a space comes before the next word */
    bool hang;              /* the line has its list mark, more of the item follows on it */
};
struct layout layout_of(struct buf *to);

void layout_text(struct layout *l, struct span text);         /* white space collapses */
void layout_preformatted(struct layout *l, struct span text); /* it does not */
void layout_break(struct layout *l, unsigned lines);          /* 1: new line; 2: an empty line between */
void layout_newline(struct layout *l);                        /* one more line end, as <br> */
void layout_end(struct layout *l);

#endif
