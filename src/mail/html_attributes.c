#include "mail/html_attributes.h"

#include "mail/html_tree.h"
#include "mail/html_write.h"
#include "mail/lex.h"

void html_attributes_read(const GumboNode *node, struct html_attributes *ret) {
    const GumboVector *list = &node->v.element.attributes;
    *ret = (struct html_attributes){.events = 0};
    for (unsigned i = 0; i < list->length; i++) {
        const GumboAttribute *a = list->data[i];
        enum html_attribute known = html_attribute_of(a->name);
        ret->events += known == HTML_ATTRIBUTE_EVENT;
        ret->fetched += known == HTML_ATTRIBUTE_FETCHED;
        if (ret->has[known])
            continue;
        ret->has[known] = true;
        ret->of[known] = span_cstr(a->value);
    }
}

void html_put_attribute(struct buf *to, const char *name, struct span value) {
    buf_byte(to, ' ');
    buf_text(to, name);
    buf_text(to, "=\"");
    html_put_value(value, to);
    buf_byte(to, '"');
}

struct tag {
    struct buf *to;
    const struct html_attributes *a;
    size_t count; /* of attributes */
};

static void put_attribute(struct tag *t, const char *name, struct span value) {
    html_put_attribute(t->to, name, value);
    t->count++;
}

static void put_word(struct tag *t, enum html_attribute which, const char *name, const char *const *words, size_t count) {
    struct span value = span_trim(t->a->of[which]);
    for (size_t i = 0; i < count; i++)
        if (value.n && span_ieq(value, span_cstr(words[i]))) {
            put_attribute(t, name, span_cstr(words[i]));
            return;
        }
}

/* HTML standard §2.4.4.4: digits, and whatever comes behind them. */
static void put_number(struct tag *t, enum html_attribute which, const char *name, uint64_t min, uint64_t max, bool percent) {
    struct lex x = lex_of(span_trim(t->a->of[which]));
    uint64_t value = 0;
    char text[24];
    struct span digits = lex_while(&x, lex_is_digit);
    bool is_percent = percent && lex_peek(&x) == '%';
    if (span_to_u64(digits, &value) != SD_OK || value < min || value > (is_percent ? 100 : max))
        return;
    struct buf b SD_CLEANUP(buf_free) = buf_new(sizeof text);
    buf_printf(&b, is_percent ? "%u%%" : "%u", (unsigned)value);
    put_attribute(t, name, buf_span(&b));
}

int html_font_size(struct span s) {
    s = span_trim(s);
    bool sign = s.n == 2 && (s.p[0] == '+' || s.p[0] == '-');
    if ((s.n != 1 && !sign) || !lex_is_digit(s.p[s.n - 1]))
        return 0;
    int n = s.p[s.n - 1] - '0';
    n = !sign ? n : s.p[0] == '+' ? 3 + n : 3 - n;
    return n < 1 ? 1 : n > 7 ? 7 : n;
}

static void put_font_size(struct tag *t) {
    const char digit = (char)('0' + html_font_size(t->a->of[HTML_ATTRIBUTE_SIZE]));
    if (digit != '0')
        put_attribute(t, "size", span_of(&digit, 1));
}

size_t html_attributes_put(const struct html_attributes *a, const struct html_rule *r, struct buf *to) {
    static const char *const sides[] = {"left", "right", "center", "justify"}, *const center[] = {"center"},
                             *const levels[] = {"top", "middle", "bottom", "baseline"},
                             *const directions[] = {"ltr", "rtl", "auto"};
    struct tag t = {.to = to, .a = a};
    bool cells = r->kind == HTML_CELL || r->kind == HTML_ROW || r->kind == HTML_ROWS;
    put_word(&t, HTML_ATTRIBUTE_DIR, "dir", directions, SD_COUNT(directions));
    if (cells || r->kind == HTML_BLOCK || r->kind == HTML_PARAGRAPH || r->kind == HTML_HEADING)
        put_word(&t, HTML_ATTRIBUTE_ALIGN, "align", sides, SD_COUNT(sides));
    if (r->kind == HTML_TABLE) /* at a side it would float */
        put_word(&t, HTML_ATTRIBUTE_ALIGN, "align", center, SD_COUNT(center));
    if (cells)
        put_word(&t, HTML_ATTRIBUTE_VALIGN, "valign", levels, SD_COUNT(levels));
    if (r->kind == HTML_CELL || r->kind == HTML_TABLE)
        put_number(&t, HTML_ATTRIBUTE_WIDTH, "width", 1, 2000, true);
    if (r->kind == HTML_CELL || r->kind == HTML_ROW)
        put_number(&t, HTML_ATTRIBUTE_HEIGHT, "height", 1, 2000, false);
    if (r->kind == HTML_TABLE) {
        put_number(&t, HTML_ATTRIBUTE_CELLPADDING, "cellpadding", 0, 50, false);
        put_number(&t, HTML_ATTRIBUTE_CELLSPACING, "cellspacing", 0, 50, false);
        put_number(&t, HTML_ATTRIBUTE_BORDER, "border", 0, 20, false);
    }
    if (r->kind == HTML_CELL) {
        put_number(&t, HTML_ATTRIBUTE_COLSPAN, "colspan", 2, 100, false);
        put_number(&t, HTML_ATTRIBUTE_ROWSPAN, "rowspan", 2, 1000, false);
    }
    if (r->kind == HTML_LIST && r->name[0] == 'o')
        put_number(&t, HTML_ATTRIBUTE_START, "start", 0, 99999, false);
    if (span_eq(span_cstr(r->name), SPAN("font")))
        put_font_size(&t);
    return t.count;
}
