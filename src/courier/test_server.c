#include "courier/test_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS 20000

struct conn {
    struct test_server *server;
    int fd;
    struct tls_session *tls;
    struct buf in;
    unsigned messages;
};

static bool put_bytes(struct conn *c, struct span bytes) {
    if (c->tls)
        return tls_write(c->tls, bytes, deadline_in_ms(WAIT_MS)) == SD_OK;
    return send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL) == (ssize_t)bytes.n;
}

static bool answer(struct conn *c, const char *text) {
    struct span bytes = span_cstr(text);
    if (!text)
        return false;
    if (!c->server->byte_by_byte)
        return put_bytes(c, bytes);
    for (size_t i = 0; i < bytes.n; i++)
        if (!put_bytes(c, span_sub(bytes, i, 1)))
            return false;
    return true;
}

static bool fill(struct conn *c) {
    uint8_t *p = buf_reserve(&c->in, 4096);
    size_t n = 0;
    if (c->tls && tls_read(c->tls, p, 4096, deadline_in_ms(WAIT_MS), &n) != SD_OK)
        return false;
    if (!c->tls) {
        ssize_t got = wait_fd(c->fd, POLLIN, deadline_in_ms(WAIT_MS)) == SD_OK ? recv(c->fd, p, 4096, 0) : -1;
        if (got < 0)
            return false;
        n = (size_t)got;
    }
    buf_grew(&c->in, n);
    return n > 0;
}

static bool take_line(struct conn *c, char *line, size_t size) {
    size_t end;
    while ((end = span_search(buf_span(&c->in), SPAN("\r\n"))) == c->in.n)
        if (!fill(c))
            return false;
    size_t n = end < size - 1 ? end : size - 1;
    memcpy(line, c->in.p, n);
    line[n] = 0;
    pthread_mutex_lock(&c->server->lock);
    buf_printf(&c->server->commands, "%s\r\n", line);
    pthread_mutex_unlock(&c->server->lock);
    buf_consume(&c->in, end + 2);
    return true;
}

static bool take_message(struct conn *c) {
    size_t end = 0;
    while (!span_starts(buf_span(&c->in), SPAN(".\r\n")) && (end = span_search(buf_span(&c->in), SPAN("\r\n.\r\n"))) == c->in.n)
        if (!fill(c))
            return false;
    end = span_starts(buf_span(&c->in), SPAN(".\r\n")) ? 0 : end + 2;
    pthread_mutex_lock(&c->server->lock);
    buf_reset(&c->server->message);
    buf_put(&c->server->message, span_sub(buf_span(&c->in), 0, end));
    c->server->message_count++;
    pthread_mutex_unlock(&c->server->lock);
    buf_consume(&c->in, end + 3);
    c->messages++;
    return true;
}

static bool start_tls(struct conn *c) {
    struct test_server *s = c->server;
    if (!answer(c, s->answers[ON_STARTTLS]) || strncmp(s->answers[ON_STARTTLS], "220", 3) != 0)
        return s->answers[ON_STARTTLS] != NULL;
    if (s->injects && !put_bytes(c, SPAN("250 injected\r\n")))
        return false;
    if (s->breaks_tls)
        return put_bytes(c, SPAN("this is no handshake\r\n")) && false;
    return tls_accept(s->tls, c->fd, deadline_in_ms(WAIT_MS), &c->tls) == SD_OK;
}

static bool rcpt(struct conn *c, const char *line) {
    return answer(c, strstr(line, "later")   ? "450 4.2.1 mailbox busy\r\n"
                     : strstr(line, "never") ? "550 5.1.1 no such user\r\n"
                                             : c->server->answers[ON_RCPT]);
}

static bool data(struct conn *c) {
    const char *go = c->server->answers[ON_DATA];
    if (!answer(c, go))
        return false;
    if (strncmp(go, "354", 3) != 0)
        return true;
    return take_message(c) && answer(c, c->server->answers[ON_END]);
}

