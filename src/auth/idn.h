/* idn.h - U-labels and A-labels (RFC 5891, UTS 46 non-transitional). */
#ifndef SD_AUTH_IDN_H
#define SD_AUTH_IDN_H

#include "core/arena.h"

/* Lower-case A-labels of a domain as mail uses it (name_is_domain); SD_ERR_PARSE when it is none. */
enum sd_err idn_to_ascii(struct span domain, struct arena *arena, struct span *ret) SD_MUST_CHECK;
/* The same of what follows the last "@", or of the whole; empty when it is none. */
struct span idn_domain_of(struct span address, struct arena *arena);
/* UTF-8; the domain itself when it cannot be converted. */
struct span idn_to_unicode(struct span domain, struct arena *arena);
/* The registrable domain by the public suffix list; the domain itself when it has none. A part of `domain`. */
struct span psl_org_domain(struct span domain, struct arena *arena);
/* Names are given away below it: "com", "co.uk", "github.io". */
bool psl_is_suffix(struct span domain, struct arena *arena);
/* Its last label is one that the list has, or is kept for tests and examples (RFC 2606 §2): not "node.js" or "1.50". */
bool psl_has_ending(struct span domain, struct arena *arena);

#endif
