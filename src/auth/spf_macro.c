/* RFC 7208 §7: macros, and §5.5's validated names, which %{p} needs. */
#include "auth/name.h"
#include "auth/spf.h"

#include <arpa/inet.h>

#define MACRO_MAX_PARTS 128 /* labels of a 253-byte name */

struct macro {
    uint8_t letter; /* lower case; 0: a literal */
    bool url;       /* upper-case letter: URL-escaped */
    bool reverse;
    uint64_t keep; /* rightmost parts, 0: all */
    struct span delimiters;
    struct span literal; /* "%" "_" "-" escapes, or a run of plain text */
};

static bool in(struct span set, uint8_t c) {
    return span_find(set, c) < set.n;
}

/* macro-expand after "%{": letter transformers *delimiter "}" */
static bool take_expand(struct span *rest, bool explain, struct macro *m) {
    size_t close = span_find(*rest, '}');
    struct span inside = span_sub(*rest, 0, close);
    if (close == rest->n || inside.n == 0)
        return false;
    uint8_t letter = inside.p[0];
    m->url = letter >= 'A' && letter <= 'Z';
    m->letter = m->url ? (uint8_t)(letter + 32) : letter;
    if (!in(explain ? SPAN("slodiphvcrt") : SPAN("slodiphv"), m->letter))
        return false;
    size_t digits = 1;
    while (digits < inside.n && inside.p[digits] >= '0' && inside.p[digits] <= '9')
        digits++;
    if (digits > 1 && (span_to_u64(span_sub(inside, 1, digits - 1), &m->keep) || m->keep == 0))
        return false;
    m->reverse = digits < inside.n && (inside.p[digits] | 0x20) == 'r';
    m->delimiters = span_from(inside, digits + m->reverse);
    for (size_t i = 0; i < m->delimiters.n; i++)
        if (!in(SPAN(".-+,/_="), m->delimiters.p[i]))
            return false;
    *rest = span_from(*rest, close + 1);
    return true;
}

static bool take_escape(struct span *rest, struct macro *m) {
    uint8_t c = rest->n ? rest->p[0] : 0;
    if (c == '%')
        m->literal = SPAN("%");
    else if (c == '_')
        m->literal = SPAN(" ");
    else if (c == '-')
        m->literal = SPAN("%20");
    else
        return false;
    *rest = span_from(*rest, 1);
    return true;
}

/* The next element of a macro-string; false on a syntax error. */
static bool take(struct span *rest, bool explain, struct macro *m) {
    *m = (struct macro){0};
    if (rest->p[0] == '%') {
        *rest = span_from(*rest, 1);
        if (rest->n && rest->p[0] == '{') {
            *rest = span_from(*rest, 1);
            return take_expand(rest, explain, m);
        }
        return take_escape(rest, m);
    }
    m->literal = span_sub(*rest, 0, span_find(*rest, '%'));
    for (size_t i = 0; i < m->literal.n; i++) {
        uint8_t c = m->literal.p[i];
        if ((c < 0x21 && !(explain && c == ' ')) || c > 0x7e)
            return false;
    }
    *rest = span_from(*rest, m->literal.n);
    return true;
}

bool spf_macro_ok(struct span text, bool explain) {
    struct macro m;
    while (text.n)
        if (!take(&text, explain, &m))
            return false;
    return true;
}

