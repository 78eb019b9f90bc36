/*
 * archive.h - a backup's file. Head, in clear: "SDBACKUP", u16 version, id, i64 when it was made, u64 generation of the root,
 * u16 length and the archive key, wrapped to the recovery key. Behind it a sealed stream (crypt/stream.h), whose associated
 * data is the head, of entries: u8 kind, name (u32 length, bytes), u32 mode, u64 size, content. The last entry is ARCHIVE_END
 * with the number of the others.
 *
 * The root's file: "SDBKROOT", u16 version, the same id, time and generation, u16 length and the root, wrapped to the recovery
 * key. All little endian.
 */
#ifndef SD_SEALDESK_ARCHIVE_H
#define SD_SEALDESK_ARCHIVE_H

#include "crypt/backup_keys.h"
#include "crypt/stream.h"

enum archive_kind {
    ARCHIVE_END = 0,
    ARCHIVE_FILE = 1,
    ARCHIVE_KEEPER = 2, /* a stream of its own, under the keeper's key: its database */
};
#define ARCHIVE_NAME_MAX 255

struct archive_head {
    struct backup_stamp stamp;
    uint8_t wrapped[BACKUP_WRAPPED_BYTES]; /* the archive key, or the root */
};

struct archive_entry {
    enum archive_kind kind;
    char name[ARCHIVE_NAME_MAX + 1]; /* relative, below the data directory */
    uint32_t mode;
    uint64_t bytes;
};

/* ---- writing ---- */

struct archive_out;
/* PATH.part until it is finished. SD_ERR_EXISTS: PATH is there. */
enum sd_err archive_create(const char *path, const struct archive_head *head, struct span files_key,
                           struct archive_out **ret) SD_MUST_CHECK;
enum sd_err archive_entry(struct archive_out *out, const struct archive_entry *entry) SD_MUST_CHECK;
enum sd_err archive_put(struct archive_out *out, struct span bytes) SD_MUST_CHECK; /* the entry's content, in pieces */
/* A whole open file, as long as it is now. */
enum sd_err archive_put_file(struct archive_out *out, const char *name, int fd) SD_MUST_CHECK;
enum sd_err archive_finish(struct archive_out *out, uint64_t *ret_bytes) SD_MUST_CHECK; /* durable, under its name */
void archive_drop(struct archive_out **out);                                            /* removes what is not finished */

/* A file that must not be there, 0600, durable. */
enum sd_err write_private(const char *path, struct span bytes) SD_MUST_CHECK;
enum sd_err root_file_write(const char *path, const struct archive_head *head) SD_MUST_CHECK;

/* ---- reading ---- */

/* SD_ERR_PARSE: none of ours. */
enum sd_err archive_head_read(const char *path, bool root, struct archive_head *ret) SD_MUST_CHECK;

struct archive_in;
enum sd_err archive_open(const char *path, struct span files_key, struct archive_in **ret) SD_MUST_CHECK;
/* The content of the one before must have been read. SD_ERR_FORGED: it was changed or cut off. */
enum sd_err archive_next(struct archive_in *in, struct archive_entry *ret) SD_MUST_CHECK;
/* At most max bytes of the content; none: that was all. */
enum sd_err archive_get(struct archive_in *in, size_t max, struct span *ret) SD_MUST_CHECK;
void archive_close(struct archive_in **in);

#endif
