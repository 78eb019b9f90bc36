/*
 * proc.h - one role's process: started with fork and exec, spoken to over its control channel (core/ipc/control.def).
 */
#ifndef SD_SEALDESK_PROC_H
#define SD_SEALDESK_PROC_H

#include "core/ipc/control.h"
#include "sealdesk/settings.h"

#include <sys/types.h>

enum proc_state {
    PROC_DOWN,     /* to be started when back_off has passed */
    PROC_STARTING, /* has its settings, has not answered yet */
    PROC_JOINING,  /* has its links, confines itself */
    PROC_RUNNING,
    PROC_ENDING,  /* killed, not reaped yet */
    PROC_STOPPED, /* for good */
};

#define LINKS_MAX 48 /* links handed over and not confirmed yet: every listener, peer and bell at once */

/* What a role is called, what it may know, and whom it is run as (offsets from run.uid_base). */
struct role_kind {
    const char *name;
    unsigned settings; /* enum settings_role */
    uint32_t peer;     /* enum ipc_peer */
    uint32_t uid_offset;
    uint32_t gid_offset;
    uint32_t extra_gid_offset; /* 0: none */
    unsigned stop_stage;       /* first what takes in, last what others need */
};

#define GROUP_INTAKE 20 /* edge writes, clerk reads and removes */
#define GROUP_STORE 21  /* clerk, courier, desk */
#define STOP_STAGES 4

const struct role_kind *role_kind(const char *name);

/*
 * Nothing here waits for a role, but for proc_finish: questions are sent, and their answers taken when they are there. A role
 * that hangs delays nobody else.
 */
struct proc {
    const struct role_kind *kind;
    uint16_t instance;
    enum proc_state state;
    pid_t pid;
    struct ipc_client *control;
    struct ipc_ticket *asked; /* start, go, ping or stop: its answer is awaited */
    struct deadline answer_by;
    struct ipc_ticket *links[LINKS_MAX];
    size_t link_count, links_before; /* not confirmed yet; of these, sent before the open question */
    enum sd_err error;               /* why it was last ended by us */
    unsigned restarts;
    int64_t since_ms;   /* wall clock of the last start */
    int64_t started_ns; /* the same, monotonic */
    struct deadline start_after;
    int64_t back_off_ms;
    char *sandbox; /* JSON */
    bool ready;
    char reason[256];
    uint64_t waiting;
};

/* fork, exec, asks it to start. held_fd: inherited, so that what is locked by it stays locked until the last role is gone. */
enum sd_err proc_start(struct proc *proc, const struct settings *settings, int held_fd) SD_MUST_CHECK;
/* Passes one descriptor (a duplicate goes; fd stays the caller's). A refusal shows in the answer to the next question. */
enum sd_err proc_link(struct proc *proc, uint8_t kind, const char *name, uint32_t peer, uint16_t instance,
                      int fd) SD_MUST_CHECK;
enum sd_err proc_ask_go(struct proc *proc) SD_MUST_CHECK;
enum sd_err proc_ask_ping(struct proc *proc) SD_MUST_CHECK;

/* True when the answer to the open question is there. Then one of proc_take_*, by the state it is in. */
bool proc_answered(struct proc *proc);
enum sd_err proc_take_start(struct proc *proc) SD_MUST_CHECK;
enum sd_err proc_take_go(struct proc *proc) SD_MUST_CHECK;
/* Fills ready, reason, waiting. broken: filled with the services that lost their channel, a line each. */
enum sd_err proc_take_ping(struct proc *proc, struct buf *broken) SD_MUST_CHECK;
/* It runs, and has owed an answer to a ping for longer than the next one would take. */
bool proc_is_silent(const struct proc *proc);

/* Asks it to stop; then waits for its end until the deadline, then SIGKILL. */
void proc_ask_stop(struct proc *proc, struct deadline deadline);
void proc_finish(struct proc *proc, struct deadline deadline);
/* SIGKILL; it is down when it has been reaped. */
void proc_kill(struct proc *proc, enum sd_err why);
/* After waitpid: closes the channel, counts the death, sets the back-off. */
void proc_died(struct proc *proc, int wait_status);
void proc_free(struct proc *proc);

/* Folder of the role executables: libexec beside this program, or what the build was configured with. */
const char *libexec_dir(void);

/* Owner, group and mode of everything under the data directory, for the roles' users; only as root. */
enum sd_err prepare_dirs(const struct settings *settings) SD_MUST_CHECK;

#endif
