#include "mail/css_clean.h"

#include <string.h>

#include "mail/lex.h"

#define WORDS_MAX 8
#define FAMILIES_MAX 10
#define FAMILY_MAX_BYTES 40
#define STYLE_MAX_BYTES 8192                   /* of one element; what comes after is left out */
#define RESULT_MAX_BYTES (STYLE_MAX_BYTES / 2) /* a longer one would be cut when it is cleaned again */
#define FAR_AWAY_PX (-300)                     /* what is moved that far to the left or up is to be seen by nobody */
#define SEEN_ALPHA 26                          /* of 255: a tenth */
#define FONT_PX_HUNDREDTHS 1600

/* What a value may be made of. */
enum value {
    VALUE_KEYWORDS, /* each word is one of the list */
    VALUE_LENGTHS,  /* or one of the list; not negative, at most max_px or 100% */
    VALUE_BORDER,   /* widths, styles, colours */
    VALUE_FAMILIES,
    VALUE_LINE_HEIGHT,
    VALUE_INK,
    VALUE_PAPER,
    VALUE_FONT_SIZE,
    VALUE_FONT,
    VALUE_HEIGHT, /* of cells */
};

struct property {
    const char *name;
    enum value value;
    const char *words; /* space before and behind each */
    int32_t max_px;
    size_t max_count;
};

#define BORDER_WORDS " none hidden solid dashed dotted double groove ridge inset outset thin medium thick "
#define SPACE_MAX_PX 200
#define BORDER_MAX_PX 20
#define WIDTH_MAX_PX 2000

