#include "mail/mailbox.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/limits.h"

#define LOCAL_MAX_BYTES 64    /* RFC 5321 §4.5.3.1.1, with its quotes */
#define MAILBOX_MAX_BYTES 254 /* RFC 5321 §4.5.3.1.3: a path of 256 with its brackets */
#define LABEL_MAX_BYTES 63

/* Text put together from words; overflow is sticky. */
struct text {
    uint8_t p[LIMIT_ADDRESS_BYTES];
    size_t n;
    enum sd_err err;
};

static void put(struct text *t, struct span s) {
    if (t->n + s.n > sizeof t->p) {
        t->err = SD_ERR_LIMIT;
        return;
    }
    if (s.n)
        memcpy(t->p + t->n, s.p, s.n);
    t->n += s.n;
}

static struct span span_text(const struct text *t) {
    return span_of(t->p, t->n);
}

/* What the reader allows: header fields have comments and white space around dots (RFC 5322 §4.4), SMTP has not. */
enum form { FORM_HEADER, FORM_SMTP };

static enum sd_err skip(struct lex *x, enum form form) {
    return form == FORM_HEADER ? lex_cfws(x, NULL) : SD_OK;
}

/* qtext and quoted-pair (RFC 5322 §3.2.1, §3.2.4; RFC 5321 §4.1.2): no controls, and in SMTP no tab. */
static enum sd_err put_quoted(struct lex *x, enum form form, struct text *t) {
    struct span inner;
    enum sd_err err = lex_quoted(x, &inner);
    for (size_t i = 0; err == SD_OK && i < inner.n; i++) {
        uint8_t c = inner.p[i];
        bool escaped = c == '\\' && i + 1 < inner.n;
        if (escaped)
            c = inner.p[++i];
        if (form == FORM_HEADER && !escaped && (c == '\r' || c == '\n'))
            continue;
        if ((c < ' ' && !(form == FORM_HEADER && c == '\t')) || c == 0x7f)
            err = SD_ERR_PARSE;
        put(t, span_of(&c, 1));
    }
    return err;
}

static enum sd_err read_local(struct lex *x, enum form form, struct text *t, bool *ret_quoted) {
    *ret_quoted = false;
    for (;;) {
        enum sd_err err = skip(x, form);
        if (err)
            return err;
        if (lex_peek(x) == '"') {
            if (form == FORM_SMTP && t->n)
                return SD_ERR_PARSE; /* RFC 5321 §4.1.2: Quoted-string stands alone; RFC 5322 §4.4 has word *("." word) */
            *ret_quoted = true;
            err = put_quoted(x, form, t);
        } else {
            struct span atom = lex_while(x, lex_is_atext);
            put(t, atom);
            err = atom.n ? SD_OK : SD_ERR_PARSE;
        }
        if (err == SD_OK)
            err = skip(x, form);
        if (err || lex_take(x, '@'))
            return err;
        if ((form == FORM_SMTP && *ret_quoted) || !lex_take(x, '.'))
            return SD_ERR_PARSE;
        put(t, SPAN("."));
    }
}

/* RFC 5321 §4.1.3: IPv4 in dots, or "IPv6:" and an address. */
static bool is_address_literal(struct span inner) {
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    bool v6 = span_istarts(inner, SPAN("IPv6:"));
    struct span number = v6 ? span_from(inner, 5) : inner;
    if (number.n == 0 || number.n >= sizeof text || !span_is_ascii(number))
        return false;
    memcpy(text, number.p, number.n);
    text[number.n] = 0;
    return inet_pton(v6 ? AF_INET6 : AF_INET, text, &address) == 1;
}

/* RFC 5322 §3.4.1 domain-literal without obsolete forms. */
static enum sd_err read_literal(struct lex *x, enum form form, struct text *t) {
    struct span inner = span_sub(x->s, x->at + 1, span_find(span_from(x->s, x->at + 1), ']'));
    if (x->at + 1 + inner.n >= x->s.n)
        return SD_ERR_PARSE;
    for (size_t i = 0; i < inner.n; i++)
        if (inner.p[i] < 33 || inner.p[i] > 126 || inner.p[i] == '[' || inner.p[i] == '\\')
            return SD_ERR_PARSE;
    if (form == FORM_SMTP && !is_address_literal(inner))
        return SD_ERR_PARSE;
    put(t, SPAN("["));
    put(t, inner);
    put(t, SPAN("]"));
    x->at += inner.n + 2;
    return SD_OK;
}

/* No domain name has one (RFC 1035 §2.3.1), though the dot-atom of RFC 5322 §3.4.1 would. */
static bool has_outer_hyphen(struct span label) {
    return label.n && (label.p[0] == '-' || label.p[label.n - 1] == '-');
}

