#include "mail/html_strip.h"

#include "mail/charset.h"
#include "mail/layout.h"
#include "mail/lex.h"

static bool is_name_char(uint8_t c) {
    c = lex_lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_one_of(struct span name, const char *names) {
    struct span_split split = span_split_start(span_cstr(names));
    struct span one;
    while (span_split_next(&split, ' ', &one))
        if (span_ieq(name, one))
            return true;
    return false;
}

/* Behind the end tag of an element whose content is no text; the end of the input when it has none. */
static size_t skip_content(struct span html, size_t at, struct span name) {
    while (at < html.n) {
        at += span_search(span_from(html, at), SPAN("</")) + 2;
        if (span_istarts(span_from(html, at), name))
            return at + span_find(span_from(html, at), '>') + 1;
    }
    return html.n;
}

/* The tag at `at`; returns the offset behind it. */
static size_t take_tag(struct layout *l, struct span html, size_t at) {
    struct lex x = {html, at + 1};
    bool end = lex_take(&x, '/');
    struct span name = lex_while(&x, is_name_char);
    size_t behind = x.at + span_find(span_from(html, x.at), '>') + 1;
    if (span_starts(span_from(html, at), SPAN("<!--")))
        return at + span_search(span_from(html, at), SPAN("-->")) + 3;
    if (is_one_of(name, "br"))
        layout_newline(l);
    else if (is_one_of(name, "p div tr table li ul ol h1 h2 h3 h4 h5 h6 blockquote pre center hr"))
        layout_break(l, 1);
    else if (is_one_of(name, "td th"))
        l->space = true;
    else if (!end && is_one_of(name, "script style title"))
        return skip_content(html, behind, name);
    return behind;
}

/* The references without which a text cannot be read; others stay as they are written. */
static void put_text(struct layout *l, struct span text) {
    static const struct {
        struct span name;
        struct span text;
    } references[] = {
        {{(const uint8_t *)"&amp;", 5}, {(const uint8_t *)"&", 1}},
        {{(const uint8_t *)"&lt;", 4}, {(const uint8_t *)"<", 1}},
        {{(const uint8_t *)"&gt;", 4}, {(const uint8_t *)">", 1}},
        {{(const uint8_t *)"&quot;", 6}, {(const uint8_t *)"\"", 1}},
        {{(const uint8_t *)"&nbsp;", 6}, {(const uint8_t *)" ", 1}},
        {{(const uint8_t *)"&#39;", 5}, {(const uint8_t *)"'", 1}},
    };
    struct buf b SD_CLEANUP(buf_free) = buf_new(text.n + 1);
    for (size_t i = 0; i < text.n;) {
        size_t n = span_find(span_from(text, i), '&'), k = 0;
        charset_put_clean(span_sub(text, i, n), '\n', true, &b);
        i += n;
        while (i < text.n && k < SD_COUNT(references) && !span_starts(span_from(text, i), references[k].name))
            k++;
        if (i < text.n)
            buf_put(&b, k < SD_COUNT(references) ? references[k].text : SPAN("&"));
        i += k < SD_COUNT(references) ? references[k].name.n : 1;
    }
    layout_text(l, buf_span(&b));
}

void html_strip(struct span html, struct buf *to) {
    struct layout l = layout_of(to);
    for (size_t at = 0; at < html.n && buf_err(to) == SD_OK;) {
        size_t n = span_find(span_from(html, at), '<');
        put_text(&l, span_sub(html, at, n));
        at += n;
        if (at < html.n)
            at = take_tag(&l, html, at);
    }
    layout_end(&l);
}
