#include "desk/file_name.h"
#include "core/buf.h"

#include <stdlib.h>

#define NAME_READ_MAX 2048 /* bytes of a name that are looked at; head cards hold 512 */
#define EXTENSION_MAX 24   /* kept when a name is cut */

/* ---- characters ---- */

struct range {
    uint32_t from, to;
};

/* Ascending. Controls, and all that is drawn as nothing or changes how the rest is drawn. */
static const struct range unseen[] = {
    {0x0000, 0x001f}, {0x007f, 0x009f},   {0x00ad, 0x00ad},   {0x034f, 0x034f},   {0x061c, 0x061c},    {0x115f, 0x1160},
    {0x17b4, 0x17b5}, {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},    {0x2800, 0x2800},
    {0x3164, 0x3164}, {0xe000, 0xf8ff},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},    {0xfff0, 0xfffb},
    {0xfffe, 0xffff}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}, {0xf0000, 0x10ffff},
};

/* Spaces of all widths: a row of them hides what comes behind. */
static const struct range spaces[] = {
    {0x0020, 0x0020}, {0x00a0, 0x00a0}, {0x1680, 0x1680}, {0x2000, 0x200a},
    {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000},
};

static int by_range(const void *key, const void *member) {
    uint32_t c = *(const uint32_t *)key;
    const struct range *range = member;
    return (c > range->to) - (c < range->from);
}

static bool among(uint32_t c, const struct range *ranges, size_t count) {
    return bsearch(&c, ranges, count, sizeof *ranges, by_range) != NULL;
}

static bool is_separator(uint32_t c) {
    return c == '/' || c == '\\';
}

/* What some system gives a meaning to, and what Windows makes a separator of when it squeezes a name into an old code page. */
static bool is_reserved(uint32_t c) {
    static const uint32_t separators[] = {0x00a5, 0x2044, 0x20a9, 0x2215, 0x2216, 0x29f5, 0x29f8, 0xfe68, 0xff0f, 0xff3c};
    for (size_t i = 0; i < SD_COUNT(separators); i++)
        if (separators[i] == c)
            return true;
    return c == 0xfffd || (c < 0x80 && strchr("<>:\"|?*", (int)c));
}

/* One character of well-formed UTF-8; of anything else one byte, as U+FFFD. */
static uint32_t next_character(struct span *rest) {
    static const uint8_t firsts[] = {0, 0, 0x1f, 0x0f, 0x07};
    size_t n = rest->p[0] < 0x80 ? 1 : rest->p[0] >= 0xf0 ? 4 : rest->p[0] >= 0xe0 ? 3 : 2;
    struct span character = span_sub(*rest, 0, n);
    uint32_t c = rest->p[0];
    if (n > 1 && (character.n < n || !span_is_utf8(character))) {
        *rest = span_from(*rest, 1);
        return 0xfffd;
    }
    if (n > 1) {
        c &= firsts[n];
        for (size_t i = 1; i < n; i++)
            c = c << 6 | (character.p[i] & 0x3f);
    }
    *rest = span_from(*rest, n);
    return c;
}

/* ---- a name ---- */

/* Behind the last separator; a name that ends with one keeps what stands before it. */
static struct span last_part(struct span name) {
    struct span rest = name, part = name, last = SPAN_NONE;
    while (rest.n) {
        struct span before = rest;
        if (!is_separator(next_character(&rest)))
            continue;
        part.n -= before.n < part.n ? before.n : part.n;
        last = part.n ? part : last;
        part = rest;
    }
    return part.n ? part : last;
}

static void put_seen(struct buf *to, struct span name) {
    while (name.n) {
        struct span before = name;
        uint32_t c = next_character(&name);
        if (among(c, unseen, SD_COUNT(unseen)))
            continue;
        if (among(c, spaces, SD_COUNT(spaces))) {
            if (to->n && to->p[to->n - 1] != ' ')
                buf_byte(to, ' ');
        } else if (is_reserved(c)) {
            buf_byte(to, '_');
        } else {
            buf_put(to, span_sub(before, 0, before.n - name.n));
        }
    }
}

