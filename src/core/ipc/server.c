#include "core/clock.h"
#include "core/ipc/ipc.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MS 2000 /* a peer that does not read its answers for so long is broken */
#define OPS_MAX 128    /* operation numbers per service */

/* An answer that the peer has not yet taken. */
struct kept {
    struct kept *next;
    struct ipc_msg head;
    struct ipc_out out;
};

struct ipc_conn {
    atomic_uint refs;
    int fd;
    uint32_t peer;
    uint32_t uid;
    uint16_t instance;
    atomic_uint_least64_t seen[OPS_MAX / 64]; /* bit per operation number */
    /* One of its threads reads, the others wait here: a descriptor that many poll wakes all of them for every message. */
    pthread_mutex_t lock;
    pthread_cond_t free_to_read;
    bool is_read;
    /* What waits for the peer to read: only with ipc_conn_keep_answers(). */
    pthread_mutex_t out_lock;
    struct kept *kept, **kept_last;
    size_t kept_bytes, kept_max; /* max 0: answers wait for the peer instead */
    bool broken;                 /* too much was kept, or a send failed */
};

struct ipc_conn *ipc_conn_new(int fd, uint32_t peer, uint16_t instance) {
    struct ipc_conn *conn = calloc(1, sizeof *conn);
    if (!conn)
        return NULL;
    *conn = (struct ipc_conn){.refs = 1, .fd = fd, .peer = peer, .uid = UINT32_MAX, .instance = instance};
    pthread_mutex_init(&conn->lock, NULL);
    pthread_mutex_init(&conn->out_lock, NULL);
    conn->kept_last = &conn->kept;
    cond_init_monotonic(&conn->free_to_read);
    return conn;
}

struct ipc_conn *ipc_conn_ref(struct ipc_conn *conn) {
    atomic_fetch_add(&conn->refs, 1);
    return conn;
}

/* Under out_lock, or by the last owner. */
static void drop_kept(struct ipc_conn *conn) {
    while (conn->kept) {
        struct kept *kept = conn->kept;
        conn->kept = kept->next;
        ipc_out_free(&kept->out);
        free(kept);
    }
    conn->kept_last = &conn->kept;
    conn->kept_bytes = 0;
}

void ipc_conn_unref(struct ipc_conn **conn) {
    if (*conn && atomic_fetch_sub(&(*conn)->refs, 1) == 1) {
        drop_kept(*conn);
        pthread_mutex_destroy(&(*conn)->out_lock);
        (void)close((*conn)->fd);
        pthread_cond_destroy(&(*conn)->free_to_read);
        pthread_mutex_destroy(&(*conn)->lock);
        free(*conn);
    }
    *conn = NULL;
}

int ipc_conn_fd(const struct ipc_conn *conn) {
    return conn->fd;
}

uint32_t ipc_conn_peer(const struct ipc_conn *conn) {
    return conn->peer;
}

uint16_t ipc_conn_instance(const struct ipc_conn *conn) {
    return conn->instance;
}

void ipc_conn_set_uid(struct ipc_conn *conn, uint32_t uid) {
    conn->uid = uid;
}

uint32_t ipc_conn_uid(const struct ipc_conn *conn) {
    return conn->uid;
}

static void call_free(struct ipc_call *call) {
    ipc_msg_free(&call->msg);
    ipc_conn_unref(&call->conn);
    free(call);
}

/* ---- answers ---- */

void ipc_conn_keep_answers(struct ipc_conn *conn, size_t max_bytes) {
    conn->kept_max = max_bytes;
}

#define KEPT_COST sizeof(struct kept)

static enum sd_err keep(struct ipc_conn *conn, const struct ipc_msg *head, const struct ipc_out *out) {
    struct kept *kept = conn->kept_bytes + out->body.n + KEPT_COST > conn->kept_max ? NULL : calloc(1, sizeof *kept);
    if (!kept)
        return SD_ERR_LIMIT;
    *kept = (struct kept){.head = *head, .out = ipc_out_new()};
    buf_put(&kept->out.body, buf_span(&out->body));
    enum sd_err err = ipc_out_err(&kept->out);
    if (err) {
        ipc_out_free(&kept->out);
        free(kept);
        return err;
    }
    *conn->kept_last = kept;
    conn->kept_last = &kept->next;
    conn->kept_bytes += out->body.n + KEPT_COST;
    return SD_OK;
}

/* Under out_lock: sends what the peer takes without waiting. */
static enum sd_err send_kept(struct ipc_conn *conn) {
    enum sd_err err = SD_OK;
    while (conn->kept && err == SD_OK) {
        struct kept *kept = conn->kept;
        err = ipc_send(conn->fd, &kept->head, &kept->out, (struct deadline){0});
        if (err)
            break;
        conn->kept = kept->next;
        conn->kept_bytes -= kept->out.body.n + KEPT_COST;
        if (!conn->kept)
            conn->kept_last = &conn->kept;
        ipc_out_free(&kept->out);
        free(kept);
    }
    return err == SD_ERR_TIMEOUT ? SD_OK : err;
}

/* Under out_lock: whoever serves the connection finds it broken and drops the peer. */
static void settle(struct ipc_conn *conn, enum sd_err err) {
    if (!err || conn->broken)
        return;
    conn->broken = true;
    drop_kept(conn);
    (void)shutdown(conn->fd, SHUT_RDWR);
}