static const struct property properties[] = {
    {"font-family", VALUE_FAMILIES, "", 0, 0},
    {"font-size", VALUE_FONT_SIZE, "", 0, 1},
    {"color", VALUE_INK, "", 0, 1},
    {"line-height", VALUE_LINE_HEIGHT, " normal ", 0, 1},
    {"padding", VALUE_LENGTHS, "", SPACE_MAX_PX, 4},
    {"padding-top", VALUE_LENGTHS, "", SPACE_MAX_PX, 1},
    {"padding-right", VALUE_LENGTHS, "", SPACE_MAX_PX, 1},
    {"padding-bottom", VALUE_LENGTHS, "", SPACE_MAX_PX, 1},
    {"padding-left", VALUE_LENGTHS, "", SPACE_MAX_PX, 1},
    {"margin", VALUE_LENGTHS, " auto ", SPACE_MAX_PX, 4},
    {"margin-top", VALUE_LENGTHS, " auto ", SPACE_MAX_PX, 1},
    {"margin-right", VALUE_LENGTHS, " auto ", SPACE_MAX_PX, 1},
    {"margin-bottom", VALUE_LENGTHS, " auto ", SPACE_MAX_PX, 1},
    {"margin-left", VALUE_LENGTHS, " auto ", SPACE_MAX_PX, 1},
    {"text-align", VALUE_KEYWORDS, " left right center justify start end ", 0, 1},
    {"text-decoration", VALUE_KEYWORDS, " none underline line-through overline ", 0, 3},
    {"text-decoration-line", VALUE_KEYWORDS, " none underline line-through overline ", 0, 3},
    {"text-transform", VALUE_KEYWORDS, " none uppercase lowercase capitalize ", 0, 1},
    {"text-indent", VALUE_LENGTHS, "", SPACE_MAX_PX, 1},
    {"letter-spacing", VALUE_LENGTHS, " normal ", 10, 1},
    {"font-weight", VALUE_KEYWORDS, " normal bold bolder lighter 100 200 300 400 500 600 700 800 900 ", 0, 1},
    {"font-style", VALUE_KEYWORDS, " normal italic oblique ", 0, 1},
    {"font", VALUE_FONT, "", 0, 0},
    {"background", VALUE_PAPER, "", 0, WORDS_MAX},
    {"background-color", VALUE_PAPER, "", 0, 1},
    {"border", VALUE_BORDER, BORDER_WORDS, BORDER_MAX_PX, 3},
    {"border-top", VALUE_BORDER, BORDER_WORDS, BORDER_MAX_PX, 3},
    {"border-right", VALUE_BORDER, BORDER_WORDS, BORDER_MAX_PX, 3},
    {"border-bottom", VALUE_BORDER, BORDER_WORDS, BORDER_MAX_PX, 3},
    {"border-left", VALUE_BORDER, BORDER_WORDS, BORDER_MAX_PX, 3},
    {"border-width", VALUE_BORDER, BORDER_WORDS, BORDER_MAX_PX, 4},
    {"border-style", VALUE_BORDER, BORDER_WORDS, BORDER_MAX_PX, 4},
    {"border-color", VALUE_BORDER, BORDER_WORDS, BORDER_MAX_PX, 4},
    {"border-radius", VALUE_LENGTHS, "", SPACE_MAX_PX, 4},
    {"border-collapse", VALUE_KEYWORDS, " collapse separate ", 0, 1},
    {"border-spacing", VALUE_LENGTHS, "", BORDER_MAX_PX, 2},
    {"width", VALUE_LENGTHS, " auto ", WIDTH_MAX_PX, 1},
    {"max-width", VALUE_LENGTHS, " none ", WIDTH_MAX_PX, 1},
    {"min-width", VALUE_LENGTHS, " auto ", WIDTH_MAX_PX, 1},
    {"height", VALUE_HEIGHT, "", WIDTH_MAX_PX, 1},
    {"vertical-align", VALUE_KEYWORDS, " baseline top middle bottom text-top text-bottom sub super ", 0, 1},
    {"white-space", VALUE_KEYWORDS, " normal nowrap pre pre-wrap pre-line ", 0, 1},
    {"word-break", VALUE_KEYWORDS, " normal break-all break-word keep-all ", 0, 1},
    {"word-wrap", VALUE_KEYWORDS, " normal break-word ", 0, 1},
    {"overflow-wrap", VALUE_KEYWORDS, " normal break-word anywhere ", 0, 1},
    {"direction", VALUE_KEYWORDS, " ltr rtl ", 0, 1},
    {"display", VALUE_KEYWORDS, " block inline inline-block ", 0, 1},
    {"list-style-type", VALUE_KEYWORDS,
     " none disc circle square decimal lower-alpha upper-alpha lower-latin upper-latin lower-roman upper-roman ", 0, 1},
    {"list-style", VALUE_KEYWORDS,
     " none inside outside disc circle square decimal lower-alpha upper-alpha lower-roman upper-roman ", 0, 2},
};

struct declaration {
    struct span name, value;
    struct span words[WORDS_MAX];
    size_t count; /* of words; WORDS_MAX + 1 when there are more */
};

struct reader_of_style {
    struct css_style *style;
    struct buf *rest;
    size_t start; /* of what this style adds to rest */
    bool cell;
    bool no_room; /* no height or no width */
    bool clipped;
};

/* ---- declarations ---- */

/* Behind a word or a value that starts at `at`: at a byte of `ends` that is in no quotes and no parentheses. */
static size_t end_of(struct span s, size_t at, const char *ends) {
    unsigned depth = 0;
    uint8_t quote = 0;
    for (; at < s.n; at++) {
        uint8_t c = s.p[at];
        if (c == '\\')
            at++;
        else if (quote)
            quote = c == quote ? 0 : quote;
        else if (c == '"' || c == '\'')
            quote = c;
        else if (c == '(')
            depth++;
        else if (c == ')' && depth)
            depth--;
        else if (depth == 0 && c && strchr(ends, c))
            return at;
    }
    return s.n;
}

static void split_words(struct declaration *d) {
    for (size_t at = 0; at < d->value.n;) {
        size_t end = end_of(d->value, at, " \t\r\n\f!");
        if (end > at && d->count < WORDS_MAX)
            d->words[d->count] = span_sub(d->value, at, end - at);
        d->count += end > at && d->count <= WORDS_MAX;
        if (end < d->value.n && d->value.p[end] == '!')
            return; /* !important */
        at = end + 1;
    }
}

