/*
 * signatures.h - the folder of the scanner's signatures, looked at by a process aside: the inspector itself opens no files and
 * looks into no folder. It tells when something in it changed, and a number that is another one when it did.
 */
#ifndef SD_INSPECT_SIGNATURES_H
#define SD_INSPECT_SIGNATURES_H

#include "core/clock.h"

struct signatures_stamp {
    uint32_t mark;      /* of names, sizes and times of its files */
    int64_t newest_ms;  /* the newest file's time of modification */
    int64_t changed_ms; /* when a file was last written, put there or renamed, by this machine's clock */
};

struct signatures;
/* In prepare(). SD_ERR_NOTFOUND, _DENIED: the folder cannot be opened. */
enum sd_err signatures_start(const char *folder, uint32_t uid, uint32_t gid, struct signatures **ret) SD_MUST_CHECK;
void signatures_free(struct signatures **signatures);
enum sd_err signatures_look(struct signatures *signatures, struct deadline deadline,
                            struct signatures_stamp *ret) SD_MUST_CHECK;
bool signatures_gone(const struct signatures *signatures);

#endif
