/* HTML to plain text. The tree is gumbo's, which reads HTML as browsers do; it lives in an arena and is never recursed into. */
#include <string.h>

#include "core/arena.h"
#include "mail/charset.h"
#include "mail/html_guard.h"
#include "mail/html_strip.h"
#include "mail/html_tree.h"
#include "mail/layout.h"
#include "mail/lex.h"

#define LINK_MAX_BYTES 2048 /* longer targets are cut: what matters is where they begin */

struct level {
    const GumboNode *node;
    unsigned next;   /* child */
    size_t text_at;  /* where the text of a link begins */
    unsigned number; /* of the next item of an ordered list */
};

struct walk {
    struct layout out;
    struct level *levels;
    size_t depth;
    unsigned preformatted;
};

/* How an element stands on the page. */
enum shape { SHAPE_INLINE, SHAPE_LINE, SHAPE_PARAGRAPH, SHAPE_HIDDEN };

static enum shape shape_of(GumboTag tag) {
    switch (tag) {
    case GUMBO_TAG_SCRIPT:
    case GUMBO_TAG_STYLE:
    case GUMBO_TAG_HEAD:
    case GUMBO_TAG_TITLE:
    case GUMBO_TAG_TEMPLATE:
        return SHAPE_HIDDEN;
    case GUMBO_TAG_P:
    case GUMBO_TAG_UL:
    case GUMBO_TAG_OL:
    case GUMBO_TAG_DL:
    case GUMBO_TAG_PRE:
    case GUMBO_TAG_BLOCKQUOTE:
        return SHAPE_PARAGRAPH;
    default:
        return SHAPE_INLINE;
    }
}

static bool is_heading(GumboTag tag) {
    return tag >= GUMBO_TAG_H1 && tag <= GUMBO_TAG_H6;
}

static bool is_line(GumboTag tag) {
    switch (tag) {
    case GUMBO_TAG_DIV:
    case GUMBO_TAG_LI:
    case GUMBO_TAG_TR:
    case GUMBO_TAG_TABLE:
    case GUMBO_TAG_CAPTION:
    case GUMBO_TAG_DT:
    case GUMBO_TAG_DD:
    case GUMBO_TAG_CENTER:
    case GUMBO_TAG_ADDRESS:
    case GUMBO_TAG_FORM:
        return true;
    default:
        return tag >= GUMBO_TAG_ARTICLE && tag <= GUMBO_TAG_HGROUP && !is_heading(tag);
    }
}

static enum shape shape(GumboTag tag) {
    return is_heading(tag) ? SHAPE_PARAGRAPH : is_line(tag) ? SHAPE_LINE : shape_of(tag);
}

static void break_for(struct walk *w, GumboTag tag) {
    enum shape s = shape(tag);
    if (s == SHAPE_PARAGRAPH && !(w->out.lists && (tag == GUMBO_TAG_UL || tag == GUMBO_TAG_OL)))
        layout_break(&w->out, 2);
    else if (s == SHAPE_LINE || s == SHAPE_PARAGRAPH)
        layout_break(&w->out, 1);
}

static void put_mark(struct walk *w) {
    char mark[16] = "-";
    struct level *list = w->depth > 1 ? &w->levels[w->depth - 2] : NULL;
    if (list && list->node->v.element.tag == GUMBO_TAG_OL && list->number < 1000000) {
        char digits[8];
        size_t n = 0, k = 0;
        for (unsigned v = ++list->number; v; v /= 10)
            digits[n++] = (char)('0' + v % 10);
        while (n)
            mark[k++] = digits[--n];
        memcpy(mark + k, ".", 2);
    }
    layout_text(&w->out, span_cstr(mark));
    w->out.space = w->out.hang = true;
}

static bool has_scheme(struct span target, struct span scheme) {
    return span_istarts(target, scheme);
}

/* Only targets that a person could follow; the rest are fragments, scripts and pictures. */
static bool is_shown(struct span target) {
    return has_scheme(target, SPAN("http:")) || has_scheme(target, SPAN("https:")) || has_scheme(target, SPAN("mailto:")) ||
           has_scheme(target, SPAN("tel:")) || has_scheme(target, SPAN("ftp:"));
}

static struct span without(struct span s, struct span prefix) {
    return span_istarts(s, prefix) ? span_from(s, prefix.n) : s;
}

/* Without what people leave out when they write an address down. */
static struct span bare_target(struct span s) {
    s = without(without(without(without(s, SPAN("mailto:")), SPAN("tel:")), SPAN("http://")), SPAN("https://"));
    return span_ends(s, SPAN("/")) ? span_sub(s, 0, s.n - 1) : s;
}

static void put_target(struct walk *w, const struct level *level) {
    struct span target = span_trim(html_attribute(level->node, "href"));
    struct span text = span_trim(span_from(buf_span(w->out.to), level->text_at));
    if (!is_shown(target) || span_ieq(bare_target(target), bare_target(text)))
        return;
    struct buf b SD_CLEANUP(buf_free) = buf_new(LINK_MAX_BYTES + 8);
    buf_text(&b, "<");
    charset_put_clean(charset_cut(target, LINK_MAX_BYTES), 0, false, &b);
    buf_text(&b, ">");
    w->out.space |= text.n > 0;
    layout_text(&w->out, buf_span(&b));
}