static struct span without_tail(struct span name) {
    while (name.n && (name.p[name.n - 1] == ' ' || name.p[name.n - 1] == '.'))
        name.n--;
    return name;
}

/* Devices have their names in every folder and with every ending; superscript digits count as digits. */
static bool is_device(struct span name) {
    static const char *const names[] = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"};
    static const char *const numbered[] = {"COM", "LPT"};
    struct span stem = span_trim(span_sub(name, 0, span_find(name, '.')));
    for (size_t i = 0; i < SD_COUNT(names); i++)
        if (span_ieq(stem, span_cstr(names[i])))
            return true;
    for (size_t i = 0; i < SD_COUNT(numbered); i++) {
        struct span digit = span_from(stem, 3);
        bool is_digit = digit.n == 1 && digit.p[0] >= '0' && digit.p[0] <= '9';
        bool is_high = span_eq(digit, SPAN("\xc2\xb9")) || span_eq(digit, SPAN("\xc2\xb2")) || span_eq(digit, SPAN("\xc2\xb3"));
        if (span_istarts(stem, span_cstr(numbered[i])) && (is_digit || is_high))
            return true;
    }
    return false;
}

/* At most n bytes, and no half character at the end. */
static struct span cut(struct span text, size_t n) {
    if (text.n <= n)
        return text;
    while (n && (text.p[n] & 0xc0) == 0x80)
        n--;
    return span_sub(text, 0, n);
}

/* In the middle, so that the end stays. */
static void put_cut(struct buf *to, struct span name) {
    size_t dot = span_rfind(name, '.');
    struct span extension = name.n - dot <= EXTENSION_MAX ? span_from(name, dot) : SPAN_NONE;
    struct span stem = span_sub(name, 0, name.n - extension.n);
    buf_put(to, without_tail(cut(stem, FILE_NAME_BYTES - extension.n - to->n)));
    buf_put(to, extension);
}

struct span file_name_safe(struct span name, struct arena *arena) {
    struct buf seen SD_CLEANUP(buf_free) = buf_new(NAME_READ_MAX * 2), safe SD_CLEANUP(buf_free) = buf_new(FILE_NAME_BYTES * 2);
    put_seen(&seen, last_part(span_sub(name, 0, NAME_READ_MAX)));
    struct span whole = without_tail(buf_span(&seen));
    if (whole.n == 0)
        return SPAN("attachment");
    if (whole.p[0] == '.' || whole.p[0] == '-' || whole.p[0] == '~' || is_device(whole))
        buf_byte(&safe, '_'); /* hidden files, options of commands */
    put_cut(&safe, whole);
    return arena_span(arena, buf_span(&safe));
}

/* ---- the header field ---- */

/* RFC 8187 §3.2.1: attr-char. */
static bool is_plain(uint8_t c) {
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return letter || (c && strchr("!#$&+-.^_`|~", c));
}

struct span file_name_disposition(struct span name, struct arena *arena) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(FILE_NAME_BYTES * 8);
    struct span safe = file_name_safe(name, arena), rest = safe;
    buf_text(&text, "attachment; filename=\"");
    while (rest.n) { /* RFC 6266 appendix D: nothing that some recipients would decode */
        uint32_t c = next_character(&rest);
        buf_byte(&text, c < 0x80 && !strchr("\"\\%", (int)c) ? (uint8_t)c : '_');
    }
    buf_text(&text, "\"; filename*=UTF-8''");
    for (size_t i = 0; i < safe.n; i++) {
        if (is_plain(safe.p[i]))
            buf_byte(&text, safe.p[i]);
        else
            buf_printf(&text, "%%%02X", safe.p[i]);
    }
    return arena_span(arena, buf_span(&text));
}
