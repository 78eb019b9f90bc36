#include "keeper/segment.h"
#include "keeper/leaf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC "SDAUDIT1"
#define NAME_DIGITS 12
#define CHECK_BYTES 4

void segment_put_head(struct buf *to, const struct merkle_range *range) {
    unsigned peaks = merkle_peaks(range->size);
    buf_text(to, MAGIC);
    buf_u64(to, range->size);
    buf_u32(to, peaks);
    for (unsigned i = 0; i < peaks; i++)
        buf_put(to, span_of(range->peaks[i].b, SHA256_BYTES));
}

enum sd_err segment_put_record(struct buf *to, struct span record, struct sha256 *ret_leaf) {
    struct sha256 leaf;
    enum sd_err err = merkle_leaf(record, &leaf);
    if (err)
        return err;
    buf_u32(to, (uint32_t)record.n);
    buf_put(to, span_of(leaf.b, CHECK_BYTES));
    buf_put(to, record);
    *ret_leaf = leaf;
    return buf_err(to);
}

enum sd_err segment_path(const char *dir, uint64_t first, char ret[SEGMENT_NAME_MAX]) {
    int n = snprintf(ret, SEGMENT_NAME_MAX, "%s/%0*llu.log", dir, NAME_DIGITS, (unsigned long long)first);
    return n > 0 && n < SEGMENT_NAME_MAX ? SD_OK : SD_ERR_LIMIT;
}

static bool first_of_name(const char *name, uint64_t *ret) {
    struct span s = span_cstr(name);
    return s.n >= NAME_DIGITS + 4 && span_ends(s, SPAN(".log")) && span_to_u64(span_sub(s, 0, s.n - 4), ret) == SD_OK;
}

static int ascending(const void *a, const void *b) {
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

static enum sd_err append(uint64_t **list, size_t *count, uint64_t first) {
    uint64_t *grown = *count % 64 ? *list : realloc(*list, (*count + 64) * sizeof **list);
    if (!grown)
        return SD_ERR_NOMEM;
    *list = grown;
    grown[(*count)++] = first;
    return SD_OK;
}

enum sd_err segment_list(const char *dir, uint64_t **ret, size_t *ret_count) {
    DIR *d = opendir(dir);
    if (!d)
        return sd_err_from_errno(errno);
    uint64_t *list = NULL, first;
    size_t count = 0;
    enum sd_err err = SD_OK;
    for (struct dirent *e; err == SD_OK && (e = readdir(d));)
        if (first_of_name(e->d_name, &first))
            err = append(&list, &count, first);
    (void)closedir(d);
    if (err) {
        free(list);
        return err;
    }
    if (count)
        qsort(list, count, sizeof *list, ascending);
    *ret = list;
    *ret_count = count;
    return SD_OK;
}

static enum sd_err read_file(const char *path, struct buf *to) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? SD_ERR_NOTFOUND : sd_err_from_errno(errno);
    enum sd_err err = SD_OK;
    for (ssize_t n = 1; err == SD_OK && n > 0;) {
        uint8_t *p = buf_reserve(to, (size_t)64 * 1024);
        n = p ? read(fd, p, (size_t)64 * 1024) : -1;
        if (n < 0)
            err = p ? sd_err_from_errno(errno) : buf_err(to);
        else
            buf_grew(to, (size_t)n);
    }
    (void)close(fd);
    return err;
}

static enum sd_err read_head(uint64_t first, struct segment *segment) {
    struct reader r = reader_of(buf_span(&segment->bytes));
    bool magic = span_eq(read_bytes(&r, sizeof MAGIC - 1), SPAN(MAGIC));
    segment->start.size = read_u64(&r);
    uint32_t peaks = read_u32(&r);
    if (r.err || !magic || segment->start.size != first || peaks != merkle_peaks(first))
        return SD_ERR_PARSE;
    for (uint32_t i = 0; i < peaks; i++) {
        struct span peak = read_bytes(&r, SHA256_BYTES);
        if (r.err)
            return SD_ERR_PARSE;
        memcpy(segment->start.peaks[i].b, peak.p, SHA256_BYTES);
    }
    segment->next = first;
    segment->at = segment->bytes.n - r.rest.n;
    return SD_OK;
}

enum sd_err segment_open(const char *dir, uint64_t first, struct segment *ret) {
    char path[SEGMENT_NAME_MAX];
    struct segment segment = {.bytes = buf_new(SEGMENT_MAX_BYTES)};
    enum sd_err err = segment_path(dir, first, path);
    if (err == SD_OK)
        err = read_file(path, &segment.bytes);
    if (err == SD_OK)
        err = read_head(first, &segment);
    if (err)
        segment_close(&segment);
    else
        *ret = segment;
    return err;
}

