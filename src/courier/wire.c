#include "courier/wire.h"
#include "core/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum sd_err wire_address_ip(struct span ip, uint16_t port, struct wire_address *ret) {
    struct wire_address a = {0};
    if (ip.n == 4) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&in.sin_addr, ip.p, 4);
        memcpy(&a.at, &in, sizeof in);
        a.bytes = sizeof in;
    } else if (ip.n == 16) {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        memcpy(&in6.sin6_addr, ip.p, 16);
        memcpy(&a.at, &in6, sizeof in6);
        a.bytes = sizeof in6;
    } else {
        return SD_ERR_PARSE;
    }
    *ret = a;
    return SD_OK;
}

enum sd_err wire_address_unix(const char *path, struct wire_address *ret) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof un.sun_path)
        return SD_ERR_LIMIT;
    memcpy(un.sun_path, path, n + 1);
    *ret = (struct wire_address){.bytes = sizeof un};
    memcpy(&ret->at, &un, sizeof un);
    return SD_OK;
}

static enum sd_err finish_connect(int fd, struct deadline deadline) {
    int error = 0;
    socklen_t n = sizeof error;
    enum sd_err err = wait_fd(fd, POLLOUT, deadline);
    if (err)
        return err;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0 || error != 0)
        return SD_ERR_CLOSED;
    return SD_OK;
}

enum sd_err wire_connect(struct wire *w, const struct wire_address *to, struct deadline deadline) {
    int fd = socket(to->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return sd_err_from_errno(errno);
    enum sd_err err = SD_OK;
    if (connect(fd, (const struct sockaddr *)&to->at, to->bytes) != 0)
        err = errno == EINPROGRESS ? finish_connect(fd, deadline) : SD_ERR_CLOSED;
    if (err) {
        (void)close(fd);
        return err;
    }
    int one = 1; /* whole commands are written at once; waiting for more to send only delays */
    if (to->at.ss_family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    w->fd = fd;
    w->tls = NULL;
    w->from = w->to = 0;
    return SD_OK;
}

void wire_close(struct wire *w) {
    tls_free(&w->tls, deadline_in_ms(WIRE_CLOSE_MS));
    if (w->fd >= 0)
        (void)close(w->fd);
    w->fd = -1;
    w->from = w->to = 0;
}

enum sd_err wire_start_tls(struct wire *w, struct tls_context *context, struct span host, struct deadline deadline) {
    if (w->from != w->to)
        return SD_ERR_PROTOCOL;
    return tls_connect(context, w->fd, host, deadline, &w->tls);
}

static enum sd_err read_plain(struct wire *w, struct deadline deadline, size_t *ret_n) {
    for (;;) {
        ssize_t n = recv(w->fd, w->in, sizeof w->in, 0);
        if (n >= 0) {
            *ret_n = (size_t)n;
            return SD_OK;
        }
        if (errno != EAGAIN && errno != EINTR)
            return SD_ERR_CLOSED;
        enum sd_err err = wait_fd(w->fd, POLLIN, deadline);
        if (err)
            return err;
    }
}

enum sd_err wire_read(struct wire *w, struct deadline deadline, struct span *ret) {
    if (w->from == w->to) {
        size_t n = 0;
        enum sd_err err = deadline_passed(deadline) ? SD_ERR_TIMEOUT
                          : w->tls                  ? tls_read(w->tls, w->in, sizeof w->in, deadline, &n)
                                                    : read_plain(w, deadline, &n);
        if (err == SD_OK && n == 0)
            err = SD_ERR_CLOSED;
        if (err)
            return err;
        w->from = 0;
        w->to = n;
    }
    *ret = span_of(w->in + w->from, w->to - w->from);
    return SD_OK;
}

void wire_used(struct wire *w, size_t n) {
    w->from += n;
}

enum sd_err wire_write(struct wire *w, struct span bytes, struct deadline deadline) {
    if (w->tls)
        return tls_write(w->tls, bytes, deadline);
    return socket_send(w->fd, bytes, deadline);
}

/* Over TLS 1.3 session tickets may lie there unread: data is no sign of trouble then, an end is found at the next command. */
bool wire_idle(const struct wire *w) {
    struct pollfd p = {.fd = w->fd, .events = POLLIN | POLLRDHUP};
    if (w->fd < 0 || w->from != w->to || (w->tls && tls_pending(w->tls)))
        return false;
    if (poll(&p, 1, 0) <= 0)
        return true;
    return w->tls && !(p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}
