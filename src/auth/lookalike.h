/* lookalike.h - domains that look like one of a list and are not. */
#ifndef SD_AUTH_LOOKALIKE_H
#define SD_AUTH_LOOKALIKE_H

#include "core/arena.h"

/* The list as it reads, made once: folding is what costs. domains: lower-case A-labels. NULL without memory. */
struct lookalike_list;
const struct lookalike_list *lookalike_list_new(const struct span *domains, size_t count, struct arena *arena);

/* One of the list or below one. */
bool lookalike_is_listed(struct span domain, const struct lookalike_list *list);

/*
 * domain: lower-case A-labels. True when it is none of the list nor below one, and: reads alike (UTS 39 skeleton, without
 * accents), or has a listed domain as its first labels, or its registrable name is a listed name with another ending, with
 * added words or hyphens, or with so few typing errors as its length allows. A name of both lists is the caller's to leave out.
 */
bool lookalike_any(struct span domain, const struct lookalike_list *list, struct arena *arena);

#endif
