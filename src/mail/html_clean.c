#include "mail/html_clean.h"

#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/limits.h"
#include "mail/charset.h"
#include "mail/css_clean.h"
#include "mail/html_attributes.h"
#include "mail/html_guard.h"
#include "mail/html_tree.h"
#include "mail/html_write.h"
#include "mail/lex.h"
#include "mail/mail.h"
#include "mail/url_clean.h"

/*
 * What is written stays within what html_is_cheap() lets pass, with room for end tags, so that the result can be read again:
 * deeper elements, and those after so many, lose their tags.
 */
#define WRITTEN_DEPTH_MAX 100
#define TABLE_DEPTH 4 /* table, rows, row, cell */
#define WRITTEN_ELEMENTS_MAX 40000
#define WRITTEN_FORMATTING_MAX 150000

#define FONT_SEEN_PX 400    /* hundredths: smaller text is not read by anybody */
#define FONT_MAX_PX 10000   /* larger is refused: a letter could fill the screen with three characters */
#define FONT_PICTURE "13px" /* of what stands for a picture where text is too small to be seen */
#define LINK_TEXT_MAX 512   /* a longer text is no host */
#define ALT_MAX_BYTES 300
#define STYLE_BYTES 16384
#define PIXEL_MAX 3 /* pictures of this width or height say nothing */

struct level {
    const GumboNode *node;
    unsigned next;                   /* child */
    const struct html_rule *written; /* NULL: its tags are not */
    const struct html_rule *inside;  /* innermost that is written, this one included; NULL at the top */
    uint32_t ink, paper;
    int64_t font;      /* hundredths of a pixel */
    size_t formatting; /* weight of this one */
    bool muted;        /* nothing in it is seen */
};

struct cleaner {
    struct buf *to;
    size_t start; /* of what is written */
    struct html_clean_report *report;
    struct level *levels;
    size_t depth, written_depth;
    size_t elements, formatting, formatting_open;
    bool full;
    bool muted_counted;
    struct buf style, url, shown; /* of the element that is being read */
    bool in_link;
    size_t link_at; /* where its start tag stands */
    struct buf link_shown;
    uint8_t link_text[LINK_TEXT_MAX];
    size_t link_text_bytes;
    bool link_seen; /* it has text */
    bool link_rewritten;
};

static size_t room(const struct cleaner *c) {
    size_t used = c->to->n - c->start;
    return used < HTML_CLEAN_MAX_BYTES ? HTML_CLEAN_MAX_BYTES - used : 0;
}

static bool is_structure(const struct html_rule *r) {
    return r && (r->kind == HTML_TABLE || r->kind == HTML_ROWS || r->kind == HTML_ROW);
}

/* ---- text ---- */

static void take_link_text(struct cleaner *c, struct span text) {
    for (size_t i = 0; i < text.n && c->link_text_bytes < LINK_TEXT_MAX; i++)
        c->link_text[c->link_text_bytes++] = text.p[i];
    c->link_seen |= html_is_seen(text);
}

static void put_seen_text(struct cleaner *c, struct span text) {
    if (c->to->n == c->start) /* a parser drops white space before the first element */
        while (text.n && (lex_is_space(text.p[0]) || text.p[0] == '\f'))
            text = span_from(text, 1);
    if (c->in_link)
        take_link_text(c, text);
    if (!html_put_text(text, room(c), c->to))
        c->full = true;
}

static void put_text(struct cleaner *c, struct span text) {
    const struct level *around = c->depth ? &c->levels[c->depth - 1] : NULL;
    if (!around || c->full || is_structure(around->inside))
        return;
    if (!around->muted && around->font >= FONT_SEEN_PX) {
        put_seen_text(c, text);
        return;
    }
    if (!html_is_seen(text))
        return;
    c->report->hidden += !around->muted || !c->muted_counted;
    c->muted_counted = true;
}

/* ---- style ---- */

static bool is_font(const GumboNode *node) {
    return node->v.element.tag == GUMBO_TAG_FONT;
}

/* What the attributes of old say, for what the style does not. */
static void add_old_attributes(const struct level *l, const struct html_rule *r, const struct html_attributes *a,
                               struct css_style *style) {
    bool papered = r->kind == HTML_BODY || r->kind == HTML_CELL || is_structure(r);
    if (papered && !style->has_paper)
        style->has_paper = css_colour_read_attribute(a->of[HTML_ATTRIBUTE_BGCOLOR], &style->paper);
    if ((r->kind == HTML_BODY || is_font(l->node)) && !style->has_ink)
        style->has_ink = css_colour_read_attribute(a->of[HTML_ATTRIBUTE_COLOR], &style->ink);
}

