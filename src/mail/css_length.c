/* Lengths of CSS Values 4 §6, in hundredths of their unit. */
#include "mail/css_clean.h"
#include "mail/lex.h"

enum relation { ABSOLUTE, OF_FONT, OF_PARENT };

static const struct unit {
    struct span name;
    enum relation relation;
    int32_t px_hundredths; /* of one unit */
} units[] = {
    {{(const uint8_t *)"px", 2}, ABSOLUTE, 100},  {{(const uint8_t *)"pt", 2}, ABSOLUTE, 133},
    {{(const uint8_t *)"em", 2}, OF_FONT, 100},   {{(const uint8_t *)"rem", 3}, ABSOLUTE, 1600},
    {{(const uint8_t *)"%", 1}, OF_PARENT, 1},    {{(const uint8_t *)"ex", 2}, OF_FONT, 50},
    {{(const uint8_t *)"in", 2}, ABSOLUTE, 9600}, {{(const uint8_t *)"cm", 2}, ABSOLUTE, 3780},
    {{(const uint8_t *)"mm", 2}, ABSOLUTE, 378},  {{(const uint8_t *)"pc", 2}, ABSOLUTE, 1600},
};
#define UNIT_PX 0
#define UNIT_PERCENT 4

/* Digits with at most one point; what is finer than hundredths is left out. */
static bool read_number(struct lex *x, int32_t *ret) {
    bool minus = lex_take(x, '-');
    struct span whole, fraction = SPAN_NONE;
    if (!minus)
        (void)lex_take(x, '+');
    whole = lex_while(x, lex_is_digit);
    if (lex_take(x, '.'))
        fraction = lex_while(x, lex_is_digit);
    if (whole.n + fraction.n == 0 || whole.n > 6)
        return false;
    int32_t value = 0;
    for (size_t i = 0; i < whole.n; i++)
        value = value * 10 + (whole.p[i] - '0');
    for (size_t i = 0; i < 2; i++)
        value = value * 10 + (i < fraction.n ? fraction.p[i] - '0' : 0);
    *ret = minus ? -value : value;
    return true;
}

bool css_length_read(struct span s, struct css_length *ret) {
    struct lex x = lex_of(s);
    struct css_length l = {0, UNIT_PX};
    if (!read_number(&x, &l.hundredths))
        return false;
    struct span name = span_from(s, x.at);
    bool known = name.n == 0 && l.hundredths == 0;
    for (size_t i = 0; i < SD_COUNT(units) && !known; i++) {
        known = span_ieq(name, units[i].name);
        l.unit = (uint8_t)i;
    }
    if (known)
        *ret = l;
    return known;
}

bool css_font_size_read(struct span s, struct css_length *ret) {
    static const struct {
        const char *name;
        struct css_length length;
    } words[] = {
        {"xx-small", {900, UNIT_PX}},  {"x-small", {1000, UNIT_PX}},      {"small", {1300, UNIT_PX}},
        {"medium", {1600, UNIT_PX}},   {"large", {1800, UNIT_PX}},        {"x-large", {2400, UNIT_PX}},
        {"xx-large", {3200, UNIT_PX}}, {"smaller", {8300, UNIT_PERCENT}}, {"larger", {12000, UNIT_PERCENT}},
    };
    for (size_t i = 0; i < SD_COUNT(words); i++)
        if (span_ieq(s, span_cstr(words[i].name))) {
            *ret = words[i].length;
            return true;
        }
    return css_length_read(s, ret);
}

void css_length_put(struct css_length l, struct buf *to) {
    if (l.hundredths == 0) {
        buf_byte(to, '0');
        return;
    }
    int32_t n = l.hundredths < 0 ? -l.hundredths : l.hundredths;
    buf_printf(to, l.hundredths < 0 ? "-%d" : "%d", n / 100);
    if (n % 100)
        buf_printf(to, n % 10 ? ".%02d" : ".%d", n % 10 ? n % 100 : n % 100 / 10);
    buf_put(to, units[l.unit].name);
}

bool css_length_is_percent(struct css_length l) {
    return l.unit == UNIT_PERCENT;
}

int64_t css_length_px(struct css_length l, int64_t font_px) {
    const struct unit *u = &units[l.unit];
    if (u->relation == OF_FONT)
        return (int64_t)l.hundredths * u->px_hundredths * font_px / 10000;
    if (u->relation == OF_PARENT)
        return (int64_t)l.hundredths * font_px / 10000;
    return (int64_t)l.hundredths * u->px_hundredths / 100;
}
