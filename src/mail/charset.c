/* Character sets to UTF-8 by ICU; most mail is ASCII or UTF-8 and needs none of it. */
#include "mail/charset.h"

#include <string.h>
#include <unicode/ucnv.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

#include "mail/header.h"
#include "mail/lex.h"

#define CHARSET_NAME_MAX 40 /* the longest names of the IANA registry that occur in mail have half of it */
#define CHUNK_UNITS 1024

typedef struct UConverter converter;

static void converter_close(converter **c) {
    if (*c)
        ucnv_close(*c);
}

/* Substitutes U+FFFD like ICU's own, and notes that it had to. */
static void on_bad(const void *context, UConverterToUnicodeArgs *args, const char *units, int32_t length,
                   UConverterCallbackReason reason, UErrorCode *code) {
    if (reason <= UCNV_IRREGULAR)
        *(bool *)(uintptr_t)context = true;
    UCNV_TO_U_CALLBACK_SUBSTITUTE(NULL, args, units, length, reason, code);
}

static void put_code_point(uint32_t c, struct buf *to) {
    uint8_t bytes[4];
    int32_t n = 0;
    if (U_IS_SURROGATE(c))
        c = 0xfffd;
    U8_APPEND_UNSAFE(bytes, n, c);
    buf_put(to, span_of(bytes, (size_t)n));
}

/* A high surrogate at the end waits for its other half: it is moved to the front, and the number of waiting units returned. */
static size_t put_units(UChar *units, size_t n, bool last, struct buf *to) {
    size_t i = 0;
    while (i < n) {
        uint32_t c = units[i];
        if (U16_IS_LEAD(c) && i + 1 == n && !last)
            break;
        i++;
        if (U16_IS_LEAD(c) && i < n && U16_IS_TRAIL(units[i]))
            c = (uint32_t)U16_GET_SUPPLEMENTARY(c, units[i++]);
        put_code_point(c, to);
    }
    if (i == n)
        return 0;
    units[0] = units[i];
    return 1;
}

static bool convert(converter *c, struct span bytes, struct buf *to) {
    UErrorCode code = U_ZERO_ERROR;
    bool bad = false;
    ucnv_setToUCallBack(c, on_bad, &bad, NULL, NULL, &code);
    const char *from = (const char *)bytes.p, *end = from + bytes.n;
    UChar units[CHUNK_UNITS];
    size_t waiting = 0;
    bool more = true;
    while (more && buf_err(to) == SD_OK) {
        UChar *at = units + waiting;
        code = U_ZERO_ERROR;
        ucnv_toUnicode(c, &at, units + CHUNK_UNITS, &from, end, NULL, true, &code);
        more = code == U_BUFFER_OVERFLOW_ERROR;
        bad = bad || (U_FAILURE(code) && !more);
        waiting = put_units(units, (size_t)(at - units), !more, to);
    }
    return !bad;
}

/* Only names that ICU's own list has: anything else would make it look for files. NULL: unknown. */
static converter *open_named(struct span name) {
    char text[CHARSET_NAME_MAX + 1];
    UErrorCode code = U_ZERO_ERROR;
    if (name.n == 0 || name.n > CHARSET_NAME_MAX)
        return NULL;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] <= ' ' || name.p[i] >= 0x7f || strchr(",;/\\=", name.p[i]))
            return NULL; /* a comma starts ICU's converter options */
        text[i] = (char)name.p[i];
    }
    text[name.n] = 0;
    if (ucnv_countAliases(text, &code) == 0 || U_FAILURE(code))
        return NULL;
    converter *c = ucnv_open(text, &code);
    return U_FAILURE(code) ? NULL : c;
}

static mail_ambiguities put_converted(struct span bytes, struct span charset, struct buf *to, mail_ambiguities unknown) {
    converter *c SD_CLEANUP(converter_close) = open_named(charset);
    if (!c)
        return unknown;
    return convert(c, bytes, to) ? 0 : AMBIGUITY(CHARSET_BROKEN);
}

/* Bytes whose character set is not told, or told wrongly: UTF-8 when they are that, else what Windows programs assume. */
static mail_ambiguities put_guessed(struct span bytes, struct buf *to) {
    if (span_is_utf8(bytes))
        buf_put(to, bytes);
    else
        (void)put_converted(bytes, SPAN("windows-1252"), to, 0);
    return AMBIGUITY(CHARSET_BROKEN);
}