/* RFC 5321 §4.1.2 sub-domain, with the underscore that the DNS has and U-labels (RFC 6531 §3.3). */
static bool is_host_label(struct span label) {
    for (size_t i = 0; i < label.n; i++) {
        uint8_t c = lex_lower(label.p[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c >= 0x80))
            return false;
    }
    return label.n > 0 && label.n <= LABEL_MAX_BYTES;
}

static enum sd_err read_domain(struct lex *x, enum form form, struct text *t) {
    enum sd_err err = skip(x, form);
    if (err)
        return err;
    if (lex_peek(x) == '[')
        return read_literal(x, form, t);
    for (;;) {
        struct span label = lex_while(x, lex_is_atext);
        if (label.n == 0 || has_outer_hyphen(label) || (form == FORM_SMTP && !is_host_label(label)))
            return SD_ERR_PARSE;
        put(t, label);
        size_t end = x->at;
        err = skip(x, form);
        if (err)
            return err;
        if (!lex_take(x, '.')) {
            x->at = end; /* a comment behind it may be a name: left to the caller */
            return SD_OK;
        }
        put(t, SPAN("."));
        err = skip(x, form);
        if (err)
            return err;
    }
}

static bool is_dot_atom(struct span s) {
    bool dot = true; /* none at the start, the end, or after another */
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.' ? dot : !lex_is_atext(s.p[i]))
            return false;
        dot = s.p[i] == '.';
    }
    return !dot;
}

/* local@domain in one spelling: quotes only where they are needed. */
static struct span spell(struct span local, struct span domain, struct arena *arena) {
    uint8_t *p = arena_alloc(arena, 2 * local.n + domain.n + 3), *to = p;
    if (!p)
        return SPAN_NONE;
    bool quote = !is_dot_atom(local);
    if (quote)
        *to++ = '"';
    for (size_t i = 0; i < local.n; i++) {
        if (local.p[i] == '"' || local.p[i] == '\\')
            *to++ = '\\';
        *to++ = local.p[i];
    }
    if (quote)
        *to++ = '"';
    *to++ = '@';
    memcpy(to, domain.p, domain.n);
    return span_of(p, (size_t)(to - p) + domain.n);
}

/* RFC 2047 §5 forbids encoded words here; some programs decode them all the same, so there is more than one reading. */
static bool has_encoded_word(struct span s) {
    s = span_from(s, span_search(s, SPAN("=?")) + 2);
    return span_search(s, SPAN("?=")) < s.n;
}

static enum sd_err finish(const struct text *local, const struct text *domain, struct arena *arena, struct mail_address *ret) {
    if (local->err || domain->err || local->n + 1 + domain->n > LIMIT_ADDRESS_BYTES)
        return SD_ERR_LIMIT;
    struct span l = span_text(local), d = span_text(domain);
    if ((l.n && !span_is_utf8(l)) || !span_is_utf8(d) || has_encoded_word(l) || has_encoded_word(d))
        return SD_ERR_PARSE;
    struct mail_address address = {.local = arena_span(arena, l), .domain = lex_lower_copy(d, arena)};
    address.address = spell(address.local, address.domain, arena);
    if (arena_err(arena))
        return arena_err(arena);
    *ret = address;
    return SD_OK;
}

static enum sd_err read_mailbox(struct lex *x, enum form form, struct arena *arena, struct mail_address *ret) {
    struct text local = {.n = 0}, domain = {.n = 0};
    bool quoted = false;
    size_t start = x->at;
    enum sd_err err = read_local(x, form, &local, &quoted);
    size_t local_bytes = x->at - start - (err ? 0 : 1);
    if (err == SD_OK)
        err = read_domain(x, form, &domain);
    bool too_long = local_bytes > LOCAL_MAX_BYTES || domain.n > LIMIT_DOMAIN_BYTES || x->at - start > MAILBOX_MAX_BYTES;
    if (err == SD_OK && form == FORM_SMTP && too_long)
        err = SD_ERR_LIMIT;
    if (err == SD_OK && local.n == 0 && !quoted)
        err = SD_ERR_PARSE;
    return err ? err : finish(&local, &domain, arena, ret);
}

enum sd_err mailbox_read(struct lex *x, struct arena *arena, struct mail_address *ret) {
    return read_mailbox(x, FORM_HEADER, arena, ret);
}

enum sd_err mail_parse_mailbox(struct span text, struct arena *arena, struct mail_address *ret) {
    struct lex x = lex_of(text);
    struct mail_address address;
    enum sd_err err = read_mailbox(&x, FORM_SMTP, arena, &address);
    if (err == SD_OK && !lex_end(&x))
        err = SD_ERR_PARSE;
    if (err == SD_OK)
        *ret = address;
    return err;
}
