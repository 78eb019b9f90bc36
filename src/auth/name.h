/*
 * name.h - domain names as text: what may go into the DNS, and how names relate. ASCII only; U-labels are idn.h's business. No
 * final dot.
 */
#ifndef SD_AUTH_NAME_H
#define SD_AUTH_NAME_H

#include "core/arena.h"

#define NAME_MAX_BYTES 253 /* RFC 1035 §2.3.4: 255 on the wire */
#define NAME_LABEL_MAX_BYTES 63

/* A name the DNS can hold and every resolver reads alike: printable ASCII labels of 1 to 63 bytes (with spaces:
 * RFC 7208 §7.1 can make them), no escapes. */
bool name_is_dns(struct span name);
/* A host name as mail uses it: letters, digits, hyphen and underscore, and at least two labels. */
bool name_is_domain(struct span name);
/* Equal or below it, label by label, ASCII case-insensitive. */
bool name_is_under(struct span name, struct span parent);
/* Without its first label; empty for a single label. */
struct span name_parent(struct span name);
size_t name_labels(struct span name);
/* The last `labels` labels of it. */
struct span name_tail(struct span name, size_t labels);
struct span name_lower(struct span name, struct arena *arena);
/* Without one final dot. */
struct span name_undot(struct span name);
/* Where an address has its PTR records (RFC 1035 §3.5, RFC 3596 §2.5). */
struct span name_reverse(const uint8_t ip[16], struct arena *arena);

#endif
