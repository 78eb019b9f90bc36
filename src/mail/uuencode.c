#include "mail/uuencode.h"

#include "mail/lex.h"

static bool is_octal(uint8_t c) {
    return c >= '0' && c <= '7';
}

/* "begin 644 name"; Outlook takes "begin" and two spaces too, with anything or nothing behind them. */
static bool read_begin(struct span line, struct span *ret_name) {
    struct lex x = {line, 5};
    if (!span_starts(line, SPAN("begin")) || !lex_is_wsp(line.n > 5 ? line.p[5] : 0))
        return false;
    struct span spaces = lex_while(&x, lex_is_wsp), mode = lex_while(&x, is_octal);
    bool moded = (mode.n == 3 || mode.n == 4) && lex_while(&x, lex_is_wsp).n;
    *ret_name = span_trim(span_from(line, x.at));
    return moded || spaces.n > 1;
}

static unsigned value_of(uint8_t c) {
    return (c - 32U) & 63U;
}

/* Printable characters of the alphabet, as many as the first says, or fewer: spaces at the end get lost on the way. */
static bool is_content(struct span line) {
    if (line.n == 0)
        return false;
    size_t bytes = value_of(line.p[0]), digits = (bytes + 2) / 3 * 4;
    for (size_t i = 0; i < line.n; i++)
        if (line.p[i] < 32 || line.p[i] > 96)
            return false;
    return bytes > 0 && line.n <= digits + 3; /* some programs add a checksum */
}

static bool is_last(struct span line) {
    line = span_trim(line);
    return line.n == 0 || span_eq(line, SPAN("`"));
}

bool uu_file_at(struct span text, size_t at, struct uu_file *ret) {
    struct uu_file file = {.complete = false};
    struct lex_line line;
    if (!lex_line(text, &at, &line) || !read_begin(line.text, &file.name))
        return false;
    size_t start = at, end = at;
    bool ended = false;
    for (file.next = at; lex_line(text, &at, &line); file.next = at) {
        if (span_eq(span_trim(line.text), SPAN("end"))) {
            file.complete = true;
            file.next = at;
            break;
        }
        if (is_last(line.text) && !ended) {
            ended = true;
            continue;
        }
        if (ended || !is_content(line.text))
            break;
        end = at;
    }
    file.lines = span_sub(text, start, end - start);
    if (file.lines.n == 0)
        return false;
    *ret = file;
    return true;
}

static void decode_line(struct span line, struct buf *to) {
    size_t left = value_of(line.p[0]);
    for (size_t i = 1; i < line.n && left; i += 4) {
        unsigned v[4] = {0};
        for (size_t k = 0; k < 4; k++)
            v[k] = i + k < line.n ? value_of(line.p[i + k]) : 0;
        const uint8_t bytes[3] = {(uint8_t)(v[0] << 2 | v[1] >> 4), (uint8_t)(v[1] << 4 | v[2] >> 2),
                                  (uint8_t)(v[2] << 6 | v[3])};
        size_t n = left < 3 ? left : 3;
        buf_put(to, span_of(bytes, n));
        left -= n;
    }
    buf_fill(to, 0, left); /* spaces at the end are zeros */
}

void uu_decode(struct span lines, struct buf *to) {
    struct lex_line line;
    for (size_t at = 0; lex_line(lines, &at, &line);)
        if (line.text.n)
            decode_line(line.text, to);
}

bool uu_other_any(struct span text) {
    return span_search(text, SPAN("=ybegin ")) < text.n || span_search(text, SPAN("begin-base64 ")) < text.n ||
           span_search(text, SPAN("(This file must be converted with BinHex")) < text.n;
}

bool uu_any(struct span text) {
    struct uu_file file;
    for (size_t at = 0; at < text.n;) {
        if (uu_file_at(text, at, &file))
            return true;
        size_t n = span_search(span_from(text, at), SPAN("\nbegin"));
        at += n + 1;
    }
    return uu_other_any(text);
}
