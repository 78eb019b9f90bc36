/*
 * Runs the real sealdesk-desk as the supervisor does, confined, over a store and a scripted keeper, and holds it to its
 * contract: tests/api/check_openapi.py asks it everything the OpenAPI document names, in clear and over TLS.
 */
#include "core/ipc/control.h"
#include "desk/fixture_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 20000
#define ROLE_UID 64607

static const char *program, *contract;

struct running {
    struct fixture *f;
    pid_t pid;
    struct ipc_client *control;
    uint16_t port;
};

static void start_process(struct running *r) {
    int fds[2];
    assert_int_equal(ipc_pair(fds), SD_OK);
    r->pid = fork();
    assert_true(r->pid >= 0);
    if (r->pid == 0) {
        if (dup2(fds[1], 3) == 3 && fcntl(3, F_SETFD, 0) == 0)
            (void)execl(program, program, (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    r->control = ipc_client_new("control");
    ipc_client_attach(r->control, fds[0]);
}

static enum sd_err order_start(struct running *r, const char *certificate, const char *key) {
    char config[1024];
    struct ipc_msg *msg = NULL;
    struct control_start_rep rep;
    (void)snprintf(config, sizeof config,
                   "main.data_dir=%s\nmain.hostname=desk.example.com\nmain.domains=example.com\nlog.level=warn\n"
                   "desk.tls_cert=%s\ndesk.tls_key=%s\ntrust.weights=\ntrust.review_at=100\n",
                   r->f->dir, certificate, key);
    bool root = getuid() == 0;
    struct control_start_req req = {.role = SPAN("desk"),
                                    .uid = root ? ROLE_UID : getuid(),
                                    .gid = root ? ROLE_UID : getgid(),
                                    .landlock_abi_max = 2,
                                    .config = span_cstr(config)};
    enum sd_err err = control_start_call(r->control, &req, deadline_in_ms(WAIT_MS), &msg, &rep);
    ipc_msg_free(&msg);
    return err;
}

/* Hands over fd and keeps no copy. */
static void order_link(struct running *r, uint8_t kind, struct span name, int fd) {
    struct control_link_req req = {.kind = kind, .name = name};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct ipc_ticket *ticket = NULL;
    struct ipc_msg *msg = NULL;
    assert_int_equal(control_link_req_encode(&out, &req), SD_OK);
    out.fd = fd;
    assert_int_equal(ipc_start(r->control, 2, &out, deadline_in_ms(WAIT_MS), &ticket), SD_OK);
    assert_int_equal(ipc_wait(r->control, &ticket, deadline_in_ms(WAIT_MS), &msg), SD_OK);
    ipc_msg_free(&msg);
    (void)close(fd);
}

static int listening(struct running *r) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    r->port = ntohs(at.sin_port);
    return fd;
}

static void order_go(struct running *r) {
    struct ipc_msg *msg = NULL;
    struct control_go_rep rep;
    assert_int_equal(control_go_call(r->control, &(struct control_go_req){}, deadline_in_ms(WAIT_MS), &msg, &rep), SD_OK);
    assert_true(span_search(rep.sandbox, SPAN("\"seccomp\":true")) < rep.sandbox.n);
    assert_true(span_search(rep.sandbox, SPAN("accepted connections only")) < rep.sandbox.n);
    ipc_msg_free(&msg);
}

static void shell(const char *format, const char *a, const char *b) {
    char command[512];
    (void)snprintf(command, sizeof command, format, a, b); /* NOLINT: formats of this file */
    assert_int_equal(system(command), 0);
}

/* A store with four tickets, of which one has two letters, belonging to the user that the desk becomes. */
static void fill_store(struct fixture *f) {
    fixture_request(f, HTTP_GET, "/", "");
    for (uint8_t seed = 1; seed <= 4; seed++)
        fixture_ticket(f, seed, "support", TICKET_OPEN, "It broke");
    fixture_letter(f, 1, 9, TICKET_OPEN, 0);
    assert_int_equal(chmod(f->dir, 0755), 0);
    if (getuid() == 0)
        shell("chown -R 64607:64607 %s/store%s", f->dir, "");
}

static void run(struct running *r, const char *certificate, const char *key) {
    fill_store(r->f);
    start_process(r);
    assert_int_equal(order_start(r, certificate, key), SD_OK);
    order_link(r, LINK_CLIENT, SPAN("keeper"), fixture_keeper_channel());
    order_link(r, LINK_LISTEN, SPAN("desk"), listening(r));
    order_go(r);
}

static void check_contract(const struct running *r, const char *scheme) {
    char url[64];
    (void)snprintf(url, sizeof url, "%s://127.0.0.1:%u", scheme, r->port);
    (void)setenv("SEALDESK_EMAIL", "ada@example.com", 1);
    (void)setenv("SEALDESK_PASSWORD", "a long enough password", 1);
    (void)setenv("SEALDESK_TOTP", "123456", 1);
    shell("/usr/bin/python3 -B %s %s", contract, url);
}

static void stop(struct running *r) {
    struct ipc_msg *msg = NULL;
    struct control_stop_rep rep;
    int status = -1;
    assert_int_equal(control_stop_call(r->control, &(struct control_stop_req){}, deadline_in_ms(WAIT_MS), &msg, &rep), SD_OK);
    ipc_msg_free(&msg);
    assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ipc_client_attach(r->control, -1);
    free(r->control);
}

static void keeps_its_contract_confined(void **state) {
    struct running r = {.f = *state};
    run(&r, "", "");
    check_contract(&r, "http");
    stop(&r);
}

static void keeps_its_contract_over_tls(void **state) {
    struct running r = {.f = *state};
    char certificate[96], key[96];
    (void)snprintf(certificate, sizeof certificate, "%s/cert.pem", r.f->dir);
    (void)snprintf(key, sizeof key, "%s/key.pem", r.f->dir);
    shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=desk.example.com "
          "-out %s -keyout %s 2>/dev/null",
          certificate, key);
    run(&r, certificate, key);
    check_contract(&r, "https");
    stop(&r);
}

static void a_certificate_that_is_not_there_stops_the_start(void **state) {
    struct running r = {.f = *state};
    int status;
    start_process(&r);
    assert_int_not_equal(order_start(&r, "/nonexistent/cert.pem", "/nonexistent/key.pem"), SD_OK);
    ipc_client_attach(r.control, -1);
    assert_int_equal(waitpid(r.pid, &status, 0), r.pid);
    free(r.control);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(SD_UNUSED int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(keeps_its_contract_confined),
        TEST(keeps_its_contract_over_tls),
        TEST(a_certificate_that_is_not_there_stops_the_start),
    };
    program = argv[1];
    contract = argv[2];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
