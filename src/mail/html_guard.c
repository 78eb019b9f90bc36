/*
 * The tags, read exactly as the tokenizer of the HTML standard reads them (§13.2.5) for as long as that does not depend on the
 * tree; after the first element for which it does, every "<letter" is counted as an open element and none as closed. An end tag
 * counts only when it closes the innermost open element, or one below elements with optional end tags.
 */
#include "mail/html_guard.h"

#include <string.h>

#include "mail/lex.h"

#define HTML_TAGS_MAX 100000       /* a few hundred bytes of tree each; long newsletters have 20,000 */
#define HTML_DEPTH_MAX 512         /* open elements; letters have up to 60 */
#define HTML_WALK_MAX 20000000     /* sum over tags of open elements: what looking through the stack costs */
#define HTML_FORMATTING_MAX 200000 /* sum over tags of open formatting elements: what may be cloned */
#define TAG_NAME_MAX_BYTES 11      /* "blockquote", "figcaption", and one */

enum tag_kind { TAG_PLAIN, TAG_VOID, TAG_FORMATTING, TAG_OPTIONAL, TAG_CELL, TAG_RAW, TAG_SELECT, TAG_ROOT, TAG_ODD };

struct open_tag {
    char name[TAG_NAME_MAX_BYTES + 1];
    enum tag_kind kind;
    size_t weight; /* of a formatting element: what one clone of it costs */
};

struct guard {
    struct span s;
    size_t at;
    struct open_tag stack[HTML_DEPTH_MAX];
    size_t open;
    size_t tags, walk, formatting, formatting_open;
    bool odd; /* the tokenizer's reading depends on the tree from here on */
    bool over;
};

static bool is_letter(uint8_t c) {
    c = lex_lower(c);
    return c >= 'a' && c <= 'z';
}

static bool is_html_space(uint8_t c) {
    return lex_is_space(c) || c == '\f';
}

static enum tag_kind kind_of(const char *name) {
    static const struct {
        enum tag_kind kind;
        const char *names; /* space before and behind each */
    } kinds[] = {
        {TAG_VOID,
         " area base br col embed hr img input link meta param source track wbr keygen bgsound basefont command image "},
        {TAG_ROOT, " html head body "},
        {TAG_FORMATTING, " a b big code em font i nobr s small strike strong tt u "},
        {TAG_OPTIONAL, " p li dd dt option optgroup "},
        {TAG_CELL, " td th tr tbody thead tfoot "},
        {TAG_RAW, " style title textarea script xmp iframe noembed noframes "},
        {TAG_SELECT, " select "},
        {TAG_ODD, " noscript plaintext svg math template frameset frame isindex "},
    };
    char spaced[TAG_NAME_MAX_BYTES + 3];
    size_t n = strlen(name);
    spaced[0] = ' ';
    memcpy(spaced + 1, name, n);
    memcpy(spaced + 1 + n, " ", 2);
    for (size_t i = 0; i < SD_COUNT(kinds); i++)
        if (strstr(kinds[i].names, spaced))
            return kinds[i].kind;
    return TAG_PLAIN;
}

static bool is_name_char(uint8_t c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == ':' || c == '-' || c == '_';
}

/* Longer or stranger names than mail has are all one name, of TAG_NAME_MAX_BYTES, which no end tag closes. */
static void read_name(struct guard *g, char name[TAG_NAME_MAX_BYTES + 1]) {
    size_t n = 0;
    for (; g->at < g->s.n; g->at++) {
        uint8_t c = g->s.p[g->at];
        if (is_html_space(c) || c == '/' || c == '>')
            break;
        if (!is_name_char(c) || n == TAG_NAME_MAX_BYTES)
            n = TAG_NAME_MAX_BYTES;
        else
            name[n++] = (char)lex_lower(c);
    }
    if (n == TAG_NAME_MAX_BYTES)
        memset(name, '?', n);
    name[n] = 0;
}

static void skip_spaces(struct guard *g) {
    while (g->at < g->s.n && is_html_space(g->s.p[g->at]))
        g->at++;
}