static bool next_declaration(struct span *style, struct declaration *ret) {
    while (style->n) {
        struct span one = span_sub(*style, 0, end_of(*style, 0, ";"));
        *style = span_from(*style, one.n + 1);
        size_t colon = span_find(one, ':');
        *ret = (struct declaration){.name = span_trim(span_sub(one, 0, colon)), .value = span_trim(span_from(one, colon + 1))};
        split_words(ret);
        if (ret->name.n && ret->count)
            return true;
    }
    return false;
}

static bool is_listed(struct span word, const char *words) {
    struct span list = span_cstr(words);
    for (size_t at = 0; at < list.n;) {
        struct span one = span_sub(list, at, span_find(span_from(list, at), ' '));
        if (one.n && span_ieq(one, word))
            return true;
        at += one.n + 1;
    }
    return false;
}

static bool has(const struct declaration *d, struct span text) {
    return span_isearch(d->value, text) < d->value.n;
}

/* ---- values, each written in one way ---- */

static void put_lower(struct span s, struct buf *to) {
    for (size_t i = 0; i < s.n; i++)
        buf_byte(to, lex_lower(s.p[i]));
}

static void put_colour(struct css_colour c, struct buf *to) {
    if (c.alpha == 0)
        buf_text(to, "transparent");
    else
        buf_printf(to, "#%06x", (unsigned)css_colour_over(c, 0xffffff));
}

static bool is_bounded(struct css_length l, int32_t max_px) {
    if (css_length_is_percent(l))
        return l.hundredths >= 0 && l.hundredths <= 10000;
    int64_t px = css_length_px(l, FONT_PX_HUNDREDTHS);
    return px >= 0 && px <= (int64_t)max_px * 100;
}

static bool put_word(const struct property *p, struct span word, struct buf *to) {
    struct css_length length;
    struct css_colour colour;
    if (is_listed(word, p->words)) {
        put_lower(word, to);
        return true;
    }
    if (p->value != VALUE_KEYWORDS && css_length_read(word, &length)) {
        css_length_put(length, to);
        return is_bounded(length, p->max_px);
    }
    bool is_colour = p->value == VALUE_BORDER && css_colour_read(word, &colour);
    if (is_colour)
        put_colour(colour, to);
    return is_colour;
}

static void put_words(const struct property *p, const struct declaration *d, struct buf *to) {
    size_t start = to->n;
    buf_text(to, p->name);
    for (size_t i = 0; i < d->count && d->count <= p->max_count; i++) {
        buf_byte(to, i ? ' ' : ':');
        if (!put_word(p, d->words[i], to)) {
            to->n = start;
            return;
        }
    }
    if (d->count > p->max_count)
        to->n = start;
}

/* Letters, digits and hyphens, beginning with a letter: CSS identifiers, which need no quotes. */
static bool is_family(struct span s) {
    bool begins = true;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = lex_lower(s.p[i]);
        bool letter = c >= 'a' && c <= 'z';
        bool prefix = c == '-' && i == 0 && s.n > 1 && lex_lower(s.p[1]) >= 'a' && lex_lower(s.p[1]) <= 'z';
        if (!letter && !prefix && (begins || !((c >= '0' && c <= '9') || c == '-' || c == ' ')))
            return false;
        begins = c == ' ';
    }
    return s.n > 0 && s.n <= FAMILY_MAX_BYTES;
}

static struct span unquoted(struct span s) {
    s = span_trim(s);
    bool quoted = s.n >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0];
    return quoted ? span_trim(span_sub(s, 1, s.n - 2)) : s;
}

void css_put_families(struct span value, struct buf *to) {
    size_t count = 0;
    while (value.n && count < FAMILIES_MAX) {
        struct span written = span_sub(value, 0, end_of(value, 0, ",!")), family = unquoted(written);
        bool last = written.n < value.n && value.p[written.n] == '!';
        value = last ? SPAN_NONE : span_from(value, written.n + 1);
        if (!is_family(family))
            continue;
        buf_text(to, count++ ? "," : "font-family:");
        buf_put(to, family);
    }
}

