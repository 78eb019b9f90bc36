#include "core/file.h"
#include "core/ipc/ipc.h"
#include "core/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEAD_BYTES 16
#define KIND_REQUEST 0
#define KIND_REPLY 1
#define BODY_MAX (LIMIT_IPC_INLINE_BYTES + 8192) /* a list near the limit and its neighbours */
#define INLINE_PAYLOAD_MAX ((size_t)48 * 1024)

/* The message and its body are one allocation. */
struct stored_msg {
    struct ipc_msg msg;
    uint8_t bytes[];
};

void ipc_msg_free(struct ipc_msg **msg) {
    if (!*msg)
        return;
    if ((*msg)->mapped.p)
        (void)munmap((void *)(uintptr_t)(*msg)->mapped.p, (*msg)->mapped.n);
    if ((*msg)->fd >= 0)
        (void)close((*msg)->fd);
    if ((*msg)->body.n)
        explicit_bzero((void *)(uintptr_t)(*msg)->body.p, (*msg)->body.n); /* bodies carry keys */
    free(*msg);
    *msg = NULL;
}

int ipc_msg_take_fd(struct ipc_msg *msg) {
    int fd = msg->fd;
    msg->fd = -1;
    return fd;
}

/* Calls may wait long for their answer: descriptors that nobody needs must not wait with them. */
enum sd_err ipc_msg_settle_fd(struct ipc_msg *msg, bool expected) {
    if (expected || msg->fd < 0)
        return SD_OK;
    if (!msg->mapped.p)
        return SD_ERR_PROTOCOL;
    (void)close(ipc_msg_take_fd(msg));
    return SD_OK;
}

struct ipc_out ipc_out_new(void) {
    return (struct ipc_out){.body = buf_new(BODY_MAX), .fd = -1};
}

struct ipc_out ipc_card_new(size_t max) {
    return (struct ipc_out){.body = buf_new(max > BODY_MAX ? max : BODY_MAX + 1), .fd = -1};
}

void ipc_out_free(struct ipc_out *out) {
    buf_free(&out->body);
    if (out->owns_fd && out->fd >= 0)
        (void)close(out->fd);
    out->fd = -1;
}

enum sd_err ipc_out_err(const struct ipc_out *out) {
    return buf_err(&out->body);
}

enum sd_err ipc_pair(int ret_fds[2]) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
        return sd_err_from_errno(errno);
    int size = 1024 * 1024; /* the kernel clips it to net.core.wmem_max */
    for (int i = 0; i < 2; i++)
        if (setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size) != 0)
            return SD_ERR_IO;
    ret_fds[0] = fds[0];
    ret_fds[1] = fds[1];
    return SD_OK;
}

static void pack_head(uint8_t head[HEAD_BYTES], const struct ipc_msg *msg, size_t body_bytes) {
    uint32_t words[4] = {msg->id, (uint32_t)msg->op | (uint32_t)(msg->is_reply ? KIND_REPLY : KIND_REQUEST) << 16,
                         (uint32_t)msg->status, (uint32_t)body_bytes};
    for (size_t i = 0; i < HEAD_BYTES; i++)
        head[i] = (uint8_t)(words[i / 4] >> (8 * (i % 4)));
}

enum sd_err ipc_send(int fd, const struct ipc_msg *head, const struct ipc_out *out, struct deadline deadline) {
    uint8_t packed[HEAD_BYTES];
    pack_head(packed, head, out->body.n);
    struct iovec parts[2] = {{packed, HEAD_BYTES}, {out->body.p, out->body.n}};
    struct socket_fds room;
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
    if (out->fd >= 0)
        socket_put_fds(&m, &room, &out->fd, 1);
    for (;;) {
        if (sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
            return SD_OK;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != ENOBUFS)
            return sd_err_from_errno(errno);
        enum sd_err err = wait_fd(fd, POLLOUT, deadline);
        if (err)
            return err;
    }
}

/* The descriptor that came along, or -1; there is room for one. */
static int received_fd(struct msghdr *m) {
    int fd;
    return socket_take_fds(m, &fd) == 1 ? fd : -1;
}

