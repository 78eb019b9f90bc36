#include "clerk/segment.h"
#include "core/crc32c.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define NAME_DIGITS 12
#define WINDOW_BYTES ((size_t)256 * 1024)
/* What one search may check: damage that looks like many overlapping frames must not cost a segment squared. */
#define SEARCH_BYTES_MAX ((uint64_t)1024 * 1024 * 1024)

static const struct span magic = {(const uint8_t *)"SDI1", 4};

/* ---- files ---- */

static bool number_of(const char *name, uint64_t *ret) {
    struct span s = span_cstr(name);
    return s.n == NAME_DIGITS + 4 && span_ends(s, SPAN(".log")) && span_to_u64(span_sub(s, 0, NAME_DIGITS), ret) == SD_OK;
}

enum sd_err segment_find(const char *dir, uint64_t from, uint64_t *ret_number) {
    DIR *listing = opendir(dir);
    if (!listing)
        return sd_err_from_errno(errno);
    bool found = false;
    uint64_t number, best = 0;
    for (struct dirent *e; (e = readdir(listing));)
        if (number_of(e->d_name, &number) && number >= from && (!found || number < best)) {
            best = number;
            found = true;
        }
    (void)closedir(listing);
    if (!found)
        return SD_ERR_NOTFOUND;
    *ret_number = best;
    return SD_OK;
}

static enum sd_err path_of(const char *dir, uint64_t number, char to[PATH_BYTES]) {
    int n = snprintf(to, PATH_BYTES, "%s/%012" PRIu64 ".log", dir, number);
    return n > 0 && n < PATH_BYTES ? SD_OK : SD_ERR_LIMIT;
}

void segment_close(struct segment *segment) {
    if (segment->fd >= 0)
        (void)close(segment->fd);
    *segment = (struct segment){.fd = -1};
}

enum sd_err segment_open(struct segment *segment, const char *dir, uint64_t number, uint64_t offset) {
    char path[PATH_BYTES];
    struct stat st;
    enum sd_err err = path_of(dir, number, path);
    if (err)
        return err;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? SD_ERR_NOTFOUND : sd_err_from_errno(errno);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        (void)close(fd);
        return SD_ERR_IO;
    }
    segment_close(segment);
    *segment = (struct segment){.fd = fd, .number = number, .offset = offset};
    return SD_OK;
}

enum sd_err segment_remove(const char *dir, uint64_t number) {
    char path[PATH_BYTES];
    enum sd_err err = path_of(dir, number, path);
    return err ? err : unlink(path) == 0 || errno == ENOENT ? SD_OK : sd_err_from_errno(errno);
}

enum sd_err segment_size(const struct segment *segment, uint64_t *ret) {
    struct stat st;
    if (fstat(segment->fd, &st) != 0 || st.st_size < 0)
        return SD_ERR_IO;
    *ret = (uint64_t)st.st_size;
    return SD_OK;
}

/* All n bytes: the caller knows that they are there. Read, not mapped: the edge could cut the file under a mapping. */
enum sd_err segment_bytes(const struct segment *segment, uint64_t offset, size_t n, struct buf *to) {
    uint8_t *p = buf_reserve(to, n);
    if (!p)
        return buf_err(to);
    for (size_t have = 0; have < n;) {
        ssize_t got = pread(segment->fd, p + have, n - have, (off_t)(offset + have));
        if (got == 0 || (got < 0 && errno != EINTR))
            return got ? sd_err_from_errno(errno) : SD_ERR_IO;
        if (got > 0)
            have += (size_t)got;
    }
    buf_grew(to, n);
    return buf_err(to);
}

/* ---- frames ---- */

struct frame_head {
    uint32_t body_bytes, checksum;
};

/* FRAME_RECORD here: a head and as many bytes as it claims; the checksum is still to be seen. left: bytes from here to the end.
 */
