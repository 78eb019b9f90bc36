/*
 * clamd_rig.h - Debian's clamd, started by a test on a socket of its own, with signatures of the test's making; stopped with
 * it.
 */
#ifndef SD_INSPECT_CLAMD_RIG_H
#define SD_INSPECT_CLAMD_RIG_H

#include "core/span.h"

#include <sys/types.h>

struct clamd_rig {
    char dir[64];      /* of the test's: conf, sock, db/, tmp/ */
    char endpoint[96]; /* "unix:…" */
    char signatures[96];
    pid_t pid;
};

/* False, with a line that says so: the package is not installed; the test is skipped. more: lines for its configuration. */
bool clamd_rig_start(struct clamd_rig *rig, const char *more);
void clamd_rig_stop(struct clamd_rig *rig);
/* SIGKILL, and again; what it says of itself is kept. */
void clamd_rig_kill(struct clamd_rig *rig);
void clamd_rig_run(struct clamd_rig *rig); /* returns when it answers */
/* Has it know these bytes by this name from its next start on; a new file each time, put there as freshclam does. */
void clamd_rig_learn(struct clamd_rig *rig, const char *name, struct span bytes);
/* As clamdscan --reload does; returns when it has loaded them. */
void clamd_rig_reload(struct clamd_rig *rig);

/* EICAR's test file, put together: as a whole it would stop this source at some scanner. 68 bytes. */
struct span eicar(void);
#define EICAR_NAME "Eicar-Test-Signature.UNOFFICIAL"

#endif
