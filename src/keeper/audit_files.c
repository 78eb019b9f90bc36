#include "keeper/audit_files.h"
#include "core/file.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUND_MAX_BYTES (SEGMENT_BYTES + 4 * 1024 * 1024) /* AUDIT_BACKLOG_MAX ordinary records, and then some */

static enum sd_err begin_segment(struct audit_files *files, const struct merkle_range *range) {
    char path[SEGMENT_NAME_MAX];
    struct buf head SD_CLEANUP(buf_free) = buf_new(4096);
    segment_put_head(&head, range);
    enum sd_err err = segment_path(files->dir, range->size, path);
    if (err == SD_OK)
        err = buf_err(&head);
    if (err)
        return err;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return sd_err_from_errno(errno);
    err = file_write_at(fd, buf_span(&head), 0);
    if (err == SD_OK && fdatasync(fd) != 0)
        err = sd_err_from_errno(errno);
    if (err == SD_OK)
        err = folder_sync(files->dir);
    if (err) {
        (void)close(fd);
        (void)unlink(path);
        return err;
    }
    if (files->fd >= 0)
        (void)close(files->fd);
    files->fd = fd;
    files->segment = range->size;
    files->offset = head.n;
    files->end_segment = false;
    return SD_OK;
}

static enum sd_err frame_entries(struct audit_files *files, struct merkle_range *range, struct audit_entry *entries,
                                 struct buf *frames) {
    struct buf record SD_CLEANUP(buf_free) = buf_new(MERKLE_LEAF_MAX);
    enum sd_err err = SD_OK;
    for (struct audit_entry *e = entries; e && err == SD_OK; e = e->next) {
        struct sha256 leaf;
        buf_reset(&record);
        buf_printf(&record, "{\"seq\":%llu,", (unsigned long long)range->size);
        buf_put(&record, buf_span(&e->rest));
        e->seq = range->size;
        e->segment = files->segment;
        e->offset = files->offset + frames->n;
        err = buf_err(&e->rest) ? SD_ERR_LIMIT : buf_err(&record);
        if (err == SD_OK)
            err = segment_put_record(frames, buf_span(&record), &leaf);
        if (err == SD_OK)
            err = tiles_add(&files->tiles, range, &leaf);
    }
    return err;
}

/* Hashes of records that did not reach the disk are forgotten; then the files are what proofs have to do without. */
static void settle_tiles(struct audit_files *files, uint64_t size, enum sd_err err) {
    enum sd_err written = err ? SD_OK : tiles_write(&files->tiles);
    if (written)
        log_warn("keeper.tiles", "error=%s", sd_err_name(written));
    if (err) {
        tiles_free(&files->tiles);
        files->tiles = tiles_start(files->dir, size);
    }
}

enum sd_err audit_files_write(struct audit_files *files, struct merkle_range *range, struct audit_entry *entries) {
    struct buf frames SD_CLEANUP(buf_free) = buf_new(ROUND_MAX_BYTES);
    uint64_t size = range->size;
    enum sd_err err = SD_OK;
    if (files->fd < 0 || files->offset > SEGMENT_BYTES || files->end_segment)
        err = begin_segment(files, range);
    if (err == SD_OK)
        err = frame_entries(files, range, entries, &frames);
    if (err) {
        settle_tiles(files, size, err);
        return err;
    }
    err = file_write_at(files->fd, buf_span(&frames), files->offset);
    if (err == SD_OK && fdatasync(files->fd) != 0)
        err = sd_err_from_errno(errno);
    settle_tiles(files, size, err);
    if (err == SD_OK) {
        files->offset += frames.n;
        return SD_OK;
    }
    /* After a failed fdatasync the pages count as clean: the same descriptor must not be believed again. */
    (void)!ftruncate(files->fd, (off_t)files->offset);
    (void)close(files->fd);
    files->fd = -1;
    char path[SEGMENT_NAME_MAX];
    if (segment_path(files->dir, files->segment, path) == SD_OK)
        files->fd = open(path, O_RDWR | O_CLOEXEC);
    return err;
}

/* ---- checkpoints ---- */

static enum sd_err join_path(char to[SEGMENT_NAME_MAX], const char *dir, const char *name) {
    int n = snprintf(to, SEGMENT_NAME_MAX, "%s/%s", dir, name);
    return n > 0 && n < SEGMENT_NAME_MAX ? SD_OK : SD_ERR_LIMIT;
}

