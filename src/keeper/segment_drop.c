/* segment_drop.c - a segment written anew without the data of some of its records. */
#include "core/file.h"
#include "keeper/leaf.h"
#include "keeper/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What is put in place of a record: as long as it, so that no record's place changes; a shorter one than its own hash stays. */
static bool drop_record(struct segment *segment, size_t at, uint64_t seq, struct span record, const struct sha256 *leaf) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(256);
    struct buf head SD_CLEANUP(buf_free) = buf_new(16);
    uint8_t *frame = segment->bytes.p + at;
    leaf_put_dropped(&text, seq, span_of(leaf->b, SHA256_BYTES));
    buf_u32(&head, (uint32_t)record.n | SEGMENT_DROPPED);
    if (text.err || head.err || text.n > record.n)
        return false;
    size_t n = record.n;
    memcpy(frame, head.p, head.n);
    memset(frame + SEGMENT_FRAME_BYTES, 0, n);
    memcpy(frame + SEGMENT_FRAME_BYTES, text.p, text.n);
    return true;
}

static enum sd_err drop_chosen(struct segment *segment, segment_choose *choose, void *arg, struct merkle_range *range,
                               uint64_t *ret_dropped) {
    struct span record;
    struct sha256 leaf;
    uint8_t hash[SHA256_BYTES];
    enum sd_err err = SD_OK;
    for (;;) {
        uint64_t seq = segment->next;
        size_t at = segment->at;
        err = segment_next(segment, &record, &leaf);
        if (err == SD_OK)
            err = merkle_add(range, &leaf);
        if (err)
            return err == SD_ERR_NOTFOUND ? SD_OK : err;
        if (!leaf_dropped(record, hash) && choose(arg, seq, record) && drop_record(segment, at, seq, record, &leaf))
            (*ret_dropped)++;
    }
}

/* The tree over what is to be written is the tree over what is there, or nothing is written. */
static enum sd_err check_same(struct segment *segment, size_t first_at, const struct merkle_range *before) {
    struct span record;
    struct sha256 leaf, old_root, new_root;
    struct merkle_range range = segment->start;
    enum sd_err err = SD_OK;
    segment->at = first_at;
    segment->next = segment->start.size;
    while (err == SD_OK && (err = segment_next(segment, &record, &leaf)) == SD_OK)
        err = merkle_add(&range, &leaf);
    if (err != SD_ERR_NOTFOUND)
        return err;
    err = merkle_root(before, &old_root);
    if (err == SD_OK)
        err = merkle_root(&range, &new_root);
    return err ? err : memcmp(old_root.b, new_root.b, SHA256_BYTES) == 0 ? SD_OK : SD_ERR_BUG;
}

static enum sd_err write_new(const char *path, struct span bytes) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return sd_err_from_errno(errno);
    enum sd_err err = file_write(fd, bytes);
    if (err == SD_OK && fsync(fd) != 0)
        err = sd_err_from_errno(errno);
    (void)close(fd);
    return err;
}

static enum sd_err replace(const char *dir, uint64_t first, struct span bytes) {
    char path[SEGMENT_NAME_MAX], fresh[SEGMENT_NAME_MAX + 8];
    enum sd_err err = segment_path(dir, first, path);
    if (err)
        return err;
    (void)snprintf(fresh, sizeof fresh, "%s.new", path);
    err = write_new(fresh, bytes);
    if (err == SD_OK && rename(fresh, path) != 0)
        err = sd_err_from_errno(errno);
    if (err)
        (void)unlink(fresh);
    return err ? err : folder_sync(dir);
}

enum sd_err segment_drop(const char *dir, uint64_t first, segment_choose *choose, void *arg, uint64_t *ret_dropped) {
    struct segment segment;
    uint64_t dropped = 0;
    enum sd_err err = segment_open(dir, first, &segment);
    if (err)
        return err;
    size_t first_at = segment.at;
    struct merkle_range range = segment.start;
    err = drop_chosen(&segment, choose, arg, &range, &dropped);
    if (err == SD_OK && dropped)
        err = check_same(&segment, first_at, &range);
    if (err == SD_OK && dropped)
        err = replace(dir, first, buf_span(&segment.bytes));
    segment_close(&segment);
    if (err == SD_OK)
        *ret_dropped += dropped;
    return err;
}

enum sd_err segment_sweep(const char *dir) {
    DIR *d = opendir(dir);
    if (!d)
        return sd_err_from_errno(errno);
    enum sd_err err = SD_OK;
    for (struct dirent *e; (e = readdir(d));)
        if (span_ends(span_cstr(e->d_name), SPAN(".log.new")) && unlinkat(dirfd(d), e->d_name, 0) != 0)
            err = sd_err_from_errno(errno);
    (void)closedir(d);
    return err;
}