static void send_or_keep(struct ipc_conn *conn, const struct ipc_msg *head, const struct ipc_out *out) {
    pthread_mutex_lock(&conn->out_lock);
    enum sd_err err = conn->broken ? SD_OK : send_kept(conn);
    if (!err && !conn->broken) {
        err = conn->kept ? SD_ERR_TIMEOUT : ipc_send(conn->fd, head, out, (struct deadline){0});
        if (err == SD_ERR_TIMEOUT)
            err = keep(conn, head, out);
    }
    settle(conn, err);
    pthread_mutex_unlock(&conn->out_lock);
}

bool ipc_conn_has_answers(struct ipc_conn *conn) {
    pthread_mutex_lock(&conn->out_lock);
    bool has = conn->kept != NULL;
    pthread_mutex_unlock(&conn->out_lock);
    return has;
}

enum sd_err ipc_conn_flush(struct ipc_conn *conn) {
    pthread_mutex_lock(&conn->out_lock);
    settle(conn, conn->broken ? SD_OK : send_kept(conn));
    bool broken = conn->broken;
    pthread_mutex_unlock(&conn->out_lock);
    return broken ? SD_ERR_CLOSED : SD_OK;
}

static void send_answer(struct ipc_call *call, enum sd_err status, const struct ipc_out *out) {
    struct ipc_msg head = {.id = call->msg->id, .op = call->msg->op, .is_reply = true, .status = status};
    if (call->conn->kept_max && out->fd < 0) {
        send_or_keep(call->conn, &head, out);
    } else {
        enum sd_err err = ipc_send(call->conn->fd, &head, out, deadline_in_ms(ANSWER_MS));
        (void)err; /* the peer is gone or stuck: its own end shows at the next read */
    }
    call_free(call);
}

void ipc_refuse(struct ipc_call *call, enum sd_err status) {
    struct ipc_out empty SD_CLEANUP(ipc_out_free) = ipc_out_new();
    send_answer(call, status ? status : SD_ERR_BUG, &empty);
}

void ipc_answer(struct ipc_call *call, const struct ipc_out *out) {
    send_answer(call, SD_OK, out);
}

static const struct ipc_op *find_op(const struct ipc_op *ops, size_t count, uint16_t number) {
    for (size_t i = 0; i < count; i++)
        if (ops[i].number == number)
            return &ops[i];
    return NULL;
}

/* The table's own rules, before any handler; whether the state is right is another question. */
static bool permitted(struct ipc_conn *conn, const struct ipc_op *op, const struct ipc_msg *msg) {
    if (!op || msg->is_reply || op->number >= OPS_MAX || !(op->peers & conn->peer))
        return false;
    if (op->fd && msg->fd < 0)
        return false;
    uint64_t bit = UINT64_C(1) << op->number % 64;
    return !(atomic_fetch_or(&conn->seen[op->number / 64], bit) & bit) || !op->once;
}

/* False when the deadline has passed. */
static bool begin_reading(struct ipc_conn *conn, struct deadline deadline) {
    struct timespec until = {deadline.at_ns / 1000000000, deadline.at_ns % 1000000000};
    int err = 0;
    pthread_mutex_lock(&conn->lock);
    while (conn->is_read && err != ETIMEDOUT)
        err = pthread_cond_timedwait(&conn->free_to_read, &conn->lock, &until);
    bool mine = !conn->is_read;
    conn->is_read = true;
    pthread_mutex_unlock(&conn->lock);
    return mine;
}

static void end_reading(struct ipc_conn *conn) {
    pthread_mutex_lock(&conn->lock);
    conn->is_read = false;
    pthread_cond_signal(&conn->free_to_read);
    pthread_mutex_unlock(&conn->lock);
}

static enum sd_err route(struct ipc_conn *conn, const struct ipc_op *op, struct ipc_msg *msg, void *ctx, enum sd_err status) {
    struct ipc_call *call = malloc(sizeof *call);
    if (!call) {
        ipc_msg_free(&msg);
        return SD_ERR_NOMEM;
    }
    *call = (struct ipc_call){ipc_conn_ref(conn), msg};
    if (status) {
        ipc_refuse(call, status);
        return SD_OK;
    }
    enum sd_err err = op->route(ctx, call);
    if (err)
        call_free(call); /* it did not decode: nobody has it */
    return err;
}

enum sd_err ipc_serve_one_or(struct ipc_conn *conn, const struct ipc_op *ops, size_t op_count, uint32_t state, void *ctx,
                             enum sd_err status, struct deadline deadline) {
    struct ipc_msg *msg = NULL;
    if (!begin_reading(conn, deadline))
        return SD_ERR_TIMEOUT;
    enum sd_err err = ipc_recv(conn->fd, deadline, &msg);
    end_reading(conn);
    if (err)
        return err;
    const struct ipc_op *op = find_op(ops, op_count, msg->op);
    if (!permitted(conn, op, msg) || (!(op->states & state) && !status)) {
        ipc_msg_free(&msg);
        return SD_ERR_PROTOCOL;
    }
    return route(conn, op, msg, ctx, op->states & state ? SD_OK : status);
}

enum sd_err ipc_serve_one(struct ipc_conn *conn, const struct ipc_op *ops, size_t op_count, uint32_t state, void *ctx,
                          struct deadline deadline) {
    return ipc_serve_one_or(conn, ops, op_count, state, ctx, SD_OK, deadline);
}
