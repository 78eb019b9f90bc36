/* RFC 7208 §4.5, §4.6 and §12: the record's grammar. */
#include "auth/spf.h"

#include <arpa/inet.h>
#include <string.h>

enum argument { ARGUMENT_NONE, ARGUMENT_DOMAIN, ARGUMENT_DOMAIN_OPTIONAL, ARGUMENT_DOMAIN_CIDR, ARGUMENT_IP4, ARGUMENT_IP6 };

static const struct {
    const char *name;
    enum spf_mechanism mechanism;
    enum argument argument;
} mechanisms[] = {
    {"all", SPF_ALL, ARGUMENT_NONE},      {"include", SPF_INCLUDE, ARGUMENT_DOMAIN},  {"a", SPF_A, ARGUMENT_DOMAIN_CIDR},
    {"mx", SPF_MX, ARGUMENT_DOMAIN_CIDR}, {"ptr", SPF_PTR, ARGUMENT_DOMAIN_OPTIONAL}, {"ip4", SPF_IP4, ARGUMENT_IP4},
    {"ip6", SPF_IP6, ARGUMENT_IP6},       {"exists", SPF_EXISTS, ARGUMENT_DOMAIN},
};

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

static bool is_alpha(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ); its length, 0 when there is none. */
static size_t name_length(struct span s) {
    size_t n = 0;
    if (s.n == 0 || !is_alpha(s.p[0]))
        return 0;
    while (n < s.n && (is_alpha(s.p[n]) || is_digit(s.p[n]) || s.p[n] == '-' || s.p[n] == '_' || s.p[n] == '.'))
        n++;
    return n;
}

/* A prefix length: no leading zero, at most max. */
static enum sd_err prefix_length(struct span digits, unsigned max, unsigned *ret) {
    uint64_t value;
    if (span_to_u64(digits, &value) || value > max || (digits.n > 1 && digits.p[0] == '0'))
        return SD_ERR_PARSE;
    *ret = (unsigned)value;
    return SD_OK;
}

/* Where "/digits" at the end begins, or s.n. */
static size_t slash_digits(struct span s) {
    size_t at = s.n;
    while (at > 0 && is_digit(s.p[at - 1]))
        at--;
    return at < s.n && at > 0 && s.p[at - 1] == '/' ? at - 1 : s.n;
}

/* dual-cidr-length = [ "/" ip4 ] [ "//" ip6 ], cut off the end of the argument. */
static enum sd_err cut_dual_cidr(struct span *argument, struct spf_term *term) {
    enum sd_err err = SD_OK;
    size_t at = slash_digits(*argument);
    if (at < argument->n && at > 0 && argument->p[at - 1] == '/') {
        err = prefix_length(span_from(*argument, at + 1), 128, &term->bits6);
        argument->n = at - 1;
        at = slash_digits(*argument);
    }
    if (err == SD_OK && at < argument->n) {
        err = prefix_length(span_from(*argument, at + 1), 32, &term->bits4);
        argument->n = at;
    }
    return err;
}

static enum sd_err parse_ip(struct span text, int family, unsigned max_bits, uint8_t *to, unsigned *bits) {
    char copy[64];
    size_t slash = span_find(text, '/');
    enum sd_err err = slash < text.n ? prefix_length(span_from(text, slash + 1), max_bits, bits) : SD_OK;
    struct span address = span_sub(text, 0, slash);
    if (err || address.n == 0 || address.n >= sizeof copy || span_find(address, 0) < address.n)
        return SD_ERR_PARSE;
    memcpy(copy, address.p, address.n);
    copy[address.n] = 0;
    return inet_pton(family, copy, to) == 1 ? SD_OK : SD_ERR_PARSE;
}

static enum sd_err parse_domain(struct span argument, bool required, struct spf_term *term) {
    if (argument.n == 0)
        return required ? SD_ERR_PARSE : SD_OK;
    term->domain_spec = span_from(argument, 1);
    return argument.p[0] == ':' && spf_domain_spec_ok(term->domain_spec) ? SD_OK : SD_ERR_PARSE;
}

