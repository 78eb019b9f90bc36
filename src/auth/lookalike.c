#include "auth/lookalike.h"
#include "auth/idn.h"
#include "auth/name.h"

#include <pthread.h>
#include <unicode/uspoof.h>

#define BRAND_MIN_LETTERS 4  /* shorter names are words and initials that many share */
#define ENDING_MIN_LETTERS 5 /* the same name under another ending */
#define EDIT_MAX_UNITS 80    /* code points of a folded label: 63, some of which become two */

static USpoofChecker *checker; /* read-only once opened: uspoof_getSkeletonUTF8 takes it const */
static pthread_once_t checker_once = PTHREAD_ONCE_INIT;

static void open_checker(void) {
    UErrorCode status = U_ZERO_ERROR;
    checker = uspoof_open(&status);
    if (U_FAILURE(status))
        checker = NULL;
}

/* Accents: U+0300 to U+036F, which the skeleton leaves behind as marks of their own. */
static bool is_mark(const char *p) {
    uint8_t a = (uint8_t)p[0];
    uint8_t b = (uint8_t)p[1];
    return (a == 0xcc && b >= 0x80) || (a == 0xcd && b <= 0xaf && b >= 0x80);
}

/* How a name reads: skeleton (0 and O, 1 and l, rn and m …), no accents, lower case. The name itself when ICU cannot say. */
static struct span fold(struct span unicode, struct arena *arena) {
    UErrorCode status = U_ZERO_ERROR;
    char skeleton[2048];
    (void)pthread_once(&checker_once, open_checker);
    int32_t n = checker && unicode.n < sizeof skeleton / 4
                    ? uspoof_getSkeletonUTF8(checker, 0, (const char *)unicode.p, (int32_t)unicode.n, skeleton,
                                             (int32_t)sizeof skeleton - 1, &status)
                    : -1;
    if (n < 0 || U_FAILURE(status))
        return name_lower(unicode, arena);
    size_t used = 0;
    skeleton[n] = 0;
    for (size_t i = 0; i < (size_t)n; i++) {
        if (is_mark(skeleton + i)) {
            i++;
            continue;
        }
        skeleton[used++] = skeleton[i];
    }
    return name_lower(span_of(skeleton, used), arena);
}

struct look {
    struct span domain;
    struct span folded;   /* the whole domain */
    struct span label;    /* first label of the registrable domain, folded */
    size_t label_letters; /* as written: folding makes one m two letters */
    struct span ending;   /* what follows it */
    bool is_international;
};

static size_t letters_of(struct span utf8) {
    size_t n = 0;
    for (size_t i = 0; i < utf8.n; i++)
        n += (utf8.p[i] & 0xc0) != 0x80;
    return n;
}

static struct look look_at(struct span domain, struct arena *arena) {
    struct span unicode = idn_to_unicode(domain, arena);
    struct span org = psl_org_domain(domain, arena);
    struct span org_unicode = name_tail(unicode, name_labels(org));
    struct span label = span_sub(org_unicode, 0, span_find(org_unicode, '.'));
    return (struct look){
        .domain = domain,
        .folded = fold(unicode, arena),
        .label = fold(label, arena),
        .label_letters = letters_of(label),
        .ending = name_parent(org),
        .is_international = !span_is_ascii(unicode),
    };
}

/* One code point per unit; s is well-formed UTF-8 or ASCII. */
static size_t units_of(struct span s, uint32_t *to) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if ((s.p[i] & 0xc0) == 0x80 && n)
            to[n - 1] = to[n - 1] << 8 | s.p[i];
        else if (n == EDIT_MAX_UNITS)
            break;
        else
            to[n++] = s.p[i];
    }
    return n;
}