static void put_image(struct walk *w, const GumboNode *node) {
    struct span alt = span_trim(html_attribute(node, "alt"));
    if (!alt.n)
        return;
    layout_text(&w->out, SPAN("["));
    layout_text(&w->out, alt);
    layout_text(&w->out, SPAN("]"));
}

static void put_rule(struct walk *w) {
    layout_break(&w->out, 1);
    layout_text(&w->out, SPAN("---"));
    layout_break(&w->out, 1);
}

static void enter_element(struct walk *w, struct level *level) {
    GumboTag tag = level->node->v.element.tag;
    break_for(w, tag);
    if (tag == GUMBO_TAG_BR)
        layout_newline(&w->out);
    else if (tag == GUMBO_TAG_HR)
        put_rule(w);
    else if (tag == GUMBO_TAG_IMG)
        put_image(w, level->node);
    else if (tag == GUMBO_TAG_LI)
        put_mark(w);
    else if (tag == GUMBO_TAG_TD || tag == GUMBO_TAG_TH)
        w->out.space = true;
    w->out.quotes += tag == GUMBO_TAG_BLOCKQUOTE;
    w->out.lists += tag == GUMBO_TAG_UL || tag == GUMBO_TAG_OL;
    w->preformatted += tag == GUMBO_TAG_PRE;
    level->text_at = w->out.to->n;
}

static void leave_element(struct walk *w, const struct level *level) {
    GumboTag tag = level->node->v.element.tag;
    if (tag == GUMBO_TAG_A)
        put_target(w, level);
    w->out.quotes -= tag == GUMBO_TAG_BLOCKQUOTE;
    w->out.lists -= tag == GUMBO_TAG_UL || tag == GUMBO_TAG_OL;
    w->preformatted -= tag == GUMBO_TAG_PRE;
    w->out.hang = false;
    break_for(w, tag);
}

/* Control characters out; a no-break space is a space to the reader. */
static void put_text(struct walk *w, const char *text) {
    struct span s = span_cstr(text);
    struct buf b SD_CLEANUP(buf_free) = buf_new(s.n + 1);
    for (size_t at = 0; at < s.n;) {
        size_t n = span_search(span_from(s, at), SPAN("\xc2\xa0"));
        charset_put_clean(span_sub(s, at, n), '\n', true, &b);
        if (at + n < s.n)
            buf_byte(&b, ' ');
        at += n + 2;
    }
    if (w->preformatted)
        layout_preformatted(&w->out, buf_span(&b));
    else
        layout_text(&w->out, buf_span(&b));
}

/* False: nested more deeply than it is followed. */
static bool enter(struct walk *w, const GumboNode *node) {
    if (node->type == GUMBO_NODE_TEXT || node->type == GUMBO_NODE_WHITESPACE || node->type == GUMBO_NODE_CDATA)
        put_text(w, node->v.text.text);
    if (!html_is_element(node) || shape(node->v.element.tag) == SHAPE_HIDDEN)
        return true;
    if (w->depth == HTML_TREE_DEPTH_MAX)
        return false;
    struct level *level = &w->levels[w->depth++];
    *level = (struct level){.node = node};
    enter_element(w, level);
    return true;
}

static bool walk_tree(struct walk *w, const GumboNode *root) {
    bool complete = enter(w, root);
    while (w->depth && complete && buf_err(w->out.to) == SD_OK) {
        struct level *level = &w->levels[w->depth - 1];
        const GumboVector *children = &level->node->v.element.children;
        if (level->next < children->length) {
            complete = enter(w, children->data[level->next++]);
            continue;
        }
        leave_element(w, level);
        w->depth--;
    }
    return complete;
}

static bool by_tree(struct span html, struct arena *arena, struct buf *to) {
    struct walk w = {.out = layout_of(to), .levels = arena_array(arena, HTML_TREE_DEPTH_MAX, sizeof(struct level))};
    if (!w.levels)
        return false;
    if (!walk_tree(&w, html_tree(html, arena)))
        return false;
    layout_end(&w.out);
    return true;
}

enum sd_err mail_html_to_text(struct span html, struct buf *to) {
    /* No maximum: gumbo cannot be told that there is no memory. html_is_cheap() is what bounds it. */
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(SIZE_MAX);
    size_t start = to->n;
    html = charset_cut(html, HTML_MAX_BYTES);
    if (!arena)
        return SD_ERR_NOMEM;
    if (html.n == 0)
        return buf_err(to);
    if (!html_is_cheap(html) || !by_tree(html, arena, to)) {
        if (buf_err(to) == SD_OK)
            to->n = start;
        html_strip(html, to);
    }
    return buf_err(to);
}