/* argument: what follows the mechanism's name, with its ":" or "/". */
static enum sd_err parse_argument(struct span argument, enum argument kind, struct spf_term *term) {
    bool colon = argument.n && argument.p[0] == ':';
    enum sd_err err;
    switch (kind) {
    case ARGUMENT_NONE:
        return argument.n ? SD_ERR_PARSE : SD_OK;
    case ARGUMENT_DOMAIN:
        return parse_domain(argument, true, term);
    case ARGUMENT_DOMAIN_OPTIONAL:
        return parse_domain(argument, false, term);
    case ARGUMENT_DOMAIN_CIDR:
        err = cut_dual_cidr(&argument, term);
        return err ? err : parse_domain(argument, false, term);
    case ARGUMENT_IP4:
        return colon ? parse_ip(span_from(argument, 1), AF_INET, 32, term->ip, &term->bits4) : SD_ERR_PARSE;
    case ARGUMENT_IP6:
        return colon ? parse_ip(span_from(argument, 1), AF_INET6, 128, term->ip, &term->bits6) : SD_ERR_PARSE;
    }
    return SD_ERR_PARSE;
}

static enum auth_result take_qualifier(struct span *text) {
    static const struct {
        char sign;
        enum auth_result result;
    } signs[] = {{'+', AUTH_PASS}, {'-', AUTH_FAIL}, {'~', AUTH_SOFTFAIL}, {'?', AUTH_NEUTRAL}};
    for (size_t i = 0; i < SD_COUNT(signs); i++)
        if (text->n && text->p[0] == signs[i].sign) {
            *text = span_from(*text, 1);
            return signs[i].result;
        }
    return AUTH_PASS;
}

static enum sd_err parse_directive(struct span text, struct spf_term *term) {
    *term = (struct spf_term){.bits4 = 32, .bits6 = 128, .qualifier = take_qualifier(&text)};
    struct span name = span_sub(text, 0, name_length(text));
    for (size_t i = 0; i < SD_COUNT(mechanisms); i++)
        if (span_ieq(name, span_cstr(mechanisms[i].name))) {
            term->mechanism = mechanisms[i].mechanism;
            return parse_argument(span_from(text, name.n), mechanisms[i].argument, term);
        }
    return SD_ERR_PARSE;
}

/* §6: redirect and exp at most once each; others are ignored, if they are well-formed. */
static enum sd_err parse_modifier(struct span name, struct span value, struct spf_record *record) {
    struct span *known = span_ieq(name, SPAN("redirect")) ? &record->redirect
                         : span_ieq(name, SPAN("exp"))    ? &record->exp
                                                          : NULL;
    if (!known)
        return spf_macro_ok(value, true) ? SD_OK : SD_ERR_PARSE;
    if (known->n || !spf_domain_spec_ok(value))
        return SD_ERR_PARSE;
    *known = value;
    return SD_OK;
}

static enum sd_err parse_term(struct span text, struct spf_record *record, struct spf_term *terms) {
    size_t n = name_length(text);
    if (n && n < text.n && text.p[n] == '=')
        return parse_modifier(span_sub(text, 0, n), span_from(text, n + 1), record);
    enum sd_err err = parse_directive(text, &terms[record->count]);
    if (err == SD_OK)
        record->count++;
    return err;
}

enum sd_err spf_parse(struct span text, struct arena *arena, struct spf_record *ret, struct span *ret_bad) {
    struct spf_record record = {0};
    struct span term;
    if (text.n > SPF_MAX_RECORD_BYTES) {
        *ret_bad = SPAN("(too long)");
        return SD_ERR_PARSE;
    }
    struct spf_term *terms = arena_array(arena, text.n / 2 + 1, sizeof *terms);
    if (!terms)
        return SD_ERR_NOMEM;
    struct span_split split = span_split_start(text);
    (void)span_split_next(&split, ' ', &term); /* the version */
    while (span_split_next(&split, ' ', &term)) {
        if (term.n == 0)
            continue; /* 1*SP between terms */
        enum sd_err err = parse_term(term, &record, terms);
        if (err) {
            *ret_bad = term;
            return err;
        }
    }
    record.terms = terms;
    *ret = record;
    return SD_OK;
}
