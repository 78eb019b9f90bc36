/*
 * scanner.h - a virus scanner, whichever it is: a table of functions. It is asked about one file after another, by threads at
 * once; it reads them itself, from a sealed memfd.
 */
#ifndef SD_INSPECT_SCANNER_H
#define SD_INSPECT_SCANNER_H

#include "core/clock.h"

#define SIGNATURE_BYTES 128 /* of its name, cards_verdict_v1 */
#define ENGINE_BYTES 128    /* keeper.scanner */

struct scan_result {
    uint64_t findings; /* bits 1 << enum finding (core/ipc/states.h); none: it found nothing */
    char signature[SIGNATURE_BYTES + 1];
};

struct scanner_ops {
    /* SD_OK: it answered about this file. SD_ERR_UNAVAILABLE: it did not, or not in a way that can be believed. SD_ERR_TIMEOUT:
     * not in time. *ret is set for SD_OK only. */
    enum sd_err (*scan)(void *self, int file, struct deadline deadline, struct scan_result *ret);
    /* Its name, version and that of its signatures: what changes when it finds other things. And when those were made, in ms
     * since 1970; 0 when it does not say. Answers soon even when it is busy; not answering means that it is down. */
    enum sd_err (*version)(void *self, struct deadline deadline, char engine[ENGINE_BYTES + 1], int64_t *ret_made_ms);
};

struct scanner {
    const struct scanner_ops *ops; /* NULL: none is configured */
    void *self;
};

#endif
