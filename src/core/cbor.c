#include "core/cbor.h"

enum major { UINT, NINT, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE }; /* RFC 8949 §3.1 */

struct head {
    enum major major;
    uint64_t n;
};

static uint64_t read_big_endian(struct reader *r, size_t n) {
    struct span bytes = read_bytes(r, n);
    uint64_t v = 0;
    for (size_t i = 0; i < bytes.n; i++)
        v = v << 8 | bytes.p[i];
    return v;
}

/* 24 to 27: the argument is in the 1, 2, 4 or 8 bytes that follow; 31 would be an indefinite length. */
static uint64_t read_long_argument(struct reader *r, unsigned info) {
    if (info > 27) {
        reader_fail(r, SD_ERR_PARSE);
        return 0;
    }
    size_t n = (size_t)1 << (info - 24);
    uint64_t v = read_big_endian(r, n), least = n == 1 ? 24 : UINT64_C(1) << (4 * n);
    if (v < least)
        reader_fail(r, SD_ERR_PARSE); /* a shorter form would have done */
    return r->err ? 0 : v;
}

static struct head read_head(struct reader *r) {
    uint8_t first = read_u8(r);
    unsigned info = first & 31;
    struct head head = {.major = first >> 5, .n = info < 24 ? info : read_long_argument(r, info)};
    if (head.major == TAG || (head.major == SIMPLE && (info < 20 || info > 23))) /* false, true, null, undefined */
        reader_fail(r, SD_ERR_PARSE);
    return r->err ? (struct head){0} : head;
}

/* The n of an item that must be of this kind. */
static uint64_t read_n(struct reader *r, enum major major) {
    struct head head = read_head(r);
    if (head.major != major)
        reader_fail(r, SD_ERR_PARSE);
    return r->err ? 0 : head.n;
}

static struct span read_string(struct reader *r, struct head head) {
    if (head.n > r->rest.n) {
        reader_fail(r, SD_ERR_PARSE);
        return SPAN_NONE;
    }
    struct span s = read_bytes(r, (size_t)head.n);
    if (head.major == TEXT && !span_is_utf8(s))
        reader_fail(r, SD_ERR_PARSE);
    return r->err ? SPAN_NONE : s;
}

int64_t cbor_int(struct reader *r) {
    struct head head = read_head(r);
    if (head.major != UINT && head.major != NINT)
        reader_fail(r, SD_ERR_PARSE);
    if (head.n > INT64_MAX)
        reader_fail(r, SD_ERR_LIMIT);
    if (r->err)
        return 0;
    return head.major == UINT ? (int64_t)head.n : -1 - (int64_t)head.n;
}

struct span cbor_bytes(struct reader *r) {
    return read_string(r, (struct head){BYTES, read_n(r, BYTES)});
}

struct span cbor_text(struct reader *r) {
    return read_string(r, (struct head){TEXT, read_n(r, TEXT)});
}

struct cbor_map cbor_map(struct reader *r) {
    return (struct cbor_map){.left = read_n(r, MAP)};
}

/* In canonical form the order of CTAP 2.1 §8 (kind, length, bytes) is the order of the encoded bytes. */
bool cbor_map_next(struct reader *r, struct cbor_map *map, struct span *ret_key) {
    if (r->err || map->left == 0)
        return false;
    map->left--;
    struct span start = r->rest;
    struct head head = read_head(r);
    if (head.major == BYTES || head.major == TEXT)
        (void)read_string(r, head);
    else if (head.major != UINT && head.major != NINT)
        reader_fail(r, SD_ERR_PARSE);
    if (r->err)
        return false;
    struct span key = span_of(start.p, start.n - r->rest.n);
    if (map->last.n && span_cmp(map->last, key) >= 0) {
        reader_fail(r, SD_ERR_PARSE);
        return false;
    }
    map->last = key;
    *ret_key = key;
    return true;
}

/* depth: how many arrays and maps may still be opened. */
static void skip(struct reader *r, unsigned depth);

static void skip_inside(struct reader *r, struct head head, unsigned depth) {
    struct cbor_map map = {.left = head.n};
    struct span key;
    if (depth == 0) {
        reader_fail(r, SD_ERR_PARSE);
        return;
    }
    if (head.major == MAP)
        while (cbor_map_next(r, &map, &key))
            skip(r, depth - 1);
    else
        for (uint64_t i = 0; i < head.n && !r->err; i++) /* each takes a byte or fails */
            skip(r, depth - 1);
}

static void skip(struct reader *r, unsigned depth) {
    struct head head = read_head(r);
    if (r->err)
        return;
    if (head.major == BYTES || head.major == TEXT)
        (void)read_string(r, head);
    else if (head.major == ARRAY || head.major == MAP)
        skip_inside(r, head, depth);
}

struct span cbor_item(struct reader *r) {
    struct span start = r->rest;
    skip(r, CBOR_DEPTH_MAX);
    return r->err ? SPAN_NONE : span_of(start.p, start.n - r->rest.n);
}
