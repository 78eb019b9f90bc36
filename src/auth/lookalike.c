#include "auth/lookalike.h"
#include "auth/look.h"
#include "auth/name.h"

#define BRAND_MIN_LETTERS 4  /* shorter names are words and initials that many share */
#define ENDING_MIN_LETTERS 5 /* the same name under another ending */
#define EDIT_MAX_UNITS 80    /* code points of a folded label: 63, some of which become two */

struct lookalike_list {
    const struct look *items;
    size_t count;
};

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

static bool has_service_word(struct span label, struct span brand) {
    if (span_starts(label, brand) && look_is_service(span_from(label, brand.n)))
        return true;
    return span_ends(label, brand) && look_is_service(span_sub(label, 0, label.n - brand.n));
}

/* Bytes of one code point, gone and come: what one typing error changes at most in length, and in the bytes there are. */
#define EDIT_MAX_BYTES 4
#define EDIT_MAX_LETTERS 8

static bool within_errors(const struct look *it, const struct look *own) {
    unsigned allowed = errors_allowed(it, own);
    size_t longer = it->label.n > own->label.n ? it->label.n : own->label.n;
    size_t shorter = it->label.n > own->label.n ? own->label.n : it->label.n;
    bool ascii = !it->is_international && !own->is_international;
    unsigned bytes = ascii ? 1 : EDIT_MAX_BYTES, letters = ascii ? 2 : EDIT_MAX_LETTERS;
    if (allowed == 0 || longer - shorter > (size_t)allowed * bytes ||
        (unsigned)__builtin_popcount(it->letters ^ own->letters) > allowed * letters)
        return false;
    return edit_distance(it->label, own->label) <= allowed;
}

static bool label_like(const struct look *it, const struct look *own) {
    if (own->label_letters < BRAND_MIN_LETTERS)
        return false;
    if (span_eq(it->label, own->label))
        return own->label_letters >= ENDING_MIN_LETTERS && !span_ieq(it->ending, own->ending) &&
               !(look_is_documentation(it->domain) && look_is_documentation(own->domain));
    return has_part(it->label, own->label) || span_eq(it->bare, own->bare) || has_service_word(it->label, own->label) ||
           within_errors(it, own);
}

static bool looks_like(const struct look *it, const struct look *own) {
    if (span_eq(name_tail(it->folded, name_labels(own->folded)), own->folded))
        return true;
    return has_own_inside(it->folded, own->folded) || label_like(it, own);
}

const struct lookalike_list *lookalike_list_new(const struct span *domains, size_t count, struct arena *arena) {
    struct look *looks = arena_array(arena, count + 1, sizeof *looks);
    struct lookalike_list *list = ARENA_NEW(arena, struct lookalike_list);
    if (!looks || !list)
        return NULL;
    for (size_t i = 0; i < count; i++)
        looks[i] = look_at(domains[i], arena);
    *list = (struct lookalike_list){looks, count};
    return arena_err(arena) ? NULL : list;
}

bool lookalike_is_listed(struct span domain, const struct lookalike_list *list) {
    for (size_t i = 0; i < list->count; i++)
        if (name_is_under(domain, list->items[i].domain))
            return true;
    return false;
}

bool lookalike_any(struct span domain, const struct lookalike_list *list, struct arena *arena) {
    if (list->count == 0 || lookalike_is_listed(domain, list))
        return false;
    struct look it = look_at(domain, arena);
    for (size_t i = 0; i < list->count; i++)
        if (looks_like(&it, &list->items[i]))
            return true;
    return false;
}
