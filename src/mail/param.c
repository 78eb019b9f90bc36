#include "mail/param.h"

#include "mail/charset.h"
#include "mail/lex.h"

static bool is_name_char(uint8_t c) {
    return lex_is_token(c);
}

static bool is_type_char(uint8_t c) {
    return lex_is_token(c) || c == '/';
}

/* An unquoted value as programs take it; what is not of a token makes it odd. */
static bool is_value_char(uint8_t c) {
    return c != ';' && c != '(' && !lex_is_space(c);
}

static bool is_not_semicolon(uint8_t c) {
    return c != ';';
}

static bool all_token(struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if (!lex_is_token(s.p[i]))
            return false;
    return true;
}

/* name, name*, name*3, name*3* (RFC 2231). */
static void split_name(struct param *p) {
    size_t star = span_find(p->name, '*');
    struct span suffix = span_from(p->name, star + 1);
    uint64_t section = 0;
    if (star == p->name.n)
        return;
    p->name.n = star;
    p->extended = suffix.n == 0 || span_ends(suffix, SPAN("*"));
    if (suffix.n && p->extended)
        suffix.n--;
    p->odd = suffix.n > 1 && suffix.p[0] == '0'; /* RFC 2231 §7: no leading zeros */
    if (suffix.n && span_to_u64(suffix, &section) == SD_OK && section < LIMIT_MIME_PARAMETERS)
        p->section = (int)section;
    else if (suffix.n || star == 0)
        p->odd = true;
}

/* Unquoted, but nothing in it means anything to a program that splits at semicolons, quotes or equals signs. */
static bool is_loose_value(const struct param *p) {
    const struct span sharp = SPAN("\"\\<>=");
    bool one_word = all_token(p->value) || (span_find(p->value, ' ') == p->value.n && span_find(p->value, '\t') == p->value.n);
    bool may_equal = one_word && span_ieq(p->name, SPAN("boundary")); /* boundary=----=_NextPart */
    for (size_t i = 0; i < p->value.n; i++) {
        uint8_t c = p->value.p[i];
        bool control = (c < ' ' && !lex_is_space(c)) || c == 0x7f;
        if (control || (span_find(sharp, c) < sharp.n && !(c == '=' && may_equal)))
            return false;
    }
    return true;
}

static enum sd_err skip_space(struct lex *x, struct param_field *f) {
    struct span comment = SPAN_NONE;
    enum sd_err err = lex_cfws(x, &comment);
    f->commented |= comment.p != NULL;
    return err;
}

static void read_value(struct lex *x, struct param_field *f, struct param *p) {
    size_t start = x->at;
    p->quoted = lex_peek(x) == '"';
    if (p->quoted && lex_quoted(x, &p->value) != SD_OK) {
        p->odd = true; /* no closing quote: the rest is the value, or only up to a semicolon */
        x->at++;
        p->value = lex_while(x, is_not_semicolon);
        return;
    }
    p->escaped = p->quoted && span_find(p->value, '\\') < p->value.n;
    if (!p->quoted)
        p->value = lex_while(x, is_value_char);
    struct span comment = SPAN_NONE;
    bool ended = lex_cfws(x, &comment) == SD_OK && (lex_end(x) || lex_peek(x) == ';');
    if (ended)
        f->commented |= comment.p != NULL;
    else
        (void)lex_while(x, is_not_semicolon); /* something goes on where the grammar ends it */
    if (!ended && !p->quoted)
        p->value = span_trim(span_sub(x->s, start, x->at - start));
    p->loose = !p->quoted && (p->value.n == 0 || !all_token(p->value));
    p->odd |= (!ended && p->quoted) || (p->loose && !is_loose_value(p));
}

static void read_param(struct lex *x, struct param_field *f) {
    struct param p = {.section = -1};
    p.name = lex_while(x, is_name_char);
    if (skip_space(x, f) != SD_OK || p.name.n == 0 || !lex_take(x, '=') || skip_space(x, f) != SD_OK) {
        f->odd = true;
        (void)lex_while(x, is_not_semicolon);
        return;
    }
    split_name(&p);
    read_value(x, f, &p);
    f->odd |= p.odd;
    if (f->count < SD_COUNT(f->params))
        f->params[f->count++] = p;
    else
        f->odd = true;
}

