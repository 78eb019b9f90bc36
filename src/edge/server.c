#include "edge/server.h"

#include "core/log.h"
#include "core/role.h"
#include "edge/crew.h"
#include "edge/session.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUT_OF_DESCRIPTORS_MS 100

struct listener {
    struct server *server;
    int fd;
    unsigned long thread;
};

struct server {
    struct edge *edge;
    struct crew *crew;
    int stop_fd; /* an eventfd, readable once we stop: the listening sockets are the supervisor's too, so they stay open */
    bool started;
    size_t count;
    struct listener listeners[LISTENERS_MAX];
};

/* A new connection on its way to its thread. */
struct guest {
    struct crew_job job; /* first: the crew hands it back as this */
    struct edge *edge;
    int fd;
    uint8_t ip[16];
};

struct server *server_new(struct edge *edge) {
    struct server *server = calloc(1, sizeof *server);
    if (!server)
        return NULL;
    server->edge = edge;
    server->crew = crew_new();
    server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->stop_fd < 0 || !server->crew)
        server_free(&server);
    return server;
}

/* A client that is not let in hears why, if that can be said without waiting. */
static void turn_away(int fd, const char *reply) {
    (void)send(fd, reply, strlen(reply), MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)close(fd);
}

static void run_session(struct crew_job *job) {
    struct guest guest = *(struct guest *)job;
    free(job);
    struct session *s = session_new(guest.edge, stream_of_fd(guest.fd), guest.ip);
    if (s)
        session_run(s);
    session_free(&s);
    (void)close(guest.fd);
    door_leave(guest.edge->door, guest.ip);
}

/* IPv4 becomes IPv4-mapped; a unix socket's client is this host, and gets no trust for it. */
static void address_of(const struct sockaddr_storage *from, uint8_t ip[16]) {
    static const uint8_t local[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
    memcpy(ip, local, 16);
    if (from->ss_family == AF_INET)
        memcpy(ip + 12, &((const struct sockaddr_in *)from)->sin_addr, 4);
    else if (from->ss_family == AF_INET6)
        memcpy(ip, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
}

static bool let_in(struct edge *edge, int fd, const uint8_t ip[16]) {
    switch (door_enter(edge->door, ip)) {
    case DOOR_OPEN:
        return true;
    case DOOR_CLOSED_ADDRESS:
        limit_hit(&edge->limits, EDGE_ADDRESS, 0);
        turn_away(fd, "421 4.7.0 Too many connections from your address\r\n");
        return false;
    case DOOR_CLOSED_FULL:
        break;
    }
    limit_hit(&edge->limits, EDGE_CONNECTIONS, 0);
    turn_away(fd, "421 4.3.2 Too many connections, try again later\r\n");
    return false;
}

static void welcome(struct server *server, int fd, const struct sockaddr_storage *from) {
    struct edge *edge = server->edge;
    int on = 1;
    uint8_t ip[16];
    address_of(from, ip);
    if (!let_in(edge, fd, ip))
        return;
    /* Replies are batched here, so the kernel need not wait for more; refused on unix sockets, which do not wait anyway. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct guest *guest = malloc(sizeof *guest);
    enum sd_err err = guest ? SD_OK : SD_ERR_NOMEM;
    if (guest) {
        *guest = (struct guest){.job = {.run = run_session}, .edge = edge, .fd = fd};
        memcpy(guest->ip, ip, sizeof ip);
        err = crew_give(server->crew, &guest->job);
    }
    if (err) {
        free(guest);
        door_leave(edge->door, ip);
        turn_away(fd, "421 4.3.2 Out of resources, try again later\r\n");
        log_warn("edge.thread", "error=%s", sd_err_name(err));
    }
}

static void *run_listener(void *arg) {
    struct listener *listener = arg;
    for (;;) {
        struct pollfd fds[2] = {{.fd = listener->fd, .events = POLLIN}, {.fd = listener->server->stop_fd, .events = POLLIN}};
        struct sockaddr_storage from = {0};
        socklen_t n = sizeof from;
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            clock_pause_ms(OUT_OF_DESCRIPTORS_MS);
        if (fds[1].revents)
            return NULL;
        int fd = accept4(listener->fd, (struct sockaddr *)&from, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            welcome(listener->server, fd, &from);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            clock_pause_ms(OUT_OF_DESCRIPTORS_MS); /* sessions end and give some back */
    }
}

static enum sd_err start_listener(struct listener *listener) {
    return role_thread("accept", run_listener, listener, &listener->thread);
}

enum sd_err server_listen(struct server *server, int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (server->count == LISTENERS_MAX || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        (void)close(fd);
        return SD_ERR_LIMIT;
    }
    struct listener *listener = &server->listeners[server->count++];
    *listener = (struct listener){.server = server, .fd = fd};
    return server->started ? start_listener(listener) : SD_OK;
}

enum sd_err server_start(struct server *server) {
    enum sd_err err = SD_OK;
    server->started = true;
    for (size_t i = 0; err == SD_OK && i < server->count; i++)
        err = start_listener(&server->listeners[i]);
    return err;
}

enum sd_err server_stop(struct server *server, struct deadline deadline) {
    bell_ring(server->stop_fd);
    return roster_stop(&server->edge->roster, deadline);
}

void server_free(struct server **ref) {
    struct server *server = *ref;
    if (!server)
        return;
    for (size_t i = 0; i < server->count; i++) {
        if (server->started)
            pthread_join(server->listeners[i].thread, NULL);
        (void)close(server->listeners[i].fd);
    }
    crew_free(&server->crew);
    if (server->stop_fd >= 0)
        (void)close(server->stop_fd);
    free(server);
    *ref = NULL;
}
