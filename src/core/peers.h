/*
 * peers.h - the channels of a role that serves each of them with threads. Those that come before the role is confined wait
 * until it is; those that come later (a peer that restarted) are served at once. For role.h's main thread alone.
 */
#ifndef SD_CORE_PEERS_H
#define SD_CORE_PEERS_H

#include "core/role.h"

#define PEERS_EARLY_MAX 16

struct peers {
    const char *name;                                /* of the threads */
    size_t stack_bytes;                              /* of each */
    int64_t (*threads)(const struct ipc_conn *conn); /* how many for this one */
    void *(*serve)(void *conn);                      /* one thread; unrefs its struct ipc_conn * at the end */
    bool started;
    struct ipc_conn *early[PEERS_EARLY_MAX];
    size_t early_count;
};

/* Owns fd. SD_ERR_LIMIT: too many before the start. */
enum sd_err peers_add(struct peers *peers, uint32_t peer, uint16_t instance, int fd) SD_MUST_CHECK;
/* In the role's start. */
enum sd_err peers_start(struct peers *peers) SD_MUST_CHECK;

#endif
