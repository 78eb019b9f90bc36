#include "keeper/tiles.h"
#include "keeper/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAITING_MAX ((size_t)1024 * 1024) /* of one level between two writes: 32,768 leaves */
#define REBUILD_LEAVES 8192               /* to one write */

struct tiles tiles_start(const char *dir, uint64_t size) {
    struct tiles tiles = {.dir = dir};
    for (unsigned level = 0; level < TILE_LEVELS; level++) {
        tiles.from[level] = size >> (TILE_HEIGHT * level);
        tiles.hashes[level] = buf_new(WAITING_MAX);
    }
    return tiles;
}

void tiles_free(struct tiles *tiles) {
    for (unsigned level = 0; level < TILE_LEVELS; level++)
        buf_free(&tiles->hashes[level]);
}

enum sd_err tiles_add(struct tiles *tiles, struct merkle_range *range, const struct sha256 *leaf) {
    struct merkle_closed closed;
    enum sd_err err = merkle_add_closing(range, leaf, &closed);
    if (err)
        return err;
    for (unsigned height = 0; height < closed.count; height += TILE_HEIGHT) {
        struct buf *hashes = &tiles->hashes[height / TILE_HEIGHT];
        buf_put(hashes, span_of(closed.hashes[height].b, SHA256_BYTES));
        err = err ? err : buf_err(hashes);
    }
    return err;
}

static enum sd_err file_of(const char *dir, unsigned level, char ret[SEGMENT_NAME_MAX]) {
    int n = snprintf(ret, SEGMENT_NAME_MAX, "%s/tiles.%u", dir, level);
    return n > 0 && n < SEGMENT_NAME_MAX ? SD_OK : SD_ERR_LIMIT;
}

/* Opened anew each time: whoever removes a file gets it back. */
static enum sd_err write_level(struct tiles *tiles, unsigned level) {
    char path[SEGMENT_NAME_MAX];
    struct span hashes = buf_span(&tiles->hashes[level]);
    off_t at = (off_t)(tiles->from[level] * SHA256_BYTES);
    enum sd_err err = file_of(tiles->dir, level, path);
    int fd = err ? -1 : open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err ? err : sd_err_from_errno(errno);
    for (ssize_t n = 0; hashes.n && err == SD_OK; hashes = span_from(hashes, n > 0 ? (size_t)n : 0)) {
        n = pwrite(fd, hashes.p, hashes.n, at);
        if (n < 0 && errno != EINTR)
            err = sd_err_from_errno(errno);
        at += n > 0 ? n : 0;
    }
    (void)close(fd);
    return err;
}

enum sd_err tiles_write(struct tiles *tiles) {
    enum sd_err first = SD_OK;
    for (unsigned level = 0; level < TILE_LEVELS; level++) {
        struct buf *hashes = &tiles->hashes[level];
        enum sd_err err = hashes->n ? write_level(tiles, level) : SD_OK;
        first = first ? first : err;
        tiles->from[level] += hashes->n /
                              SHA256_BYTES; /* what could not be written is missing, and rebuilt when it is needed */
        buf_reset(hashes);
    }
    return first;
}

/* ---- reading ---- */

static enum sd_err read_hashes(const char *dir, unsigned level, uint64_t from, size_t count, struct sha256 *ret) {
    char path[SEGMENT_NAME_MAX];
    enum sd_err err = file_of(dir, level, path);
    int fd = err ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err ? err : errno == ENOENT ? SD_ERR_NOTFOUND : sd_err_from_errno(errno);
    ssize_t n = pread(fd, ret, count * SHA256_BYTES, (off_t)(from * SHA256_BYTES));
    (void)close(fd);
    return n < 0 ? SD_ERR_IO : (size_t)n < count * SHA256_BYTES ? SD_ERR_NOTFOUND : SD_OK;
}

/* Between two levels: computed from the hashes of the lower one, at most 128 of them. */
enum sd_err tiles_get(void *dir, unsigned height, uint64_t index, struct sha256 *ret) {
    struct sha256 hashes[1 << (TILE_HEIGHT - 1)];
    unsigned level = height / TILE_HEIGHT, above = height % TILE_HEIGHT;
    if (level >= TILE_LEVELS)
        return SD_ERR_NOTFOUND;
    size_t count = (size_t)1 << above;
    enum sd_err err = read_hashes(dir, level, index << above, count, hashes);
    for (; err == SD_OK && count > 1; count /= 2)
        for (size_t i = 0; i < count / 2 && err == SD_OK; i++)
            err = merkle_node(&hashes[2 * i], &hashes[2 * i + 1], &hashes[i]);
    if (err == SD_OK)
        *ret = hashes[0];
    return err;
}

/* ---- rebuilding ---- */

static enum sd_err rebuild_segment(struct tiles *tiles, struct merkle_range *range, uint64_t first, uint64_t until) {
    struct segment segment;
    struct span record;
    struct sha256 leaf;
    enum sd_err err = segment_open(tiles->dir, first, &segment);
    if (err)
        return err;
    if (first != range->size)
        err = SD_ERR_FORGED; /* records are missing */
    while (err == SD_OK && range->size < until) {
        err = segment_next(&segment, &record, &leaf);
        if (err == SD_OK)
            err = tiles_add(tiles, range, &leaf);
        if (err == SD_OK && range->size % REBUILD_LEAVES == 0)
            err = tiles_write(tiles);
    }
    segment_close(&segment);
    return err == SD_ERR_NOTFOUND ? SD_OK : err == SD_ERR_PARSE ? SD_ERR_FORGED : err;
}

enum sd_err tiles_rebuild(const char *dir, uint64_t until) {
    uint64_t *firsts = NULL;
    size_t count = 0;
    struct tiles tiles = tiles_start(dir, 0);
    struct merkle_range range = {0};
    enum sd_err err = segment_list(dir, &firsts, &count);
    for (size_t i = 0; i < count && err == SD_OK && range.size < until; i++)
        err = rebuild_segment(&tiles, &range, firsts[i], until);
    if (err == SD_OK)
        err = tiles_write(&tiles);
    if (err == SD_OK && range.size < until)
        err = SD_ERR_FORGED;
    free(firsts);
    tiles_free(&tiles);
    return err;
}