enum sd_err segment_open_at(const char *dir, uint64_t first, uint64_t offset, uint64_t seq, struct segment *ret) {
    char path[SEGMENT_NAME_MAX];
    struct segment segment = {.bytes = buf_new(SEGMENT_PART_BYTES), .next = seq};
    enum sd_err err = segment_path(dir, first, path);
    if (err)
        return err;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sd_err_from_errno(errno);
    uint8_t *p = buf_reserve(&segment.bytes, SEGMENT_PART_BYTES);
    ssize_t n = p ? pread(fd, p, SEGMENT_PART_BYTES, (off_t)offset) : -1;
    err = !p ? buf_err(&segment.bytes) : n < 0 ? SD_ERR_IO : SD_OK;
    (void)close(fd);
    buf_grew(&segment.bytes, n > 0 ? (size_t)n : 0);
    if (err)
        segment_close(&segment);
    else
        *ret = segment;
    return err;
}

void segment_close(struct segment *segment) {
    buf_free(&segment->bytes);
}

/* A frame at the start of bytes: a record, or what is left of one. */
static enum sd_err take_frame(struct span bytes, struct span *ret_body, struct span *ret_check, bool *ret_dropped) {
    struct reader r = reader_of(bytes);
    uint32_t n = read_u32(&r);
    *ret_dropped = n & SEGMENT_DROPPED;
    n &= ~SEGMENT_DROPPED;
    *ret_check = read_bytes(&r, CHECK_BYTES);
    if (r.err || n > MERKLE_LEAF_MAX)
        return SD_ERR_PARSE;
    *ret_body = read_bytes(&r, n);
    return r.err ? SD_ERR_PARSE : SD_OK;
}

static enum sd_err take_dropped(struct span body, struct span *ret_record, struct sha256 *ret_leaf) {
    size_t end = span_find(body, 0);
    for (size_t i = end; i < body.n; i++)
        if (body.p[i])
            return SD_ERR_PARSE;
    *ret_record = span_sub(body, 0, end);
    return leaf_dropped(*ret_record, ret_leaf->b) ? SD_OK : SD_ERR_PARSE;
}

static enum sd_err take_record(struct span bytes, struct span *ret_record, struct sha256 *ret_leaf, size_t *ret_frame) {
    struct span body, check, record;
    struct sha256 leaf;
    bool dropped;
    enum sd_err err = take_frame(bytes, &body, &check, &dropped);
    if (err)
        return err;
    record = body;
    err = dropped ? take_dropped(body, &record, &leaf) : merkle_leaf(record, &leaf);
    if (err)
        return err;
    if (!span_eq(check, span_of(leaf.b, CHECK_BYTES)))
        return SD_ERR_PARSE;
    *ret_record = record;
    *ret_leaf = leaf;
    *ret_frame = SEGMENT_FRAME_BYTES + body.n;
    return SD_OK;
}

enum sd_err segment_next(struct segment *segment, struct span *ret_record, struct sha256 *ret_leaf) {
    struct span rest = span_from(buf_span(&segment->bytes), segment->at);
    size_t frame = 0;
    if (rest.n == 0)
        return SD_ERR_NOTFOUND;
    enum sd_err err = take_record(rest, ret_record, ret_leaf, &frame);
    if (err)
        return err;
    segment->at += frame;
    segment->next++;
    return SD_OK;
}

bool segment_skip(struct segment *segment) {
    struct span body, check;
    bool dropped;
    if (take_frame(span_from(buf_span(&segment->bytes), segment->at), &body, &check, &dropped) != SD_OK)
        return false;
    segment->at += SEGMENT_FRAME_BYTES + body.n;
    segment->next++;
    return true;
}

enum sd_err segment_read_at(const char *dir, uint64_t first, uint64_t offset, struct buf *to) {
    char path[SEGMENT_NAME_MAX];
    uint8_t frame[SEGMENT_FRAME_BYTES + MERKLE_LEAF_MAX];
    enum sd_err err = segment_path(dir, first, path);
    if (err)
        return err;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sd_err_from_errno(errno);
    ssize_t n = pread(fd, frame, sizeof frame, (off_t)offset);
    (void)close(fd);
    if (n < 0)
        return SD_ERR_IO;
    struct span record;
    struct sha256 leaf;
    size_t whole;
    err = take_record(span_of(frame, (size_t)n), &record, &leaf, &whole);
    if (err == SD_OK)
        buf_put(to, record);
    return err ? err : buf_err(to);
}
