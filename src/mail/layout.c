#include "mail/layout.h"

#include "mail/lex.h"

#define DEPTH_SHOWN_MAX                                                                                                        \
    8 /* quotes and lists nested deeper are shown at this depth, so that marks stay a small part of the text */

struct layout layout_of(struct buf *to) {
    return (struct layout){.to = to, .start = to->n};
}

static bool is_empty(const struct layout *l) {
    return l->to->n == l->start;
}

static void put_margin(struct layout *l) {
    for (unsigned i = 0; i < l->quotes && i < DEPTH_SHOWN_MAX; i++)
        buf_text(l->to, "> ");
    for (unsigned i = 1; i < l->lists && i < DEPTH_SHOWN_MAX; i++)
        buf_text(l->to, "  ");
}

/* What stands before a word: line ends that were asked for, or a space. */
static void begin_word(struct layout *l) {
    bool first = is_empty(l);
    if (l->breaks && !first)
        buf_fill(l->to, '\n', l->breaks);
    if (l->breaks || first)
        put_margin(l);
    else if (l->space)
        buf_byte(l->to, ' ');
    l->breaks = 0;
    l->space = l->hang = false;
}

void layout_text(struct layout *l, struct span text) {
    for (size_t i = 0; i < text.n && buf_err(l->to) == SD_OK;) {
        size_t start = i;
        while (i < text.n && (lex_is_space(text.p[i]) || text.p[i] == '\f'))
            i++;
        l->space |= i > start;
        start = i;
        while (i < text.n && !lex_is_space(text.p[i]) && text.p[i] != '\f')
            i++;
        if (i == start)
            continue;
        begin_word(l);
        buf_put(l->to, span_sub(text, start, i - start));
    }
}

void layout_preformatted(struct layout *l, struct span text) {
    while (text.n && buf_err(l->to) == SD_OK) {
        struct span line = span_sub(text, 0, span_find(text, '\n'));
        bool ended = line.n < text.n;
        text = span_from(text, line.n + 1);
        if (line.n) {
            begin_word(l);
            buf_put(l->to, line);
        }
        if (ended)
            layout_newline(l);
    }
}

void layout_break(struct layout *l, unsigned lines) {
    if (l->hang)
        return;
    if (l->breaks < lines)
        l->breaks = lines;
    l->space = false;
}

void layout_newline(struct layout *l) {
    if (l->breaks < 3)
        l->breaks++;
    l->space = l->hang = false;
}

void layout_end(struct layout *l) {
    if (!is_empty(l))
        buf_byte(l->to, '\n');
}
