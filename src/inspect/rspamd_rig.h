/* rspamd_rig.h - Debian's rspamd, started by a test on sockets of its own, asking nobody; stopped with it. */
#ifndef SD_INSPECT_RSPAMD_RIG_H
#define SD_INSPECT_RSPAMD_RIG_H

#include "core/span.h"

#include <sys/types.h>

struct rspamd_rig {
    char dir[64];
    char check[96], controller[96]; /* "unix:…" */
    char password_file[96];
    pid_t pid;
};

/* False, with a line that says so: the package is not installed; the test is skipped. */
bool rspamd_rig_start(struct rspamd_rig *rig);
void rspamd_rig_kill(struct rspamd_rig *rig);
void rspamd_rig_stop(struct rspamd_rig *rig);

/* What every spam filter takes for spam, put together. */
struct span gtube(void);

#endif
