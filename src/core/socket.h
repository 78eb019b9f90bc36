/*
 * socket.h - what every user of a socket would write anew: all bytes by a deadline, and descriptors that go along with a
 * message.
 */
#ifndef SD_CORE_SOCKET_H
#define SD_CORE_SOCKET_H

#include "core/clock.h"

#include <sys/socket.h>

/* All of it, over a stream. SD_ERR_CLOSED: the other end is gone; SD_ERR_TIMEOUT: it did not take it in time. */
enum sd_err socket_send(int fd, struct span bytes, struct deadline deadline) SD_MUST_CHECK;

/* Room for descriptors beside a message, in which both live (unix(7), SCM_RIGHTS). */
#define SOCKET_FDS_MAX 4
struct socket_fds {
    _Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(SOCKET_FDS_MAX * sizeof(int))];
};
/* Sends these along: before sendmsg(2). count: at most SOCKET_FDS_MAX. */
void socket_put_fds(struct msghdr *message, struct socket_fds *room, const int *fds, size_t count);
/*
 * Room for so many and not one more: before recvmsg(2). With CMSG_SPACE, as manuals show it, the kernel fills the padding with
 * another one, which nobody would look for or close. One that has no room is closed by the kernel, and msg_flags has
 * MSG_CTRUNC.
 */
void socket_room_for_fds(struct msghdr *message, struct socket_fds *room, size_t count);
/* Those that came, now the caller's; how many. fds: room for as many as there was room for. */
size_t socket_take_fds(struct msghdr *message, int *fds);

#endif