static enum frame_found parse_head(struct span bytes, uint64_t left, struct frame_head *ret) {
    if (left == 0)
        return FRAME_NONE;
    if (bytes.n < FRAME_HEAD_BYTES)
        return span_eq(span_sub(bytes, 0, magic.n), span_sub(magic, 0, bytes.n)) ? FRAME_CUT : FRAME_DAMAGED;
    struct reader r = reader_of(bytes);
    struct span start = read_bytes(&r, magic.n);
    *ret = (struct frame_head){read_u32(&r), read_u32(&r)};
    if (!span_eq(start, magic) || ret->body_bytes == 0 || ret->body_bytes > FRAME_BODY_MAX)
        return FRAME_DAMAGED;
    return ret->body_bytes > left - FRAME_HEAD_BYTES ? FRAME_CUT : FRAME_RECORD;
}

static enum sd_err read_head(const struct segment *segment, uint64_t offset, uint64_t size, struct frame_head *ret,
                             enum frame_found *ret_found) {
    uint64_t left = offset < size ? size - offset : 0;
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(FRAME_HEAD_BYTES);
    enum sd_err err = left ? segment_bytes(segment, offset, left < FRAME_HEAD_BYTES ? (size_t)left : FRAME_HEAD_BYTES, &bytes)
                           : SD_OK;
    if (err == SD_OK)
        *ret_found = parse_head(buf_span(&bytes), left, ret);
    return err;
}

static enum sd_err checksum_of(const struct segment *segment, uint64_t offset, size_t n, uint32_t *ret) {
    struct buf window SD_CLEANUP(buf_free) = buf_new(WINDOW_BYTES);
    uint32_t crc = 0;
    while (n) {
        size_t part = n < WINDOW_BYTES ? n : WINDOW_BYTES;
        buf_reset(&window);
        enum sd_err err = segment_bytes(segment, offset, part, &window);
        if (err)
            return err;
        crc = crc32c_add(crc, buf_span(&window));
        offset += part;
        n -= part;
    }
    *ret = crc;
    return SD_OK;
}

/* ---- the search for the frame behind damage ---- */

struct search {
    const struct segment *segment;
    uint64_t at;     /* looked at up to here */
    uint64_t budget; /* bytes that may still be checked */
    bool found;
};

static enum sd_err try_frame(struct search *search, uint64_t offset) {
    struct frame_head head;
    enum frame_found found;
    uint32_t crc = 0;
    enum sd_err err = read_head(search->segment, offset, search->segment->size_bytes, &head, &found);
    if (err || found != FRAME_RECORD)
        return err;
    if (head.body_bytes > search->budget) {
        search->budget = 0;
        return SD_OK;
    }
    search->budget -= head.body_bytes;
    err = checksum_of(search->segment, offset + FRAME_HEAD_BYTES, head.body_bytes, &crc);
    if (err == SD_OK && crc == head.checksum) {
        search->found = true;
        search->at = offset;
    }
    return err;
}

/* Looks through one window; ends at a frame, or so that a magic across two windows is seen. */
static enum sd_err search_window(struct search *search, struct span window) {
    uint64_t base = search->at;
    size_t from = 0;
    enum sd_err err = SD_OK;
    while (err == SD_OK && !search->found && search->budget) {
        size_t hit = from + span_search(span_from(window, from), magic);
        if (hit >= window.n)
            break;
        err = try_frame(search, base + hit);
        from = hit + 1;
    }
    if (err == SD_OK && !search->found)
        search->at = base + window.n - (window.n >= magic.n ? magic.n - 1 : window.n);
    return err;
}

static enum sd_err search_frame(struct search *search) {
    struct buf window SD_CLEANUP(buf_free) = buf_new(WINDOW_BYTES);
    uint64_t size = search->segment->size_bytes;
    enum sd_err err = SD_OK;
    while (err == SD_OK && !search->found && search->budget && size - search->at >= FRAME_HEAD_BYTES) {
        uint64_t left = size - search->at;
        buf_reset(&window);
        err = segment_bytes(search->segment, search->at, left < WINDOW_BYTES ? (size_t)left : WINDOW_BYTES, &window);
        if (err == SD_OK)
            err = search_window(search, buf_span(&window));
    }
    return err;
}

