/* Base64 and quoted-printable (RFC 2045 §6.7, §6.8), permissively: what a lax program would still show must be seen and
 * scanned. */
#include "mail/decode.h"

#include <string.h>

#include "mail/header.h"
#include "mail/lex.h"
#include "mail/uuencode.h"

#define B64_JUNK 0x80
#define B64_SPACE 0x40
#define B64_PAD 0xc0

/* Values of digits, or one of the classes above (all have a bit over 0x3f). */
static const uint8_t base64_values[256] = {
#define J16 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 0x40, 0x80, 0x80, 0x40, 0x80, 0x80,     /* tab, LF, CR */
    J16,  0x40, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 62,   0x80, 0x80, 0x80, 63, /* space + / */
    52,   53,   54,   55,   56,   57,   58,   59,   60,   61,   0x80, 0x80, 0x80, 0xc0, 0x80, 0x80,     /* 0-9 = */
    0x80, 0,    1,    2,    3,    4,    5,    6,    7,    8,    9,    10,   11,   12,   13,   14,       /* A-O */
    15,   16,   17,   18,   19,   20,   21,   22,   23,   24,   25,   0x80, 0x80, 0x80, 0x80, 0x80,     /* P-Z */
    0x80, 26,   27,   28,   29,   30,   31,   32,   33,   34,   35,   36,   37,   38,   39,   40,       /* a-o */
    41,   42,   43,   44,   45,   46,   47,   48,   49,   50,   51,   0x80, 0x80, 0x80, 0x80, 0x80,     /* p-z */
    J16,  J16,  J16,  J16,  J16,  J16,  J16,  J16,
#undef J16
};

struct base64 {
    uint8_t *to;
    uint32_t held;
    unsigned digits;  /* of the quantum that is open */
    unsigned padding; /* seen in it */
    bool ended;       /* by padding */
    mail_ambiguities seen;
};

/* Bytes of a quantum that is cut short; one digit alone is none. */
static void flush_quantum(struct base64 *b) {
    if (b->digits == 1)
        b->seen |= AMBIGUITY(BASE64_DIRTY) | AMBIGUITY(BASE64_JUNK);
    if (b->digits >= 2)
        *b->to++ = (uint8_t)(b->digits == 2 ? b->held >> 4 : b->held >> 10);
    if (b->digits == 3)
        *b->to++ = (uint8_t)(b->held >> 2);
    b->held = 0;
    b->digits = 0;
}

static void take_pad(struct base64 *b) {
    if (b->digits < 2 && !(b->ended && b->padding == 1))
        b->seen |= AMBIGUITY(BASE64_DIRTY); /* padding that completes nothing */
    b->padding = b->digits == 2 ? 1 : 2;
    flush_quantum(b);
    b->ended = true;
}

static void take_digit(struct base64 *b, uint8_t value) {
    if (b->ended)
        b->seen |= AMBIGUITY(BASE64_AFTER_END) | AMBIGUITY(BASE64_DIRTY);
    b->ended = false;
    b->padding = 0;
    b->held = b->held << 6 | value;
    if (++b->digits < 4)
        return;
    *b->to++ = (uint8_t)(b->held >> 16);
    *b->to++ = (uint8_t)(b->held >> 8);
    *b->to++ = (uint8_t)b->held;
    b->held = 0;
    b->digits = 0;
}

/* Whole quanta without anything between, which is nearly all of every body. Returns the bytes read. */
static size_t take_quanta(struct base64 *b, const uint8_t *p, size_t n) {
    size_t i = 0;
    uint8_t *to = b->to;
    for (; i + 4 <= n; i += 4) {
        uint32_t a = base64_values[p[i]], c = base64_values[p[i + 1]], d = base64_values[p[i + 2]], e = base64_values[p[i + 3]];
        if ((a | c | d | e) & 0xc0)
            break;
        uint32_t v = a << 18 | c << 12 | d << 6 | e;
        to[0] = (uint8_t)(v >> 16);
        to[1] = (uint8_t)(v >> 8);
        to[2] = (uint8_t)v;
        to += 3;
    }
    b->to = to;
    return i;
}

