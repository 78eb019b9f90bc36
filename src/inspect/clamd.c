#include "inspect/clamd.h"
#include "core/socket.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_BYTES 1024            /* the name of a signature is shorter by far */
#define IDLE_NS INT64_C(20000000000) /* clamd closes what says nothing for 30 s (IdleTimeout): better not to be in its way */
#define FULL_RETRY_MS 20             /* its queue of connections is full */

struct line {
    int fd; /* -1: not connected */
    bool busy;
    uint32_t id; /* of the last command */
    int64_t used_ns;
};

struct clamd {
    struct connector *connector;
    size_t endpoint;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    struct line lines[CLAMD_CONNECTIONS_MAX];
    size_t count;
};

enum sd_err clamd_new(struct connector *connector, size_t endpoint, size_t connections, struct clamd **ret) {
    struct clamd *clamd = connections && connections <= CLAMD_CONNECTIONS_MAX ? calloc(1, sizeof *clamd) : NULL;
    if (!clamd)
        return connections && connections <= CLAMD_CONNECTIONS_MAX ? SD_ERR_NOMEM : SD_ERR_CONFIG;
    clamd->connector = connector;
    clamd->endpoint = endpoint;
    clamd->count = connections;
    for (size_t i = 0; i < clamd->count; i++)
        clamd->lines[i].fd = -1;
    pthread_mutex_init(&clamd->lock, NULL);
    cond_init_monotonic(&clamd->freed);
    *ret = clamd;
    return SD_OK;
}

static void hang_up(struct line *line) {
    if (line->fd >= 0)
        (void)close(line->fd);
    line->fd = -1;
}

void clamd_free(struct clamd **clamd) {
    if (!*clamd)
        return;
    for (size_t i = 0; i < (*clamd)->count; i++)
        hang_up(&(*clamd)->lines[i]);
    pthread_cond_destroy(&(*clamd)->freed);
    pthread_mutex_destroy(&(*clamd)->lock);
    free(*clamd);
    *clamd = NULL;
}

/* ---- lines ---- */

/* Under the lock: the one used last, if any is free, so that few are kept open. */
static struct line *free_line(struct clamd *clamd) {
    struct line *best = NULL;
    for (size_t i = 0; i < clamd->count; i++)
        if (!clamd->lines[i].busy && (!best || clamd->lines[i].used_ns > best->used_ns))
            best = &clamd->lines[i];
    return best;
}

static enum sd_err take_line(struct clamd *clamd, struct deadline deadline, struct line **ret) {
    struct timespec until = {deadline.at_ns / 1000000000, deadline.at_ns % 1000000000};
    struct line *line;
    pthread_mutex_lock(&clamd->lock);
    while (!(line = free_line(clamd)))
        if (pthread_cond_timedwait(&clamd->freed, &clamd->lock, &until) == ETIMEDOUT)
            break;
    if (line)
        line->busy = true;
    pthread_mutex_unlock(&clamd->lock);
    *ret = line;
    return line ? SD_OK : SD_ERR_TIMEOUT;
}

static void give_line(struct clamd *clamd, struct line *line) {
    pthread_mutex_lock(&clamd->lock);
    line->busy = false;
    line->used_ns = clock_mono_ns();
    pthread_cond_signal(&clamd->freed);
    pthread_mutex_unlock(&clamd->lock);
}

static enum sd_err dial(const struct clamd *clamd, struct deadline deadline, int *ret_fd) {
    enum sd_err err = connector_connect(clamd->connector, clamd->endpoint, deadline, ret_fd);
    while (err == SD_ERR_BUSY && !deadline_passed(deadline)) {
        clock_pause_ms(FULL_RETRY_MS);
        err = connector_connect(clamd->connector, clamd->endpoint, deadline, ret_fd);
    }
    return err;
}

static enum sd_err connect_line(const struct clamd *clamd, struct line *line, struct deadline deadline) {
    enum sd_err err = dial(clamd, deadline, &line->fd);
    line->id = 0;
    return err ? err : socket_send(line->fd, SPAN("zIDSESSION\0"), deadline);
}

/* ---- one command ---- */