static void skip_value(struct guard *g) {
    skip_spaces(g);
    if (g->at >= g->s.n)
        return;
    uint8_t quote = g->s.p[g->at];
    if (quote == '"' || quote == '\'') {
        g->at++;
        g->at += span_find(span_from(g->s, g->at), quote) + 1;
        return;
    }
    while (g->at < g->s.n && !is_html_space(g->s.p[g->at]) && g->s.p[g->at] != '>')
        g->at++;
}

/* Behind the name, to behind the ">". Returns the number of attributes. */
static size_t skip_attributes(struct guard *g) {
    size_t count = 0;
    while (g->at < g->s.n) {
        uint8_t c = g->s.p[g->at];
        if (c == '>') {
            g->at++;
            return count;
        }
        g->at++;
        if (is_html_space(c) || c == '/')
            continue;
        count++; /* "=" may begin a name */
        while (g->at < g->s.n && !is_html_space(g->s.p[g->at]) && !memchr("/>=", g->s.p[g->at], 3))
            g->at++;
        skip_spaces(g);
        if (g->at < g->s.n && g->s.p[g->at] == '=') {
            g->at++;
            skip_value(g);
        }
    }
    return count;
}

static void pop(struct guard *g) {
    const struct open_tag *top = &g->stack[--g->open];
    if (top->kind == TAG_FORMATTING)
        g->formatting_open -= top->weight;
}

static void push(struct guard *g, const char *name, enum tag_kind kind, size_t weight) {
    if (g->open == HTML_DEPTH_MAX) {
        g->over = true;
        return;
    }
    struct open_tag *tag = &g->stack[g->open++];
    memcpy(tag->name, name, sizeof tag->name);
    tag->kind = kind;
    tag->weight = weight;
    if (kind == TAG_FORMATTING)
        g->formatting_open += weight;
}

static bool top_is(const struct guard *g, const char *name) {
    return g->open && strcmp(g->stack[g->open - 1].name, name) == 0;
}

/* Start tags that end the element before them (§13.1.2.4). */
static void pop_before(struct guard *g, const char *name, enum tag_kind kind) {
    if (kind == TAG_OPTIONAL && top_is(g, name))
        pop(g);
    if (kind == TAG_CELL && (top_is(g, "td") || top_is(g, "th")))
        pop(g);
    if (kind == TAG_CELL && name[1] == 'r' && top_is(g, "tr"))
        pop(g);
}

static bool is_tag(struct span s, struct span tag) {
    struct span after = span_from(s, tag.n);
    return span_istarts(s, tag) && after.n && (is_html_space(after.p[0]) || after.p[0] == '/' || after.p[0] == '>');
}

/* A script may hold "<!--" and in it "<script", after which its end depends on more than its end tag (§13.2.5.17 ff.). */
static void skip_raw(struct guard *g, const char *name) {
    struct span end = span_cstr(name), content = span_from(g->s, g->at);
    size_t i = 0;
    while (i < content.n) {
        i += span_search(span_from(content, i), SPAN("</"));
        if (is_tag(span_from(content, i + 2), end))
            break;
        i += 2;
    }
    content = span_sub(content, 0, i);
    if (span_eq(end, SPAN("script")) && span_search(content, SPAN("<!--")) < content.n &&
        span_isearch(content, SPAN("<script")) < content.n)
        g->odd = true;
    g->at += content.n;
}

/* Only options until its end (§13.2.6.4.16): then it is read like anything else. Anything more depends on the tree. */
static void skip_options(struct guard *g) {
    static const struct span options[] = {{(const uint8_t *)"<option", 7},
                                          {(const uint8_t *)"</option", 8},
                                          {(const uint8_t *)"<optgroup", 9},
                                          {(const uint8_t *)"</optgroup", 10}};
    while (!g->odd) {
        g->at += span_find(span_from(g->s, g->at), '<');
        struct span rest = span_from(g->s, g->at);
        size_t k = 0;
        if (is_tag(rest, SPAN("</select")))
            return;
        while (k < SD_COUNT(options) && !is_tag(rest, options[k]))
            k++;
        if (k == SD_COUNT(options)) {
            g->odd = true;
            return;
        }
        g->at += options[k].n;
        g->tags++;
        size_t attributes = skip_attributes(g);
        g->walk += g->open + attributes * attributes;
    }
}