static void read_style(struct cleaner *c, const struct level *l, const struct html_rule *r, const struct html_attributes *a,
                       struct css_style *ret) {
    *ret = (struct css_style){.hidden = a->has[HTML_ATTRIBUTE_HIDDEN]};
    buf_reset(&c->style);
    if (r->kind != HTML_PARAGRAPH && !a->has[HTML_ATTRIBUTE_STYLE] && !is_font(l->node)) {
        add_old_attributes(l, r, a, ret);
        return;
    }
    if (is_font(l->node))
        css_put_families(a->of[HTML_ATTRIBUTE_FACE], &c->style);
    if (c->style.n)
        buf_byte(&c->style, ';');
    css_clean(a->of[HTML_ATTRIBUTE_STYLE], r->kind == HTML_CELL || r->kind == HTML_ROW, ret, &c->style);
    if (c->style.n && c->style.p[c->style.n - 1] == ';')
        c->style.n--;
    if (r->kind == HTML_PARAGRAPH && !ret->margins) {
        buf_text(&c->style, c->style.n ? ";margin:1em 0" : "margin:1em 0");
    }
    c->report->pictures += ret->remote;
    add_old_attributes(l, r, a, ret);
}

/* Colours that can be told from each other, or those that were there before. */
static void set_colours(struct cleaner *c, struct level *l, struct css_style *style) {
    uint32_t paper = style->has_paper ? css_colour_over(style->paper, l->paper) : l->paper;
    uint32_t ink = style->has_ink ? css_colour_over(style->ink, paper) : l->ink;
    style->has_paper &= style->paper.alpha > 0;
    if (css_colour_alike(ink, paper)) {
        c->report->unreadable++;
        style->has_ink = false;
        ink = l->ink;
        if (css_colour_alike(ink, paper)) {
            style->has_paper = false;
            paper = l->paper;
        }
    }
    l->ink = ink;
    l->paper = paper;
}

static void set_font(struct level *l, const struct html_attributes *a, struct css_style *style) {
    static const int16_t sizes[] = {0, 1000, 1300, 1600, 1800, 2400, 3200, 4800};
    int64_t px = css_length_px(style->font.length, l->font);
    int size = is_font(l->node) ? html_font_size(a->of[HTML_ATTRIBUTE_SIZE]) : 0;
    if (px > FONT_MAX_PX)
        style->font.given = false;
    if (size)
        l->font = sizes[size];
    if (style->font.given)
        l->font = px;
}

static void put_colour(struct buf *to, const char *name, uint32_t rgb) {
    buf_printf(to, "%s:#%06x;", name, (unsigned)rgb);
}

static bool put_style(struct cleaner *c, const struct level *l, const struct css_style *style) {
    struct buf *b = &c->shown; /* not needed any more by now */
    buf_reset(b);
    if (style->font.given) {
        buf_text(b, "font-size:");
        css_length_put(style->font.length, b);
        buf_byte(b, ';');
    }
    if (style->has_ink)
        put_colour(b, "color", l->ink);
    if (style->has_paper)
        put_colour(b, "background-color", l->paper);
    buf_put(b, buf_span(&c->style));
    if (b->n && b->p[b->n - 1] == ';')
        b->n--;
    if (b->n)
        html_put_attribute(c->to, "style", buf_span(b));
    return b->n > 0;
}

/* ---- where an element may stand ---- */

static bool is_in(const struct html_rule *inside, enum html_kind kind) {
    return inside && inside->kind == kind;
}

/* The rule by which it is written where the innermost written element is `inside`; NULL: only what it holds. */
static const struct html_rule *rule_inside(const struct html_rule *r, const struct html_rule *inside) {
    bool in_dl = is_in(inside, HTML_LIST) && inside->name[0] == 'd', is_li = r->name[0] == 'l';
    switch (r->kind) {
    case HTML_CAPTION:
    case HTML_ROWS:
        return is_in(inside, HTML_TABLE) ? r : NULL;
    case HTML_ROW:
        return is_in(inside, HTML_ROWS) ? r : NULL;
    case HTML_CELL:
        if (is_in(inside, HTML_ROW))
            return r;
        return is_structure(inside) ? NULL : &html_rule_div;
    case HTML_ITEM:
        if (is_in(inside, HTML_LIST) && in_dl != is_li)
            return r;
        return is_structure(inside) ? NULL : &html_rule_div;
    case HTML_HEADING:
        return is_in(inside, HTML_HEADING) || is_structure(inside) ? NULL : r;
    default:
        return is_structure(inside) ? NULL : r;
    }
}

