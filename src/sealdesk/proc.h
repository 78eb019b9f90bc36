/*
 * proc.h - one role's process: started with fork and exec, spoken to over its control channel (core/ipc/control.def).
 */
#ifndef SD_SEALDESK_PROC_H
#define SD_SEALDESK_PROC_H

#include "core/ipc/control.h"
#include "sealdesk/settings.h"

#include <sys/types.h>

enum proc_state {
    PROC_DOWN,    /* to be started when back_off has passed */
    PROC_STARTED, /* has its settings, waits for links and go */
    PROC_RUNNING,
    PROC_STOPPED, /* for good */
};

/* What a role is called, what it may know, and whom it is run as (offsets from run.uid_base). */
struct role_kind {
    const char *name;
    unsigned settings; /* enum settings_role */
    uint32_t peer;     /* enum ipc_peer */
    uint32_t uid_offset;
    uint32_t gid_offset;
    uint32_t extra_gid_offset; /* 0: none */
};

#define GROUP_INTAKE 20 /* edge writes, clerk reads and removes */
#define GROUP_STORE 21  /* clerk, courier, desk */

const struct role_kind *role_kind(const char *name);

struct proc {
    const struct role_kind *kind;
    uint16_t instance;
    enum proc_state state;
    pid_t pid;
    struct ipc_client *control;
    unsigned restarts;
    int64_t since_ms; /* wall clock of the last start */
    struct deadline start_after;
    int64_t back_off_ms;
    char *sandbox; /* JSON */
    bool ready;
    char reason[256];
    uint64_t waiting;
};

/* fork, exec, control.start. On failure the process is killed and reaped. */
enum sd_err proc_start(struct proc *proc, const struct settings *settings) SD_MUST_CHECK;
/* Passes one descriptor (a duplicate goes; fd stays the caller's). */
enum sd_err proc_link(struct proc *proc, uint8_t kind, const char *name, uint32_t peer, uint16_t instance,
                      int fd) SD_MUST_CHECK;
enum sd_err proc_go(struct proc *proc) SD_MUST_CHECK;
/* Asks; fills ready, reason, waiting. broken: filled with the services that lost their channel. */
enum sd_err proc_ping(struct proc *proc, struct buf *broken) SD_MUST_CHECK;
/* control.stop, then waits for the end, then SIGKILL. */
void proc_stop(struct proc *proc, struct deadline deadline);
void proc_kill(struct proc *proc);
/* After waitpid: closes the channel, counts the death, sets the back-off. */
void proc_died(struct proc *proc, int wait_status);

/* Folder of the role executables: libexec beside this program, or what the build was configured with. */
const char *libexec_dir(void);

/* Owner, group and mode of everything under the data directory, for the roles' users; only as root. */
enum sd_err prepare_dirs(const struct settings *settings) SD_MUST_CHECK;

#endif
