/* look.h - how a domain reads: whole, its registrable name, and what follows. Inside the auth library. */
#ifndef SD_AUTH_LOOK_H
#define SD_AUTH_LOOK_H

#include "core/arena.h"

struct look {
    struct span domain;   /* lower-case A-labels */
    struct span folded;   /* the whole domain (fold.h) */
    struct span label;    /* first label of the registrable domain, folded */
    struct span bare;     /* the same without hyphens */
    size_t label_letters; /* as written: folding makes one m two letters */
    struct span ending;   /* what follows it; A-labels */
    uint32_t letters;     /* which bytes the label has, modulo 32 */
    bool is_international;
};
struct look look_at(struct span domain, struct arena *arena);

/* Words that go with a company's name when somebody pretends to be its desk. */
bool look_is_service(struct span folded);
/* A folded label without one such word at its end or beginning; the label itself when it has none. */
struct span look_without_service(struct span label);

/* RFC 2606 §3: example.com, example.net and example.org belong to nobody, so none imitates another. */
bool look_is_documentation(struct span domain);

#endif
