/* Real sockets: connection limits, STARTTLS, stopping in the middle of a message, slow clients. */
#include "edge/server.h"
#include "edge/stream.h"
#include "edge/test_rig.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SOON deadline_in_ms(10000)

static struct rig rig;
static struct server *server;
static uint16_t port;

static int listener(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    port = ntohs(at.sin_port);
    return fd;
}

static int set_up(void **state) {
    struct buf cert SD_CLEANUP(buf_free) = buf_new(1 << 16);
    struct buf key SD_CLEANUP(buf_free) = buf_new(1 << 16);
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    rig_start(&rig);
    assert_int_equal(tls_self_signed(SPAN("mx.sealdesk.example"), &cert, &key), SD_OK);
    assert_int_equal(tls_server_context(buf_span(&cert), buf_span(&key), &rig.edge.tls), SD_OK);
    server = server_new(&rig.edge);
    assert_non_null(server);
    assert_int_equal(server_listen(server, listener()), SD_OK);
    assert_int_equal(server_start(server), SD_OK);
    return 0;
}

/* A session's thread leaves the door last, a moment after its client saw the end. */
static void wait_for_sessions(size_t count) {
    struct deadline by = SOON;
    while (door_count(rig.edge.door) != count && !deadline_passed(by))
        (void)usleep(1000);
    assert_int_equal(door_count(rig.edge.door), count);
}

static int tear_down(void **state) {
    (void)state;
    assert_int_equal(server_stop(server, SOON), SD_OK);
    wait_for_sessions(0);
    server_free(&server);
    rig_stop(&rig);
    return 0;
}