static bool is_affordable(const struct cleaner *c, const struct html_rule *r) {
    size_t deep = r->kind == HTML_TABLE ? TABLE_DEPTH : 1;
    return r->kind >= HTML_BODY && c->written_depth + deep <= WRITTEN_DEPTH_MAX && c->elements < WRITTEN_ELEMENTS_MAX &&
           c->formatting < WRITTEN_FORMATTING_MAX;
}

/* Rows and cells of a table that is written were counted with it. */
static const struct html_rule *written_rule(const struct cleaner *c, const struct html_rule *r, const struct level *l) {
    if (l->muted || c->full || r->kind < HTML_BODY)
        return NULL;
    const struct html_rule *written = rule_inside(r, l->inside);
    bool counted = written && (written->kind == HTML_ROWS || written->kind == HTML_ROW || written->kind == HTML_CELL);
    return written && (counted || is_affordable(c, written)) ? written : NULL;
}

/* ---- links ---- */

/* The target, in c->url and c->shown; false when there is none that is let through. */
static bool read_link(struct cleaner *c, const struct html_attributes *a) {
    struct span href = a->of[HTML_ATTRIBUTE_HREF], trimmed = span_trim(href);
    buf_reset(&c->url);
    buf_reset(&c->shown);
    if (c->in_link || !a->has[HTML_ATTRIBUTE_HREF] || trimmed.n == 0)
        return false;
    if (url_clean(href, &c->url, &c->shown) != URL_REFUSED)
        return true;
    c->report->links += trimmed.p[0] != '#';
    c->report->scripts += span_istarts(trimmed, SPAN("javascript:")) || span_istarts(trimmed, SPAN("vbscript:"));
    return false;
}

static void open_link(struct cleaner *c, const struct html_attributes *a, size_t at) {
    html_put_attribute(c->to, "href", buf_span(&c->url));
    html_put_attribute(c->to, "rel", SPAN("noopener noreferrer nofollow"));
    c->in_link = true;
    c->link_at = at;
    c->link_text_bytes = 0;
    c->link_seen = false;
    c->link_rewritten = !span_eq(a->of[HTML_ATTRIBUTE_HREF], buf_span(&c->url));
    buf_reset(&c->link_shown);
    buf_byte(&c->link_shown, '[');
    html_put_value(buf_span(&c->shown), &c->link_shown);
    buf_byte(&c->link_shown, ']');
}

/* The text is the host, the address, the number; or a plain URL of that host. */
static bool shows_target(struct cleaner *c) {
    struct span text = span_trim(span_of(c->link_text, c->link_text_bytes)), shown = buf_span(&c->link_shown);
    buf_reset(&c->url);
    buf_reset(&c->shown);
    html_put_value(text, &c->shown);
    if (c->link_text_bytes == LINK_TEXT_MAX || !span_is_ascii(text))
        return false;
    shown = span_sub(shown, 1, shown.n - 2);
    if (span_ieq(buf_span(&c->shown), shown))
        return true;
    buf_reset(&c->shown);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] == '@' || text.p[i] == '\\')
            return false;
    return url_clean(text, &c->url, &c->shown) == URL_WEB && span_eq(buf_span(&c->shown), shown);
}

/* Behind the link's text, and within the link, stands where it leads. */
static void close_link(struct cleaner *c) {
    struct span shown = buf_span(&c->link_shown);
    bool told = shows_target(c) || span_ends(buf_span(c->to), shown);
    c->in_link = false;
    if (!c->link_seen || c->full || shown.n + 1 > room(c)) {
        c->full |= c->link_seen;
        c->to->n = c->link_at; /* nobody could click on it, or it could not say where it leads */
        return;
    }
    if (!told && !lex_is_space(c->to->p[c->to->n - 1]))
        buf_byte(c->to, ' ');
    if (!told)
        buf_put(c->to, shown);
    c->report->links += !told || c->link_rewritten;
    buf_text(c->to, "</a>");
}