mail_ambiguities decode_base64(struct span s, struct buf *to) {
    uint8_t *start = buf_reserve(to, s.n / 4 * 3 + 3);
    if (!start)
        return 0;
    struct base64 b = {.to = start};
    for (size_t i = 0; i < s.n; i++) {
        if (b.digits == 0 && !b.ended)
            i += take_quanta(&b, s.p + i, s.n - i);
        if (i == s.n)
            break;
        uint8_t value = base64_values[s.p[i]];
        if (value < 64)
            take_digit(&b, value);
        else if (value == B64_PAD)
            take_pad(&b);
        else if (value == B64_JUNK)
            b.seen |= AMBIGUITY(BASE64_DIRTY) | AMBIGUITY(BASE64_JUNK);
    }
    if (b.digits || (b.ended && b.padding == 1))
        b.seen |= AMBIGUITY(BASE64_DIRTY); /* padding is missing */
    flush_quantum(&b);
    buf_grew(to, (size_t)(b.to - start));
    return b.seen;
}

/* Length of a soft line break after "=": white space is allowed before the line end (RFC 2045 §6.7 (3)). 0: it is none. */
static size_t soft_break(struct span s, size_t at) {
    size_t i = at + 1;
    while (i < s.n && lex_is_wsp(s.p[i]))
        i++;
    if (i == s.n)
        return i - at;
    if (s.p[i] == '\r' && i + 1 < s.n && s.p[i + 1] == '\n')
        return i + 2 - at;
    return s.p[i] == '\n' ? i + 1 - at : 0;
}

/* One escape at `at`; returns the bytes read. Anything that is none stays as it is (RFC 2045 §6.7, note on robustness). */
static size_t escape(struct span s, size_t at, uint8_t **to, mail_ambiguities *seen) {
    int high = at + 2 < s.n ? lex_hex(s.p[at + 1]) : -1;
    int low = at + 2 < s.n ? lex_hex(s.p[at + 2]) : -1;
    if (high >= 0 && low >= 0) {
        *(*to)++ = (uint8_t)(high << 4 | low);
        return 3;
    }
    size_t n = soft_break(s, at);
    if (n)
        return n;
    *seen |= AMBIGUITY(QP_DIRTY);
    *(*to)++ = '=';
    return 1;
}

/* spaces: the line end took some with it, which is no error in text, where many senders leave them. */
static mail_ambiguities qp(struct span s, struct buf *to, bool *spaces) {
    uint8_t *start = buf_reserve(to, s.n);
    mail_ambiguities seen = 0;
    *spaces = false;
    if (!start)
        return 0;
    uint8_t *p = start, *kept = start; /* kept: behind the last byte that white space at a line end must not remove */
    for (size_t i = 0; i < s.n;) {
        uint8_t c = s.p[i];
        if (c == '=') {
            size_t n = escape(s, i, &p, &seen);
            *spaces |= n > 1 && i + 1 < s.n && lex_is_wsp(s.p[i + 1]);
            i += n;
            kept = p;
            continue;
        }
        if (c == '\n' || (c == '\r' && i + 1 < s.n && s.p[i + 1] == '\n')) {
            *spaces |= p != kept;
            p = kept; /* RFC 2045 §6.7 (3): white space at the end of a line was added on the way */
        }
        *p++ = c;
        i++;
        if (!lex_is_wsp(c))
            kept = p;
    }
    buf_grew(to, (size_t)(p - start));
    return seen;
}

mail_ambiguities decode_qp(struct span s, struct buf *to) {
    bool unused;
    return qp(s, to, &unused);
}

enum sd_err mail_decode_body(const struct mail_part *part, struct buf *to, mail_ambiguities *ambiguities) {
    mail_ambiguities seen = 0;
    bool spaces = false;
    if (part->encoding == MAIL_ENCODING_BASE64)
        seen = decode_base64(part->body, to);
    else if (part->encoding == MAIL_ENCODING_QP)
        seen = qp(part->body, to, &spaces);
    else if (part->encoding == MAIL_ENCODING_UUENCODE)
        uu_decode(part->body, to);
    else
        buf_put(to, part->body);
    if (part->is_attachment && (spaces || seen & AMBIGUITY(QP_DIRTY)))
        seen |= AMBIGUITY(FILE_DIRTY);
    if (buf_err(to) == SD_OK)
        *ambiguities |= seen;
    return buf_err(to);
}
