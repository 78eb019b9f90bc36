#include "mail/html_write.h"

#include <string.h>

#include "mail/lex.h"

/* Longest of the references below. */
#define PIECE_MAX_BYTES 6

/* What stands for the character at i, which has *n bytes; {NULL, 0} with *n for what is left out. */
static struct span control_piece(struct span s, size_t i) {
    switch (s.p[i]) {
    case '\n':
        return SPAN("\n");
    case '\t':
        return SPAN("\t");
    case '\r':
        return i + 1 < s.n && s.p[i + 1] == '\n' ? SPAN_NONE : SPAN("\n");
    case '\f':
        return SPAN(" ");
    default:
        return SPAN_NONE;
    }
}

static bool is_noncharacter(uint32_t c) {
    return (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef);
}

/* Embeddings, overrides and isolates (UAX 9): with them the host behind a link could be made to read backwards. */
static bool is_direction(uint32_t c) {
    return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static uint32_t code_point(struct span s, size_t i, size_t *n) {
    uint8_t c = s.p[i];
    *n = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (i + *n > s.n)
        *n = s.n - i;
    uint32_t value = c & (0xffU >> (*n + 1));
    for (size_t k = 1; k < *n; k++)
        value = value << 6 | (s.p[i + k] & 0x3f);
    return value;
}

static struct span wide_piece(struct span s, size_t i, size_t *n) {
    uint32_t c = code_point(s, i, n);
    if (c < 0xa0 || c == 0xfeff || is_noncharacter(c) || is_direction(c))
        return SPAN_NONE;
    return c == 0x2028 || c == 0x2029 ? SPAN("\n") : span_sub(s, i, *n);
}

static struct span piece_at(struct span s, size_t i, size_t *n) {
    uint8_t c = s.p[i];
    *n = 1;
    switch (c) {
    case '&':
        return SPAN("&amp;");
    case '<':
        return SPAN("&lt;");
    case '>':
        return SPAN("&gt;");
    case '"':
        return SPAN("&quot;");
    default:
        break;
    }
    if (c < ' ' || c == 0x7f)
        return control_piece(s, i);
    return c < 0x80 ? span_sub(s, i, 1) : wide_piece(s, i, n);
}

static bool is_plain(uint8_t c) {
    return c >= ' ' && c < 0x7f && c != '&' && c != '<' && c != '>' && c != '"';
}

bool html_put_text(struct span utf8, size_t max, struct buf *to) {
    size_t left = max;
    for (size_t i = 0; i < utf8.n;) {
        size_t plain = i, n = 1;
        while (plain < utf8.n && plain - i < left && is_plain(utf8.p[plain]))
            plain++;
        buf_put(to, span_sub(utf8, i, plain - i));
        left -= plain - i;
        i = plain;
        if (i == utf8.n)
            break;
        struct span piece = piece_at(utf8, i, &n);
        if (piece.n > left)
            return false;
        buf_put(to, piece);
        left -= piece.n;
        i += n;
    }
    return true;
}

void html_put_value(struct span value, struct buf *to) {
    for (size_t i = 0; i < value.n; i++) {
        uint8_t c = value.p[i];
        if (c == '\'')
            buf_text(to, "&#39;");
        else if (c == '`')
            buf_text(to, "&#96;");
        else if (c >= ' ' && c < 0x7f)
            (void)html_put_text(span_sub(value, i, 1), PIECE_MAX_BYTES, to);
    }
}

bool html_is_seen(struct span utf8) {
    for (size_t i = 0, n; i < utf8.n; i += n) {
        n = 1;
        if (utf8.p[i] <= ' ' || utf8.p[i] == 0x7f)
            continue;
        uint32_t c = utf8.p[i] < 0x80 ? utf8.p[i] : code_point(utf8, i, &n);
        bool blank = c == 0xa0 || c == 0xad || c == 0x34f || (c >= 0x2000 && c <= 0x200f) || (c >= 0x2028 && c <= 0x202f) ||
                     (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c == 0x180e || c == 0x3000;
        if (!blank)
            return true;
    }
    return false;
}