/* ---- elements ---- */

static bool is_pixel(struct span size) {
    uint64_t n = 0;
    struct lex x = lex_of(span_trim(size));
    return span_to_u64(lex_while(&x, lex_is_digit), &n) == SD_OK && n <= PIXEL_MAX && lex_peek(&x) != '%';
}

static bool is_fetched(struct span source) {
    source = span_trim(source);
    return source.n && !span_istarts(source, SPAN("cid:")) && !span_istarts(source, SPAN("data:"));
}

static struct span source_of(const GumboNode *node) {
    struct span source = html_attribute(node, "src");
    return source.n ? source : html_attribute(node, "srcset");
}

static void put_picture(struct cleaner *c, struct level *l, const struct html_attributes *a, const struct css_style *style) {
    struct span alt = charset_cut(span_trim(a->of[HTML_ATTRIBUTE_ALT]), ALT_MAX_BYTES);
    bool pixel = is_pixel(a->of[HTML_ATTRIBUTE_WIDTH]) || is_pixel(a->of[HTML_ATTRIBUTE_HEIGHT]);
    bool silent = a->has[HTML_ATTRIBUTE_ALT] && !html_is_seen(alt) && !c->in_link;
    c->report->pictures += is_fetched(source_of(l->node));
    if (l->muted || style->hidden || pixel || silent || c->full || is_structure(l->inside))
        return;
    bool small = l->font < FONT_SEEN_PX;
    if (small && room(c) < 2 * ALT_MAX_BYTES)
        return;
    if (small)
        buf_text(c->to, "<span style=\"font-size:" FONT_PICTURE "\">");
    put_seen_text(c, html_is_seen(alt) ? SPAN("[picture: ") : SPAN("[picture]"));
    if (html_is_seen(alt)) {
        put_seen_text(c, alt);
        put_seen_text(c, SPAN("]"));
    }
    if (small)
        buf_text(c->to, "</span>");
}

static void put_start_tag(struct cleaner *c, struct level *l, const struct html_attributes *a, const struct css_style *style) {
    const struct html_rule *r = l->written;
    size_t at = c->to->n, count = r->kind == HTML_LINK ? 2 : 0; /* of attributes */
    buf_byte(c->to, '<');
    buf_text(c->to, r->name);
    if (r->kind == HTML_LINK)
        open_link(c, a, at);
    count += html_attributes_put(a, r, c->to);
    count += put_style(c, l, style);
    buf_text(c->to, r->kind == HTML_PREFORMATTED ? ">\n" : ">"); /* a parser drops one line end there */
    c->elements++;
    c->formatting += 2 * c->formatting_open;
    if (r->kind == HTML_FORMATTING || r->kind == HTML_LINK)
        l->formatting = 1 + count + (c->to->n - at) / 64;
    if (room(c))
        return;
    c->full = true;
    c->to->n = at;
    c->in_link &= r->kind != HTML_LINK;
    l->written = NULL;
}

/* True: what it holds is to be read. */
static bool enter_element(struct cleaner *c, struct level *l, const struct html_rule *r) {
    struct html_attributes a;
    struct css_style style;
    html_attributes_read(l->node, &a);
    c->report->scripts += a.events;
    c->report->pictures += a.fetched;
    c->report->scripts += r->kind == HTML_SCRIPT;
    c->report->forms += r->kind == HTML_CONTROL || r->kind == HTML_FORM;
    if (r->kind == HTML_DROPPED || r->kind == HTML_SCRIPT || r->kind == HTML_CONTROL)
        return false;
    read_style(c, l, r, &a, &style);
    if (r->kind == HTML_PICTURE) {
        put_picture(c, l, &a, &style);
        return false;
    }
    if (style.hidden && !l->muted) {
        l->muted = true;
        c->muted_counted = false;
    }
    l->written = written_rule(c, r, l);
    if (l->written && r->kind == HTML_LINK && !read_link(c, &a))
        l->written = NULL;
    if (!l->written)
        return r->kind != HTML_VOID;
    set_colours(c, l, &style);
    set_font(l, &a, &style);
    if (r->kind == HTML_BODY && !style.has_ink && !style.has_paper && !style.font.given && c->style.n == 0) {
        l->written = NULL;
        return true;
    }
    put_start_tag(c, l, &a, &style);
    if (r->kind == HTML_VOID)
        return false;
    c->formatting_open += l->formatting;
    c->written_depth += l->written != NULL;
    l->inside = l->written ? l->written : l->inside;
    return true;
}

