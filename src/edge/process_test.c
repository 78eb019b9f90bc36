/*
 * Runs the real sealdesk-edge as the supervisor does, confined, with a keeper and inspectors played here: mail in, records in
 * the intake, the keeper away, an orderly stop.
 */
#include "auth/auth.h"
#include "core/ipc/cards.h"
#include "core/ipc/control.h"
#include "core/ipc/inspect.h"
#include "core/ipc/keeper.h"
#include "core/ipc/states.h"
#include "core/role.h"
#include "edge/seal_letter.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 20000
#define WORKERS 2
#define SOON deadline_in_ms(WAIT_MS)

static const char *program;

struct service {
    pthread_t thread;
    int fd;
};

struct running {
    char dir[64];
    pid_t pid;
    struct ipc_client *control;
    struct service keeper, inspectors[WORKERS];
    int bell;
    uint16_t port;
};

/* ---- the peers ---- */

#define IPC_DEF "core/ipc/inspect.def"
#define IPC_TABLE inspect_ops
#include "core/ipc/gen_dispatch.h"

enum sd_err inspect_on_scan(SD_UNUSED void *ctx, SD_UNUSED struct ipc_call *call,
                            SD_UNUSED const struct inspect_scan_req *req) {
    return SD_ERR_UNSUPPORTED;
}

enum sd_err inspect_on_learn(SD_UNUSED void *ctx, SD_UNUSED struct ipc_call *call,
                             SD_UNUSED const struct inspect_learn_req *req) {
    return SD_ERR_UNSUPPORTED;
}

enum sd_err inspect_on_examine(SD_UNUSED void *ctx, SD_UNUSED struct ipc_call *call,
                               SD_UNUSED const struct inspect_examine_req *req) {
    return SD_ERR_UNSUPPORTED;
}

enum sd_err inspect_on_judge(SD_UNUSED void *ctx, struct ipc_call *call, SD_UNUSED const struct inspect_judge_req *req) {
    static const uint8_t hash[SHA256_BYTES];
    struct buf facets SD_CLEANUP(buf_free) = buf_new(1 << 16);
    assert_int_equal(put_unparsed_facets(&facets), SD_OK);
    inspect_judge_reply(call, &(struct inspect_judge_rep){.disposition = DISPOSITION_ACCEPT,
                                                          .smtp_reply = SPAN("250 2.0.0 Ok"),
                                                          .digest = span_of(hash, sizeof hash),
                                                          .message_id_hash = span_of(hash, sizeof hash),
                                                          .facets = buf_span(&facets)});
    return SD_OK;
}

static void *inspector(void *arg) {
    struct service *service = arg;
    struct ipc_conn *conn = ipc_conn_new(service->fd, PEER_EDGE, 0);
    while (ipc_serve_one(conn, inspect_ops, SD_COUNT(inspect_ops), 1, NULL, SOON) == SD_OK) {
    }
    ipc_conn_unref(&conn);
    return NULL;
}

/* Answers the first question and goes away, as a keeper that is restarted would. */
static void *keeper(void *arg) {
    struct service *service = arg;
    struct ipc_msg *msg = NULL;
    uint8_t id[16] = {1};
    uint8_t public_key[KEY_BYTES];
    struct secret private_key SD_CLEANUP(secret_free) = {0};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct keeper_intake_key_rep rep = {.id = span_of(id, 16), .public_key = span_of(public_key, KEY_BYTES)};
    assert_int_equal(hpke_keypair(&private_key, public_key), SD_OK);
    if (ipc_recv(service->fd, SOON, &msg) == SD_OK && keeper_intake_key_rep_encode(&out, &rep) == SD_OK)
        assert_int_equal(ipc_send(service->fd, &(struct ipc_msg){.id = msg->id, .op = msg->op, .is_reply = true}, &out, SOON),
                         SD_OK);
    ipc_msg_free(&msg);
    (void)close(service->fd);
    return NULL;
}

