/* The connector as its role sees it: a real process aside, real sockets. */
#include "core/connector.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 5000

static char dir[] = "/tmp/connector-test-XXXXXX";
static char path[64];

static struct endpoint endpoint_of(const char *text) {
    struct endpoint endpoint;
    assert_int_equal(endpoint_parse(span_cstr(text), &endpoint), SD_OK);
    return endpoint;
}

static int listen_unix(int backlog) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
    (void)unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
    assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

static int listen_tcp(uint16_t *ret_port) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &n), 0);
    *ret_port = ntohs(in.sin_port);
    return fd;
}

static struct connector *start(const char *first, const char *second) {
    struct connector_spec spec = {.uid = getuid(), .gid = getgid(), .count = second ? 2 : 1};
    struct connector *connector = NULL;
    spec.endpoints[0] = endpoint_of(first);
    if (second)
        spec.endpoints[1] = endpoint_of(second);
    assert_int_equal(connector_start(&spec, &connector), SD_OK);
    return connector;
}

/* What is sent on it arrives at whoever listens. */
static void assert_leads_to(struct connector *connector, size_t endpoint, int listener) {
    int fd = -1;
    char c = 0;
    assert_int_equal(connector_connect(connector, endpoint, deadline_in_ms(WAIT_MS), &fd), SD_OK);
    assert_int_equal(wait_fd(fd, POLLOUT, deadline_in_ms(WAIT_MS)), SD_OK);
    assert_int_equal(write(fd, "x", 1), 1);
    int other = accept(listener, NULL, NULL);
    assert_true(other >= 0);
    assert_int_equal(read(other, &c, 1), 1);
    assert_int_equal(c, 'x');
    (void)close(other);
    (void)close(fd);
}

static void it_connects_where_it_was_told(void **state) {
    (void)state;
    uint16_t port = 0;
    char text[160];
    int local = listen_unix(5);
    int tcp = listen_tcp(&port);
    (void)snprintf(text, sizeof text, "tcp:127.0.0.1:%u", port);
    char unix_text[128];
    (void)snprintf(unix_text, sizeof unix_text, "unix:%s", path);
    struct connector *connector SD_CLEANUP(connector_free) = start(unix_text, text);
    for (int i = 0; i < 3; i++) {
        assert_leads_to(connector, 0, local);
        assert_leads_to(connector, 1, tcp);
    }
    int fd = -1;
    assert_int_equal(connector_connect(connector, 2, deadline_in_ms(WAIT_MS), &fd), SD_ERR_NOTFOUND);
    assert_int_equal(fd, -1);
    assert_false(connector_gone(connector));
    (void)close(local);
    (void)close(tcp);
}

/* Neither a missing nor a full listener holds the connector up. */
static void it_says_at_once_that_nobody_takes_it(void **state) {
    (void)state;
    char text[128];
    int held[64];
    size_t n = 0;
    enum sd_err err = SD_OK;
    (void)snprintf(text, sizeof text, "unix:%s", path);
    (void)unlink(path);
    struct connector *connector SD_CLEANUP(connector_free) = start(text, NULL);
    int fd = -1;
    assert_int_equal(connector_connect(connector, 0, deadline_in_ms(WAIT_MS), &fd), SD_ERR_UNAVAILABLE);
    int local = listen_unix(1);
    while (n < SD_COUNT(held) && err == SD_OK) {
        err = connector_connect(connector, 0, deadline_in_ms(WAIT_MS), &held[n]);
        n += err == SD_OK;
    }
    assert_int_equal(err, SD_ERR_BUSY);
    while (n)
        (void)close(held[--n]);
    (void)close(local);
    assert_int_equal(connector_connect(connector, 0, deadline_in_ms(WAIT_MS), &fd), SD_ERR_UNAVAILABLE);
}

static void names_are_not_looked_up(void **state) {
    (void)state;
    struct connector_spec spec = {.count = 1};
    struct connector *connector = NULL;
    const char *const wrong[] = {"tcp:localhost:80", "tls:127.0.0.1:80", ""};
    for (size_t i = 0; i < SD_COUNT(wrong); i++) {
        spec.endpoints[0] = endpoint_of(wrong[i]);
        assert_int_equal(connector_start(&spec, &connector), SD_ERR_CONFIG);
    }
    assert_null(connector);
}

/* The only child of this test is the connector. */
static void its_end_is_noticed(void **state) {
    (void)state;
    int fd = -1;
    char children[128];
    long pid = 0;
    struct connector *connector SD_CLEANUP(connector_free) = start("tcp:127.0.0.1:1", NULL);
    (void)snprintf(children, sizeof children, "/proc/self/task/%d/children", getpid());
    FILE *f = fopen(children, "r");
    assert_non_null(f);
    while (fscanf(f, "%ld", &pid) == 1)
        continue;
    (void)fclose(f);
    assert_true(pid > 0);
    assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
    assert_int_equal(waitpid((pid_t)pid, NULL, 0), pid);
    assert_true(connector_gone(connector));
    assert_int_not_equal(connector_connect(connector, 0, deadline_in_ms(WAIT_MS), &fd), SD_OK);
}

static int make_dir(void **state) {
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(path, sizeof path, "%s/s", dir);
    return 0;
}

static int remove_dir(void **state) {
    (void)state;
    (void)unlink(path);
    return rmdir(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_connects_where_it_was_told),
        cmocka_unit_test(it_says_at_once_that_nobody_takes_it),
        cmocka_unit_test(names_are_not_looked_up),
        cmocka_unit_test(its_end_is_noticed),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
