#include "keeper/loop.h"
#include "core/log.h"
#include "core/role.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS_MAX 64
#define MESSAGES_AT_ONCE 32 /* of one peer before the next one's turn */
#define TICK_MS 1000
#define KEPT_MAX_BYTES                                                                                                         \
    ((size_t)1024 * 1024) /* answers that one peer has not yet read: ten of the largest, thousands of others */
#define ADMINS_MAX 16     /* of PEERS_MAX: the roles find a place whatever the command line does */
#define STOP_MS 8000

struct loop {
    struct keeper *k;
    int wake_fd;
    uint32_t admin_uid;
    atomic_bool stopping;
    pthread_mutex_t lock;
    struct ipc_conn *incoming[PEERS_MAX]; /* under the lock */
    size_t incoming_count;
    int listen_fd; /* under the lock; -1: none */
    struct ipc_conn *peers[PEERS_MAX];
    size_t peer_count;
    unsigned long threads[6];
    bool log_runs; /* the log's thread: it begins when the keeper opens */
};

enum sd_err loop_new(uint32_t admin_uid, struct loop **ret) {
    struct loop *loop = calloc(1, sizeof *loop);
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!loop || fd < 0) {
        free(loop);
        return SD_ERR_NOMEM;
    }
    loop->wake_fd = fd;
    loop->listen_fd = -1;
    loop->admin_uid = admin_uid;
    pthread_mutex_init(&loop->lock, NULL);
    *ret = loop;
    return SD_OK;
}

void loop_wake(void *arg) {
    struct loop *loop = arg;
    bell_ring(loop->wake_fd);
}

static enum sd_err add_incoming(struct loop *loop, struct ipc_conn *conn) {
    enum sd_err err = SD_ERR_LIMIT;
    pthread_mutex_lock(&loop->lock);
    if (loop->incoming_count < PEERS_MAX) {
        loop->incoming[loop->incoming_count++] = conn;
        err = SD_OK;
    }
    pthread_mutex_unlock(&loop->lock);
    if (err)
        ipc_conn_unref(&conn);
    loop_wake(loop);
    return err;
}

enum sd_err loop_add_peer(struct loop *loop, uint32_t peer, uint16_t instance, int fd) {
    struct ipc_conn *conn = ipc_conn_new(fd, peer, instance);
    if (!conn) {
        (void)close(fd);
        return SD_ERR_NOMEM;
    }
    ipc_conn_keep_answers(conn, KEPT_MAX_BYTES);
    return add_incoming(loop, conn);
}

enum sd_err loop_listen(struct loop *loop, int fd) {
    pthread_mutex_lock(&loop->lock);
    if (loop->listen_fd >= 0)
        (void)close(loop->listen_fd);
    loop->listen_fd = fd;
    pthread_mutex_unlock(&loop->lock);
    loop_wake(loop);
    return SD_OK;
}

/* ---- the poll loop ---- */

static void take_incoming(struct loop *loop) {
    pthread_mutex_lock(&loop->lock);
    while (loop->incoming_count && loop->peer_count < PEERS_MAX)
        loop->peers[loop->peer_count++] = loop->incoming[--loop->incoming_count];
    pthread_mutex_unlock(&loop->lock);
}

/* Whoever connects to the admin socket is asked of the kernel, not of the connection. */
static void accept_admin(struct loop *loop, int listen_fd) {
    struct ucred cred = {0};
    socklen_t n = sizeof cred;
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) != 0 || n != sizeof cred ||
        (cred.uid != 0 && cred.uid != loop->admin_uid)) {
        (void)close(fd);
        return;
    }
    struct ipc_conn *conn = ipc_conn_new(fd, PEER_ADMIN, 0);
    if (!conn) {
        (void)close(fd);
        return;
    }
    ipc_conn_set_uid(conn, cred.uid);
    ipc_conn_keep_answers(conn, KEPT_MAX_BYTES);
    if (add_incoming(loop, conn) != SD_OK)
        log_warn("keeper.admin", "limit=peers");
}

