/* audit_files.h - the log's files: segments and checkpoints, written by one thread. Private to audit*.c. */
#ifndef SD_KEEPER_AUDIT_FILES_H
#define SD_KEEPER_AUDIT_FILES_H

#include "keeper/audit.h"
#include "keeper/tiles.h"

struct audit_files {
    const char *dir;
    struct note_key key;
    const struct signer *signer;
    int fd;                       /* the newest segment, or -1 */
    uint64_t segment;             /* its first record */
    uint64_t offset;              /* its end */
    bool end_segment;             /* the next record begins another */
    struct checkpoint checkpoint; /* the last one written */
    struct buf note;              /* the same, signed */
    struct tiles tiles;
};

/* Reads the newest segment and the checkpoints; cuts torn tails off. */
enum sd_err audit_files_recover(struct audit_files *files, struct merkle_range *ret_range, uint64_t *ret_trimmed,
                                bool *ret_damaged) SD_MUST_CHECK;
/* Writes the entries' records behind *range and waits until they are on disk; on failure nothing of them stays. */
enum sd_err audit_files_write(struct audit_files *files, struct merkle_range *range, struct audit_entry *entries) SD_MUST_CHECK;
/* Appends to checkpoints, then replaces checkpoint. */
enum sd_err audit_files_checkpoint(struct audit_files *files, const struct merkle_range *range) SD_MUST_CHECK;

/* The file of all checkpoints, for reading: SD_ERR_NOTFOUND when there is none yet. */
enum sd_err audit_files_open_checkpoints(const char *dir, int *ret) SD_MUST_CHECK;

#endif
