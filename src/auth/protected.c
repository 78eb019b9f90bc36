#include "auth/protected.h"

static struct span joined(const struct fold_name *name, struct arena *arena) {
    size_t n = 0, used = 0;
    for (size_t i = 0; i < name->count; i++)
        n += name->words[i].n;
    uint8_t *to = arena_alloc(arena, n + 1);
    for (size_t i = 0; to && i < name->count; i++)
        for (size_t k = 0; k < name->words[i].n; k++)
            to[used++] = name->words[i].p[k];
    return span_of(to, used);
}

static void fold_one(const struct protected_name *from, struct arena *arena, struct folded_name *to) {
    size_t at = span_rfind(from->address, '@');
    fold_name(from->name, arena, &to->name);
    to->joined = joined(&to->name, arena);
    to->local = at < from->address.n ? span_sub(from->address, 0, at) : SPAN_NONE;
    to->domain = span_from(from->address, at + 1);
}

enum sd_err protected_new(const struct auth_policy *policy, struct arena *arena, const struct protected_set **ret) {
    struct protected_set *set = ARENA_NEW(arena, struct protected_set);
    struct folded_name *names = arena_array(arena, policy->protected_name_count + 1, sizeof *names);
    if (!set || !names)
        return SD_ERR_NOMEM;
    for (size_t i = 0; i < policy->protected_name_count; i++)
        fold_one(&policy->protected_names[i], arena, &names[i]);
    *set = (struct protected_set){
        .own = lookalike_list_new(policy->own_domains, policy->own_domain_count, arena),
        .others = lookalike_list_new(policy->protected_domains, policy->protected_domain_count, arena),
        .names = names,
        .name_count = policy->protected_name_count,
    };
    if (!set->own || !set->others)
        return SD_ERR_NOMEM;
    *ret = set;
    return arena_err(arena);
}

/* Each word of the name is one of the display name's, each used once: "Boss, Jane", "Jane M. Boss via Support". */
static bool has_words(const struct fold_name *display, const struct fold_name *name) {
    uint64_t used = 0;
    for (size_t i = 0; i < name->count; i++) {
        size_t k = 0;
        while (k < display->count && (used >> k & 1 || !span_eq(display->words[k], name->words[i])))
            k++;
        if (k == display->count)
            return false;
        used |= UINT64_C(1) << k;
    }
    return name->count > 0;
}

static bool run_from(const struct fold_name *display, size_t word, struct span joined) {
    for (; word < display->count && joined.n; word++) {
        if (!span_starts(joined, display->words[word]))
            return false;
        joined = span_from(joined, display->words[word].n);
    }
    return joined.n == 0;
}

/* Neighbouring words that say the name when they are read without what is between them: "J a n e Boss", "JaneBoss". */
static bool has_run(const struct fold_name *display, struct span joined) {
    for (size_t i = 0; i < display->count && joined.n; i++)
        if (run_from(display, i, joined))
            return true;
    return false;
}

bool protected_name_in(const struct fold_name *display, const struct folded_name *name) {
    return has_words(display, &name->name) || has_run(display, name->joined);
}

enum sd_err auth_policy_prepare(struct auth_policy *policy, struct arena *arena) {
    return protected_new(policy, arena, &policy->guarded);
}
