#include "core/socket.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

enum sd_err socket_send(int fd, struct span bytes, struct deadline deadline) {
    while (bytes.n) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return SD_ERR_CLOSED;
        enum sd_err err = n < 0 ? wait_fd(fd, POLLOUT, deadline) : SD_OK;
        if (err)
            return err;
        bytes = span_from(bytes, n > 0 ? (size_t)n : 0);
    }
    return SD_OK;
}

void socket_put_fds(struct msghdr *message, struct socket_fds *room, const int *fds, size_t count) {
    *room = (struct socket_fds){0};
    message->msg_control = room->bytes;
    message->msg_controllen = CMSG_SPACE(count * sizeof *fds);
    struct cmsghdr *c = CMSG_FIRSTHDR(message);
    *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof *fds)};
    memcpy(CMSG_DATA(c), fds, count * sizeof *fds);
}

void socket_room_for_fds(struct msghdr *message, struct socket_fds *room, size_t count) {
    message->msg_control = room->bytes;
    message->msg_controllen = CMSG_LEN(count * sizeof(int));
}

size_t socket_take_fds(struct msghdr *message, int *fds) {
    struct cmsghdr *c = CMSG_FIRSTHDR(message);
    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return 0;
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof *fds;
    memcpy(fds, CMSG_DATA(c), count * sizeof *fds);
    return count;
}
