#include "mail/lex.h"

#include <string.h>

bool lex_is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

bool lex_is_wsp(uint8_t c) {
    return c == ' ' || c == '\t';
}

bool lex_is_space(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_alnum(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool lex_is_atext(uint8_t c) {
    return is_alnum(c) || c >= 0x80 || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

bool lex_is_token(uint8_t c) {
    return c > ' ' && c != 0x7f && !strchr("()<>@,;:\\\"/[]?=", c);
}

uint8_t lex_lower(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

int lex_hex(uint8_t c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c = lex_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool lex_line(struct span bytes, size_t *at, struct lex_line *ret) {
    if (*at >= bytes.n)
        return false;
    struct span rest = span_from(bytes, *at);
    size_t n = span_find(rest, '\n');
    bool ended = n < rest.n;
    struct lex_line line = {span_sub(rest, 0, n), *at, *at + n + (ended ? 1 : 0), false};
    bool crlf = ended && n > 0 && rest.p[n - 1] == '\r';
    if (crlf)
        line.text.n--;
    line.bare = (ended && !crlf) || span_find(line.text, '\r') < line.text.n;
    *at = line.next;
    *ret = line;
    return true;
}

struct lex lex_of(struct span s) {
    return (struct lex){s, 0};
}

bool lex_end(const struct lex *x) {
    return x->at >= x->s.n;
}

int lex_peek(const struct lex *x) {
    return lex_end(x) ? -1 : x->s.p[x->at];
}

bool lex_take(struct lex *x, uint8_t c) {
    if (lex_peek(x) != c)
        return false;
    x->at++;
    return true;
}

struct span lex_while(struct lex *x, bool (*is)(uint8_t)) {
    size_t start = x->at;
    while (x->at < x->s.n && is(x->s.p[x->at]))
        x->at++;
    return span_sub(x->s, start, x->at - start);
}

/* At the opening parenthesis; comments nest (RFC 5322 §3.2.2), counted instead of recursed into. */
static enum sd_err comment(struct lex *x, struct span *ret_inner) {
    size_t start = x->at + 1, depth = 0;
    for (; x->at < x->s.n; x->at++) {
        uint8_t c = x->s.p[x->at];
        if (c == '\\' && x->at + 1 < x->s.n)
            x->at++;
        else if (c == '(')
            depth++;
        else if (c == ')' && --depth == 0) {
            if (ret_inner)
                *ret_inner = span_sub(x->s, start, x->at - start);
            x->at++;
            return SD_OK;
        }
    }
    return SD_ERR_PARSE;
}

enum sd_err lex_cfws(struct lex *x, struct span *ret_comment) {
    for (;;) {
        (void)lex_while(x, lex_is_space);
        if (lex_peek(x) != '(')
            return SD_OK;
        enum sd_err err = comment(x, ret_comment);
        if (err)
            return err;
    }
}

enum sd_err lex_quoted(struct lex *x, struct span *ret) {
    size_t start = x->at + 1;
    for (size_t i = start; i < x->s.n; i++) {
        if (x->s.p[i] == '\\')
            i++;
        else if (x->s.p[i] == '"') {
            *ret = span_sub(x->s, start, i - start);
            x->at = i + 1;
            return SD_OK;
        }
    }
    return SD_ERR_PARSE;
}

struct span lex_lower_copy(struct span s, struct arena *arena) {
    uint8_t *p = arena_alloc(arena, s.n);
    if (!p)
        return SPAN_NONE;
    for (size_t i = 0; i < s.n; i++)
        p[i] = lex_lower(s.p[i]);
    return span_of(p, s.n);
}

/* Never longer than s. Returns the bytes written. */
static size_t unescape(struct span s, uint8_t *to) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\' && i + 1 < s.n)
            to[n++] = s.p[++i];
        else if (s.p[i] != '\r' && s.p[i] != '\n')
            to[n++] = s.p[i];
    }
    return n;
}

struct span lex_unescape(struct span s, struct arena *arena) {
    uint8_t *p = arena_alloc(arena, s.n);
    return p ? span_of(p, unescape(s, p)) : SPAN_NONE;
}

void lex_put_unescaped(struct span s, struct buf *to) {
    uint8_t *p = buf_reserve(to, s.n);
    if (p)
        buf_grew(to, unescape(s, p));
}
