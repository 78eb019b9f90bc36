#include "sealdesk/archive.h"
#include "core/file.h"

#include "core/role.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC SPAN("SDBACKUP")
#define ROOT_MAGIC SPAN("SDBKROOT")
#define VERSION 1
#define HEAD_BYTES (8 + 2 + BACKUP_ID_BYTES + 8 + 8 + 2 + BACKUP_WRAPPED_BYTES)
#define PATH_BYTES 4096
#define ENTRY_HEAD_MAX 512

/* ---- heads ---- */

static void put_head(const struct archive_head *head, struct span magic, struct buf *to) {
    buf_put(to, magic);
    buf_u16(to, VERSION);
    buf_put(to, span_of(head->stamp.id, sizeof head->stamp.id));
    buf_u64(to, (uint64_t)head->stamp.made_ms);
    buf_u64(to, head->stamp.root_generation);
    buf_u16(to, BACKUP_WRAPPED_BYTES);
    buf_put(to, span_of(head->wrapped, sizeof head->wrapped));
}

static enum sd_err parse_head(struct span bytes, struct span magic, struct archive_head *ret) {
    struct reader r = reader_of(bytes);
    struct archive_head head = {0};
    bool ours = span_eq(read_bytes(&r, 8), magic) && read_u16(&r) == VERSION;
    struct span id = read_bytes(&r, BACKUP_ID_BYTES);
    head.stamp.made_ms = (int64_t)read_u64(&r);
    head.stamp.root_generation = read_u64(&r);
    ours = ours && read_u16(&r) == BACKUP_WRAPPED_BYTES;
    struct span wrapped = read_bytes(&r, BACKUP_WRAPPED_BYTES);
    if (r.err || !ours)
        return SD_ERR_PARSE;
    memcpy(head.stamp.id, id.p, sizeof head.stamp.id);
    memcpy(head.wrapped, wrapped.p, sizeof head.wrapped);
    *ret = head;
    return SD_OK;
}

enum sd_err archive_head_read(const char *path, bool root, struct archive_head *ret) {
    uint8_t bytes[HEAD_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sd_err_from_errno(errno);
    ssize_t n = read(fd, bytes, sizeof bytes);
    (void)close(fd);
    return parse_head(span_of(bytes, n > 0 ? (size_t)n : 0), root ? ROOT_MAGIC : MAGIC, ret);
}

/* ---- files ---- */

enum sd_err write_private(const char *path, struct span bytes) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? SD_ERR_EXISTS : sd_err_from_errno(errno);
    enum sd_err err = file_write(fd, bytes);
    if (err == SD_OK && fsync(fd) != 0)
        err = sd_err_from_errno(errno);
    (void)close(fd);
    if (err)
        (void)unlink(path);
    return err;
}

enum sd_err root_file_write(const char *path, const struct archive_head *head) {
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(HEAD_BYTES);
    put_head(head, ROOT_MAGIC, &bytes);
    enum sd_err err = buf_err(&bytes);
    return err ? err : write_private(path, buf_span(&bytes));
}

/* ---- writing ---- */

struct archive_out {
    char path[PATH_BYTES], part[PATH_BYTES];
    int fd;
    struct stream *stream;
    struct buf plain; /* not a whole chunk yet */
    struct buf sealed;
    uint64_t entries, bytes, left; /* left: of the entry's content */
};

void archive_drop(struct archive_out **out) {
    if (!*out)
        return;
    if ((*out)->fd >= 0) {
        (void)close((*out)->fd);
        (void)unlink((*out)->part);
    }
    stream_free(&(*out)->stream);
    buf_free(&(*out)->plain);
    buf_free(&(*out)->sealed);
    free(*out);
    *out = NULL;
}

