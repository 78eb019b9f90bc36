#include "core/clock.h"
#include "sealdesk/demo/demo.h"

#include "crypt/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SESSION_MS 20000
#define LINE_MAX_BYTES 2048

/* One side of an SMTP dialogue, in clear or in TLS. */
struct talk {
    int fd;
    struct tls_session *tls;
    struct buf in;
    struct deadline deadline;
};

static enum sd_err talk_fill(struct talk *t) {
    uint8_t *p = buf_reserve(&t->in, 4096);
    size_t n = 0;
    enum sd_err err = p ? SD_OK : buf_err(&t->in);
    if (err == SD_OK && t->tls)
        err = tls_read(t->tls, p, 4096, t->deadline, &n);
    if (err == SD_OK && !t->tls) {
        err = wait_fd(t->fd, POLLIN, t->deadline);
        ssize_t got = err == SD_OK ? read(t->fd, p, 4096) : 0;
        n = got > 0 ? (size_t)got : 0;
    }
    if (err == SD_OK)
        buf_grew(&t->in, n);
    return err ? err : n ? SD_OK : SD_ERR_CLOSED;
}

/* One line without its CRLF. */
static enum sd_err talk_line(struct talk *t, char *to, size_t max) {
    for (;;) {
        size_t at = span_find(buf_span(&t->in), '\n');
        if (at < t->in.n) {
            size_t n = at && t->in.p[at - 1] == '\r' ? at - 1 : at;
            (void)snprintf(to, max, "%.*s", (int)n, (const char *)t->in.p);
            buf_consume(&t->in, at + 1);
            return SD_OK;
        }
        enum sd_err err = talk_fill(t);
        if (err)
            return err;
    }
}

