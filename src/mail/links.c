/* The links of a letter's HTML. The tree is walked by its own pointers, never recursed into. */
#include <string.h>

#include "core/limits.h"
#include "mail/html_guard.h"
#include "mail/html_tree.h"
#include "mail/lex.h"
#include "mail/text.h"

#define FIRST_ROOM 16

struct finding {
    struct arena *arena; /* of the links */
    struct mail_link *items;
    size_t count, room;
    size_t bytes;          /* of HTML read so far */
    size_t first;          /* link of this document */
    struct span base;      /* of this document */
    const GumboNode *link; /* that is open */
    uint8_t text[MAIL_LINK_TEXT_MAX];
    size_t text_bytes;
    bool cut;
};

/* Room for one more; the arena keeps the outgrown array until the letter is done with. */
static bool make_room(struct finding *f) {
    if (f->count == MAIL_LINKS_MAX) {
        f->cut = true;
        return false;
    }
    if (f->count < f->room)
        return true;
    size_t room = f->room ? 2 * f->room : FIRST_ROOM;
    struct mail_link *items = arena_array(f->arena, room, sizeof *items);
    if (!items)
        return false;
    if (f->count)
        memcpy(items, f->items, f->count * sizeof *items);
    f->items = items;
    f->room = room;
    return true;
}

static void put_link(struct finding *f) {
    struct span target = span_sub(html_attribute(f->link, "href"), 0, MAIL_LINK_TARGET_MAX);
    struct span text = span_trim(span_of(f->text, f->text_bytes));
    if (target.n && text.n && make_room(f))
        f->items[f->count++] = (struct mail_link){arena_span(f->arena, target), arena_span(f->arena, text)};
    f->link = NULL;
}

static void put_space(struct finding *f) {
    if (f->text_bytes && f->text_bytes < sizeof f->text && f->text[f->text_bytes - 1] != ' ')
        f->text[f->text_bytes++] = ' ';
}

static void put_text(struct finding *f, struct span s) {
    for (size_t i = 0; i < s.n && f->text_bytes < sizeof f->text; i++) {
        bool no_break = s.p[i] == 0xc2 && i + 1 < s.n && s.p[i + 1] == 0xa0;
        if (s.p[i] <= ' ' || no_break)
            put_space(f);
        else if (s.p[i] != 0x7f)
            f->text[f->text_bytes++] = s.p[i];
        i += no_break;
    }
}

/* What no reader sees. Of style sheets only what stands in the element itself is read. */
static bool is_hidden(const GumboNode *node) {
    switch (node->v.element.tag) {
    case GUMBO_TAG_SCRIPT:
    case GUMBO_TAG_STYLE:
    case GUMBO_TAG_TITLE:
    case GUMBO_TAG_TEMPLATE:
    case GUMBO_TAG_TEXTAREA:
        return true;
    default:
        break;
    }
    struct span style = html_attribute(node, "style");
    return gumbo_get_attribute(&node->v.element.attributes, "hidden") || span_isearch(style, SPAN("display:none")) < style.n ||
           span_isearch(style, SPAN("display: none")) < style.n || span_isearch(style, SPAN("visibility:hidden")) < style.n;
}

static bool is_block(GumboTag tag) {
    return tag == GUMBO_TAG_BR || tag == GUMBO_TAG_P || tag == GUMBO_TAG_DIV || tag == GUMBO_TAG_TD || tag == GUMBO_TAG_TR ||
           tag == GUMBO_TAG_LI || tag == GUMBO_TAG_TABLE;
}

/* A link within a link ends the one around it, as it would in a browser. False: not to be descended into. */
static bool enter(struct finding *f, const GumboNode *node) {
    if (!html_is_element(node)) {
        if (f->link && (node->type == GUMBO_NODE_TEXT || node->type == GUMBO_NODE_WHITESPACE || node->type == GUMBO_NODE_CDATA))
            put_text(f, span_cstr(node->v.text.text));
        return false;
    }
    GumboTag tag = node->v.element.tag;
    if (is_hidden(node))
        return false;
    if (tag == GUMBO_TAG_BASE && f->base.n == 0)
        f->base = arena_span(f->arena, span_sub(html_attribute(node, "href"), 0, MAIL_LINK_TARGET_MAX));
    if (f->link && is_block(tag))
        put_space(f);
    if (tag == GUMBO_TAG_A && html_attribute(node, "href").n) {
        if (f->link)
            put_link(f);
        f->link = node;
        f->text_bytes = 0;
    }
    return node->v.element.children.length > 0;
}

static void leave(struct finding *f, const GumboNode *node) {
    if (f->link == node)
        put_link(f);
    if (f->link && html_is_element(node) && is_block(node->v.element.tag))
        put_space(f);
}

/* The node after this one and all that it holds; NULL at the end. */
static const GumboNode *node_behind(struct finding *f, const GumboNode *node, const GumboNode *root) {
    for (; node != root; node = node->parent) {
        leave(f, node);
        const GumboVector *siblings = &node->parent->v.element.children;
        if (node->index_within_parent + 1 < siblings->length)
            return siblings->data[node->index_within_parent + 1];
    }
    leave(f, root);
    return NULL;
}

static void walk(struct finding *f, const GumboNode *root) {
    const GumboNode *node = root;
    while (node)
        node = enter(f, node) ? node->v.element.children.data[0] : node_behind(f, node, root);
}

/* RFC 3986 §4.2: neither a scheme nor an authority in front. */
static bool is_relative(struct span target) {
    struct span s = span_trim(target);
    if (s.n > 1 && (s.p[0] == '/' || s.p[0] == '\\') && (s.p[1] == '/' || s.p[1] == '\\'))
        return false;
    size_t colon = span_find(s, ':');
    return colon == s.n || span_find(s, '/') < colon || span_find(s, '?') < colon || span_find(s, '#') < colon;
}

static void read_document(struct finding *f, struct span html) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(SIZE_MAX); /* html_is_cheap() is what bounds it */
    f->cut |= f->bytes + html.n > HTML_MAX_BYTES;
    if (!arena || f->bytes + html.n > HTML_MAX_BYTES || span_isearch(html, SPAN("href")) == html.n)
        return;
    if (!html_is_cheap(html)) {
        f->cut = true;
        return;
    }
    f->bytes += html.n;
    f->first = f->count;
    f->base = SPAN_NONE;
    f->link = NULL;
    walk(f, html_tree(html, arena));
    for (size_t i = f->first; i < f->count && f->base.n; i++)
        if (is_relative(f->items[i].target))
            f->items[i].target = f->base;
}

static enum sd_err read_part(struct finding *f, const struct mail_part *part) {
    struct buf utf8 SD_CLEANUP(buf_free) = buf_new(TEXT_PART_MAX_BYTES);
    mail_ambiguities seen = 0; /* mail_text() tells them */
    enum sd_err err = text_of_part(part, &utf8, &f->cut, &seen);
    if (err == SD_OK)
        read_document(f, buf_span(&utf8));
    return err;
}

enum sd_err mail_links(const struct mail_message *m, struct arena *arena, struct mail_links *ret) {
    struct finding f = {.arena = arena};
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < m->part_count && err == SD_OK;) {
        const struct mail_part *part = &m->parts[i++];
        if (!part->is_attachment && span_eq(part->type, SPAN("text/html")))
            err = read_part(&f, part);
        while (part->is_attachment && i < m->part_count && m->parts[i].depth > part->depth)
            i++; /* what an attached message holds is not this letter's */
    }
    err = err ? err : arena_err(arena);
    if (err == SD_OK)
        *ret = (struct mail_links){f.items, f.count, f.cut};
    return err;
}
