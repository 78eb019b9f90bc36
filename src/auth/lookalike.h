/* lookalike.h - domains that look like one of the company's own and are not. */
#ifndef SD_AUTH_LOOKALIKE_H
#define SD_AUTH_LOOKALIKE_H

#include "core/arena.h"

/*
 * domain, own: lower-case A-labels. True when domain is none of own nor below one, and: reads alike (UTS 39 skeleton, without
 * accents), or has an own domain as its first labels, or its registrable name is an own name with another ending, with added
 * words or hyphens, or with so few typing errors as its length allows.
 */
bool lookalike_own(struct span domain, const struct span *own, size_t own_count, struct arena *arena);

#endif
