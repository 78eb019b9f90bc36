/*
 * aside.h - a process aside: what a role must be able to do and should not be able to do itself (connect to a socket by its
 * path, start a program) is done by a process forked before the role confines itself, which knows one thing and reads nothing
 * but numbers from its role. It ends with its role.
 */
#ifndef SD_CORE_ASIDE_H
#define SD_CORE_ASIDE_H

#include "core/base.h"
#include "core/clock.h"
#include "core/endpoint.h"
#include "core/ipc/ipc.h"

struct aside_spec {
    const char *name;               /* of the process, at most 15 bytes */
    uint32_t uid, gid;              /* to become, when root */
    bool no_network;                /* an empty network namespace (needs root, else the caller's network stays) */
    void (*run)(int fd, void *arg); /* its whole life; the process ends when it returns */
    void *arg;
};
/* In a role's prepare(), before there are threads. *ret_fd: SOCK_SEQPACKET; its end says that the process is gone. The process
 * aside has no descriptor but its own end and stderr, is not dumped and gets no new privileges. */
enum sd_err aside_start(const struct aside_spec *spec, int *ret_fd) SD_MUST_CHECK;

/* For run(), when it is there to be asked: answers one question after another until the role is gone, or an answer fails. The
 * answers are of the asker's making: the message's id goes back with them. */
void aside_serve(int fd, enum sd_err (*answer)(int fd, const struct ipc_msg *asked, void *arg), void *arg);
#define ASIDE_SEND_MS (60 * 60 * 1000) /* a role that takes no answers is one that is ending */

#endif