/* A power cut can leave zeros where a frame's bytes had not reached the disk: torn like one that ends too soon. */
static enum sd_err only_zeros(const struct segment *segment, bool *ret) {
    struct buf window SD_CLEANUP(buf_free) = buf_new(WINDOW_BYTES);
    for (uint64_t at = segment->offset; at < segment->size_bytes;) {
        uint64_t left = segment->size_bytes - at;
        size_t part = left < WINDOW_BYTES ? (size_t)left : WINDOW_BYTES;
        buf_reset(&window);
        enum sd_err err = segment_bytes(segment, at, part, &window);
        if (err)
            return err;
        for (size_t i = 0; i < part; i++)
            if (window.p[i]) {
                *ret = false;
                return SD_OK;
            }
        at += part;
    }
    *ret = true;
    return SD_OK;
}

/* No whole frame begins at the offset: is there one further on? seen: what the head at the offset looked like. */
static enum sd_err look_behind(struct segment *segment, enum frame_found seen, enum frame_found *ret_found,
                               uint64_t *ret_next) {
    struct search search = {.segment = segment, .at = segment->offset + 1, .budget = SEARCH_BYTES_MAX};
    bool zeros = false;
    enum sd_err err = segment->searched_bytes == segment->size_bytes ? SD_OK : search_frame(&search);
    if (err == SD_OK && !search.found)
        err = only_zeros(segment, &zeros);
    if (err)
        return err;
    if (!search.found)
        segment->searched_bytes = segment->size_bytes;
    *ret_found = search.found ? FRAME_DAMAGED : zeros ? FRAME_CUT : seen;
    *ret_next = search.found ? search.at : segment->size_bytes;
    return SD_OK;
}

enum sd_err segment_next(struct segment *segment, struct buf *body, enum frame_found *ret_found, uint64_t *ret_next) {
    struct frame_head head;
    enum frame_found found = FRAME_NONE;
    enum sd_err err = segment_size(segment, &segment->size_bytes);
    if (err == SD_OK)
        err = read_head(segment, segment->offset, segment->size_bytes, &head, &found);
    if (err == SD_OK && found == FRAME_RECORD) {
        err = segment_bytes(segment, segment->offset + FRAME_HEAD_BYTES, head.body_bytes, body);
        if (err == SD_OK && crc32c(buf_span(body)) != head.checksum) {
            buf_free(body);
            found = FRAME_DAMAGED;
        }
    }
    if (err == SD_OK && (found == FRAME_CUT || found == FRAME_DAMAGED))
        return look_behind(segment, found, ret_found, ret_next);
    if (err == SD_OK) {
        *ret_found = found;
        *ret_next = found == FRAME_RECORD ? segment->offset + FRAME_HEAD_BYTES + head.body_bytes : segment->offset;
    }
    return err;
}

enum sd_err segment_peek(const struct segment *segment, uint64_t offset, size_t max, struct buf *to,
                         enum frame_found *ret_found, uint64_t *ret_next) {
    struct frame_head head;
    enum frame_found found = FRAME_NONE;
    uint64_t size = 0;
    enum sd_err err = segment_size(segment, &size);
    if (err == SD_OK)
        err = read_head(segment, offset, size, &head, &found);
    if (err == SD_OK && found == FRAME_RECORD && max)
        err = segment_bytes(segment, offset + FRAME_HEAD_BYTES, head.body_bytes < max ? head.body_bytes : max, to);
    if (err == SD_OK) {
        *ret_found = found;
        *ret_next = found == FRAME_RECORD ? offset + FRAME_HEAD_BYTES + head.body_bytes : offset;
    }
    return err;
}