static void drop_peer(struct loop *loop, size_t i) {
    ipc_conn_unref(&loop->peers[i]);
    loop->peers[i] = loop->peers[--loop->peer_count];
}

static bool is_full(const struct loop *loop) {
    return loop->k->audit && audit_full(loop->k->audit);
}

static enum sd_err serve_one(struct loop *loop, struct ipc_conn *conn) {
    bool open = keeper_is_open(loop->k);
    return ipc_serve_one_or(conn, keeper_ops, keeper_op_count, open ? KEEPER_READY : KEEPER_LOCKED, loop->k,
                            open ? SD_OK : SD_ERR_LOCKED, (struct deadline){0});
}

/* False: the peer is gone. */
static bool serve(struct loop *loop, struct ipc_conn *conn) {
    if (ipc_conn_flush(conn) != SD_OK) {
        log_warn("keeper.peer", "dropped peer=%u error=does not read", ipc_conn_peer(conn));
        return false;
    }
    for (size_t i = 0; i < MESSAGES_AT_ONCE && !is_full(loop); i++) {
        enum sd_err err = serve_one(loop, conn);
        if (err == SD_ERR_TIMEOUT)
            return true;
        if (err == SD_OK)
            continue;
        if (err != SD_ERR_CLOSED)
            log_warn("keeper.peer", "dropped peer=%u error=%s", ipc_conn_peer(conn), sd_err_name(err));
        return false;
    }
    return true;
}

static bool may_accept(const struct loop *loop) {
    size_t admins = 0;
    for (size_t i = 0; i < loop->peer_count; i++)
        admins += ipc_conn_peer(loop->peers[i]) == PEER_ADMIN;
    return admins < ADMINS_MAX && loop->peer_count < PEERS_MAX;
}

/* One wait: the bell, the admin socket, and, unless the log has too much to write already, the peers. */
static void wait_and_serve(struct loop *loop) {
    struct pollfd fds[PEERS_MAX + 2];
    bool full = is_full(loop);
    size_t peers = full ? 0 : loop->peer_count;
    pthread_mutex_lock(&loop->lock);
    int listen_fd = loop->listen_fd;
    pthread_mutex_unlock(&loop->lock);
    fds[0] = (struct pollfd){.fd = loop->wake_fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = may_accept(loop) ? listen_fd : -1, .events = POLLIN};
    for (size_t i = 0; i < peers; i++)
        fds[i + 2] = (struct pollfd){.fd = ipc_conn_fd(loop->peers[i]),
                                     .events = ipc_conn_has_answers(loop->peers[i]) ? POLLIN | POLLOUT : POLLIN};
    if (poll(fds, peers + 2, TICK_MS) < 0 && errno != EINTR)
        log_error("keeper.poll", "errno=%d", errno);
    uint64_t rung;
    if (fds[0].revents && read(loop->wake_fd, &rung, sizeof rung) < 0 && errno != EAGAIN)
        log_error("keeper.bell", "errno=%d", errno);
    keeper_collect(loop->k);
    for (size_t i = peers; i-- > 0;)
        if (fds[i + 2].revents && !serve(loop, loop->peers[i]))
            drop_peer(loop, i);
    if (fds[1].revents)
        accept_admin(loop, listen_fd);
}

static bool idle(struct loop *loop) {
    return work_idle(&loop->k->sign_ins) && work_idle(&loop->k->examinations) && work_idle(&loop->k->signatures) &&
           work_idle(&loop->k->checks) && !(loop->k->audit && audit_backlog(loop->k->audit));
}

static void finish(struct loop *loop) {
    struct deadline until = deadline_in_ms(STOP_MS);
    while (!idle(loop) && !deadline_passed(until)) {
        (void)!wait_fd(loop->wake_fd, POLLIN, deadline_sooner(until, deadline_in_ms(50)));
        keeper_collect(loop->k);
    }
    if (keeper_is_open(loop->k))
        keeper_settle(loop->k);
}

