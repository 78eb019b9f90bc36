#include "mail/flowed.h"

#define QUOTE_SHOWN_MAX 16 /* deeper quoting is shown at this depth: a mark is one byte in and two out for every line */

struct flow {
    struct buf *to;
    size_t depth; /* of the paragraph that is open */
    bool open;    /* its last line was flowed */
};

static void end_paragraph(struct flow *f) {
    if (f->open)
        buf_byte(f->to, '\n');
    f->open = false;
}

static void put_line(struct flow *f, struct span line, bool delsp) {
    size_t depth = 0;
    while (depth < line.n && line.p[depth] == '>') /* RFC 3676 §4.5 */
        depth++;
    line = span_from(line, depth);
    if (span_starts(line, SPAN(" "))) /* §4.4: space-stuffing */
        line = span_from(line, 1);
    bool signature = span_eq(line, SPAN("-- ")); /* §4.3 */
    bool flowed = span_ends(line, SPAN(" ")) && !signature;
    if (f->depth != depth || signature) /* §4.5: a paragraph ends where the depth of quoting changes */
        end_paragraph(f);
    if (!f->open)
        for (size_t i = 0; i < depth && i < QUOTE_SHOWN_MAX; i++)
            buf_text(f->to, "> ");
    if (flowed && delsp)
        line.n--;
    buf_put(f->to, line);
    f->depth = depth;
    f->open = true;
    if (!flowed)
        end_paragraph(f);
}

void flowed_put(struct span text, bool delsp, struct buf *to) {
    struct flow f = {.to = to};
    while (text.n && buf_err(to) == SD_OK) {
        struct span line = span_sub(text, 0, span_find(text, '\n'));
        text = span_from(text, line.n + 1);
        put_line(&f, line, delsp);
    }
    end_paragraph(&f);
}