static enum sd_err talk_say(struct talk *t, struct span bytes) {
    if (t->tls)
        return tls_write(t->tls, bytes, t->deadline);
    while (bytes.n) {
        ssize_t n = send(t->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        enum sd_err err = n < 0 && errno == EAGAIN ? wait_fd(t->fd, POLLOUT, t->deadline) : n < 0 ? SD_ERR_CLOSED : SD_OK;
        if (err)
            return err;
        bytes = span_from(bytes, n > 0 ? (size_t)n : 0);
    }
    return SD_OK;
}

/* ---- the client ---- */

/* The last line of the reply. */
static enum sd_err reply(struct talk *t, char *to, size_t max) {
    enum sd_err err;
    do
        err = talk_line(t, to, max);
    while (err == SD_OK && strlen(to) > 3 && to[3] == '-');
    return err;
}

static enum sd_err command(struct talk *t, const char *line, char *to, size_t max) {
    enum sd_err err = talk_say(t, span_cstr(line));
    if (err == SD_OK)
        err = talk_say(t, SPAN("\r\n"));
    return err ? err : reply(t, to, max);
}

static void put_stuffed(struct buf *to, struct span message) {
    bool line_start = true;
    for (size_t i = 0; i < message.n; i++) {
        if (line_start && message.p[i] == '.')
            buf_byte(to, '.');
        buf_byte(to, message.p[i]);
        line_start = message.p[i] == '\n';
    }
    buf_text(to, line_start ? ".\r\n" : "\r\n.\r\n");
}

static enum sd_err dialogue(struct talk *t, const char *helo, const char *from, const char *to, struct span message,
                            char *ret_reply, size_t reply_bytes) {
    char lines[4][300];
    struct buf body SD_CLEANUP(buf_free) = buf_new(message.n * 2 + 16);
    (void)snprintf(lines[0], sizeof lines[0], "EHLO %s", helo);
    (void)snprintf(lines[1], sizeof lines[1], "MAIL FROM:<%s>", from);
    (void)snprintf(lines[2], sizeof lines[2], "RCPT TO:<%s>", to);
    (void)snprintf(lines[3], sizeof lines[3], "DATA");
    enum sd_err err = reply(t, ret_reply, reply_bytes);
    for (size_t i = 0; i < SD_COUNT(lines) && err == SD_OK && ret_reply[0] < '4'; i++)
        err = command(t, lines[i], ret_reply, reply_bytes);
    if (err || ret_reply[0] != '3')
        return err;
    put_stuffed(&body, message);
    err = buf_err(&body) ? buf_err(&body) : talk_say(t, buf_span(&body));
    return err ? err : reply(t, ret_reply, reply_bytes);
}

static int connect_loopback(uint16_t port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

enum sd_err demo_send(uint16_t port, const char *helo, const char *from, const char *to, struct span message, char *ret_reply,
                      size_t reply_bytes) {
    struct talk t = {.fd = connect_loopback(port), .in = buf_new(65536), .deadline = deadline_in_ms(SESSION_MS)};
    if (t.fd < 0)
        return SD_ERR_UNAVAILABLE;
    enum sd_err err = dialogue(&t, helo, from, to, message, ret_reply, reply_bytes);
    if (err == SD_OK && talk_say(&t, SPAN("QUIT\r\n")) != SD_OK)
        err = SD_OK; /* it is over either way */
    buf_free(&t.in);
    (void)close(t.fd);
    return err;
}

/* ---- the receiver ---- */

struct demo_receiver {
    int listen_fd;
    struct tls_context *tls;
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    bool has_message;
    struct demo_delivery delivery;
};

static enum sd_err take_message(struct demo_receiver *r, struct talk *t) {
    struct demo_delivery d = {.message = buf_new(4 * 1024 * 1024), .tls = t->tls != NULL};
    char line[LINE_MAX_BYTES];
    enum sd_err err = talk_say(t, SPAN("354 go on\r\n"));
    while (err == SD_OK && (err = talk_line(t, line, sizeof line)) == SD_OK && strcmp(line, ".") != 0) {
        buf_text(&d.message, line[0] == '.' ? line + 1 : line);
        buf_text(&d.message, "\r\n");
    }
    if (t->tls)
        (void)snprintf(d.tls_version, sizeof d.tls_version, "%.*s", SPAN_FMT(tls_session_facts(t->tls).version));
    if (err) {
        buf_free(&d.message);
        return err;
    }
    pthread_mutex_lock(&r->lock);
    if (!r->has_message)
        r->delivery = d;
    else
        buf_free(&d.message);
    r->has_message = true;
    pthread_cond_signal(&r->arrived);
    pthread_mutex_unlock(&r->lock);
    return talk_say(t, SPAN("250 2.0.0 taken\r\n"));
}

static enum sd_err start_tls(struct demo_receiver *r, struct talk *t) {
    enum sd_err err = talk_say(t, SPAN("220 2.0.0 go on\r\n"));
    if (err)
        return err;
    buf_reset(&t->in);
    (void)fcntl(t->fd, F_SETFL, O_NONBLOCK);
    return tls_accept(r->tls, t->fd, t->deadline, &t->tls);
}

static enum sd_err answer(struct demo_receiver *r, struct talk *t, const char *line) {
    if (strncasecmp(line, "EHLO", 4) == 0)
        return talk_say(t, t->tls ? SPAN("250-mx.customer.example\r\n250 8BITMIME\r\n")
                                  : SPAN("250-mx.customer.example\r\n250-8BITMIME\r\n250 STARTTLS\r\n"));
    if (strncasecmp(line, "STARTTLS", 8) == 0)
        return start_tls(r, t);
    if (strncasecmp(line, "DATA", 4) == 0)
        return take_message(r, t);
    if (strncasecmp(line, "QUIT", 4) == 0)
        return talk_say(t, SPAN("221 2.0.0 bye\r\n")) ? SD_ERR_CLOSED : SD_ERR_CLOSED;
    return talk_say(t, SPAN("250 2.0.0 ok\r\n"));
}

static void serve(struct demo_receiver *r, int fd) {
    struct talk t = {.fd = fd, .in = buf_new(65536), .deadline = deadline_in_ms(SESSION_MS)};
    char line[LINE_MAX_BYTES];
    enum sd_err err = talk_say(&t, SPAN("220 mx.customer.example ESMTP\r\n"));
    while (err == SD_OK && (err = talk_line(&t, line, sizeof line)) == SD_OK)
        err = answer(r, &t, line);
    tls_free(&t.tls, deadline_in_ms(200));
    buf_free(&t.in);
    (void)close(fd);
}

static void *receive(void *arg) {
    struct demo_receiver *r = arg;
    for (;;) {
        int fd = accept4(r->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            return NULL;
        serve(r, fd);
    }
}

enum sd_err demo_receiver_start(const struct demo_world *world, uint16_t *ret_port, struct demo_receiver **ret) {
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof any;
    pthread_t thread;
    struct demo_receiver *r = calloc(1, sizeof *r);
    if (!r)
        return SD_ERR_NOMEM;
    pthread_mutex_init(&r->lock, NULL);
    cond_init_monotonic(&r->arrived);
    enum sd_err err = tls_server_context(buf_span(&world->certificate), buf_span(&world->key), &r->tls);
    r->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (err || r->listen_fd < 0 || bind(r->listen_fd, (struct sockaddr *)&any, sizeof any) != 0 ||
        listen(r->listen_fd, 16) != 0 || getsockname(r->listen_fd, (struct sockaddr *)&any, &length) != 0 ||
        pthread_create(&thread, NULL, receive, r) != 0)
        return err ? err : SD_ERR_IO; /* the demo ends: nothing to put in order */
    *ret_port = ntohs(any.sin_port);
    *ret = r;
    return SD_OK;
}

enum sd_err demo_receiver_wait(struct demo_receiver *r, struct deadline deadline, struct demo_delivery *ret) {
    struct timespec until = {deadline.at_ns / 1000000000, deadline.at_ns % 1000000000};
    int rc = 0;
    pthread_mutex_lock(&r->lock);
    while (!r->has_message && rc == 0)
        rc = pthread_cond_timedwait(&r->arrived, &r->lock, &until);
    bool has_message = r->has_message;
    if (has_message)
        *ret = r->delivery;
    pthread_mutex_unlock(&r->lock);
    return has_message ? SD_OK : SD_ERR_TIMEOUT;
}
