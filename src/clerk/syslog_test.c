/* Messages to a syslog server: what they look like, over TCP, TLS and a unix socket; servers that are away, or somebody else.
 */
#include "clerk/syslog.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct server {
    int listen_fd;
    uint16_t port;
    struct tls_context *tls; /* NULL: plain */
    bool slams;              /* closes without reading */
    char got[4096];
    size_t n;
    pthread_t thread;
};

static void read_all(struct server *s, int fd) {
    struct tls_session *session = NULL;
    if (s->tls && tls_accept(s->tls, fd, deadline_in_ms(5000), &session) != SD_OK)
        return;
    for (;;) {
        size_t n = 0;
        if (s->tls ? tls_read(session, s->got + s->n, sizeof s->got - s->n, deadline_in_ms(5000), &n) != SD_OK
                   : (ssize_t)(n = (size_t)recv(fd, s->got + s->n, sizeof s->got - s->n, 0)) <= 0)
            break;
        if (n == 0)
            break;
        s->n += n;
    }
    tls_free(&session, deadline_in_ms(1000));
}

static void *serve(void *arg) {
    struct server *s = arg;
    int fd = accept(s->listen_fd, NULL, NULL);
    if (fd >= 0 && s->slams) {
        struct linger now = {1, 0};
        (void)usleep(200000); /* the message is there, and not read */
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    } else if (fd >= 0) {
        read_all(s, fd);
    }
    (void)close(fd);
    return NULL;
}

static void start(struct server *s) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof in;
    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listen_fd, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(listen(s->listen_fd, 1), 0);
    assert_int_equal(getsockname(s->listen_fd, (struct sockaddr *)&in, &n), 0);
    s->port = ntohs(in.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void finish(struct server *s) {
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    (void)close(s->listen_fd);
}

static struct syslog_target target_of(const struct server *s, enum endpoint_kind kind) {
    struct syslog_target target = {.endpoint = {.kind = kind, .host = "127.0.0.1", .port = s->port}, .unix_fd = -1};
    return target;
}

static void format(SD_UNUSED void **state) {
    struct buf b SD_CLEANUP(buf_free) = buf_new(SYSLOG_MESSAGE_MAX);
    struct syslog_message m = {SPAN("mail.example.com"), SPAN("checkpoint"), SPAN("text of it"), INT64_C(1790000000123), 17};
    syslog_put(&b, &m);
    buf_byte(&b, 0);
    assert_string_equal((const char *)b.p,
                        "<109>1 2026-09-21T14:13:20.123Z mail.example.com sealdesk 17 checkpoint - text of it");
    buf_reset(&b);
    m.host = SPAN("no host");
    syslog_put(&b, &m);
    assert_true(span_search(buf_span(&b), SPAN("Z - sealdesk 17 ")) < b.n);
}

static void over_tcp(SD_UNUSED void **state) {
    struct server s = {0};
    start(&s);
    struct syslog_target target = target_of(&s, ENDPOINT_TCP);
    assert_int_equal(syslog_send(&target, SPAN("<109>1 - - - - - - hello"), deadline_in_ms(5000)), SD_OK);
    finish(&s);
    assert_string_equal(s.got, "24 <109>1 - - - - - - hello");
}

static void nobody_there(SD_UNUSED void **state) {
    struct server s = {0};
    struct syslog_target target = target_of(&s, ENDPOINT_TCP);
    target.endpoint.port = 1;
    assert_int_not_equal(syslog_send(&target, SPAN("x"), deadline_in_ms(2000)), SD_OK);
    memcpy(target.endpoint.host, "a.name", 7); /* and nobody to ask */
    assert_int_equal(syslog_send(&target, SPAN("x"), deadline_in_ms(2000)), SD_ERR_UNAVAILABLE);
}

/* What the server did not read before it closed did not arrive. */
static void slammed(SD_UNUSED void **state) {
    struct server s = {.slams = true};
    start(&s);
    struct syslog_target target = target_of(&s, ENDPOINT_TCP);
    assert_int_not_equal(syslog_send(&target, SPAN("x"), deadline_in_ms(5000)), SD_OK);
    finish(&s);
}

static void over_tls(void **state) {
    bool right_name = *(bool *)*state;
    struct buf certificate SD_CLEANUP(buf_free) = buf_new(65536), key SD_CLEANUP(buf_free) = buf_new(65536);
    struct server s = {0};
    assert_int_equal(tls_self_signed(span_cstr(right_name ? "logs.example" : "other.example"), &certificate, &key), SD_OK);
    assert_int_equal(tls_server_context(buf_span(&certificate), buf_span(&key), &s.tls), SD_OK);
    start(&s);
    struct syslog_target target = target_of(&s, ENDPOINT_TLS);
    assert_int_equal(tls_client_context(buf_span(&certificate), &target.tls), SD_OK);
    /* an address is not the name in the certificate: RFC 5425 §5.2 */
    assert_int_equal(syslog_send(&target, SPAN("secret"), deadline_in_ms(5000)), SD_ERR_FORGED);
    finish(&s);
    assert_int_equal(s.n, 0);
    tls_context_free(&target.tls);
    tls_context_free(&s.tls);
}

static void over_unix(SD_UNUSED void **state) {
    int pair[2];
    char got[64] = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
    struct syslog_target target = {.endpoint.kind = ENDPOINT_UNIX, .unix_fd = pair[0]};
    assert_int_equal(syslog_send(&target, SPAN("a message"), deadline_in_ms(1000)), SD_OK);
    assert_int_equal(recv(pair[1], got, sizeof got, 0), 9);
    assert_string_equal(got, "a message");
    (void)close(pair[1]);
    assert_int_equal(syslog_send(&target, SPAN("a message"), deadline_in_ms(1000)), SD_ERR_CLOSED);
    (void)close(pair[0]);
    target.unix_fd = -1;
    assert_int_equal(syslog_send(&target, SPAN("a message"), deadline_in_ms(1000)), SD_ERR_UNAVAILABLE);
}

int main(void) {
    static bool yes = true, no = false;
    (void)signal(SIGPIPE, SIG_IGN); /* as every role does: tls.h */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(format),
        cmocka_unit_test(over_tcp),
        cmocka_unit_test(slammed),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test_prestate(over_tls, &yes),
        cmocka_unit_test_prestate(over_tls, &no),
        cmocka_unit_test(over_unix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
