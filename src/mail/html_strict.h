/*
 * html_strict.h - for tests: is this fragment one that can do nothing? Knows nothing of how it was made: it is read anew by
 * gumbo, and every node, attribute and style value must be of the lists here.
 */
#ifndef SD_MAIL_HTML_STRICT_H
#define SD_MAIL_HTML_STRICT_H

#include <gumbo.h>
#include <stdbool.h>
#include <string.h>

#include "core/buf.h"

/* " a b " has word, or what stands before its first parenthesis. */
static inline bool strict_listed(const char *list, const char *word, size_t n) {
    char spaced[40] = " ";
    if (n == 0 || n + 3 > sizeof spaced)
        return false;
    memcpy(spaced + 1, word, n);
    memcpy(spaced + 1 + n, " ", 2);
    return strstr(list, spaced) != NULL;
}

#define STRICT_ELEMENTS                                                                                                        \
    " a abbr address b big blockquote br caption center cite code dd del dfn div dl dt em font h1 h2 h3 h4 h5 h6 hr i ins kbd" \
    " li mark ol pre q s samp small span strong sub sup table tbody td tfoot th thead tr tt u ul var "
#define STRICT_ATTRIBUTES                                                                                                      \
    " align border cellpadding cellspacing colspan dir height href rel rowspan size start style valign width "
#define STRICT_PROPERTIES                                                                                                      \
    " background-color border border-bottom border-collapse border-color border-left border-radius border-right"               \
    " border-spacing border-style border-top border-width color direction display font-family font-size font-style"            \
    " font-weight height letter-spacing line-height list-style list-style-type margin margin-bottom margin-left"               \
    " margin-right margin-top max-width min-width overflow-wrap padding padding-bottom padding-left padding-right padding-top" \
    " text-align text-decoration text-decoration-line text-indent text-transform vertical-align white-space width word-break"  \
    " word-wrap "

/* Names, numbers, colours: no parentheses, quotes, escapes, at-signs; no minus before a number. */
static inline const char *strict_style(const char *style) {
    if (strspn(style, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789#%.,:; -") != strlen(style))
        return "a style with other characters";
    for (const char *p = style; *p;) {
        size_t n = strcspn(p, ";"), colon = strcspn(p, ":");
        if (colon >= n || !strict_listed(STRICT_PROPERTIES, p, colon))
            return "a style property";
        for (size_t i = colon; i + 1 < n; i++)
            if (p[i] == '-' && (p[i - 1] == ' ' || p[i - 1] == ':') && strchr("0123456789.", p[i + 1]))
                return "a negative value";
        if (n - colon == 5 && memcmp(p + colon, ":none", 5) == 0 && colon == 7 && memcmp(p, "display", 7) == 0)
            return "display:none";
        p += n + (p[n] == ';');
    }
    return NULL;
}

static inline const char *strict_attribute(const GumboNode *node, const GumboAttribute *a) {
    if (!strict_listed(STRICT_ATTRIBUTES, a->name, strlen(a->name)) || a->attr_namespace != GUMBO_ATTR_NAMESPACE_NONE)
        return "an attribute";
    if (strcmp(a->name, "href") == 0) {
        bool web = strncmp(a->value, "http://", 7) == 0 || strncmp(a->value, "https://", 8) == 0;
        bool host = web && strcspn(a->value, "@\\ \t\r\n") >= 8 + strcspn(a->value + 8, "/");
        bool other = strncmp(a->value, "mailto:", 7) == 0 || strncmp(a->value, "tel:", 4) == 0;
        return host || other ? NULL : "a link";
    }
    if (strcmp(a->name, "style") == 0)
        return strict_style(a->value);
    if (strcmp(a->name, "rel") == 0)
        return node->v.element.tag == GUMBO_TAG_A && strcmp(a->value, "noopener noreferrer nofollow") == 0 ? NULL : "a rel";
    return strspn(a->value, "abcdefghijklmnopqrstuvwxyz0123456789%") == strlen(a->value) ? NULL : "a value";
}

static inline const char *strict_node(const GumboNode *node) {
    if (node->type == GUMBO_NODE_TEXT || node->type == GUMBO_NODE_WHITESPACE)
        return NULL;
    if (node->type != GUMBO_NODE_ELEMENT || node->v.element.tag_namespace != GUMBO_NAMESPACE_HTML)
        return "a node that is neither text nor an element of HTML";
    const char *name = gumbo_normalized_tagname(node->v.element.tag);
    bool frame = node->v.element.tag == GUMBO_TAG_HTML || node->v.element.tag == GUMBO_TAG_HEAD ||
                 node->v.element.tag == GUMBO_TAG_BODY;
    if (frame)
        return node->v.element.original_tag.length || node->v.element.attributes.length ? "a document" : NULL;
    if (!strict_listed(STRICT_ELEMENTS, name, strlen(name)))
        return "an element";
    bool rel = node->v.element.tag != GUMBO_TAG_A;
    for (unsigned i = 0; i < node->v.element.attributes.length; i++) {
        const GumboAttribute *a = node->v.element.attributes.data[i];
        const char *fault = strict_attribute(node, a);
        rel |= strcmp(a->name, "rel") == 0;
        if (fault)
            return fault;
    }
    return rel ? NULL : "a link without rel";
}

/* NULL, or what is wrong. */
static inline const char *strict_fault(struct span html) {
    if (html.n == 0)
        return NULL;
    if (!span_is_utf8(html))
        return "not UTF-8";
    GumboOptions options = kGumboDefaultOptions;
    options.max_errors = 0;
    GumboOutput *tree = gumbo_parse_with_options(&options, (const char *)html.p, html.n);
    const GumboNode *node = tree->root;
    const char *fault = NULL;
    while (node && !fault) {
        fault = strict_node(node);
        bool element = node->type == GUMBO_NODE_ELEMENT;
        if (element && node->v.element.children.length) {
            node = node->v.element.children.data[0];
            continue;
        }
        while (node != tree->root && node->index_within_parent + 1 == node->parent->v.element.children.length)
            node = node->parent;
        node = node == tree->root ? NULL : node->parent->v.element.children.data[node->index_within_parent + 1];
    }
    gumbo_destroy_output(&options, tree);
    return fault;
}

#endif
