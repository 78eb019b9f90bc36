/*
 * span.h - a borrowed, read-only view of bytes, and a reader over one.
 *
 * A span owns nothing and is never NUL-terminated: bytes from outside stay spans. It is valid as long as what it borrows from.
 * The reader has a sticky error: after the first failure every read gives zero or an empty span; check once at the end with
 * reader_end(), which also fails when bytes are left over.
 *
 * What every parser does for every few bytes is inline: judging a letter calls it tens of thousands of times.
 */
#ifndef SD_CORE_SPAN_H
#define SD_CORE_SPAN_H

#include "core/err.h"

#include <string.h>

struct span {
    const uint8_t *p; /* may be NULL when n is 0 */
    size_t n;         /* bytes */
};

/* A span over a string literal. */
#define SPAN(literal) ((struct span){(const uint8_t *)("" literal), sizeof(literal) - 1})
#define SPAN_NONE ((struct span){NULL, 0})

/* printf("%.*s", SPAN_FMT(s)): for our own text only, never for bytes from outside. */
#define SPAN_FMT(s) (int)(s).n, ((s).n ? (const char *)(s).p : "")

static inline struct span span_of(const void *p, size_t n) {
    return (struct span){(const uint8_t *)p, n};
}

/* NULL gives an empty span. */
static inline struct span span_cstr(const char *text) {
    return text ? span_of(text, strlen(text)) : SPAN_NONE;
}

/* [from, from+n) clipped to s; never reads outside. */
static inline struct span span_sub(struct span s, size_t from, size_t n) {
    if (from >= s.n)
        return SPAN_NONE;
    return span_of(s.p + from, n < s.n - from ? n : s.n - from);
}

static inline struct span span_from(struct span s, size_t from) {
    return span_sub(s, from, SIZE_MAX);
}

static inline bool span_eq(struct span a, struct span b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool span_ieq_letters(struct span a, struct span b); /* of equal length */

/* ASCII case-insensitive. */
static inline bool span_ieq(struct span a, struct span b) {
    return a.n == b.n && span_ieq_letters(a, b);
}

bool span_eq_secret(struct span a, struct span b); /* constant time for equal lengths */
int span_cmp(struct span a, struct span b);        /* memcmp order, shorter first */

static inline bool span_starts(struct span s, struct span prefix) {
    return s.n >= prefix.n && span_eq(span_sub(s, 0, prefix.n), prefix);
}

static inline bool span_ends(struct span s, struct span suffix) {
    return s.n >= suffix.n && span_eq(span_from(s, s.n - suffix.n), suffix);
}

bool span_istarts(struct span s, struct span prefix);
bool span_iends(struct span s, struct span suffix);

/* Index of the first match, or s.n when there is none. */
size_t span_find(struct span s, uint8_t byte);
size_t span_rfind(struct span s, uint8_t byte); /* last match, or s.n */
size_t span_search(struct span s, struct span needle);
size_t span_isearch(struct span s, struct span needle);

/* Without spaces, tabs, CR and LF at both ends. */
struct span span_trim(struct span s);

/*
 * Takes the part of *rest before the next separator and moves *rest behind it; false when nothing is left. "a,,b" gives three
 * parts, "" none; a trailing separator gives a last empty part. Start with *rest = s.
 */
struct span_split {
    struct span rest;
    bool more;
};
struct span_split span_split_start(struct span s);
bool span_split_next(struct span_split *split, uint8_t separator, struct span *ret_part);

/* Of a comma-separated list, the entries that are not empty, trimmed; at most max, how many. */
size_t span_list(struct span list, struct span *to, size_t max);

/* Decimal digits only, the whole span, no sign, no overflow. */
enum sd_err span_to_u64(struct span s, uint64_t *ret) SD_MUST_CHECK;

bool span_is_zero(struct span s);  /* nothing but zero bytes, or nothing */
bool span_is_ascii(struct span s); /* 0x01–0x7f only */
bool span_is_utf8(struct span s);  /* well-formed (RFC 3629), no NUL */

struct reader {
    struct span rest;
    enum sd_err err;
};
struct reader reader_of(struct span s);
uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r); /* little endian, like all our formats */
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
struct span read_bytes(struct reader *r, size_t n);
/* A u32 length and as many bytes; longer than max is SD_ERR_LIMIT. */
struct span read_blob(struct reader *r, size_t max);
void reader_fail(struct reader *r, enum sd_err err); /* keeps the first error */
/* SD_OK when nothing failed and nothing is left over. */
enum sd_err reader_end(const struct reader *r) SD_MUST_CHECK;

#endif
