#include "core/connector.h"
#include "core/aside.h"
#include "core/ipc/ipc.h"
#include "core/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct place {
    struct sockaddr_storage address;
    socklen_t n;
};

struct connector {
    int fd;
    uint32_t next_id;
    struct place places[CONNECTOR_ENDPOINTS_MAX];
    size_t count;
    pthread_mutex_t lock; /* one question at a time: none takes long */
};

static enum sd_err place_of_path(const struct endpoint *endpoint, struct place *ret) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t n = strlen(endpoint->host);
    if (n >= sizeof un.sun_path)
        return SD_ERR_CONFIG;
    memcpy(un.sun_path, endpoint->host, n);
    memcpy(&ret->address, &un, sizeof un);
    ret->n = sizeof un;
    return SD_OK;
}

static enum sd_err place_of_address(const struct endpoint *endpoint, struct place *ret) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(endpoint->port)};
    if (inet_pton(AF_INET, endpoint->host, &in.sin_addr) == 1) {
        memcpy(&ret->address, &in, sizeof in);
        ret->n = sizeof in;
    } else if (inet_pton(AF_INET6, endpoint->host, &in6.sin6_addr) == 1) {
        memcpy(&ret->address, &in6, sizeof in6);
        ret->n = sizeof in6;
    } else {
        return SD_ERR_CONFIG;
    }
    return SD_OK;
}

static enum sd_err place_of(const struct endpoint *endpoint, struct place *ret) {
    if (endpoint->kind == ENDPOINT_UNIX)
        return place_of_path(endpoint, ret);
    return endpoint->kind == ENDPOINT_TCP ? place_of_address(endpoint, ret) : SD_ERR_CONFIG;
}

/* ---- the process aside ---- */

static enum sd_err connect_to(const struct place *place, int *ret_fd) {
    int one = 1;
    int fd = socket(place->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return sd_err_from_errno(errno);
    if (place->address.ss_family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* slower without, and no less right */
    if (connect(fd, (const struct sockaddr *)&place->address, place->n) == 0 || errno == EINPROGRESS) {
        *ret_fd = fd;
        return SD_OK;
    }
    enum sd_err err = errno == EAGAIN ? SD_ERR_BUSY : SD_ERR_UNAVAILABLE;
    (void)close(fd);
    return err;
}

static enum sd_err answer(int fd, const struct ipc_msg *asked, void *arg) {
    const struct connector *connector = arg;
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct ipc_msg head = {.id = asked->id, .op = asked->op, .is_reply = true};
    head.status = asked->op < connector->count ? connect_to(&connector->places[asked->op], &out.fd) : SD_ERR_NOTFOUND;
    out.owns_fd = true;
    return ipc_send(fd, &head, &out, deadline_in_ms(ASIDE_SEND_MS));
}

static void run(int fd, void *arg) {
    if (sandbox_calls_only(CALLS_INET | CALLS_UNIX) == SD_OK)
        aside_serve(fd, answer, arg);
}

/* ---- the role's side ---- */

enum sd_err connector_start(const struct connector_spec *spec, struct connector **ret) {
    struct connector *connector = calloc(1, sizeof *connector);
    enum sd_err err = connector ? SD_OK : SD_ERR_NOMEM;
    if (err == SD_OK && spec->count > CONNECTOR_ENDPOINTS_MAX)
        err = SD_ERR_BUG;
    for (size_t i = 0; i < spec->count && err == SD_OK; i++)
        err = place_of(&spec->endpoints[i], &connector->places[connector->count++]);
    const struct aside_spec aside = {.name = "connector", .uid = spec->uid, .gid = spec->gid, .run = run, .arg = connector};
    err = err ? err : aside_start(&aside, &connector->fd);
    if (err) {
        free(connector);
        return err;
    }
    pthread_mutex_init(&connector->lock, NULL);
    *ret = connector;
    return SD_OK;
}

void connector_free(struct connector **connector) {
    if (!*connector)
        return;
    (void)close((*connector)->fd);
    pthread_mutex_destroy(&(*connector)->lock);
    free(*connector);
    *connector = NULL;
}

/* Under the lock. An answer that somebody gave up waiting for is not ours. */
static enum sd_err ask(struct connector *connector, size_t endpoint, struct deadline deadline, struct ipc_msg **ret) {
    struct ipc_out none SD_CLEANUP(ipc_out_free) = ipc_out_new();
    const struct ipc_msg head = {.id = ++connector->next_id, .op = (uint16_t)endpoint};
    enum sd_err err = ipc_send(connector->fd, &head, &none, deadline);
    while (err == SD_OK) {
        ipc_msg_free(ret);
        err = ipc_recv(connector->fd, deadline, ret);
        if (err == SD_OK && (*ret)->id == head.id)
            return (*ret)->status;
    }
    return err;
}

enum sd_err connector_connect(struct connector *connector, size_t endpoint, struct deadline deadline, int *ret_fd) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    pthread_mutex_lock(&connector->lock);
    enum sd_err err = ask(connector, endpoint, deadline, &msg);
    pthread_mutex_unlock(&connector->lock);
    if (err == SD_OK && msg->fd < 0)
        err = SD_ERR_PROTOCOL;
    if (err == SD_OK)
        *ret_fd = ipc_msg_take_fd(msg);
    return err;
}

bool connector_gone(const struct connector *connector) {
    struct pollfd p = {.fd = connector->fd, .events = 0};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}
