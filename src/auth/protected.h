/*
 * protected.h - what nobody may imitate, made comparable once: own and protected domains, protected names. The policy keeps it
 * (auth_policy_prepare); for one that was not prepared it is made anew for every letter.
 */
#ifndef SD_AUTH_PROTECTED_H
#define SD_AUTH_PROTECTED_H

#include "auth/auth.h"
#include "auth/fold.h"
#include "auth/lookalike.h"

struct folded_name {
    struct fold_name name;
    struct span joined; /* its words without anything between them */
    struct span local;  /* of its owner's address; empty with an empty domain: anybody's at an own domain */
    struct span domain;
};

struct protected_set {
    const struct lookalike_list *own, *others;
    const struct folded_name *names;
    size_t name_count;
};
enum sd_err protected_new(const struct auth_policy *policy, struct arena *arena,
                          const struct protected_set **ret) SD_MUST_CHECK;

/* The display name equals the protected one or has all of its words, in whatever order and spelling. */
bool protected_name_in(const struct fold_name *display, const struct folded_name *name);

#endif
