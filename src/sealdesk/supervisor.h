/*
 * supervisor.h - starts the roles, joins them, restarts what dies, tells how they are. One thread, no data.
 */
#ifndef SD_SEALDESK_SUPERVISOR_H
#define SD_SEALDESK_SUPERVISOR_H

#include "sealdesk/proc.h"

#define PROCS_MAX 17
#define LISTENERS_MAX 24

struct listener {
    const char *role;
    const char *name; /* "smtp", "desk", "admin" */
    int fd;
};

struct supervisor {
    const struct settings *settings;
    struct proc procs[PROCS_MAX];
    size_t proc_count;
    struct listener listeners[LISTENERS_MAX];
    size_t listener_count;
    int intake_bell, outbound_bell, preview_bell;
    int status_fd; /* listening; -1 for none */
    int signal_fd; /* signalfd of SIGTERM, SIGINT and SIGCHLD; -1 for none */
    int lock_fd;   /* -1 for none */
    bool stopping; /* a signal asked for it */
    struct deadline ping;
};

/* All of `sealdesk run`: returns when a signal asked to stop and everything has stopped. The exit status. */
int supervisor_run(const struct settings *settings);

/* ---- pieces the command line uses to run a few roles by itself ---- */

/* DIR/run/lock, held as long as the descriptor is open, here or in a role: SD_ERR_BUSY when another Sealdesk runs on this
 * directory, or a role of one is not gone yet. Waits a little for that. */
enum sd_err lock_data_dir(const struct settings *settings, int *ret_fd) SD_MUST_CHECK;
struct proc *supervisor_add(struct supervisor *s, const char *role, uint16_t instance);
/* A supervisor of nothing yet. */
struct supervisor supervisor_new(const struct settings *settings);
/* Starts every process added, joins them by the topology, lets them go. The first that fails is the failure of all. SD_OK too
 * when a signal asked to stop meanwhile. */
enum sd_err supervisor_start(struct supervisor *s) SD_MUST_CHECK;
/* A channel of our own to a running role, as the given peer (PEER_ADMIN; PEER_EDGE for `verify`). */
enum sd_err supervisor_connect(struct supervisor *s, const char *role, uint32_t peer, struct ipc_client **ret) SD_MUST_CHECK;
void supervisor_stop(struct supervisor *s); /* and frees what it has of them */

/* topology.c: makes the channels between `proc` and every running peer, and hands it its listeners and bells. Waits for nobody.
 */
enum sd_err topology_join(struct supervisor *s, struct proc *proc) SD_MUST_CHECK;
/* One channel again, after `proc` reported that it lost its service. */
enum sd_err topology_rejoin(struct supervisor *s, struct proc *proc, struct span service) SD_MUST_CHECK;

/* status.c */
void status_json(const struct supervisor *s, struct buf *to);

#endif
