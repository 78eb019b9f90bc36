/* restore.h - from a backup's two files to a folder that a keeper opens; what commands restore and drill share. */
#ifndef SD_SEALDESK_RESTORE_H
#define SD_SEALDESK_RESTORE_H

#include "sealdesk/archive.h"
#include "sealdesk/cli.h"

#define CONF_UNFINISHED "sealdesk.conf.unfinished" /* it becomes sealdesk.conf when everything else is done */

struct restoring {
    const char *from, *root_file, *recovery_file;
    char dir[4000];
    struct archive_head head;
    uint64_t files, bytes;
};

/* Into r->dir, which is empty or not there. Says what is wrong, and leaves nothing. */
enum sd_err restore_extract(struct restoring *r) SD_MUST_CHECK;
/* A keeper of our own on it. Says what is wrong. */
enum sd_err restore_keeper(const struct restoring *r, struct settings **ret_settings, struct door *door) SD_MUST_CHECK;
/* Removes the folder and what is in it; the root is overwritten first. */
void restore_wipe(const char *dir);

/* replay.c: what was destroyed since. */
struct replayed {
    uint64_t destroyed; /* objects, now again */
    uint64_t asked;     /* records that were read */
};
/* log: a file that `sealdesk audit export` wrote, or a folder of the log's own files. Only before the restored keeper is in
 * service. */
enum sd_err replay_destructions(struct ipc_client *keeper, const char *log, struct replayed *to) SD_MUST_CHECK;

/* drill.c: letters picked at random, opened with the real keys, compared with the keeper's digests. */
struct drilled {
    uint64_t messages; /* in the store */
    unsigned right, wrong, destroyed;
    bool log_good;
    uint64_t log_size;
    uint8_t log_root[SHA256_BYTES];
};
enum sd_err drill(const struct restoring *r, struct ipc_client *keeper, unsigned letters, struct drilled *ret) SD_MUST_CHECK;

#endif