static int dial(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

/* One line of a reply, or "" at the end. */
static void hear_line(struct stream *stream, char line[256]) {
    size_t n = 0, got = 0;
    while (n < 255 && (n == 0 || line[n - 1] != '\n')) {
        if (stream_read(stream, line + n, 1, SOON, &got) || got == 0)
            break;
        n++;
    }
    line[n] = 0;
}

static void assert_reply(struct stream *stream, const char *expected) {
    char line[256];
    do
        hear_line(stream, line);
    while (strlen(line) > 3 && line[3] == '-');
    if (strncmp(line, expected, strlen(expected)) != 0)
        fail_msg("got %s, expected %s", line, expected);
}

static void say(struct stream *stream, const char *text) {
    assert_int_equal(stream_write(stream, span_cstr(text), SOON), SD_OK);
}

static void assert_end(struct stream *stream) {
    char line[256];
    hear_line(stream, line);
    assert_string_equal(line, "");
}

#define ENVELOPE "MAIL FROM:<a@example.org>\r\nRCPT TO:<support@sealdesk.example>\r\n"

static void envelope(struct stream *stream) {
    say(stream, "EHLO client.example\r\n" ENVELOPE "DATA\r\n");
    assert_reply(stream, "250 ENHANCEDSTATUSCODES");
    assert_reply(stream, "250 2.1.0");
    assert_reply(stream, "250 2.1.5");
    assert_reply(stream, "354");
}

static void a_letter_over_a_socket(void **state) {
    (void)state;
    struct stream s = stream_of_fd(dial());
    assert_reply(&s, "220 mx.sealdesk.example ESMTP");
    envelope(&s);
    say(&s, "Subject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n");
    assert_reply(&s, "250 2.0.0");
    assert_reply(&s, "221");
    assert_end(&s);
    (void)close(s.fd);
}

/* The threads of the first group serve the second one too. */
static void sessions_in_turn_share_threads(void **state) {
    (void)state;
    for (size_t group = 0; group < 3; group++) {
        struct stream open[20];
        for (size_t i = 0; i < SD_COUNT(open); i++)
            open[i] = stream_of_fd(dial());
        for (size_t i = 0; i < SD_COUNT(open); i++) {
            assert_reply(&open[i], "220");
            envelope(&open[i]);
            say(&open[i], "Subject: x\r\n\r\n.\r\nQUIT\r\n");
        }
        for (size_t i = 0; i < SD_COUNT(open); i++) {
            assert_reply(&open[i], "250 2.0.0");
            assert_reply(&open[i], "221");
            (void)close(open[i].fd);
        }
        wait_for_sessions(0);
    }
    assert_int_equal(rig.letter_count, 60);
}

static void too_many_from_one_address(void **state) {
    (void)state;
    struct stream open[3];
    door_free(&rig.edge.door);
    rig.edge.door = door_new(10, 2);
    for (size_t i = 0; i < 3; i++) {
        open[i] = stream_of_fd(dial());
        assert_reply(&open[i], i < 2 ? "220" : "421 4.7.0");
    }
    assert_end(&open[2]);
    say(&open[0], "QUIT\r\n");
    assert_reply(&open[0], "221");
    assert_end(&open[0]);
    wait_for_sessions(1);
    struct stream again = stream_of_fd(dial());
    assert_reply(&again, "220");
    assert_true(atomic_load(&rig.edge.limits.hits[EDGE_ADDRESS]) == 1);
    for (size_t i = 0; i < 3; i++)
        (void)close(open[i].fd);
    (void)close(again.fd);
}

static void the_door_counts_by_address(void **state) {
    (void)state;
    static const uint8_t v4a[16] = {[10] = 0xff, [11] = 0xff, [15] = 1}, v4b[16] = {[10] = 0xff, [11] = 0xff, [15] = 2};
    static const uint8_t v6a[16] = {0x20, 1, [15] = 1}, v6b[16] = {0x20, 1, [15] = 2}, v6c[16] = {0x20, 2, [15] = 2};
    struct door *door = door_new(4, 1);
    assert_int_equal(door_enter(door, v4a), DOOR_OPEN);
    assert_int_equal(door_enter(door, v4a), DOOR_CLOSED_ADDRESS);
    assert_int_equal(door_enter(door, v4b), DOOR_OPEN);
    assert_int_equal(door_enter(door, v6a), DOOR_OPEN);
    assert_int_equal(door_enter(door, v6b), DOOR_CLOSED_ADDRESS); /* the same /64 */
    assert_int_equal(door_enter(door, v6c), DOOR_OPEN);
    assert_int_equal(door_enter(door, (const uint8_t[16]){9}), DOOR_CLOSED_FULL);
    door_leave(door, v4a);
    assert_int_equal(door_enter(door, v4a), DOOR_OPEN);
    door_free(&door);
}

/* Over TLS from here on; the returned stream's session is freed by the caller. */
static struct stream secure(struct stream *s, struct tls_context *client, struct tls_session **session) {
    say(s, "STARTTLS\r\n");
    assert_reply(s, "220 2.0.0");
    assert_int_equal(tls_connect(client, s->fd, SPAN("mx.sealdesk.example"), SOON, session), SD_OK);
    return stream_of_tls(s->fd, *session);
}

static void starttls_forgets_what_was_said_in_clear(void **state) {
    (void)state;
    struct tls_context *client = NULL;
    struct tls_session *session = NULL;
    struct stream s = stream_of_fd(dial());
    assert_int_equal(tls_client_context(SPAN_NONE, &client), SD_OK);
    assert_reply(&s, "220");
    say(&s, "EHLO clear.example\r\n");
    assert_reply(&s, "250");
    struct stream t = secure(&s, client, &session);
    say(&t, ENVELOPE);
    assert_reply(&t, "503"); /* no EHLO yet */
    assert_reply(&t, "503");
    say(&t, "EHLO tls.example\r\nSTARTTLS\r\n");
    assert_reply(&t, "250 ENHANCEDSTATUSCODES");
    assert_reply(&t, "503"); /* not twice */
    say(&t, ENVELOPE "DATA\r\n");
    assert_reply(&t, "250");
    assert_reply(&t, "250");
    assert_reply(&t, "354");
    say(&t, "Subject: x\r\n\r\n.\r\nQUIT\r\n");
    assert_reply(&t, "250 2.0.0");
    assert_reply(&t, "221");
    assert_true(span_eq(buf_span(&rig.helo), SPAN("tls.example")));
    tls_free(&session, SOON);
    tls_context_free(&client);
    (void)close(s.fd);

    struct buf raw SD_CLEANUP(buf_free) = buf_new(1 << 20);
    struct buf source SD_CLEANUP(buf_free) = buf_new(1 << 20);
    struct rig_record record;
    assert_int_equal(rig_records(&rig, 0, &raw, &record), 1);
    assert_int_equal(rig_open_facet(&record, FACET_SOURCE, 0, &source), SD_OK);
    assert_true(span_search(buf_span(&source), SPAN(" with ESMTPS (TLSv1.")) < source.n);
    rig_record_free(&record);
}

/* The transaction may not survive either: MAIL in clear is refused its STARTTLS until RSET. */
static void starttls_inside_a_transaction_is_refused(void **state) {
    (void)state;
    struct stream s = stream_of_fd(dial());
    assert_reply(&s, "220");
    say(&s, "EHLO clear.example\r\nMAIL FROM:<a@example.org>\r\nSTARTTLS\r\n");
    assert_reply(&s, "250 ENHANCEDSTATUSCODES");
    assert_reply(&s, "250");
    assert_reply(&s, "503");
    (void)close(s.fd);
}

static void a_handshake_that_is_none_ends_the_session(void **state) {
    (void)state;
    struct stream s = stream_of_fd(dial());
    assert_reply(&s, "220");
    say(&s, "EHLO clear.example\r\n");
    assert_reply(&s, "250");
    say(&s, "STARTTLS\r\n");
    assert_reply(&s, "220 2.0.0");
    say(&s, "MAIL FROM:<inject@attacker.example>\r\n");
    char line[256];
    hear_line(&s, line); /* at most a TLS alert */
    assert_true(strncmp(line, "250", 3) != 0);
    (void)close(s.fd);
}

static void *stop_now(void *arg) {
    (void)arg;
    return (void *)(intptr_t)server_stop(server, SOON);
}

static void stopping_finishes_the_message(void **state) {
    (void)state;
    pthread_t thread;
    void *result;
    struct stream idle = stream_of_fd(dial()), busy = stream_of_fd(dial());
    assert_reply(&idle, "220");
    assert_reply(&busy, "220");
    envelope(&busy);
    say(&busy, "Subject: half\r\n");
    assert_int_equal(pthread_create(&thread, NULL, stop_now, NULL), 0);
    assert_reply(&idle, "421 4.3.2");
    assert_end(&idle);
    say(&busy, "\r\nthe rest\r\n.\r\n");
    assert_reply(&busy, "250 2.0.0");
    assert_reply(&busy, "421 4.3.2");
    assert_end(&busy);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_int_equal((intptr_t)result, SD_OK);
    (void)close(idle.fd);
    (void)close(busy.fd);
}

static void stopping_does_not_wait_for_ever(void **state) {
    (void)state;
    struct stream busy = stream_of_fd(dial());
    assert_reply(&busy, "220");
    envelope(&busy);
    assert_int_equal(server_stop(server, deadline_in_ms(100)), SD_ERR_TIMEOUT);
    (void)close(busy.fd);
}

static void idle_and_slow_clients_are_told(void **state) {
    (void)state;
    rig.edge.limits.value[EDGE_IDLE_S] = 1;
    struct stream idle = stream_of_fd(dial()), slow = stream_of_fd(dial());
    assert_reply(&idle, "220");
    assert_reply(&slow, "220");
    envelope(&slow);
    say(&idle, "NO"); /* half a command is no life */
    assert_reply(&idle, "421 4.4.2");
    assert_end(&idle);
    assert_reply(&slow, "421 4.4.2");
    assert_end(&slow);
    assert_int_equal(rig.letter_count, 0);
    (void)close(idle.fd);
    (void)close(slow.fd);
}

static void a_session_has_an_end(void **state) {
    (void)state;
    rig.edge.limits.value[EDGE_SESSION_S] = 1;
    struct stream s = stream_of_fd(dial());
    assert_reply(&s, "220");
    for (int i = 0; i < 8; i++) {
        say(&s, "NOOP\r\n");
        char line[256];
        hear_line(&s, line);
        if (strncmp(line, "421", 3) == 0) {
            assert_true(atomic_load(&rig.edge.limits.hits[EDGE_SESSION_S]) == 1);
            (void)close(s.fd);
            return;
        }
        assert_true(strncmp(line, "250", 3) == 0);
        (void)usleep(200000);
    }
    fail_msg("the session went on");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_letter_over_a_socket, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sessions_in_turn_share_threads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_from_one_address, set_up, tear_down),
        cmocka_unit_test(the_door_counts_by_address),
        cmocka_unit_test_setup_teardown(starttls_forgets_what_was_said_in_clear, set_up, tear_down),
        cmocka_unit_test_setup_teardown(starttls_inside_a_transaction_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_handshake_that_is_none_ends_the_session, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stopping_finishes_the_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stopping_does_not_wait_for_ever, set_up, tear_down),
        cmocka_unit_test_setup_teardown(idle_and_slow_clients_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_session_has_an_end, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
