#include "auth/look.h"
#include "auth/fold.h"
#include "auth/idn.h"
#include "auth/name.h"

static struct span without_hyphens(struct span s, struct arena *arena) {
    if (span_find(s, '-') == s.n)
        return s;
    uint8_t *to = arena_alloc(arena, s.n);
    size_t n = 0;
    for (size_t i = 0; to && i < s.n; i++)
        if (s.p[i] != '-')
            to[n++] = s.p[i];
    return span_of(to, n);
}

static uint32_t letters_in(struct span s) {
    uint32_t set = 0;
    for (size_t i = 0; i < s.n; i++)
        set |= UINT32_C(1) << (s.p[i] & 31);
    return set;
}

struct look look_at(struct span domain, struct arena *arena) {
    struct span unicode = idn_to_unicode(domain, arena);
    struct span org = psl_org_domain(domain, arena);
    struct span org_unicode = name_tail(unicode, name_labels(org));
    struct span written = span_sub(org_unicode, 0, span_find(org_unicode, '.'));
    struct span label = fold_domain(written, arena);
    return (struct look){
        .domain = domain,
        .folded = fold_domain(unicode, arena),
        .label = label,
        .bare = without_hyphens(label, arena),
        .label_letters = fold_letters(written),
        .ending = name_parent(org),
        .letters = letters_in(label),
        .is_international = !span_is_ascii(unicode),
    };
}

static const char *const services[] = {"support",  "help",     "helpdesk", "service", "services", "billing", "invoice",
                                       "invoices", "account",  "accounts", "login",   "signin",   "secure",  "security",
                                       "mail",     "email",    "team",     "info",    "online",   "pay",     "payment",
                                       "payments", "customer", "care",     "portal",  "verify",   "update",  "admin",
                                       "office",   "desk",     "app",      "web"};

bool look_is_service(struct span folded) {
    uint8_t word[FOLD_WORD_MAX];
    for (size_t i = 0; i < SD_COUNT(services); i++)
        if (span_eq(folded, span_of(word, fold_word(services[i], word))))
            return true;
    return false;
}

static struct span trim_hyphens(struct span s) {
    while (s.n && s.p[0] == '-')
        s = span_from(s, 1);
    while (s.n && s.p[s.n - 1] == '-')
        s.n--;
    return s;
}

struct span look_without_service(struct span label) {
    uint8_t bytes[FOLD_WORD_MAX];
    struct span best = label;
    for (size_t i = 0; i < SD_COUNT(services); i++) {
        struct span word = span_of(bytes, fold_word(services[i], bytes));
        if (word.n >= label.n || label.n - word.n > best.n)
            continue;
        if (span_ends(label, word))
            best = span_sub(label, 0, label.n - word.n);
        else if (span_starts(label, word))
            best = span_from(label, word.n);
    }
    return trim_hyphens(best);
}

bool look_is_documentation(struct span domain) {
    return name_is_under(domain, SPAN("example.com")) || name_is_under(domain, SPAN("example.net")) ||
           name_is_under(domain, SPAN("example.org"));
}