/* ---- the supervisor's part ---- */

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
    static struct ipc_client *control; /* nothing frees one */
    if (!control)
        control = ipc_client_new("control");
    r->control = control;
    ipc_client_attach(r->control, fds[0]);
}

static enum sd_err order_start(struct running *r) {
    char config[4096];
    struct ipc_msg *msg = NULL;
    struct control_start_rep rep;
    (void)snprintf(config, sizeof config,
                   "main.data_dir=%s\nmain.hostname=mx.sealdesk.example\nmain.domains=sealdesk.example\nlog.level=warn\n"
                   "smtp.tls_cert=\nsmtp.tls_key=\nsmtp.max_message_bytes=26214400\nsmtp.max_connections=1000\n"
                   "smtp.max_connections_per_address=200\nsmtp.max_commands=1000\nsmtp.max_bad_commands=10\n"
                   "smtp.max_recipients=100\nsmtp.max_data_bytes_total=268435456\nsmtp.session_seconds=1800\n"
                   "smtp.idle_seconds=300\nsmtp.min_rate=64\ninspect.workers=%d\nqueue.support=support@sealdesk.example\n",
                   r->dir, WORKERS);
    struct control_start_req req = {
        .role = SPAN("edge"), .uid = getuid(), .gid = getgid(), .landlock_abi_max = 2, .config = span_cstr(config)};
    if (getuid() == 0)
        req.uid = req.gid = 64600;
    enum sd_err err = control_start_call(r->control, &req, SOON, &msg, &rep);
    ipc_msg_free(&msg);
    return err;
}

static void order_link(struct running *r, uint8_t kind, const char *name, int fd) {
    struct control_link_req req = {.kind = kind, .name = span_cstr(name)};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct ipc_ticket *ticket = NULL;
    struct ipc_msg *msg = NULL;
    assert_int_equal(control_link_req_encode(&out, &req), SD_OK);
    out.fd = fd;
    assert_int_equal(ipc_start(r->control, 2, &out, SOON, &ticket), SD_OK);
    assert_int_equal(ipc_wait(r->control, &ticket, SOON, &msg), SD_OK);
    ipc_msg_free(&msg);
    (void)close(fd);
}

static void link_service(struct running *r, const char *name, struct service *service, void *(*run)(void *)) {
    int fds[2];
    assert_int_equal(ipc_pair(fds), SD_OK);
    order_link(r, LINK_CLIENT, name, fds[0]);
    service->fd = fds[1];
    assert_int_equal(pthread_create(&service->thread, NULL, run, service), 0);
}

static void link_all(struct running *r) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 64) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    r->port = ntohs(at.sin_port);
    order_link(r, LINK_LISTEN, "smtp", fd);
    r->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    order_link(r, LINK_BELL, "intake", dup(r->bell));
    link_service(r, "inspect0", &r->inspectors[0], inspector);
    link_service(r, "inspect1", &r->inspectors[1], inspector);
}

static void order_go(struct running *r) {
    struct ipc_msg *msg = NULL;
    struct control_go_rep rep;
    assert_int_equal(control_go_call(r->control, &(struct control_go_req){}, SOON, &msg, &rep), SD_OK);
    assert_true(span_search(rep.sandbox, SPAN("\"seccomp\":true")) < rep.sandbox.n);
    ipc_msg_free(&msg);
}

static bool ready(struct running *r) {
    struct ipc_msg *msg = NULL;
    struct control_ping_rep rep;
    assert_int_equal(control_ping_call(r->control, &(struct control_ping_req){}, SOON, &msg, &rep), SD_OK);
    bool is_ready = rep.ready;
    ipc_msg_free(&msg);
    return is_ready;
}