static enum sd_err write_file(const char *path, int flags, struct span bytes) {
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
    if (fd < 0)
        return sd_err_from_errno(errno);
    off_t end = lseek(fd, 0, SEEK_END);
    enum sd_err err = end < 0 ? SD_ERR_IO : file_write_at(fd, bytes, (uint64_t)end);
    if (err == SD_OK && fdatasync(fd) != 0)
        err = sd_err_from_errno(errno);
    if (err && end >= 0)
        (void)!ftruncate(fd, end);
    (void)close(fd);
    return err;
}

static enum sd_err write_checkpoint(struct audit_files *files, struct span note) {
    char history[SEGMENT_NAME_MAX], path[SEGMENT_NAME_MAX], fresh[SEGMENT_NAME_MAX];
    enum sd_err err = join_path(history, files->dir, "checkpoints");
    if (err == SD_OK)
        err = join_path(path, files->dir, "checkpoint");
    if (err == SD_OK)
        err = join_path(fresh, files->dir, "checkpoint.new");
    if (err == SD_OK)
        err = write_file(history, 0, note);
    if (err == SD_OK)
        err = write_file(fresh, O_TRUNC, note);
    if (err == SD_OK && rename(fresh, path) != 0)
        err = sd_err_from_errno(errno);
    return err ? err : folder_sync(files->dir);
}

enum sd_err audit_files_checkpoint(struct audit_files *files, const struct merkle_range *range) {
    struct buf note SD_CLEANUP(buf_free) = buf_new(NOTE_MAX_BYTES);
    struct checkpoint checkpoint = {.size = range->size};
    enum sd_err err = merkle_root(range, &checkpoint.root);
    if (err == SD_OK)
        err = note_write(&files->key, files->signer, &checkpoint, &note);
    if (err == SD_OK)
        err = write_checkpoint(files, buf_span(&note));
    if (err)
        return err;
    files->checkpoint = checkpoint;
    buf_reset(&files->note);
    buf_put(&files->note, buf_span(&note));
    return buf_err(&files->note);
}

enum sd_err audit_files_open_checkpoints(const char *dir, int *ret) {
    char path[SEGMENT_NAME_MAX];
    enum sd_err err = join_path(path, dir, "checkpoints");
    if (err)
        return err;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? SD_ERR_NOTFOUND : sd_err_from_errno(errno);
    *ret = fd;
    return SD_OK;
}

/* ---- recovery ---- */

#define TAIL_BYTES ((size_t)64 * 1024) /* the last checkpoint, and what a crash may have left behind it */

/* The end of the checkpoints, which may begin inside of one; *ret_size is that of the file. */
static enum sd_err read_tail(const char *dir, struct buf *to, off_t *ret_size) {
    int fd = -1;
    enum sd_err err = audit_files_open_checkpoints(dir, &fd);
    if (err)
        return err == SD_ERR_NOTFOUND ? SD_OK : err;
    off_t size = lseek(fd, 0, SEEK_END);
    off_t from = size > (off_t)TAIL_BYTES ? size - (off_t)TAIL_BYTES : 0;
    for (ssize_t n = 1; size > 0 && n > 0 && from + (off_t)to->n < size;) {
        uint8_t *p = buf_reserve(to, TAIL_BYTES - to->n);
        n = p ? pread(fd, p, TAIL_BYTES - to->n, from + (off_t)to->n) : -1;
        err = n < 0 ? SD_ERR_IO : SD_OK;
        buf_grew(to, n < 0 ? 0 : (size_t)n);
    }
    (void)close(fd);
    *ret_size = size;
    return size < 0 ? SD_ERR_IO : err;
}

/* Finds the last whole checkpoint and cuts off what a crash left behind it. */
static enum sd_err recover_checkpoints(struct audit_files *files, bool *damaged) {
    struct buf tail SD_CLEANUP(buf_free) = buf_new(TAIL_BYTES);
    off_t size = 0;
    enum sd_err err = read_tail(files->dir, &tail, &size);
    if (err)
        return err;
    struct span rest = buf_span(&tail), note = SPAN_NONE;
    while (note_next(&rest, &note))
        ;
    if (note.n == 0 && size > (off_t)tail.n)
        *damaged = true; /* no crash leaves so much */
    char path[SEGMENT_NAME_MAX];
    err = join_path(path, files->dir, "checkpoints");
    if (err == SD_OK && rest.n && truncate(path, size - (off_t)rest.n) != 0)
        err = sd_err_from_errno(errno);
    if (err == SD_OK && note.n && note_read(&files->key, note, &files->checkpoint) != SD_OK)
        *damaged = true;
    else if (err == SD_OK)
        buf_put(&files->note, note);
    return err;
}

