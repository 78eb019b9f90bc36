/*
 * authres_read.h - the body of an Authentication-Results field (RFC 8601 §2.2), also what follows "i=N;" in
 * ARC-Authentication-Results (RFC 8617 §4.1.1). Strict: what can be read in more than one way is SD_ERR_PARSE, and nobody may
 * believe any of it.
 *
 * Two forms beyond the grammar are read, because large receivers write them and they have one reading: a property without a
 * type
 * ("action=none", "compauth ... reason=100"), and values with further printable characters ("header.b=ab/cd", an IPv6 address,
 * UTF-8 of RFC 8616). Not allowed: control characters, a line end that folds nothing, a property or reason twice in one result,
 * empty results, versions other than 1.
 */
#ifndef SD_AUTH_AUTHRES_READ_H
#define SD_AUTH_AUTHRES_READ_H

#include "core/arena.h"

#define AUTHRES_MAX_BYTES ((size_t)16 * 1024) /* real ones stay below 4 KiB */
#define AUTHRES_MAX_RESULTS 64                /* of one field; real ones below 20 */
#define AUTHRES_MAX_PROPERTIES 32             /* of one result; real ones below 12 */

/* Without quotes and escapes when the whole value is a quoted string, else as it stands ("a b"@example.net). */
struct authres_property {
    struct span type; /* empty: "name=value" */
    struct span name;
    struct span value;
};

struct authres_result {
    struct span method;
    struct span result; /* any keyword: what is not "pass" is no pass */
    struct span reason;
    const struct authres_property *properties;
    size_t property_count;
};

struct authres {
    struct span id; /* authserv-id, unquoted */
    const struct authres_result *results;
    size_t count; /* 0: "none" */
};

/* SD_ERR_PARSE, SD_ERR_LIMIT; else ours. Spans point into body or the arena. Keywords are case-insensitive: compare so. */
enum sd_err authres_read(struct span body, struct arena *arena, struct authres *ret) SD_MUST_CHECK;

/* The value of type.name ("header", "d"); empty when it is not there. */
struct span authres_value(const struct authres_result *result, struct span type, struct span name);

#endif
