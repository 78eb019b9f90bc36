/*
 * engine.h - by what the scanner's verdicts are known: its version and that of its signatures in one text, such as
 * "ClamAV 1.4.6/27001/1764000000-8f0c11d2, rules 1", with the number of what we look for ourselves (FILES_RULES). When the text
 * changes, everything is looked into again; so it changes only when the scanner has loaded new signatures for sure. That is
 * some time after their files changed: what it says of itself, it reads from the same files.
 *
 * Every inspector comes to the same text at the same time, because it follows from the files and the clock. No I/O.
 */
#ifndef SD_INSPECT_ENGINE_H
#define SD_INSPECT_ENGINE_H

#include "core/ipc/states.h"
#include "inspect/scanner.h"
#include "inspect/signatures.h"

struct engine {
    char text[ENGINE_BYTES + 1]; /* empty: not known yet */
    char next[ENGINE_BYTES + 1]; /* seen, and not loaded for sure */
    int64_t next_ms;             /* since when */
};

/* What was seen now. stamp NULL: there is no folder that could be looked at. True: the text is another one than before. */
bool engine_see(struct engine *engine, const char *version, const struct signatures_stamp *stamp, int64_t now_ms,
                int64_t settle_ms);

#endif
