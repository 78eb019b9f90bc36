#include "auth/authres_lex.h"

#define COMMENT_MAX_DEPTH 32

bool authres_is_fws(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* RFC 2045 token, which RFC 8601 takes for values. */
static bool is_token(uint8_t c) {
    struct span tspecials = SPAN("()<>@,;:\\\"/[]?=");
    return c > 0x20 && c < 0x7f && span_find(tspecials, c) == tspecials.n;
}

/* A comment with all inside it, rest at its "("; false when it does not end. */
static bool skip_comment(struct span *rest) {
    unsigned depth = 0;
    for (size_t i = 0; i < rest->n; i++) {
        if (rest->p[i] == '\\')
            i++;
        else if (rest->p[i] == '(' && ++depth > COMMENT_MAX_DEPTH)
            return false;
        else if (rest->p[i] == ')' && --depth == 0) {
            *rest = span_from(*rest, i + 1);
            return true;
        }
    }
    return false;
}

bool authres_skip_cfws(struct span *rest) {
    while (rest->n && (authres_is_fws(rest->p[0]) || rest->p[0] == '(')) {
        if (authres_is_fws(rest->p[0]))
            *rest = span_from(*rest, 1);
        else if (!skip_comment(rest))
            return false;
    }
    return true;
}

struct span authres_quoted(struct span s) {
    for (size_t i = 1; i < s.n && s.p[0] == '"'; i++) {
        if (s.p[i] == '"')
            return span_sub(s, 0, i + 1);
        if (s.p[i] == '\\')
            i++;
    }
    return SPAN_NONE;
}

/* RFC 5322 §3.2.4: neither quotes nor escaping backslashes nor the line end of a fold are part of the value. */
static enum sd_err take_quoted(struct span *rest, struct arena *arena, struct span *ret) {
    struct span quoted = authres_quoted(*rest);
    uint8_t *to = quoted.n ? arena_alloc(arena, quoted.n) : NULL;
    size_t n = 0;
    if (quoted.n == 0)
        return SD_ERR_PARSE;
    if (!to)
        return SD_ERR_NOMEM;
    for (size_t i = 1; i + 1 < quoted.n; i++) {
        if (quoted.p[i] == '\r' || quoted.p[i] == '\n')
            continue;
        if (quoted.p[i] == '\\')
            i++;
        to[n++] = quoted.p[i];
    }
    *rest = span_from(*rest, quoted.n);
    *ret = span_of(to, n);
    return SD_OK;
}

enum sd_err authres_take_value(struct span *rest, struct arena *arena, struct span *ret) {
    size_t n = 0;
    if (rest->n && rest->p[0] == '"')
        return take_quoted(rest, arena, ret);
    while (n < rest->n && is_token(rest->p[n]))
        n++;
    *ret = span_sub(*rest, 0, n);
    *rest = span_from(*rest, n);
    return n ? SD_OK : SD_ERR_PARSE;
}

bool authres_balanced(struct span rest) {
    while (rest.n) {
        struct span quoted = authres_quoted(rest);
        if (rest.p[0] == '(') {
            if (!skip_comment(&rest))
                return false;
            continue;
        }
        if (rest.p[0] == ')' || (rest.p[0] == '"' && quoted.n == 0))
            return false;
        rest = span_from(rest, quoted.n ? quoted.n : 1);
    }
    return true;
}