void param_read(struct span body, struct param_field *ret) {
    struct lex x = lex_of(body);
    ret->count = 0;
    ret->commented = false;
    ret->odd = skip_space(&x, ret) != SD_OK;
    ret->value = lex_while(&x, is_type_char);
    for (;;) {
        if (skip_space(&x, ret) != SD_OK)
            ret->odd = true;
        if (!lex_end(&x) && lex_peek(&x) != ';') {
            ret->odd = true;
            (void)lex_while(&x, is_not_semicolon);
        }
        if (!lex_take(&x, ';'))
            return;
        if (skip_space(&x, ret) == SD_OK && !lex_end(&x) && lex_peek(&x) != ';')
            read_param(&x, ret);
    }
}

/* False: a percent sign that begins no escape. */
static bool put_percent(struct span s, struct buf *to) {
    bool well = true;
    for (size_t i = 0; i < s.n; i++) {
        int high = i + 2 < s.n ? lex_hex(s.p[i + 1]) : -1, low = i + 2 < s.n ? lex_hex(s.p[i + 2]) : -1;
        bool escaped = s.p[i] == '%' && high >= 0 && low >= 0;
        well &= escaped || s.p[i] != '%';
        buf_byte(to, (uint8_t)(escaped ? high << 4 | low : s.p[i]));
        i += escaped ? 2 : 0;
    }
    return well;
}

/* charset'language'text of a first extended section (RFC 2231 §4); false when the quotes are missing. */
static bool split_charset(struct span value, struct span *ret_charset, struct span *ret_text) {
    size_t first = span_find(value, '\'');
    struct span rest = span_from(value, first + 1);
    size_t second = span_find(rest, '\'');
    if (first == value.n || second == rest.n) {
        *ret_charset = SPAN_NONE;
        *ret_text = value;
        return false;
    }
    *ret_charset = span_sub(value, 0, first);
    *ret_text = span_from(rest, second + 1);
    return true;
}

static const struct param *find_section(const struct param_field *f, struct span name, int section, bool extended_only) {
    for (size_t i = 0; i < f->count; i++) {
        const struct param *p = &f->params[i];
        if (p->section == section && span_ieq(p->name, name) && (!extended_only || p->extended))
            return p;
    }
    return NULL;
}

static bool put_section(const struct param *p, struct span value, struct buf *to) {
    if (p->extended)
        return put_percent(value, to);
    if (p->quoted)
        lex_put_unescaped(value, to);
    else
        buf_put(to, value);
    return true;
}

/* name* alone, or name*0 name*1 … joined in the order of their numbers (RFC 2231 §3). */
static struct span join(const struct param_field *f, struct span name, const struct param *first, struct arena *arena,
                        bool *odd) {
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(LIMIT_HEADER_BYTES);
    struct buf text SD_CLEANUP(buf_free) = buf_new(4 * LIMIT_HEADER_BYTES);
    struct span charset = SPAN_NONE, value = first->value;
    if (first->extended && !split_charset(first->value, &charset, &value))
        *odd = true;
    *odd |= !put_section(first, value, &bytes);
    for (int section = 1; first->section == 0; section++) {
        const struct param *p = find_section(f, name, section, false);
        if (!p)
            break;
        *odd |= p->odd;
        *odd |= !put_section(p, p->value, &bytes);
    }
    *odd |= charset_put(buf_span(&bytes), charset, &text) != 0;
    return arena_span(arena, buf_span(&text));
}

enum sd_err param_get(const struct param_field *f, struct span name, struct arena *arena, struct param_value *ret) {
    struct param_value v = {.plain_count = 0};
    int sections[LIMIT_MIME_PARAMETERS] = {0}, last = -1, count = 0;
    for (size_t i = 0; i < f->count; i++) {
        const struct param *p = &f->params[i];
        if (!span_ieq(p->name, name))
            continue;
        v.odd |= p->odd;
        v.loose |= p->loose;
        v.escaped |= p->escaped;
        if (p->section >= 0) {
            v.odd |= sections[p->section]++ > 0; /* a section given twice */
            last = p->section > last ? p->section : last;
            count++;
        }
        if (p->section < 0 && !p->extended && v.plain_count++ == 0) {
            v.raw = p->value;
            v.plain = p->quoted ? lex_unescape(p->value, arena) : p->value;
        }
        v.extended_count += (p->section < 0 && p->extended) || p->section == 0;
    }
    struct lex token = lex_of(v.plain);
    v.token = v.loose ? lex_while(&token, lex_is_token) : v.plain;
    v.odd |= count != last + 1; /* a section is missing */
    const struct param *first = find_section(f, name, -1, true);
    v.odd |= first && count; /* name* and name*0 */
    if (!first)
        first = find_section(f, name, 0, false);
    if (first)
        v.extended = join(f, name, first, arena, &v.odd);
    if (arena_err(arena))
        return arena_err(arena);
    *ret = v;
    return SD_OK;
}