static void *log_run(void *arg);

/* At the start, or when a person has unlocked the keeper. */
static enum sd_err have_log_thread(struct loop *loop) {
    if (loop->log_runs || !loop->k->audit || !keeper_is_open(loop->k))
        return SD_OK;
    enum sd_err err = role_thread("log", log_run, loop, &loop->threads[0]);
    loop->log_runs = err == SD_OK;
    return err;
}

static void *loop_run(void *arg) {
    struct loop *loop = arg;
    struct deadline tick = deadline_in_ms(TICK_MS);
    while (!atomic_load(&loop->stopping)) {
        take_incoming(loop);
        wait_and_serve(loop);
        if (have_log_thread(loop) != SD_OK)
            log_error("keeper.log", "its thread cannot be made");
        if (deadline_passed(tick)) {
            keeper_tick(loop->k);
            tick = deadline_in_ms(TICK_MS);
        }
    }
    finish(loop);
    return NULL;
}

/* ---- threads ---- */

#define FOREVER_MS (60 * 60 * 1000)

static void *log_run(void *arg) {
    struct loop *loop = arg;
    while (audit_turn(loop->k->audit, deadline_in_ms(FOREVER_MS)))
        ;
    return NULL;
}

static void *sign_in_run(void *arg) {
    struct loop *loop = arg;
    role_thread_gives_way(); /* whoever floods the sign-in slows the sign-in, and not who is at work */
    while (work_turn(&loop->k->sign_ins, deadline_in_ms(FOREVER_MS)))
        ;
    return NULL;
}

static void *examine_run(void *arg) {
    struct loop *loop = arg;
    while (work_turn(&loop->k->examinations, deadline_in_ms(FOREVER_MS)))
        ;
    return NULL;
}

static void *signature_run(void *arg) {
    struct loop *loop = arg;
    while (work_turn(&loop->k->signatures, deadline_in_ms(FOREVER_MS)))
        ;
    return NULL;
}

static void *check_run(void *arg) {
    struct loop *loop = arg;
    while (work_turn(&loop->k->checks, deadline_in_ms(FOREVER_MS)))
        ;
    return NULL;
}

enum sd_err loop_start(struct loop *loop, struct keeper *k) {
    loop->k = k;
    enum sd_err err = have_log_thread(loop);
    if (err == SD_OK)
        err = role_thread("argon2", sign_in_run, loop, &loop->threads[1]);
    if (err == SD_OK)
        err = role_thread("examine", examine_run, loop, &loop->threads[5]);
    if (err == SD_OK)
        err = role_thread("sign", signature_run, loop, &loop->threads[2]);
    if (err == SD_OK)
        err = role_thread("check", check_run, loop, &loop->threads[4]);
    return err ? err : role_thread("loop", loop_run, loop, &loop->threads[3]);
}

void loop_stop(struct loop *loop) {
    atomic_store(&loop->stopping, true);
    loop_wake(loop);
    (void)pthread_join(loop->threads[3], NULL);
    work_stop(&loop->k->sign_ins);
    work_stop(&loop->k->examinations);
    work_stop(&loop->k->signatures);
    work_stop(&loop->k->checks);
    (void)pthread_join(loop->threads[1], NULL);
    (void)pthread_join(loop->threads[2], NULL);
    (void)pthread_join(loop->threads[4], NULL);
    (void)pthread_join(loop->threads[5], NULL);
    if (loop->log_runs) {
        audit_stop(loop->k->audit);
        (void)pthread_join(loop->threads[0], NULL);
    }
    for (size_t i = 0; i < loop->peer_count; i++)
        ipc_conn_unref(&loop->peers[i]);
    loop->peer_count = 0;
}