static unsigned min3(unsigned a, unsigned b, unsigned c) {
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

/* Optimal string alignment: insertions, deletions, substitutions, swaps of neighbours. */
static unsigned edit_distance(struct span a, struct span b) {
    uint32_t x[EDIT_MAX_UNITS], y[EDIT_MAX_UNITS];
    unsigned rows[3][EDIT_MAX_UNITS + 1];
    size_t n = units_of(a, x);
    size_t m = units_of(b, y);
    for (size_t k = 0; k <= m; k++)
        rows[0][k] = (unsigned)k;
    for (size_t i = 1; i <= n; i++) {
        unsigned *now = rows[i % 3];
        const unsigned *above = rows[(i + 2) % 3];
        const unsigned *above2 = rows[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t k = 1; k <= m; k++) {
            now[k] = min3(above[k] + 1, now[k - 1] + 1, above[k - 1] + (x[i - 1] != y[k - 1]));
            if (i > 1 && k > 1 && x[i - 1] == y[k - 2] && x[i - 2] == y[k - 1] && above2[k - 2] + 1 < now[k])
                now[k] = above2[k - 2] + 1;
        }
    }
    return rows[n % 3][m];
}

/* Short names are near each other by chance. Foreign letters in place of ours are not chance. */
static unsigned errors_allowed(const struct look *it, const struct look *own) {
    size_t n = own->label_letters;
    if (it->is_international && !own->is_international && n >= BRAND_MIN_LETTERS)
        return n >= 9 ? 2 : 1;
    if (n < 5)
        return 0;
    bool same_ending = span_ieq(it->ending, own->ending);
    return n >= 9 ? (same_ending ? 2 : 1) : same_ending ? 1 : 0;
}

static bool boundary(struct span s, size_t at) {
    return at >= s.n || s.p[at] == '.' || s.p[at] == '-';
}

/* own.example.evil.net, own.example-help.net, secure-own.example.net */
static bool has_own_inside(struct span folded, struct span own) {
    for (size_t at = 0; at + own.n < folded.n; at++)
        if ((at == 0 || boundary(folded, at - 1)) && boundary(folded, at + own.n) && span_eq(span_sub(folded, at, own.n), own))
            return true;
    return false;
}

static bool has_part(struct span label, struct span brand) {
    struct span part;
    for (struct span_split s = span_split_start(label); span_split_next(&s, '-', &part);)
        if (span_eq(part, brand))
            return true;
    return false;
}

static struct span without_hyphens(struct span s, struct arena *arena) {
    uint8_t *to = arena_alloc(arena, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; to && i < s.n; i++)
        if (s.p[i] != '-')
            to[n++] = s.p[i];
    return span_of(to, n);
}

/* Words that go with a company's name when somebody pretends to be its desk. Folded as the names are. */
static bool is_service_word(struct span rest, struct arena *arena) {
    static const char *const words[] = {"support",  "help",     "helpdesk", "service", "services", "billing", "invoice",
                                        "invoices", "account",  "accounts", "login",   "signin",   "secure",  "security",
                                        "mail",     "email",    "team",     "info",    "online",   "pay",     "payment",
                                        "payments", "customer", "care",     "portal",  "verify",   "update",  "admin",
                                        "office",   "desk",     "app",      "web"};
    for (size_t i = 0; i < SD_COUNT(words); i++)
        if (span_eq(rest, fold(span_cstr(words[i]), arena)))
            return true;
    return false;
}

static bool has_service_word(struct span label, struct span brand, struct arena *arena) {
    if (span_starts(label, brand) && is_service_word(span_from(label, brand.n), arena))
        return true;
    return span_ends(label, brand) && is_service_word(span_sub(label, 0, label.n - brand.n), arena);
}

/* RFC 2606 §3: example.com, example.net and example.org belong to nobody, so none imitates another. */
static bool is_documentation(struct span domain) {
    return name_is_under(domain, SPAN("example.com")) || name_is_under(domain, SPAN("example.net")) ||
           name_is_under(domain, SPAN("example.org"));
}

static bool label_like(const struct look *it, const struct look *own, struct arena *arena) {
    if (own->label_letters < BRAND_MIN_LETTERS)
        return false;
    if (span_eq(it->label, own->label))
        return own->label_letters >= ENDING_MIN_LETTERS && !span_ieq(it->ending, own->ending) &&
               !(is_documentation(it->domain) && is_documentation(own->domain));
    if (has_part(it->label, own->label) || span_eq(without_hyphens(it->label, arena), without_hyphens(own->label, arena)) ||
        has_service_word(it->label, own->label, arena))
        return true;
    return edit_distance(it->label, own->label) <= errors_allowed(it, own);
}

static bool looks_like(const struct look *it, struct span own_domain, struct arena *arena) {
    struct look own = look_at(own_domain, arena);
    if (span_eq(name_tail(it->folded, name_labels(own.folded)), own.folded))
        return true;
    return has_own_inside(it->folded, own.folded) || label_like(it, &own, arena);
}

bool lookalike_own(struct span domain, const struct span *own, size_t own_count, struct arena *arena) {
    for (size_t i = 0; i < own_count; i++)
        if (name_is_under(domain, own[i]))
            return false;
    struct look it = look_at(domain, arena);
    for (size_t i = 0; i < own_count; i++)
        if (looks_like(&it, own[i], arena))
            return true;
    return false;
}