static bool handle(struct conn *c, const char *line) {
    struct test_server *s = c->server;
    if (strncmp(line, "EHLO", 4) == 0)
        return answer(c, c->tls && s->ehlo_after_tls ? s->ehlo_after_tls : s->answers[ON_EHLO]);
    if (strncmp(line, "STARTTLS", 8) == 0)
        return start_tls(c);
    if (strncmp(line, "RCPT", 4) == 0)
        return rcpt(c, line);
    if (strncmp(line, "DATA", 4) == 0)
        return data(c) && (s->closes_after_messages == 0 || c->messages < s->closes_after_messages);
    return strncmp(line, "MAIL", 4) == 0   ? answer(c, s->answers[ON_MAIL])
           : strncmp(line, "HELO", 4) == 0 ? answer(c, s->answers[ON_HELO])
           : strncmp(line, "RSET", 4) == 0 ? answer(c, s->answers[ON_RSET])
           : strncmp(line, "QUIT", 4) == 0 ? answer(c, s->answers[ON_QUIT]) && false
                                           : answer(c, "500 what\r\n");
}

static void *serve(void *arg) {
    struct conn *c = arg;
    char line[1024];
    if (answer(c, c->server->answers[ON_CONNECT]))
        while (take_line(c, line, sizeof line) && handle(c, line))
            continue;
    tls_free(&c->tls, deadline_in_ms(100));
    (void)close(c->fd);
    pthread_mutex_lock(&c->server->lock);
    c->server->at_once--;
    pthread_mutex_unlock(&c->server->lock);
    buf_free(&c->in);
    free(c);
    return NULL;
}

static void begin(struct test_server *s, int fd) {
    struct conn *c = calloc(1, sizeof *c);
    *c = (struct conn){.server = s, .fd = fd, .in = buf_new((size_t)8 * 1024 * 1024)};
    pthread_mutex_lock(&s->lock);
    unsigned n = s->session_count++;
    s->at_once++;
    if (s->at_once > s->most_at_once)
        s->most_at_once = s->at_once;
    pthread_mutex_unlock(&s->lock);
    if (n >= SERVER_SESSIONS_MAX || pthread_create(&s->sessions[n], NULL, serve, c) != 0)
        abort();
}

static void *accept_all(void *arg) {
    struct test_server *s = arg;
    for (;;) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        int one = 1;
        if (fd < 0)
            return NULL;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        begin(s, fd);
    }
}

void test_server_init(struct test_server *s) {
    *s = (struct test_server){.answers = {[ON_CONNECT] = "220 mx.test ESMTP\r\n",
                                          [ON_EHLO] = "250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250 8BITMIME\r\n",
                                          [ON_HELO] = "250 mx.test\r\n",
                                          [ON_STARTTLS] = "220 2.0.0 go ahead\r\n",
                                          [ON_MAIL] = "250 2.1.0 ok\r\n",
                                          [ON_RCPT] = "250 2.1.5 ok\r\n",
                                          [ON_DATA] = "354 go on\r\n",
                                          [ON_END] = "250 2.6.0 taken as 4711\r\n",
                                          [ON_RSET] = "250 2.0.0 ok\r\n",
                                          [ON_QUIT] = "221 2.0.0 bye\r\n"},
                              .commands = buf_new(1024 * 1024),
                              .message = buf_new((size_t)8 * 1024 * 1024)};
    pthread_mutex_init(&s->lock, NULL);
}

void test_server_start(struct test_server *s) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof a;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(s->fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(s->fd, 64) != 0 ||
        getsockname(s->fd, (struct sockaddr *)&a, &n) != 0 || pthread_create(&s->thread, NULL, accept_all, s) != 0)
        abort();
    s->port = ntohs(a.sin_port);
}

/* Sessions must have ended, or end by themselves: the test closes its own first. */
void test_server_stop(struct test_server *s) {
    (void)shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    for (unsigned i = 0; i < s->session_count; i++)
        pthread_join(s->sessions[i], NULL);
    (void)close(s->fd);
    buf_free(&s->commands);
    buf_free(&s->message);
    tls_context_free(&s->tls);
    pthread_mutex_destroy(&s->lock);
}

bool test_server_heard(struct test_server *s, const char *text) {
    pthread_mutex_lock(&s->lock);
    struct span all = buf_span(&s->commands);
    bool heard = span_search(all, span_cstr(text)) < all.n;
    pthread_mutex_unlock(&s->lock);
    return heard;
}

unsigned test_server_messages(struct test_server *s) {
    pthread_mutex_lock(&s->lock);
    unsigned n = s->message_count;
    pthread_mutex_unlock(&s->lock);
    return n;
}