static int set_up(void **state) {
    static struct running running;
    struct running *r = &running;
    char path[256];
    memset(r, 0, sizeof *r);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(r->dir, sizeof r->dir, "/tmp/sealdesk-edge-test-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    (void)snprintf(path, sizeof path, "%s/intake", r->dir);
    assert_int_equal(chmod(r->dir, 0711), 0);
    assert_int_equal(mkdir(path, 02770), 0);
    if (getuid() == 0)
        assert_int_equal(chown(path, 64600, 64600), 0);
    start_process(r);
    assert_int_equal(order_start(r), SD_OK);
    link_all(r);
    order_go(r);
    *state = r;
    return 0;
}

static size_t intake_bytes(const struct running *r) {
    char path[512];
    size_t total = 0;
    (void)snprintf(path, sizeof path, "%s/intake", r->dir);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        struct stat st;
        if (e->d_name[0] != '.' && fstatat(dirfd(dir), e->d_name, &st, 0) == 0)
            total += (size_t)st.st_size;
    }
    (void)closedir(dir);
    return total;
}

static void remove_all(const struct running *r) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/intake", r->dir);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (e->d_name[0] != '.')
            (void)unlinkat(dirfd(dir), e->d_name, 0);
    if (dir)
        (void)closedir(dir);
    (void)rmdir(path);
    (void)rmdir(r->dir);
}

static int tear_down(void **state) {
    struct running *r = *state;
    struct ipc_msg *msg = NULL;
    struct control_stop_rep rep;
    int status = -1;
    assert_int_equal(control_stop_call(r->control, &(struct control_stop_req){}, SOON, &msg, &rep), SD_OK);
    ipc_msg_free(&msg);
    assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (size_t i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_join(r->inspectors[i].thread, NULL), 0);
    ipc_client_attach(r->control, -1);
    (void)close(r->bell);
    remove_all(r);
    return 0;
}

/* A whole session in one write; the replies. */
static void send_mail(const struct running *r, const char *input, struct buf *replies) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(r->port)};
    char bytes[4096];
    ssize_t n;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    assert_int_equal(send(fd, input, strlen(input), 0), (ssize_t)strlen(input));
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0)
        buf_put(replies, span_of(bytes, (size_t)n));
    (void)close(fd);
}

#define SESSION                                                                                                                \
    "EHLO c.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<support@sealdesk.example>\r\nDATA\r\n"                            \
    "Subject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n"

static void assert_answered(const struct running *r, struct span with) {
    struct buf replies SD_CLEANUP(buf_free) = buf_new(1 << 16);
    send_mail(r, SESSION, &replies);
    assert_true(span_search(buf_span(&replies), with) < replies.n);
    assert_true(span_search(buf_span(&replies), SPAN("\r\n221 ")) < replies.n);
}

static void mail_comes_in_while_the_keeper_comes_and_goes(void **state) {
    struct running *r = *state;
    assert_false(ready(r));
    assert_answered(r, SPAN("\r\n451 4.3.0 ")); /* no key yet */
    assert_int_equal(intake_bytes(r), 0);
    link_service(r, "keeper", &r->keeper, keeper);
    assert_int_equal(pthread_join(r->keeper.thread, NULL), 0); /* it has answered and is away again */
    struct deadline by = SOON;
    while (!ready(r) && !deadline_passed(by))
        (void)usleep(10000);
    assert_answered(r, SPAN("\r\n250 2.0.0 Accepted as "));
    assert_int_equal(bell_wait(r->bell, SOON), SD_OK);
    assert_true(intake_bytes(r) > 100);
    assert_answered(r, SPAN("\r\n250 2.0.0 Accepted as "));
}

static void one_session_after_another(void **state) {
    struct running *r = *state;
    link_service(r, "keeper", &r->keeper, keeper);
    assert_int_equal(pthread_join(r->keeper.thread, NULL), 0);
    for (size_t i = 0; i < 20; i++)
        assert_answered(r, SPAN("\r\n250 2.0.0 Accepted as "));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(mail_comes_in_while_the_keeper_comes_and_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_session_after_another, set_up, tear_down),
    };
    if (argc < 2)
        return 77;
    program = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
