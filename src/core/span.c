#include "core/span.h"

#include <string.h>

static uint8_t lower(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool span_ieq_letters(struct span a, struct span b) {
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

bool span_eq_secret(struct span a, struct span b) {
    if (a.n != b.n)
        return false;
    volatile uint8_t diff = 0;
    for (size_t i = 0; i < a.n; i++)
        diff = (uint8_t)(diff | (a.p[i] ^ b.p[i]));
    return diff == 0;
}

int span_cmp(struct span a, struct span b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    if (order)
        return order;
    return a.n < b.n ? -1 : a.n > b.n;
}

bool span_istarts(struct span s, struct span prefix) {
    return s.n >= prefix.n && span_ieq(span_sub(s, 0, prefix.n), prefix);
}

bool span_iends(struct span s, struct span suffix) {
    return s.n >= suffix.n && span_ieq(span_from(s, s.n - suffix.n), suffix);
}

size_t span_find(struct span s, uint8_t byte) {
    const uint8_t *hit = s.n ? memchr(s.p, byte, s.n) : NULL;
    return hit ? (size_t)(hit - s.p) : s.n;
}

size_t span_rfind(struct span s, uint8_t byte) {
    const uint8_t *hit = s.n ? memrchr(s.p, byte, s.n) : NULL;
    return hit ? (size_t)(hit - s.p) : s.n;
}

size_t span_search(struct span s, struct span needle) {
    if (needle.n == 0)
        return 0;
    const uint8_t *hit = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
    return hit ? (size_t)(hit - s.p) : s.n;
}

size_t span_isearch(struct span s, struct span needle) {
    for (size_t i = 0; i + needle.n <= s.n; i++)
        if (span_ieq(span_sub(s, i, needle.n), needle))
            return i;
    return s.n;
}

static bool is_space(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span span_trim(struct span s) {
    while (s.n && is_space(s.p[0]))
        s = span_from(s, 1);
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct span_split span_split_start(struct span s) {
    return (struct span_split){s, s.n > 0};
}

bool span_split_next(struct span_split *split, uint8_t separator, struct span *ret_part) {
    if (!split->more)
        return false;
    size_t at = span_find(split->rest, separator);
    *ret_part = span_sub(split->rest, 0, at);
    split->more = at < split->rest.n;
    split->rest = span_from(split->rest, at + 1);
    return true;
}

size_t span_list(struct span list, struct span *to, size_t max) {
    struct span_split split = span_split_start(list);
    struct span part;
    size_t n = 0;
    while (n < max && span_split_next(&split, ',', &part))
        if (span_trim(part).n)
            to[n++] = span_trim(part);
    return n;
}

enum sd_err span_to_u64(struct span s, uint64_t *ret) {
    uint64_t value = 0;
    if (s.n == 0)
        return SD_ERR_PARSE;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return SD_ERR_PARSE;
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return SD_ERR_LIMIT;
        value = value * 10 + digit;
    }
    *ret = value;
    return SD_OK;
}

bool span_is_zero(struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i])
            return false;
    return true;
}

bool span_is_ascii(struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == 0 || s.p[i] > 0x7f)
            return false;
    return true;
}

/* Length of the well-formed sequence at i, or 0 (RFC 3629 §4). */
static size_t utf8_step(struct span s, size_t i) {
    uint8_t c = s.p[i];
    size_t n = c < 0x80 ? 1 : c >= 0xc2 && c <= 0xdf ? 2 : c >= 0xe0 && c <= 0xef ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
    if (n == 0 || c == 0 || i + n > s.n)
        return 0;
    for (size_t k = 1; k < n; k++)
        if ((s.p[i + k] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && s.p[i + 1] < 0xa0) || (c == 0xed && s.p[i + 1] > 0x9f) || (c == 0xf0 && s.p[i + 1] < 0x90) ||
        (c == 0xf4 && s.p[i + 1] > 0x8f))
        return 0;
    return n;
}

bool span_is_utf8(struct span s) {
    for (size_t i = 0; i < s.n;) {
        size_t n = utf8_step(s, i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

struct reader reader_of(struct span s) {
    return (struct reader){s, SD_OK};
}

void reader_fail(struct reader *r, enum sd_err err) {
    if (r->err == SD_OK)
        r->err = err;
    r->rest = SPAN_NONE;
}

struct span read_bytes(struct reader *r, size_t n) {
    if (r->err || n > r->rest.n) {
        reader_fail(r, SD_ERR_PARSE);
        return SPAN_NONE;
    }
    struct span s = span_sub(r->rest, 0, n);
    r->rest = span_from(r->rest, n);
    return s;
}

static uint64_t read_le(struct reader *r, size_t n) {
    struct span s = read_bytes(r, n);
    uint64_t v = 0;
    for (size_t i = s.n; i > 0; i--)
        v = v << 8 | s.p[i - 1];
    return v;
}

uint8_t read_u8(struct reader *r) {
    return (uint8_t)read_le(r, 1);
}

uint16_t read_u16(struct reader *r) {
    return (uint16_t)read_le(r, 2);
}

uint32_t read_u32(struct reader *r) {
    return (uint32_t)read_le(r, 4);
}

uint64_t read_u64(struct reader *r) {
    return read_le(r, 8);
}

struct span read_blob(struct reader *r, size_t max) {
    uint32_t n = read_u32(r);
    if (r->err == SD_OK && n > max)
        reader_fail(r, SD_ERR_LIMIT);
    return read_bytes(r, n);
}

enum sd_err reader_end(const struct reader *r) {
    if (r->err)
        return r->err;
    return r->rest.n ? SD_ERR_PARSE : SD_OK;
}