#define LINE_MIN_PX 8 /* lines closer than that cover each other */
#define LINE_MAX_PX 200

static void put_line_height(const struct property *p, struct span word, struct buf *to) {
    struct css_length length;
    struct buf number SD_CLEANUP(buf_free) = buf_new(64);
    buf_put(&number, word);
    if (is_listed(word, p->words)) {
        buf_text(to, "line-height:normal");
        return;
    }
    bool bare = !css_length_read(word, &length);
    buf_text(&number, "em"); /* a number without unit means the same */
    if (buf_err(&number) || (bare && !css_length_read(buf_span(&number), &length)))
        return;
    int64_t px = css_length_px(length, FONT_PX_HUNDREDTHS);
    if (px < LINE_MIN_PX * 100 || px > LINE_MAX_PX * 100)
        return;
    buf_text(to, "line-height:");
    css_length_put(length, to);
    if (bare)
        to->n -= 2;
}

static void read_font_size(struct css_style *style, struct span word) {
    struct css_length length;
    if (css_font_size_read(word, &length) && length.hundredths >= 0)
        style->font = (struct css_size){true, length};
}

static void put_separator(struct reader_of_style *r) {
    if (r->rest->n > r->start && r->rest->p[r->rest->n - 1] != ';')
        buf_byte(r->rest, ';');
}

/* font: [style and weight] size[/line-height] families */
static void read_font(struct reader_of_style *r, const struct declaration *d) {
    static const struct property line = {"line-height", VALUE_LINE_HEIGHT, " normal ", 0, 1};
    for (size_t i = 0; i < d->count && i < WORDS_MAX; i++) {
        struct span word = d->words[i], size = span_sub(word, 0, span_find(word, '/'));
        struct css_length length;
        bool weight = is_listed(word, " bold bolder 500 600 700 800 900 ");
        if (weight || is_listed(word, " italic oblique ")) {
            put_separator(r);
            buf_text(r->rest, weight ? "font-weight:bold" : "font-style:italic");
            continue;
        }
        if (!css_font_size_read(size, &length))
            continue;
        read_font_size(r->style, size);
        if (size.n < word.n) {
            put_separator(r);
            put_line_height(&line, span_from(word, size.n + 1), r->rest);
        }
        put_separator(r);
        css_put_families(span_from(d->value, (size_t)(word.p - d->value.p) + word.n), r->rest);
        return;
    }
}

static void read_paper(struct reader_of_style *r, const struct declaration *d) {
    struct css_colour c;
    for (size_t i = 0; i < d->count && i < WORDS_MAX; i++)
        if (css_colour_read(d->words[i], &c)) {
            r->style->paper = c;
            r->style->has_paper = true;
        }
}

static void read_ink(struct reader_of_style *r, const struct declaration *d) {
    struct css_colour c;
    if (!css_colour_read(d->words[0], &c))
        return;
    r->style->hidden |= c.alpha < SEEN_ALPHA;
    r->style->ink = c;
    r->style->has_ink = true;
}

/* ---- what would not be seen ---- */

static bool is_near_zero(struct span word) {
    struct css_length l;
    return css_length_read(word, &l) && l.hundredths >= 0 && css_length_px(l, FONT_PX_HUNDREDTHS) <= 100;
}

static bool is_far_away(struct span word) {
    struct css_length l;
    return css_length_read(word, &l) && css_length_px(l, FONT_PX_HUNDREDTHS) <= FAR_AWAY_PX * 100;
}

static bool is_nearly_transparent(struct span word) {
    struct buf percent SD_CLEANUP(buf_free) = buf_new(64);
    struct css_length l;
    buf_put(&percent, word);
    buf_text(&percent, span_ends(word, SPAN("%")) ? "" : "em");
    if (buf_err(&percent) || !css_length_read(buf_span(&percent), &l))
        return false;
    return l.hundredths <= (css_length_is_percent(l) ? 1000 : 10);
}