/* Reads to the end of the records; the tree at the last checkpoint's size must have its root. */
static enum sd_err replay(struct audit_files *files, struct segment *segment, struct merkle_range *range, bool *damaged) {
    struct span record;
    struct sha256 leaf, root;
    enum sd_err err = SD_OK, read = SD_OK;
    *range = segment->start;
    while (err == SD_OK && read == SD_OK) {
        if (range->size == files->checkpoint.size && range->size) {
            err = merkle_root(range, &root);
            if (err == SD_OK && memcmp(root.b, files->checkpoint.root.b, SHA256_BYTES) != 0)
                *damaged = true;
        }
        read = err ? err : segment_next(segment, &record, &leaf);
        if (read == SD_OK)
            err = merkle_add(range, &leaf);
    }
    return err ? err : read == SD_ERR_NOTFOUND || read == SD_ERR_PARSE ? SD_OK : read;
}

static enum sd_err cut_tail(struct audit_files *files, struct segment *segment) {
    char path[SEGMENT_NAME_MAX];
    enum sd_err err = segment_path(files->dir, files->segment, path);
    if (err)
        return err;
    files->fd = open(path, O_RDWR | O_CLOEXEC);
    if (files->fd < 0)
        return sd_err_from_errno(errno);
    if (segment->at < segment->bytes.n && (ftruncate(files->fd, (off_t)segment->at) != 0 || fdatasync(files->fd) != 0))
        return sd_err_from_errno(errno);
    files->offset = segment->at;
    return SD_OK;
}

static enum sd_err recover_segment(struct audit_files *files, struct segment *segment, struct merkle_range *range,
                                   uint64_t *trimmed, bool *damaged) {
    enum sd_err err = replay(files, segment, range, damaged);
    if (err == SD_OK)
        err = cut_tail(files, segment);
    if (err == SD_OK)
        *trimmed += segment->bytes.n - segment->at;
    return err;
}

/* The newest segment with a whole head; one without was begun by a crash and holds no record. */
static enum sd_err open_newest(struct audit_files *files, struct segment *segment, uint64_t *trimmed) {
    uint64_t *firsts = NULL;
    size_t count = 0;
    enum sd_err err = segment_list(files->dir, &firsts, &count);
    while (err == SD_OK) {
        char path[SEGMENT_NAME_MAX];
        err = count ? segment_open(files->dir, firsts[count - 1], segment) : SD_ERR_NOTFOUND;
        if (err != SD_ERR_PARSE || segment_path(files->dir, firsts[count - 1], path) != SD_OK)
            break;
        err = unlink(path) == 0 ? SD_OK : sd_err_from_errno(errno);
        *trimmed += 1;
        count--;
    }
    if (err == SD_OK)
        files->segment = firsts[count - 1];
    free(firsts);
    return err;
}

enum sd_err audit_files_recover(struct audit_files *files, struct merkle_range *ret_range, uint64_t *ret_trimmed,
                                bool *ret_damaged) {
    struct segment segment = {.bytes = buf_new(0)};
    struct merkle_range range = {0};
    uint64_t trimmed = 0;
    bool damaged = false;
    enum sd_err err = segment_sweep(files->dir);
    if (err == SD_OK)
        err = recover_checkpoints(files, &damaged);
    if (err)
        return err;
    err = open_newest(files, &segment, &trimmed);
    if (err == SD_OK) {
        err = recover_segment(files, &segment, &range, &trimmed, &damaged);
        segment_close(&segment);
    } else if (err == SD_ERR_NOTFOUND) {
        err = SD_OK; /* the first record begins the first segment */
    }
    if (err)
        return err;
    files->tiles = tiles_start(files->dir, range.size);
    *ret_range = range;
    *ret_trimmed = trimmed;
    *ret_damaged = damaged || range.size < files->checkpoint.size;
    return SD_OK;
}