static enum sd_err open_part(struct archive_out *out, const char *path) {
    struct stat st;
    if (snprintf(out->path, sizeof out->path, "%s", path) >= PATH_BYTES - 8)
        return SD_ERR_LIMIT;
    (void)snprintf(out->part, sizeof out->part, "%.*s.part", PATH_BYTES - 8, path);
    if (lstat(path, &st) == 0)
        return SD_ERR_EXISTS;
    out->fd = open(out->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    return out->fd < 0 ? sd_err_from_errno(errno) : SD_OK;
}

enum sd_err archive_create(const char *path, const struct archive_head *head, struct span files_key, struct archive_out **ret) {
    struct archive_out *out = calloc(1, sizeof *out);
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(HEAD_BYTES);
    if (!out)
        return SD_ERR_NOMEM;
    *out = (struct archive_out){.fd = -1, .plain = buf_new(2 * STREAM_CHUNK_BYTES), .sealed = buf_new(STREAM_SEALED_BYTES)};
    put_head(head, MAGIC, &bytes);
    enum sd_err err = buf_err(&bytes);
    if (err == SD_OK)
        err = open_part(out, path);
    if (err == SD_OK)
        err = stream_new(STREAM_SEAL, files_key, buf_span(&bytes), &out->stream);
    if (err == SD_OK)
        err = file_write(out->fd, buf_span(&bytes));
    out->bytes = bytes.n;
    if (err)
        archive_drop(&out);
    else
        *ret = out;
    return err;
}

static enum sd_err flush_chunk(struct archive_out *out, bool last) {
    size_t n = out->plain.n < STREAM_CHUNK_BYTES ? out->plain.n : STREAM_CHUNK_BYTES;
    buf_reset(&out->sealed);
    enum sd_err err = stream_chunk(out->stream, span_sub(buf_span(&out->plain), 0, n), last, &out->sealed);
    if (err == SD_OK)
        err = file_write(out->fd, buf_span(&out->sealed));
    out->bytes += out->sealed.n;
    buf_consume(&out->plain, n);
    return err;
}

/* A whole chunk waits until something comes behind it: it may be the last. */
static enum sd_err put(struct archive_out *out, struct span bytes) {
    enum sd_err err = SD_OK;
    while (bytes.n && err == SD_OK) {
        if (out->plain.n == STREAM_CHUNK_BYTES)
            err = flush_chunk(out, false);
        struct span part = span_sub(bytes, 0, STREAM_CHUNK_BYTES - out->plain.n);
        buf_put(&out->plain, part);
        bytes = span_from(bytes, part.n);
    }
    return err ? err : buf_err(&out->plain);
}

enum sd_err archive_entry(struct archive_out *out, const struct archive_entry *entry) {
    struct buf head SD_CLEANUP(buf_free) = buf_new(ENTRY_HEAD_MAX);
    if (out->left)
        return SD_ERR_BUG;
    buf_u8(&head, (uint8_t)entry->kind);
    buf_blob(&head, span_cstr(entry->name));
    buf_u32(&head, entry->mode);
    buf_u64(&head, entry->bytes);
    out->left = entry->kind == ARCHIVE_END ? 0 : entry->bytes;
    out->entries++;
    enum sd_err err = buf_err(&head);
    return err ? err : put(out, buf_span(&head));
}

enum sd_err archive_put(struct archive_out *out, struct span bytes) {
    if (bytes.n > out->left)
        return SD_ERR_BUG;
    out->left -= bytes.n;
    return put(out, bytes);
}

enum sd_err archive_put_file(struct archive_out *out, const char *name, int fd) {
    struct archive_entry entry = {.kind = ARCHIVE_FILE};
    uint8_t part[STREAM_CHUNK_BYTES];
    struct stat st;
    if (fstat(fd, &st) != 0 || snprintf(entry.name, sizeof entry.name, "%s", name) > ARCHIVE_NAME_MAX)
        return SD_ERR_IO;
    entry.mode = st.st_mode & 0777;
    entry.bytes = (uint64_t)st.st_size;
    enum sd_err err = archive_entry(out, &entry);
    for (uint64_t at = 0; at < entry.bytes && err == SD_OK;) {
        size_t want = entry.bytes - at < sizeof part ? (size_t)(entry.bytes - at) : sizeof part;
        ssize_t n = pread(fd, part, want, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        err = n > 0 ? archive_put(out, span_of(part, (size_t)n)) : SD_ERR_IO; /* shorter than it was: not ours to mend */
        at += n > 0 ? (uint64_t)n : 0;
    }
    return err;
}

static enum sd_err sync_folder_of(const char *path) {
    char dir[PATH_BYTES];
    (void)snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir] = 0;
    return folder_sync(slash ? dir : ".");
}

enum sd_err archive_finish(struct archive_out *out, uint64_t *ret_bytes) {
    enum sd_err err = archive_entry(out, &(struct archive_entry){.kind = ARCHIVE_END, .bytes = out->entries});
    while (err == SD_OK && !stream_ended(out->stream))
        err = flush_chunk(out, out->plain.n <= STREAM_CHUNK_BYTES);
    if (err == SD_OK && fsync(out->fd) != 0)
        err = sd_err_from_errno(errno);
    if (err == SD_OK && renameat2(AT_FDCWD, out->part, AT_FDCWD, out->path, RENAME_NOREPLACE) != 0)
        err = sd_err_from_errno(errno);
    if (err)
        return err;
    (void)close(out->fd);
    out->fd = -1; /* it has its name now */
    *ret_bytes = out->bytes;
    return sync_folder_of(out->path);
}

/* ---- reading ---- */

struct archive_in {
    int fd;
    struct stream *stream;
    struct buf sealed; /* read ahead by a byte: only then it shows which chunk is the last */
    struct buf plain;
    size_t at; /* in plain */
    uint64_t entries, left;
    bool at_end;
};

void archive_close(struct archive_in **in) {
    if (!*in)
        return;
    if ((*in)->fd >= 0)
        (void)close((*in)->fd);
    stream_free(&(*in)->stream);
    buf_free(&(*in)->sealed);
    buf_free(&(*in)->plain);
    free(*in);
    *in = NULL;
}

enum sd_err archive_open(const char *path, struct span files_key, struct archive_in **ret) {
    struct archive_in *in = calloc(1, sizeof *in);
    uint8_t head[HEAD_BYTES];
    if (!in)
        return SD_ERR_NOMEM;
    *in = (struct archive_in){.fd = open(path, O_RDONLY | O_CLOEXEC),
                              .sealed = buf_new(STREAM_SEALED_BYTES + 1),
                              .plain = buf_new(2 * STREAM_CHUNK_BYTES)};
    enum sd_err err = in->fd < 0 ? sd_err_from_errno(errno) : SD_OK;
    if (err == SD_OK && read(in->fd, head, sizeof head) != (ssize_t)sizeof head)
        err = SD_ERR_PARSE;
    if (err == SD_OK)
        err = stream_new(STREAM_OPEN, files_key, span_of(head, sizeof head), &in->stream);
    if (err)
        archive_close(&in);
    else
        *ret = in;
    return err;
}

static enum sd_err fill_sealed(struct archive_in *in) {
    while (!in->at_end && in->sealed.n < STREAM_SEALED_BYTES + 1) {
        uint8_t *p = buf_reserve(&in->sealed, STREAM_SEALED_BYTES + 1 - in->sealed.n);
        ssize_t n = p ? read(in->fd, p, STREAM_SEALED_BYTES + 1 - in->sealed.n) : -1;
        if (n < 0)
            return p ? sd_err_from_errno(errno) : buf_err(&in->sealed);
        in->at_end = n == 0;
        buf_grew(&in->sealed, (size_t)n);
    }
    return SD_OK;
}

static enum sd_err next_chunk(struct archive_in *in) {
    if (stream_ended(in->stream))
        return SD_ERR_FORGED; /* an entry says that there is more */
    buf_consume(&in->plain, in->at);
    in->at = 0;
    enum sd_err err = fill_sealed(in);
    if (err)
        return err;
    size_t n = in->sealed.n < STREAM_SEALED_BYTES ? in->sealed.n : STREAM_SEALED_BYTES;
    err = stream_chunk(in->stream, span_sub(buf_span(&in->sealed), 0, n), in->sealed.n <= STREAM_SEALED_BYTES, &in->plain);
    buf_consume(&in->sealed, n);
    return err;
}

static enum sd_err have(struct archive_in *in, size_t n) {
    enum sd_err err = SD_OK;
    while (err == SD_OK && in->plain.n - in->at < n)
        err = next_chunk(in);
    return err;
}

static struct span take(struct archive_in *in, size_t n) {
    struct span bytes = span_sub(buf_span(&in->plain), in->at, n);
    in->at += n;
    return bytes;
}

/* Behind the last entry nothing comes. */
static enum sd_err check_end(struct archive_in *in, uint64_t entries) {
    bool whole = entries == in->entries && in->at == in->plain.n && stream_ended(in->stream);
    return whole ? SD_OK : SD_ERR_FORGED;
}

enum sd_err archive_next(struct archive_in *in, struct archive_entry *ret) {
    struct archive_entry entry = {0};
    enum sd_err err = in->left ? SD_ERR_BUG : have(in, 5);
    if (err)
        return err;
    struct reader r = reader_of(take(in, 5));
    entry.kind = (enum archive_kind)read_u8(&r);
    uint32_t n = read_u32(&r);
    err = n <= ARCHIVE_NAME_MAX ? have(in, n + 12) : SD_ERR_FORGED;
    if (err)
        return err;
    memcpy(entry.name, take(in, n).p, n);
    r = reader_of(take(in, 12));
    entry.mode = read_u32(&r);
    entry.bytes = read_u64(&r);
    if (entry.kind == ARCHIVE_END)
        err = check_end(in, entry.bytes);
    else
        in->left = entry.bytes;
    in->entries++;
    if (err == SD_OK)
        *ret = entry;
    return err;
}

enum sd_err archive_get(struct archive_in *in, size_t max, struct span *ret) {
    if (max > STREAM_CHUNK_BYTES)
        max = STREAM_CHUNK_BYTES;
    size_t n = in->left < max ? (size_t)in->left : max;
    enum sd_err err = n && in->plain.n == in->at ? next_chunk(in) : SD_OK;
    if (err)
        return err;
    if (n > in->plain.n - in->at)
        n = in->plain.n - in->at;
    in->left -= n;
    *ret = take(in, n);
    return SD_OK;
}