static void start_tag(struct guard *g) {
    char name[TAG_NAME_MAX_BYTES + 1];
    size_t start = g->at;
    read_name(g, name);
    enum tag_kind kind = kind_of(name);
    if (g->odd) {
        push(g, name, TAG_FORMATTING, 1 + (g->s.n - start) / 64 / (g->tags + 1));
        return;
    }
    size_t attributes = skip_attributes(g);
    g->walk += attributes * attributes; /* each is compared with those before it */
    pop_before(g, name, kind);
    if (kind == TAG_ODD)
        g->odd = true;
    if (kind == TAG_RAW)
        skip_raw(g, name);
    if (kind == TAG_SELECT)
        skip_options(g);
    if (kind != TAG_VOID)
        push(g, name, kind, 1 + attributes + (g->at - start) / 64);
}

static void end_tag(struct guard *g) {
    char name[TAG_NAME_MAX_BYTES + 1];
    read_name(g, name);
    if (g->odd)
        return;
    (void)skip_attributes(g);
    enum tag_kind kind = kind_of(name);
    if (kind == TAG_ROOT || name[0] == '?')
        return;
    bool table = kind == TAG_CELL || strcmp(name, "table") == 0;
    size_t level = g->open;
    while (level > 0) {
        const struct open_tag *tag = &g->stack[level - 1];
        if (strcmp(tag->name, name) == 0)
            break;
        if (tag->kind != TAG_OPTIONAL && !(table && tag->kind == TAG_CELL))
            return;
        level--;
    }
    while (level > 0 && g->open >= level)
        pop(g);
}

/* §13.2.5.42 to .51: ends at "-->" or "--!>", and at once as "<!-->" or "<!--->". */
static void skip_comment(struct guard *g) {
    struct span s = span_from(g->s, g->at);
    if (span_starts(s, SPAN(">")) || span_starts(s, SPAN("->"))) {
        g->at += span_find(s, '>') + 1;
        return;
    }
    for (size_t i = 0; i < s.n;) {
        i += span_search(span_from(s, i), SPAN("--"));
        struct span rest = span_from(s, i + 2);
        if (span_starts(rest, SPAN(">")) || span_starts(rest, SPAN("!>"))) {
            g->at += i + 2 + span_find(rest, '>') + 1;
            return;
        }
        i++;
    }
    g->at = g->s.n;
}

static void read_markup(struct guard *g) {
    struct span rest = span_from(g->s, ++g->at);
    if (rest.n && is_letter(rest.p[0])) {
        start_tag(g);
        g->tags++;
    } else if (rest.n > 1 && rest.p[0] == '/' && is_letter(rest.p[1])) {
        g->at++;
        end_tag(g);
        g->tags++;
    } else if (!g->odd && span_starts(rest, SPAN("!--"))) {
        g->at += 3;
        skip_comment(g);
        g->tags++;
    } else if (!g->odd && rest.n && (rest.p[0] == '!' || rest.p[0] == '?' || rest.p[0] == '/')) {
        g->at += span_find(rest, '>') + 1;
        g->tags++;
    }
}

#define REFERENCE_DIGITS_MAX 7 /* of "&#x10FFFF;" and one */

/* gumbo counts the number of a character reference in an int without looking, and writes what comes of it. */
static bool has_endless_reference(struct span html) {
    for (size_t at = 0; at < html.n;) {
        at += span_search(span_from(html, at), SPAN("&#")) + 2;
        if (at < html.n && lex_lower(html.p[at]) == 'x')
            at++;
        size_t start = at;
        while (at < html.n && lex_hex(html.p[at]) >= 0)
            at++;
        if (at - start > REFERENCE_DIGITS_MAX && at <= html.n)
            return true;
    }
    return false;
}

bool html_is_cheap(struct span html) {
    struct guard g = {.s = html};
    while (g.at < html.n && !g.over) {
        g.at += span_find(span_from(html, g.at), '<');
        if (g.at >= html.n)
            break;
        read_markup(&g);
        g.walk += g.open;
        g.formatting += g.formatting_open;
        g.over |= g.tags > HTML_TAGS_MAX || g.walk > HTML_WALK_MAX || g.formatting > HTML_FORMATTING_MAX;
    }
    return !g.over && !has_endless_reference(html);
}
