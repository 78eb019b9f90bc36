#include "edge/stream.h"

#include "core/socket.h"
#include "crypt/tls.h"

#include <errno.h>
#include <poll.h>

static bool again(void) {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static enum sd_err fd_read(struct stream *stream, void *p, size_t n, struct deadline deadline, size_t *ret_n) {
    for (;;) {
        ssize_t got = recv(stream->fd, p, n, 0);
        if (got >= 0) {
            *ret_n = (size_t)got;
            return SD_OK;
        }
        if (!again())
            return SD_ERR_CLOSED;
        enum sd_err err = wait_fd(stream->fd, POLLIN, deadline);
        if (err)
            return err;
    }
}

static enum sd_err fd_write(struct stream *stream, struct span bytes, struct deadline deadline) {
    return socket_send(stream->fd, bytes, deadline);
}

static enum sd_err over_tls_read(struct stream *stream, void *p, size_t n, struct deadline deadline, size_t *ret_n) {
    return tls_read(stream->tls, p, n, deadline, ret_n);
}

static enum sd_err over_tls_write(struct stream *stream, struct span bytes, struct deadline deadline) {
    return tls_write(stream->tls, bytes, deadline);
}

struct stream stream_of_fd(int fd) {
    static const struct stream_ops ops = {fd_read, fd_write};
    return (struct stream){.ops = &ops, .fd = fd};
}

struct stream stream_of_tls(int fd, struct tls_session *tls) {
    static const struct stream_ops ops = {over_tls_read, over_tls_write};
    return (struct stream){.ops = &ops, .fd = fd, .tls = tls};
}

enum sd_err stream_read(struct stream *stream, void *p, size_t n, struct deadline deadline, size_t *ret_n) {
    return stream->ops->read(stream, p, n, deadline, ret_n);
}

enum sd_err stream_write(struct stream *stream, struct span bytes, struct deadline deadline) {
    return stream->ops->write(stream, bytes, deadline);
}