static void look_for_hiding(struct reader_of_style *r, const struct declaration *d) {
    struct span first = d->words[0];
    struct css_colour fill;
    bool *hidden = &r->style->hidden;
    if (span_ieq(d->name, SPAN("display")))
        *hidden |= span_ieq(first, SPAN("none"));
    else if (span_ieq(d->name, SPAN("visibility")))
        *hidden |= is_listed(first, " hidden collapse ");
    else if (span_ieq(d->name, SPAN("opacity")))
        *hidden |= is_nearly_transparent(first);
    else if (is_listed(d->name, " height max-height width max-width "))
        r->no_room |= is_near_zero(first);
    else if (is_listed(d->name, " overflow overflow-x overflow-y "))
        r->clipped |= is_listed(first, " hidden clip ");
    else if (is_listed(d->name, " left top right bottom text-indent margin margin-left margin-top "))
        *hidden |= is_far_away(first) || (d->count == 4 && is_far_away(d->words[3]));
    else if (is_listed(d->name, " clip clip-path "))
        *hidden |= has(d, SPAN("rect(0")) || has(d, SPAN("rect(1px")) || has(d, SPAN("inset(50%")) ||
                   has(d, SPAN("inset(100%"));
    else if (span_ieq(d->name, SPAN("transform")))
        *hidden |= has(d, SPAN("scale(0)"));
    else if (span_ieq(d->name, SPAN("-webkit-text-fill-color")))
        *hidden |= css_colour_read(first, &fill) && fill.alpha < SEEN_ALPHA;
}

/* ---- all of it ---- */

static void put_declaration(struct reader_of_style *r, const struct property *p, const struct declaration *d) {
    switch (p->value) {
    case VALUE_INK:
        read_ink(r, d);
        return;
    case VALUE_PAPER:
        read_paper(r, d);
        return;
    case VALUE_FONT_SIZE:
        read_font_size(r->style, d->words[0]);
        return;
    case VALUE_FONT:
        read_font(r, d);
        return;
    case VALUE_FAMILIES:
        put_separator(r);
        css_put_families(d->value, r->rest);
        return;
    case VALUE_LINE_HEIGHT:
        put_separator(r);
        put_line_height(p, d->words[0], r->rest);
        return;
    case VALUE_HEIGHT:
        if (!r->cell)
            return;
        break;
    default:
        break;
    }
    put_separator(r);
    put_words(p, d, r->rest);
}

static void take_declaration(struct reader_of_style *r, const struct declaration *d) {
    r->style->remote |= has(d, SPAN("url(")) || has(d, SPAN("image("));
    look_for_hiding(r, d);
    for (size_t i = 0; i < SD_COUNT(properties); i++) {
        if (!span_ieq(d->name, span_cstr(properties[i].name)))
            continue;
        r->style->margins |= span_istarts(d->name, SPAN("margin"));
        put_declaration(r, &properties[i], d);
        return;
    }
}

/* A comment separates, as white space does. */
static struct span without_comments(struct span style, struct buf *scratch) {
    if (span_search(style, SPAN("/*")) == style.n)
        return style;
    while (style.n) {
        size_t n = span_search(style, SPAN("/*"));
        buf_put(scratch, span_sub(style, 0, n));
        buf_byte(scratch, ' ');
        style = span_from(style, n + 2);
        style = span_from(style, span_search(style, SPAN("*/")) + 2);
    }
    return buf_span(scratch);
}

void css_clean(struct span style, bool cell, struct css_style *ret, struct buf *rest) {
    struct buf scratch SD_CLEANUP(buf_free) = buf_new(STYLE_MAX_BYTES + 16);
    struct reader_of_style r = {.style = ret, .rest = rest, .start = rest->n, .cell = cell};
    struct declaration d;
    struct span left = without_comments(span_sub(style, 0, STYLE_MAX_BYTES), &scratch);
    while (next_declaration(&left, &d))
        take_declaration(&r, &d);
    ret->hidden |= r.no_room && r.clipped;
    if (rest->n - r.start > RESULT_MAX_BYTES)
        rest->n = r.start;
    if (rest->n > r.start && rest->p[rest->n - 1] == ';')
        rest->n--;
}