static bool unpack_head(const uint8_t packed[HEAD_BYTES], struct ipc_msg *msg, size_t body_bytes) {
    struct reader r = reader_of(span_of(packed, HEAD_BYTES));
    msg->id = read_u32(&r);
    msg->op = read_u16(&r);
    uint16_t kind = read_u16(&r);
    int32_t status = (int32_t)read_u32(&r);
    uint32_t claimed = read_u32(&r);
    msg->is_reply = kind == KIND_REPLY;
    if (kind > KIND_REPLY || !sd_err_known(status) || (kind == KIND_REQUEST && status) || claimed != body_bytes)
        return false;
    msg->status = (enum sd_err)status;
    return true;
}

static ssize_t receive(int fd, struct msghdr *m, enum sd_err *ret_err) {
    ssize_t n;
    do
        n = recvmsg(fd, m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    *ret_err = n < 0 ? sd_err_from_errno(errno) : n == 0 ? SD_ERR_CLOSED : SD_OK;
    return n;
}

/* One datagram, if one is there: SD_ERR_TIMEOUT when not. Allocated for the largest, then cut to size: several threads may read
 * one descriptor, so asking for the size first would tell that of somebody else's. */
static enum sd_err receive_one(int fd, struct ipc_msg **ret) {
    struct stored_msg *stored = malloc(sizeof *stored + BODY_MAX);
    if (!stored)
        return SD_ERR_NOMEM;
    struct socket_fds room;
    uint8_t head[HEAD_BYTES];
    struct iovec parts[2] = {{head, HEAD_BYTES}, {stored->bytes, BODY_MAX}};
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
    socket_room_for_fds(&m, &room, 1);
    enum sd_err err = SD_OK;
    ssize_t n = receive(fd, &m, &err);
    size_t body_bytes = n > HEAD_BYTES ? (size_t)n - HEAD_BYTES : 0;
    stored->msg = (struct ipc_msg){.fd = err ? -1 : received_fd(&m)};
    if (err == SD_OK &&
        (n < HEAD_BYTES || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || !unpack_head(head, &stored->msg, body_bytes)))
        err = SD_ERR_PROTOCOL;
    if (err) {
        struct ipc_msg *msg = &stored->msg;
        ipc_msg_free(&msg);
        return err;
    }
    struct stored_msg *fitted = realloc(stored, sizeof *stored + body_bytes);
    if (fitted)
        stored = fitted;
    stored->msg.body = span_of(stored->bytes, body_bytes);
    *ret = &stored->msg;
    return SD_OK;
}

enum sd_err ipc_recv(int fd, struct deadline deadline, struct ipc_msg **ret) {
    for (;;) {
        enum sd_err err = receive_one(fd, ret);
        if (err != SD_ERR_TIMEOUT)
            return err;
        err = wait_fd(fd, POLLIN, deadline);
        if (err)
            return err;
    }
}

/* ---- sealed memfd ---- */

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

enum sd_err sealed_memfd(struct span bytes, int *ret_fd) {
    int fd = memfd_create("sealdesk", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return sd_err_from_errno(errno);
    enum sd_err err = file_write(fd, bytes);
    if (err == SD_OK && fcntl(fd, F_ADD_SEALS, SEALS) != 0)
        err = SD_ERR_IO;
    if (err) {
        (void)close(fd);
        return err;
    }
    *ret_fd = fd;
    return SD_OK;
}

enum sd_err map_sealed(int fd, size_t n, struct span *ret) {
    /* lseek and not fstat: the C library makes that a look-up by path, which roles without files may not do. */
    if (n == 0 || n > SSIZE_MAX || fcntl(fd, F_GET_SEALS) != SEALS || lseek(fd, 0, SEEK_END) != (off_t)n)
        return SD_ERR_PROTOCOL;
    void *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return SD_ERR_NOMEM;
    *ret = span_of(p, n);
    return SD_OK;
}

/* ---- fields ---- */

void ipc_put_bytes(struct ipc_out *out, struct span s, size_t max) {
    if (s.n > max)
        buf_fail(&out->body, SD_ERR_LIMIT);
    else
        buf_blob(&out->body, s);
}

void ipc_put_fixed(struct ipc_out *out, struct span s, size_t n) {
    if (s.n != n)
        buf_fail(&out->body, SD_ERR_BUG);
    else
        buf_put(&out->body, s);
}

void ipc_put_text(struct ipc_out *out, struct span s, size_t max) {
    if (!span_is_utf8(s))
        buf_fail(&out->body, SD_ERR_BUG);
    else
        ipc_put_bytes(out, s, max);
}

void ipc_put_list(struct ipc_out *out, struct ipc_list list, size_t max_count, size_t max_each) {
    if (list.count > max_count) {
        buf_fail(&out->body, SD_ERR_LIMIT);
        return;
    }
    struct ipc_list_iter iter = ipc_list_start(list);
    struct span item;
    while (ipc_list_next(&iter, &item))
        if (item.n > max_each)
            buf_fail(&out->body, SD_ERR_LIMIT);
    if (iter.left || reader_end(&iter.r))
        buf_fail(&out->body, SD_ERR_BUG);
    buf_u32(&out->body, list.count);
    buf_blob(&out->body, list.raw);
}

void ipc_put_payload(struct ipc_out *out, struct span s, size_t max) {
    if (s.n > max) {
        buf_fail(&out->body, SD_ERR_LIMIT);
        return;
    }
    /* Cards are never sent as they are: their buffer's maximum was raised, so everything stays inline. */
    size_t room = out->body.max - out->body.n;
    if (s.n <= INLINE_PAYLOAD_MAX || (out->body.max > BODY_MAX && s.n + 16 <= room)) {
        buf_u8(&out->body, 0);
        buf_blob(&out->body, s);
        return;
    }
    buf_u8(&out->body, 1);
    buf_u64(&out->body, s.n);
    enum sd_err err = out->fd >= 0 ? SD_ERR_BUG : sealed_memfd(s, &out->fd);
    if (err)
        buf_fail(&out->body, err);
    else
        out->owns_fd = true;
}

struct span ipc_get_text(struct reader *r, size_t max) {
    struct span s = read_blob(r, max);
    if (!span_is_utf8(s)) {
        reader_fail(r, SD_ERR_PARSE);
        return SPAN_NONE;
    }
    return s;
}

bool ipc_get_bool(struct reader *r) {
    uint8_t v = read_u8(r);
    if (v > 1)
        reader_fail(r, SD_ERR_PARSE);
    return v == 1;
}

struct ipc_list ipc_get_list(struct reader *r, size_t max_count, size_t max_each) {
    uint32_t count = read_u32(r);
    struct span raw = read_blob(r, SIZE_MAX);
    struct reader items = reader_of(raw);
    if (count > max_count)
        reader_fail(r, SD_ERR_LIMIT);
    for (uint32_t i = 0; i < count && items.err == SD_OK; i++)
        (void)read_blob(&items, max_each);
    if (reader_end(&items))
        reader_fail(r, SD_ERR_PARSE);
    return r->err ? (struct ipc_list){0} : (struct ipc_list){raw, count};
}

struct span ipc_get_payload(struct reader *r, struct ipc_msg *msg, size_t max) {
    uint8_t kind = read_u8(r);
    if (kind == 0)
        return read_blob(r, max);
    uint64_t n = read_u64(r);
    enum sd_err err = r->err;
    if (err == SD_OK)
        err = kind != 1 || !msg || msg->fd < 0 || msg->mapped.p ? SD_ERR_PARSE : n > max ? SD_ERR_LIMIT : SD_OK;
    if (err == SD_OK)
        err = map_sealed(msg->fd, (size_t)n, &msg->mapped);
    if (err) {
        reader_fail(r, err);
        return SPAN_NONE;
    }
    return msg->mapped;
}

struct ipc_list_iter ipc_list_start(struct ipc_list list) {
    return (struct ipc_list_iter){reader_of(list.raw), list.count};
}

bool ipc_list_next(struct ipc_list_iter *iter, struct span *ret) {
    if (iter->left == 0)
        return false;
    struct span item = read_blob(&iter->r, SIZE_MAX);
    if (iter->r.err)
        return false;
    iter->left--;
    *ret = item;
    return true;
}

void ipc_list_add(struct ipc_list *list, struct buf *raw, struct span item) {
    buf_blob(raw, item);
    list->raw = buf_span(raw);
    list->count++;
}
