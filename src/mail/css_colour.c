/* Colours of CSS Color 4 §4 to §6.1, and what HTML's own attributes write (HTML standard §2.4.6, the part that occurs). */
#include "mail/css_colour.h"

#include <stdlib.h>
#include <string.h>

#include "mail/lex.h"

#define NAME_MAX_BYTES 20 /* lightgoldenrodyellow */

static const struct named {
    const char *name;
    uint32_t rgb;
} named[] = {
    {"aliceblue", 0xf0f8ff},
    {"antiquewhite", 0xfaebd7},
    {"aqua", 0x00ffff},
    {"aquamarine", 0x7fffd4},
    {"azure", 0xf0ffff},
    {"beige", 0xf5f5dc},
    {"bisque", 0xffe4c4},
    {"black", 0x000000},
    {"blanchedalmond", 0xffebcd},
    {"blue", 0x0000ff},
    {"blueviolet", 0x8a2be2},
    {"brown", 0xa52a2a},
    {"burlywood", 0xdeb887},
    {"cadetblue", 0x5f9ea0},
    {"chartreuse", 0x7fff00},
    {"chocolate", 0xd2691e},
    {"coral", 0xff7f50},
    {"cornflowerblue", 0x6495ed},
    {"cornsilk", 0xfff8dc},
    {"crimson", 0xdc143c},
    {"cyan", 0x00ffff},
    {"darkblue", 0x00008b},
    {"darkcyan", 0x008b8b},
    {"darkgoldenrod", 0xb8860b},
    {"darkgray", 0xa9a9a9},
    {"darkgreen", 0x006400},
    {"darkgrey", 0xa9a9a9},
    {"darkkhaki", 0xbdb76b},
    {"darkmagenta", 0x8b008b},
    {"darkolivegreen", 0x556b2f},
    {"darkorange", 0xff8c00},
    {"darkorchid", 0x9932cc},
    {"darkred", 0x8b0000},
    {"darksalmon", 0xe9967a},
    {"darkseagreen", 0x8fbc8f},
    {"darkslateblue", 0x483d8b},
    {"darkslategray", 0x2f4f4f},
    {"darkslategrey", 0x2f4f4f},
    {"darkturquoise", 0x00ced1},
    {"darkviolet", 0x9400d3},
    {"deeppink", 0xff1493},
    {"deepskyblue", 0x00bfff},
    {"dimgray", 0x696969},
    {"dimgrey", 0x696969},
    {"dodgerblue", 0x1e90ff},
    {"firebrick", 0xb22222},
    {"floralwhite", 0xfffaf0},
    {"forestgreen", 0x228b22},
    {"fuchsia", 0xff00ff},
    {"gainsboro", 0xdcdcdc},
    {"ghostwhite", 0xf8f8ff},
    {"gold", 0xffd700},
    {"goldenrod", 0xdaa520},
    {"gray", 0x808080},
    {"green", 0x008000},
    {"greenyellow", 0xadff2f},
    {"grey", 0x808080},
    {"honeydew", 0xf0fff0},
    {"hotpink", 0xff69b4},
    {"indianred", 0xcd5c5c},
    {"indigo", 0x4b0082},
    {"ivory", 0xfffff0},
    {"khaki", 0xf0e68c},
    {"lavender", 0xe6e6fa},
    {"lavenderblush", 0xfff0f5},
    {"lawngreen", 0x7cfc00},
    {"lemonchiffon", 0xfffacd},
    {"lightblue", 0xadd8e6},
    {"lightcoral", 0xf08080},
    {"lightcyan", 0xe0ffff},
    {"lightgoldenrodyellow", 0xfafad2},
    {"lightgray", 0xd3d3d3},
    {"lightgreen", 0x90ee90},
    {"lightgrey", 0xd3d3d3},
    {"lightpink", 0xffb6c1},
    {"lightsalmon", 0xffa07a},
    {"lightseagreen", 0x20b2aa},
    {"lightskyblue", 0x87cefa},
    {"lightslategray", 0x778899},
    {"lightslategrey", 0x778899},
    {"lightsteelblue", 0xb0c4de},
    {"lightyellow", 0xffffe0},
    {"lime", 0x00ff00},
    {"limegreen", 0x32cd32},
    {"linen", 0xfaf0e6},
    {"magenta", 0xff00ff},
    {"maroon", 0x800000},
    {"mediumaquamarine", 0x66cdaa},
    {"mediumblue", 0x0000cd},
    {"mediumorchid", 0xba55d3},
    {"mediumpurple", 0x9370db},
    {"mediumseagreen", 0x3cb371},
    {"mediumslateblue", 0x7b68ee},
    {"mediumspringgreen", 0x00fa9a},
    {"mediumturquoise", 0x48d1cc},
    {"mediumvioletred", 0xc71585},
    {"midnightblue", 0x191970},
    {"mintcream", 0xf5fffa},
    {"mistyrose", 0xffe4e1},
    {"moccasin", 0xffe4b5},
    {"navajowhite", 0xffdead},
    {"navy", 0x000080},
    {"oldlace", 0xfdf5e6},
    {"olive", 0x808000},
    {"olivedrab", 0x6b8e23},
    {"orange", 0xffa500},
    {"orangered", 0xff4500},
    {"orchid", 0xda70d6},
    {"palegoldenrod", 0xeee8aa},
    {"palegreen", 0x98fb98},
    {"paleturquoise", 0xafeeee},
    {"palevioletred", 0xdb7093},
    {"papayawhip", 0xffefd5},
    {"peachpuff", 0xffdab9},
    {"peru", 0xcd853f},
    {"pink", 0xffc0cb},
    {"plum", 0xdda0dd},
    {"powderblue", 0xb0e0e6},
    {"purple", 0x800080},
    {"rebeccapurple", 0x663399},
    {"red", 0xff0000},
    {"rosybrown", 0xbc8f8f},
    {"royalblue", 0x4169e1},
    {"saddlebrown", 0x8b4513},
    {"salmon", 0xfa8072},
    {"sandybrown", 0xf4a460},
    {"seagreen", 0x2e8b57},
    {"seashell", 0xfff5ee},
    {"sienna", 0xa0522d},
    {"silver", 0xc0c0c0},
    {"skyblue", 0x87ceeb},
    {"slateblue", 0x6a5acd},
    {"slategray", 0x708090},
    {"slategrey", 0x708090},
    {"snow", 0xfffafa},
    {"springgreen", 0x00ff7f},
    {"steelblue", 0x4682b4},
    {"tan", 0xd2b48c},
    {"teal", 0x008080},
    {"thistle", 0xd8bfd8},
    {"tomato", 0xff6347},
    {"turquoise", 0x40e0d0},
    {"violet", 0xee82ee},
    {"wheat", 0xf5deb3},
    {"white", 0xffffff},
    {"whitesmoke", 0xf5f5f5},
    {"yellow", 0xffff00},
    {"yellowgreen", 0x9acd32},
};