mail_ambiguities charset_put(struct span bytes, struct span charset, struct buf *to) {
    bool is_utf8 = span_ieq(charset, SPAN("utf-8")) || span_ieq(charset, SPAN("utf8"));
    bool is_ascii = charset.n == 0 || span_ieq(charset, SPAN("us-ascii")) || span_ieq(charset, SPAN("ascii"));
    if ((is_utf8 && span_is_utf8(bytes)) || (is_ascii && span_is_ascii(bytes))) {
        buf_put(to, bytes);
        return 0;
    }
    if (is_ascii)
        return put_guessed(bytes, to);
    /* The WHATWG encoding standard and every mail program read these two as their Windows supersets. */
    if (span_ieq(charset, SPAN("iso-8859-1")) || span_ieq(charset, SPAN("latin1")))
        charset = SPAN("windows-1252");
    else if (span_ieq(charset, SPAN("iso-8859-9")))
        charset = SPAN("windows-1254");
    mail_ambiguities seen = put_converted(bytes, charset, to, AMBIGUITY(CHARSET_UNKNOWN));
    if (seen & AMBIGUITY(CHARSET_UNKNOWN))
        (void)put_guessed(bytes, to);
    return seen;
}

enum sd_err mail_to_utf8(struct span bytes, struct span charset, struct buf *to, mail_ambiguities *ambiguities) {
    mail_ambiguities seen = charset_put(bytes, charset, to);
    if (buf_err(to) == SD_OK)
        *ambiguities |= seen;
    return buf_err(to);
}

/* Bytes of the control character at i (C0, DEL, C1, line and paragraph separator), or 0. */
static size_t control_at(struct span s, size_t i) {
    uint8_t c = s.p[i];
    if (c < 0x20 || c == 0x7f)
        return 1;
    if (c == 0xc2 && i + 1 < s.n && s.p[i + 1] < 0xa0)
        return 2;
    bool separator = c == 0xe2 && i + 2 < s.n && s.p[i + 1] == 0x80 && (s.p[i + 2] == 0xa8 || s.p[i + 2] == 0xa9);
    return separator ? 3 : 0;
}

static void put_control(struct span s, size_t i, size_t n, uint8_t newline, bool keep_tab, struct buf *to) {
    bool is_line = s.p[i] == '\n' || n == 3 || (s.p[i] == '\r' && !(i + 1 < s.n && s.p[i + 1] == '\n'));
    if (s.p[i] == '\t')
        buf_byte(to, keep_tab ? '\t' : ' ');
    else if (is_line && newline)
        buf_byte(to, newline);
    else if (n == 3)
        buf_byte(to, ' ');
}

void charset_put_clean(struct span utf8, uint8_t newline, bool keep_tab, struct buf *to) {
    size_t start = 0;
    for (size_t i = 0; i < utf8.n;) {
        size_t n = control_at(utf8, i);
        if (n) {
            buf_put(to, span_sub(utf8, start, i - start));
            put_control(utf8, i, n, newline, keep_tab, to);
            start = i + n;
        }
        i += n ? n : 1;
    }
    buf_put(to, span_from(utf8, start));
}

struct span charset_cut(struct span utf8, size_t max) {
    if (utf8.n <= max)
        return utf8;
    size_t n = max;
    while (n && (utf8.p[n] & 0xc0) == 0x80)
        n--;
    return span_sub(utf8, 0, n);
}

/* Asked of ICU with what HTML and scripts are made of. UTF-7 has it as it is, but also in another way. */
bool charset_is_masking(struct span name) {
    const struct span text = SPAN("<script src=/x.js> function() { return [0, 1]; } </html> ABCXYZabcxyz019 MZ PK");
    struct buf utf8 SD_CLEANUP(buf_free) = buf_new(1024);
    bool plain = name.n == 0 || span_ieq(name, SPAN("utf-8")) || span_ieq(name, SPAN("us-ascii")) ||
                 span_istarts(name, SPAN("iso-8859-")) || span_istarts(name, SPAN("windows-125"));
    bool is_utf7 = span_isearch(name, SPAN("utf-7")) < name.n || span_isearch(name, SPAN("utf7")) < name.n;
    if (plain || is_utf7)
        return is_utf7;
    mail_ambiguities seen = put_converted(text, name, &utf8, AMBIGUITY(CHARSET_UNKNOWN));
    return !(seen & AMBIGUITY(CHARSET_UNKNOWN)) && !span_eq(buf_span(&utf8), text);
}