static void leave_element(struct cleaner *c, const struct level *l) {
    if (!l->written)
        return;
    c->written_depth--;
    c->formatting_open -= l->formatting;
    if (l->written->kind == HTML_LINK) {
        close_link(c);
        return;
    }
    buf_text(c->to, "</");
    buf_text(c->to, l->written->name);
    buf_byte(c->to, '>');
}

/* False: nested more deeply than it is followed. */
static bool enter(struct cleaner *c, const GumboNode *node) {
    if (node->type == GUMBO_NODE_TEXT || node->type == GUMBO_NODE_WHITESPACE || node->type == GUMBO_NODE_CDATA)
        put_text(c, span_cstr(node->v.text.text));
    if (node->type != GUMBO_NODE_ELEMENT || node->v.element.tag_namespace != GUMBO_NAMESPACE_HTML)
        return true;
    if (c->depth == HTML_TREE_DEPTH_MAX)
        return false;
    const struct level top = {.ink = 0, .paper = 0xffffff, .font = 1600};
    struct level *l = &c->levels[c->depth];
    *l = c->depth ? c->levels[c->depth - 1] : top;
    l->node = node;
    l->next = 0;
    l->written = NULL;
    l->formatting = 0;
    if (enter_element(c, l, html_rule_of(node->v.element.tag)))
        c->depth++;
    return true;
}

static bool walk(struct cleaner *c, const GumboNode *root) {
    bool complete = enter(c, root);
    while (c->depth && complete && buf_err(c->to) == SD_OK) {
        struct level *l = &c->levels[c->depth - 1];
        const GumboVector *children = &l->node->v.element.children;
        if (l->next < children->length) {
            complete = enter(c, children->data[l->next++]);
            continue;
        }
        leave_element(c, l);
        c->depth--;
    }
    return complete;
}

static bool by_tree(struct span html, struct arena *arena, struct buf *to, struct html_clean_report *report) {
    struct cleaner c = {
        .to = to,
        .start = to->n,
        .report = report,
        .levels = calloc(HTML_TREE_DEPTH_MAX, sizeof(struct level)), /* most of its pages are never touched */
        .style = buf_new(STYLE_BYTES),
        .url = buf_new(URL_CLEAN_MAX_BYTES),
        .shown = buf_new(STYLE_BYTES),
        .link_shown = buf_new(8 * URL_CLEAN_MAX_BYTES),
    };
    bool complete = c.levels && walk(&c, html_tree(html, arena));
    report->cut |= c.full;
    free(c.levels);
    buf_free(&c.style);
    buf_free(&c.url);
    buf_free(&c.shown);
    buf_free(&c.link_shown);
    return complete;
}

void mail_html_from_text(struct span utf8, struct buf *to) {
    buf_text(to, "<div style=\"white-space:pre-wrap\">");
    (void)html_put_text(utf8, HTML_CLEAN_MAX_BYTES - 100, to);
    buf_text(to, "</div>");
}

static enum sd_err put_as_text(struct span html, struct buf *to, struct html_clean_report *report) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(LIMIT_TEXT_BYTES);
    enum sd_err err = mail_html_to_text(html, &text);
    report->as_text = true;
    report->cut |= err == SD_ERR_LIMIT;
    if (err && err != SD_ERR_LIMIT)
        return err;
    mail_html_from_text(buf_span(&text), to);
    return SD_OK;
}

enum sd_err mail_html_clean(struct span utf8, struct buf *to, struct html_clean_report *report) {
    /* No maximum: gumbo cannot be told that there is no memory. html_is_cheap() is what bounds it. */
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(SIZE_MAX);
    struct span html = charset_cut(utf8, HTML_MAX_BYTES);
    struct html_clean_report seen = {.cut = html.n < utf8.n};
    enum sd_err err = SD_OK;
    size_t start = to->n;
    if (!arena)
        return SD_ERR_NOMEM;
    if (html.n && (!html_is_cheap(html) || !by_tree(html, arena, to, &seen))) {
        if (buf_err(to) == SD_OK)
            to->n = start;
        err = put_as_text(html, to, &seen);
    }
    err = err ? err : buf_err(to);
    if (err == SD_OK)
        *report = seen;
    return err;
}