/* A byte with the descriptor; the kernel gives clamd one of its own. */
static enum sd_err send_file(int fd, int file, struct deadline deadline) {
    struct socket_fds room;
    uint8_t byte = 0;
    struct iovec part = {&byte, 1};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    socket_put_fds(&m, &room, &file, 1);
    for (;;) {
        if (sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == 1)
            return SD_OK;
        if (errno != EINTR && errno != EAGAIN)
            return SD_ERR_CLOSED;
        if (wait_fd(fd, POLLOUT, deadline) != SD_OK)
            return SD_ERR_TIMEOUT;
    }
}

/* Up to the NUL that ends it, and nothing behind. */
static enum sd_err read_answer(int fd, struct buf *to, struct deadline deadline) {
    while (to->n == 0 || to->p[to->n - 1] != 0) {
        uint8_t part[ANSWER_BYTES];
        ssize_t n = recv(fd, part, sizeof part, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
            return SD_ERR_CLOSED;
        if (n < 0 && errno == EAGAIN && wait_fd(fd, POLLIN, deadline) != SD_OK)
            return SD_ERR_TIMEOUT;
        if (n > 0)
            buf_put(to, span_of(part, (size_t)n));
        if (buf_err(to))
            return SD_ERR_PROTOCOL;
    }
    to->n--;
    return span_find(buf_span(to), 0) < to->n ? SD_ERR_PROTOCOL : SD_OK;
}

static enum sd_err scan_on(const struct clamd *clamd, struct line *line, int file, struct deadline deadline,
                           struct scan_result *ret) {
    struct buf answer SD_CLEANUP(buf_free) = buf_new(ANSWER_BYTES);
    enum sd_err err = line->fd >= 0 ? SD_OK : connect_line(clamd, line, deadline);
    line->id++;
    err = err ? err : socket_send(line->fd, SPAN("zFILDES\0"), deadline);
    err = err ? err : send_file(line->fd, file, deadline);
    err = err ? err : read_answer(line->fd, &answer, deadline);
    err = err ? err : clamd_read_answer(buf_span(&answer), line->id, ret);
    if (err && err != SD_ERR_UNAVAILABLE) /* whatever may still come on it answers something else */
        hang_up(line);
    return err;
}

static bool is_old(const struct line *line) {
    return clock_mono_ns() - line->used_ns > IDLE_NS;
}

/* ---- as a scanner ---- */

/* Once more on a new connection: this one may have been closed while it was idle. */
static enum sd_err scan(void *self, int file, struct deadline deadline, struct scan_result *ret) {
    struct clamd *clamd = self;
    struct line *line = NULL;
    enum sd_err err = take_line(clamd, deadline, &line);
    if (err)
        return err;
    if (is_old(line))
        hang_up(line);
    err = scan_on(clamd, line, file, deadline, ret);
    if (err == SD_ERR_CLOSED || err == SD_ERR_PROTOCOL)
        err = scan_on(clamd, line, file, deadline, ret);
    give_line(clamd, line);
    return err == SD_OK || err == SD_ERR_TIMEOUT ? err : SD_ERR_UNAVAILABLE;
}

/* On a connection of its own: those that scan may all be busy with something large. */
static enum sd_err version(void *self, struct deadline deadline, char engine[ENGINE_BYTES + 1], int64_t *ret_made_ms) {
    const struct clamd *clamd = self;
    struct buf answer SD_CLEANUP(buf_free) = buf_new(ANSWER_BYTES);
    int fd = -1;
    enum sd_err err = dial(clamd, deadline, &fd);
    err = err ? err : socket_send(fd, SPAN("zVERSION\0"), deadline);
    err = err ? err : read_answer(fd, &answer, deadline);
    err = err ? err : clamd_read_version(buf_span(&answer), engine, ret_made_ms);
    if (fd >= 0)
        (void)close(fd);
    return err == SD_OK || err == SD_ERR_TIMEOUT ? err : SD_ERR_UNAVAILABLE;
}

struct scanner clamd_scanner(struct clamd *clamd) {
    static const struct scanner_ops ops = {scan, version};
    return (struct scanner){&ops, clamd};
}
