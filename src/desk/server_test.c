/* The server over a real socket: what every answer carries, and what it does with requests that are too much. */
#include "desk/fixture_test.h"
#include "desk/server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct server *server;
static uint16_t port;
static struct fixture *fixture;

static int set_up(SD_UNUSED void **state) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    void *made = NULL;
    if (fixture_set_up(&made) != 0)
        return -1;
    fixture = made;
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    port = ntohs(at.sin_port);
    assert_int_equal(server_new(&fixture->desk, NULL, NULL, &server), SD_OK);
    return server_listen(server, fd) == SD_OK ? 0 : -1;
}

static int dial(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void send_all(int fd, const char *bytes, size_t n) {
    while (n) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* the server had enough: what it answered is still to be read */
        bytes += sent;
        n -= (size_t)sent;
    }
}

/* Everything until the server closes, or is silent for a second. */
static const char *answer(int fd) {
    static char text[262144];
    size_t n = 0;
    while (n < sizeof text - 1 && wait_fd(fd, POLLIN, deadline_in_ms(1000)) == SD_OK) {
        ssize_t got = recv(fd, text + n, sizeof text - 1 - n, 0);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    text[n] = 0;
    (void)close(fd);
    return text;
}

static const char *ask(const char *request) {
    int fd = dial();
    send_all(fd, request, strlen(request));
    return answer(fd);
}

static void every_answer_carries_the_headers(SD_UNUSED void **state) {
    static const char *const requests[] = {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                                           "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                                           "GET /api/v1/tickets HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                                           "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"};
    static const char *const headers[] = {"\r\nCache-Control: no-store\r\n",
                                          "\r\nContent-Security-Policy: default-src 'none'; script-src 'self'; ",
                                          "frame-ancestors 'none'; base-uri 'none'\r\n",
                                          "\r\nX-Content-Type-Options: nosniff\r\n",
                                          "\r\nReferrer-Policy: no-referrer\r\n",
                                          "\r\nCross-Origin-Opener-Policy: same-origin\r\n",
                                          "\r\nCross-Origin-Resource-Policy: same-origin\r\n"};
    for (size_t i = 0; i < SD_COUNT(requests); i++) {
        const char *text = ask(requests[i]);
        for (size_t k = 0; k < SD_COUNT(headers); k++)
            assert_non_null(strstr(text, headers[k]));
        assert_null(strstr(text, "Strict-Transport-Security"));
    }
}

static void a_whole_exchange_over_the_wire(SD_UNUSED void **state) {
    const char *text = ask(
        "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 80\r\n"
        "Connection: close\r\n\r\n"
        "{\"email\":\"ada@example.com\",\"password\":\"a long enough password\",\"totp\":\"123456\"}\n");
    assert_non_null(strstr(text, "HTTP/1.1 201 "));
    assert_non_null(strstr(text, "\r\nSet-Cookie: " COOKIE_AGENT "; HttpOnly; SameSite=Strict; Path=/\r\n"));
    assert_non_null(strstr(text, "\"csrf\":\"" CSRF_AGENT "\""));
    assert_string_equal(fake.origin, "127.0.0.1");
    text = ask("GET /api/v1/tickets?limit=%31&state=open HTTP/1.1\r\nHost: x\r\nCookie: " COOKIE_AGENT
               "\r\nConnection: close\r\n\r\n");
    assert_non_null(strstr(text, "HTTP/1.1 200 "));
    assert_non_null(strstr(text, "{\"items\":[],\"next\":null}"));
}

static void head_has_no_body(SD_UNUSED void **state) {
    const char *text = ask("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_non_null(strstr(text, "HTTP/1.1 200 "));
    assert_null(strstr(text, "<!doctype"));
}

/* A client that is still sending must be able to read the refusal. */
static void a_refused_body_is_read_and_answered(SD_UNUSED void **state) {
    static char body[40000];
    memset(body, 'x', sizeof body);
    int fd = dial();
    static const char head[] = "POST /api/v1/tickets/x/replies HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                               "Content-Length: 40000\r\nConnection: close\r\n\r\n";
    send_all(fd, head, sizeof head - 1);
    send_all(fd, body, sizeof body);
    assert_non_null(strstr(answer(fd), "\"code\":\"not-signed-in\""));
}

static void too_large_is_413(SD_UNUSED void **state) {
    assert_non_null(strstr(ask("POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                               "Content-Length: 8193\r\n\r\n"),
                           "HTTP/1.1 413 "));
    static char body[9000];
    memset(body, ' ', sizeof body);
    int fd = dial(); /* in chunks nothing is announced */
    static const char head[] = "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                               "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n2328\r\n";
    send_all(fd, head, sizeof head - 1);
    send_all(fd, body, sizeof body);
    send_all(fd, "\r\n0\r\n\r\n", 7);
    assert_non_null(strstr(answer(fd), "\"code\":\"too-large\""));
}

static void junk_does_not_stop_the_server(SD_UNUSED void **state) {
    static char big[80000];
    memset(big, 'a', sizeof big);
    int fd = dial();
    send_all(fd, "GET / HTTP/1.1\r\nX: ", 19);
    send_all(fd, big, sizeof big); /* a header over every limit */
    (void)answer(fd);
    (void)ask("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n");
    (void)ask("GET /%00%zz?%%%==&&& HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_non_null(
        strstr(ask("GET / HTTP/1.1\r\nHost: x\r\nCookie: a=b\r\nCookie: c=d\r\nConnection: close\r\n\r\n"), "HTTP/1.1 400 "));
    assert_non_null(strstr(ask("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "{\"alive\":true}"));
}

static void stopping_waits_for_nobody_idle(SD_UNUSED void **state) {
    int idle = dial();
    struct deadline limit = deadline_in_ms(3000);
    server_stop(server, limit);
    assert_false(deadline_passed(limit));
    (void)close(idle);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_carries_the_headers),
        cmocka_unit_test(a_whole_exchange_over_the_wire),
        cmocka_unit_test(head_has_no_body),
        cmocka_unit_test(a_refused_body_is_read_and_answered),
        cmocka_unit_test(too_large_is_413),
        cmocka_unit_test(junk_does_not_stop_the_server),
        cmocka_unit_test(stopping_waits_for_nobody_idle),
    };
    int failed = cmocka_run_group_tests(tests, set_up, NULL);
    fixture_remove(fixture);
    _exit(failed); /* the server's threads live as long as the process */
}