static int compare_names(const void *a, const void *b) {
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static bool by_name(struct span s, struct css_colour *ret) {
    char name[NAME_MAX_BYTES + 1] = "";
    for (size_t i = 0; i < s.n && s.n <= NAME_MAX_BYTES; i++)
        name[i] = (char)lex_lower(s.p[i]);
    const struct named key = {name, 0};
    const struct named *found = bsearch(&key, named, SD_COUNT(named), sizeof named[0], compare_names);
    bool transparent = strcmp(name, "transparent") == 0;
    if (found || transparent)
        *ret = (struct css_colour){found ? found->rgb : 0, transparent ? 0 : 255};
    return found || transparent;
}

/* rgb, rgba, rrggbb, rrggbbaa */
static bool by_digits(struct span s, struct css_colour *ret) {
    uint32_t digits[8] = {0}, bytes[4] = {0, 0, 0, 255};
    if (s.n != 3 && s.n != 4 && s.n != 6 && s.n != 8)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        int digit = lex_hex(s.p[i]);
        if (digit < 0)
            return false;
        digits[i] = (uint32_t)digit;
    }
    for (size_t i = 0; i < (s.n < 6 ? s.n : s.n / 2); i++)
        bytes[i] = s.n < 6 ? digits[i] * 17 : digits[2 * i] * 16 + digits[2 * i + 1];
    *ret = (struct css_colour){bytes[0] << 16 | bytes[1] << 8 | bytes[2], (uint8_t)bytes[3]};
    return true;
}

