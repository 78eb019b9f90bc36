#include "dns/service.h"

#include "core/log.h"
#include "dns/cache.h"
#include "dns/lookup.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TURN_MESSAGES 64 /* taken from one peer before the others have their turn */
#define SERVICE_STATE 1

struct service {
    struct resolver *resolver; /* NULL with local data */
    struct local *local;
    struct cache *cache;
    struct lookups *lookups;
    int wake;
    struct ipc_conn *peers[SERVICE_PEERS_MAX]; /* the thread's own */
    size_t peer_count;
    pthread_mutex_t lock; /* of what follows */
    struct ipc_conn *coming[SERVICE_PEERS_MAX];
    size_t coming_count;
};

#define IPC_DEF "core/ipc/dns.def"
#define IPC_TABLE dns_ops
#include "core/ipc/gen_dispatch.h"

static void answer_locally(const struct service *s, const struct question *question, struct ipc_call *call) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(LOOKUP_RECORDS_BYTES_MAX);
    struct dns_query_rep rep;
    local_answer(s->local, question, &raw, &rep);
    lookup_answer(call, &rep);
}

enum sd_err dns_on_query(void *ctx, struct ipc_call *call, const struct dns_query_req *req) {
    struct service *s = ctx;
    struct question question;
    struct dns_query_rep rep = {.outcome = DNS_NXDOMAIN}; /* a name that no DNS message can hold does not exist */
    enum sd_err err = question_make(req->name, req->type, &question);
    if (err == SD_ERR_UNSUPPORTED)
        return err;
    if (err == SD_OK && s->local) {
        answer_locally(s, &question, call);
        return SD_OK;
    }
    if (err == SD_OK && !cache_get(s->cache, &question, clock_mono_ns(), &rep)) {
        if (lookups_join(s->lookups, &question, call) == SD_OK)
            return SD_OK;
        rep = (struct dns_query_rep){.outcome = DNS_TEMPFAIL};
    }
    lookup_answer(call, &rep);
    return SD_OK;
}

enum sd_err service_new(struct resolver *resolver, struct local *local, struct service **ret) {
    struct service *s = calloc(1, sizeof *s);
    if (!s)
        return SD_ERR_NOMEM;
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->resolver = resolver;
    s->local = local;
    (void)pthread_mutex_init(&s->lock, NULL);
    enum sd_err err = s->wake < 0 ? sd_err_from_errno(errno) : cache_new(&s->cache);
    if (err == SD_OK)
        err = lookups_new(resolver, s->cache, &s->lookups);
    if (err) {
        cache_free(&s->cache);
        if (s->wake >= 0)
            (void)close(s->wake);
        free(s);
        return err;
    }
    *ret = s;
    return SD_OK;
}

enum sd_err service_add_peer(struct service *service, uint32_t peer, uint16_t instance, int fd) {
    struct ipc_conn *conn = ipc_conn_new(fd, peer, instance);
    if (!conn) {
        (void)close(fd);
        return SD_ERR_NOMEM;
    }
    (void)pthread_mutex_lock(&service->lock);
    bool room = service->coming_count < SERVICE_PEERS_MAX;
    if (room)
        service->coming[service->coming_count++] = conn;
    (void)pthread_mutex_unlock(&service->lock);
    if (!room) {
        ipc_conn_unref(&conn);
        return SD_ERR_BUSY;
    }
    uint64_t one = 1;
    return write(service->wake, &one, sizeof one) < 0 && errno != EAGAIN ? SD_ERR_IO : SD_OK;
}

static void drop_peer(struct service *s, size_t i, enum sd_err why) {
    if (why != SD_ERR_CLOSED)
        log_warn("dns.peer", "dropped=%s instance=%u", sd_err_name(why), ipc_conn_instance(s->peers[i]));
    ipc_conn_unref(&s->peers[i]);
    s->peers[i] = s->peers[--s->peer_count];
}

static void take_new_peers(struct service *s) {
    uint64_t count;
    if (read(s->wake, &count, sizeof count) < 0)
        return;
    (void)pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->coming_count; i++) {
        if (s->peer_count < SERVICE_PEERS_MAX)
            s->peers[s->peer_count++] = s->coming[i];
        else
            ipc_conn_unref(&s->coming[i]);
    }
    s->coming_count = 0;
    (void)pthread_mutex_unlock(&s->lock);
}

static enum sd_err serve_peer(struct service *s, struct ipc_conn *conn) {
    enum sd_err err = SD_OK;
    for (int n = 0; n < TURN_MESSAGES && err == SD_OK; n++)
        err = ipc_serve_one(conn, dns_ops, SD_COUNT(dns_ops), SERVICE_STATE, s, deadline_in_ms(0));
    return err == SD_ERR_TIMEOUT ? SD_OK : err;
}

/* Downwards, because a dropped peer's place is taken by the last one. */
static void serve_peers(struct service *s, const struct pollfd *polled) {
    for (size_t i = s->peer_count; i-- > 0;) {
        enum sd_err err = polled[i].revents ? serve_peer(s, s->peers[i]) : SD_OK;
        if (err)
            drop_peer(s, i, err);
    }
}

void *service_run(void *service) {
    struct service *s = service;
    for (;;) {
        struct pollfd polled[SERVICE_PEERS_MAX + 2];
        struct deadline next = lookups_expire(s->lookups);
        size_t n = s->peer_count;
        for (size_t i = 0; i < n; i++)
            polled[i] = (struct pollfd){.fd = ipc_conn_fd(s->peers[i]), .events = POLLIN};
        polled[n] = (struct pollfd){.fd = s->resolver ? resolver_fd(s->resolver) : -1, .events = POLLIN};
        polled[n + 1] = (struct pollfd){.fd = s->wake, .events = POLLIN};
        if (poll(polled, n + 2, deadline_left_ms(next)) <= 0)
            continue;
        if (polled[n].revents && resolver_process(s->resolver) != SD_OK) {
            log_error("dns.resolver", "libunbound's worker is gone");
            _exit(1); /* the supervisor starts another */
        }
        serve_peers(s, polled);
        if (polled[n + 1].revents)
            take_new_peers(s);
    }
}