static bool is_alnum(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* toplabel: alphanumeric and hyphens inside, not digits alone. */
static bool toplabel_ok(struct span label) {
    bool only_digits = true;
    for (size_t i = 0; i < label.n; i++) {
        if (!is_alnum(label.p[i]) && label.p[i] != '-')
            return false;
        only_digits = only_digits && label.p[i] >= '0' && label.p[i] <= '9';
    }
    return label.n && !only_digits && label.p[0] != '-' && label.p[label.n - 1] != '-';
}

/* domain-spec = macro-string domain-end; domain-end = "." toplabel [ "." ] / macro-expand */
bool spf_domain_spec_ok(struct span text) {
    struct macro m = {0};
    bool plain_end = false;
    for (struct span rest = text; rest.n;) {
        plain_end = rest.p[0] != '%';
        if (!take(&rest, false, &m))
            return false;
    }
    if (!plain_end)
        return text.n > 0;
    struct span tail = name_undot(m.literal);
    size_t dot = span_rfind(tail, '.');
    return dot < tail.n && toplabel_ok(span_from(tail, dot + 1));
}

static void put_nibbles(const uint8_t ip[16], struct buf *to) {
    for (size_t i = 0; i < 16; i++)
        buf_printf(to, i ? ".%X.%X" : "%X.%X", ip[i] >> 4, ip[i] & 15);
}

static void put_ip(const struct spf_context *c, struct buf *to) {
    if (c->is_v4)
        buf_printf(to, "%u.%u.%u.%u", c->ip[12], c->ip[13], c->ip[14], c->ip[15]);
    else
        put_nibbles(c->ip, to);
}

/* %{c}: readable, for explanations only. */
static void put_readable_ip(const struct spf_context *c, struct buf *to) {
    if (c->is_v4) {
        put_ip(c, to);
        return;
    }
    char text[INET6_ADDRSTRLEN];
    buf_text(to, inet_ntop(AF_INET6, c->ip, text, sizeof text) ? text : "");
}

static void put_value(struct spf_context *c, struct span domain, uint8_t letter, struct buf *to) {
    struct span name;
    switch (letter) {
    case 's':
        buf_put(to, c->local);
        buf_byte(to, '@');
        buf_put(to, c->sender_domain);
        return;
    case 'l':
        buf_put(to, c->local);
        return;
    case 'o':
        buf_put(to, c->sender_domain);
        return;
    case 'd':
        buf_put(to, domain);
        return;
    case 'h':
        buf_put(to, c->helo);
        return;
    case 'i':
        put_ip(c, to);
        return;
    case 'v':
        buf_text(to, c->is_v4 ? "in-addr" : "ip6");
        return;
    case 'p':
        name = spf_validated_name(c, domain, false);
        buf_put(to, name.n ? name : SPAN("unknown"));
        return;
    case 'c':
        put_readable_ip(c, to);
        return;
    case 'r':
        buf_put(to, c->receiver.n ? c->receiver : SPAN("unknown"));
        return;
    default:
        buf_printf(to, "%lld", (long long)(clock_unix_ms() / 1000)); /* t */
    }
}

static void put_escaped(struct span s, bool url, struct buf *to) {
    for (size_t i = 0; i < s.n; i++)
        if (!url || is_alnum(s.p[i]) || in(SPAN("-._~"), s.p[i]))
            buf_byte(to, s.p[i]);
        else
            buf_printf(to, "%%%02X", s.p[i]);
}

/* Splits at the delimiters, keeps the rightmost parts, joins with "." (§7.3). */
static void put_transformed(struct span value, const struct macro *m, struct buf *to) {
    struct span parts[MACRO_MAX_PARTS];
    size_t count = 0;
    size_t start = 0;
    struct span delimiters = m->delimiters.n ? m->delimiters : SPAN(".");
    for (size_t i = 0; i <= value.n && count < MACRO_MAX_PARTS; i++)
        if (i == value.n || in(delimiters, value.p[i])) {
            parts[count++] = span_sub(value, start, i - start);
            start = i + 1;
        }
    if (start <= value.n)
        buf_fail(to, SD_ERR_LIMIT); /* more parts than any name has */
    size_t keep = m->keep && m->keep < count ? (size_t)m->keep : count;
    for (size_t i = 0; i < keep; i++) {
        /* Reversal comes before the cut, so "rightmost" counts in the reversed order. */
        size_t at = m->reverse ? keep - 1 - i : count - keep + i;
        if (i)
            buf_byte(to, '.');
        put_escaped(parts[at], m->url, to);
    }
}

void spf_expand(struct spf_context *c, struct span domain, struct span text, bool explain, struct buf *to) {
    struct buf value SD_CLEANUP(buf_free) = buf_new(SPF_MAX_EXPANDED_BYTES);
    struct macro m;
    while (text.n && take(&text, explain, &m)) {
        if (!m.letter) {
            buf_put(to, m.literal);
            continue;
        }
        buf_reset(&value);
        put_value(c, domain, m.letter, &value);
        put_transformed(buf_span(&value), &m, to);
        if (buf_err(&value))
            buf_fail(to, buf_err(&value));
    }
}

/* 2: the target itself, 1: below it, 0: elsewhere (§7.3 on %{p}). */
static int suits(struct span name, struct span target) {
    return span_ieq(name, target) ? 2 : name_is_under(name, target) ? 1 : 0;
}

struct span spf_validated_name(struct spf_context *c, struct span target, bool exact) {
    struct span best = SPAN_NONE;
    int best_suits = exact ? 0 : -1;
    struct span reverse = name_reverse(c->ip, c->arena);
    struct dns_answer names = spf_ask(c, reverse, DNS_PTR);
    if (exact)
        spf_count_void(c, reverse, &names);
    /* §5.5: an error while asking means no name; only the first ten names count */
    for (size_t i = 0; i < names.count && i < SPF_MAX_PTR; i++) {
        struct span name;
        if (dns_name_text(names.records[i], c->arena, &name) || suits(name, target) <= best_suits)
            continue;
        struct dns_answer addresses = spf_ask(c, name, c->is_v4 ? DNS_A : DNS_AAAA);
        if (exact)
            spf_count_void(c, name, &addresses);
        if (spf_has_client(c, &addresses, 32, 128)) {
            best = name;
            best_suits = suits(name, target);
        }
    }
    return best;
}