/* One number of rgb(): 0 to 255 or a percentage of that; the fourth 0 to 1. False when it is none. */
static bool read_channel(struct span s, bool alpha, uint32_t *ret) {
    uint32_t hundredths = 0, scale = 100;
    bool percent = span_ends(s, SPAN("%")), fraction = false;
    s.n -= percent;
    if (s.n == 0 || s.n > 12)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.' && !fraction) {
            fraction = true;
            continue;
        }
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        uint32_t digit = (uint32_t)(s.p[i] - '0');
        if (!fraction)
            hundredths = hundredths < 100000 ? hundredths * 10 + digit * 100 : hundredths;
        else
            hundredths += digit * (scale /= 10);
    }
    uint32_t value = percent ? hundredths * 255 / 10000 : alpha ? hundredths * 255 / 100 : hundredths / 100;
    *ret = value > 255 ? 255 : value;
    return true;
}

static bool is_separator(uint8_t c) {
    return lex_is_space(c) || c == ',' || c == '/';
}

static bool is_number_char(uint8_t c) {
    return !is_separator(c) && c != ')';
}

/* rgb(1, 2, 3), rgba(1, 2, 3, 0.5), rgb(1 2 3 / 50%) */
static bool by_function(struct span s, struct css_colour *ret) {
    uint32_t v[4] = {0, 0, 0, 255};
    size_t open = span_find(s, '('), count = 0;
    struct span name = span_sub(s, 0, open);
    if (!span_ieq(name, SPAN("rgb")) && !span_ieq(name, SPAN("rgba")))
        return false;
    struct lex x = {s, open + 1};
    for (; count < 4; count++) {
        (void)lex_while(&x, is_separator);
        struct span number = lex_while(&x, is_number_char);
        if (number.n == 0 || !read_channel(number, count == 3, &v[count]))
            break;
    }
    (void)lex_while(&x, is_separator);
    if (count < 3 || !lex_take(&x, ')') || !lex_end(&x))
        return false;
    *ret = (struct css_colour){v[0] << 16 | v[1] << 8 | v[2], (uint8_t)v[3]};
    return true;
}

bool css_colour_read(struct span s, struct css_colour *ret) {
    if (s.n && s.p[0] == '#')
        return by_digits(span_from(s, 1), ret);
    return by_name(s, ret) || by_function(s, ret);
}

bool css_colour_read_attribute(struct span s, struct css_colour *ret) {
    s = span_trim(s);
    return css_colour_read(s, ret) || (s.n == 6 && by_digits(s, ret));
}

uint32_t css_colour_over(struct css_colour c, uint32_t below) {
    uint32_t rgb = 0;
    for (unsigned shift = 0; shift < 24; shift += 8) {
        uint32_t over = c.rgb >> shift & 255, under = below >> shift & 255;
        rgb |= (over * c.alpha + under * (255U - c.alpha)) / 255 << shift;
    }
    return rgb;
}

#define READABLE_DIFFERENCE                                                                                                    \
    24 /* of 255, in the channel that differs most; careless designs have light grey on white with 50                          \
        */

bool css_colour_alike(uint32_t a, uint32_t b) {
    for (unsigned shift = 0; shift < 24; shift += 8)
        if (abs((int)(a >> shift & 255) - (int)(b >> shift & 255)) > READABLE_DIFFERENCE)
            return false;
    return true;
}
