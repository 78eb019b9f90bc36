/* The real sealdesk-courier as the supervisor starts it: confined, rung, over STARTTLS, killed and started again. */
#include "core/ipc/control.h"
#include "core/ipc/dns.h"
#include "core/role.h"
#include "courier/test_keeper.h"
#include "courier/test_server.h"
#include "store/facet.h"
#include "store/outbound.h"
#include "store/test_store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 15000 /* shorter than a lease: the next courier takes up at once what a killed one had in hand */
#define LETTER "From: support@desk.example\r\nTo: a@d.example\r\n\r\nhello\r\n"
#define COURIER_UID 64605

static const char *program;

struct world {
    struct test_dir dir;
    struct store *store;
    struct test_server server;
    struct test_keeper keeper;
    int bell, keeper_fd, dns_fds[2];
    pthread_t dns_thread;
    pid_t pid;
    struct ipc_client *control;
};

/* A dns process that knows 127.0.0.1 for every name, and no MX. */
static void *answer_dns(void *arg) {
    struct world *w = arg;
    struct ipc_conn *conn = ipc_conn_new(w->dns_fds[1], PEER_COURIER, 0);
    struct ipc_msg *msg = NULL;
    while (ipc_recv(w->dns_fds[1], deadline_in_ms(WAIT_MS), &msg) == SD_OK) {
        struct ipc_call *call = malloc(sizeof *call);
        struct buf raw SD_CLEANUP(buf_free) = buf_new(100);
        struct dns_query_req req;
        struct dns_query_rep rep = {.outcome = 2};
        *call = (struct ipc_call){ipc_conn_ref(conn), msg};
        if (dns_query_req_decode(msg->body, NULL, &req) == SD_OK && req.type == 1) {
            rep.outcome = 1;
            ipc_list_add(&rep.records, &raw, SPAN("\177\0\0\1"));
        }
        dns_query_reply(call, &rep);
        msg = NULL;
    }
    ipc_conn_unref(&conn);
    return NULL;
}

static void put_letter(struct world *w, unsigned n) {
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(10000);
    struct object_id object = test_object_id(n);
    int64_t now_ms = clock_unix_ms();
    struct outbound_row row = {.object = object,
                               .ticket = test_ticket_id(1),
                               .state = DELIVERY_QUEUED,
                               .next_ms = now_ms,
                               .created_ms = now_ms,
                               .warrant = {{(uint8_t)n}}};
    assert_int_equal(seal_facet(span_of(w->keeper.source_key, 32), &object, FACET_SOURCE, SPAN(LETTER), &sealed), SD_OK);
    test_begin(w->store);
    assert_int_equal(test_file(w->store, 1, n, SPAN("support"), now_ms), SD_OK);
    assert_int_equal(facet_put(w->store, &object, FACET_SOURCE, buf_span(&sealed)), SD_OK);
    assert_int_equal(outbound_add(w->store, &row), SD_OK);
    assert_int_equal(store_commit(w->store), SD_OK);
}

static enum delivery_state state_of(struct world *w, unsigned n) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(10000);
    struct object_id object = test_object_id(n);
    struct outbound_row row;
    assert_int_equal(outbound_get(w->store, &object, arena, &row), SD_OK);
    return row.state;
}

static void wait_sent(struct world *w, unsigned n) {
    struct deadline deadline = deadline_in_ms(WAIT_MS);
    while (state_of(w, n) != DELIVERY_SENT && !deadline_passed(deadline))
        (void)usleep(10000);
    assert_int_equal(state_of(w, n), DELIVERY_SENT);
}

static void hand_over(struct world *w, unsigned kind, struct span name, int fd) {
    struct control_link_req req = {.kind = (uint8_t)kind, .name = name, .peer = PEER_COURIER};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct ipc_ticket *ticket = NULL;
    struct ipc_msg *msg = NULL;
    assert_int_equal(control_link_req_encode(&out, &req), SD_OK);
    out.fd = fd;
    assert_int_equal(ipc_start(w->control, 2, &out, deadline_in_ms(WAIT_MS), &ticket), SD_OK);
    assert_int_equal(ipc_wait(w->control, &ticket, deadline_in_ms(WAIT_MS), &msg), SD_OK);
    ipc_msg_free(&msg);
}

static void spawn(struct world *w) {
    int fds[2];
    assert_int_equal(ipc_pair(fds), SD_OK);
    w->pid = fork();
    assert_true(w->pid >= 0);
    if (w->pid == 0) {
        if (dup2(fds[1], 3) == 3 && fcntl(3, F_SETFD, 0) == 0)
            (void)execl(program, program, (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    w->control = ipc_client_new("control");
    ipc_client_attach(w->control, fds[0]);
}

static void order_start(struct world *w) {
    char config[1024];
    struct ipc_msg *msg = NULL;
    struct control_start_rep rep;
    (void)snprintf(
        config, sizeof config,
        "main.data_dir=%s\nmain.hostname=desk.example\nlog.level=warn\ncourier.relay=\ncourier.port=%u\ncourier.tls_ca=\n"
        "courier.sessions_per_destination=4\ncourier.retry_seconds=60,300\ncourier.give_up_hours=1\n",
        w->dir.path, w->server.port);
    struct control_start_req req = {
        .role = SPAN("courier"), .uid = getuid(), .gid = getgid(), .landlock_abi_max = 2, .config = span_cstr(config)};
    if (getuid() == 0)
        req.uid = req.gid = COURIER_UID;
    assert_int_equal(control_start_call(w->control, &req, deadline_in_ms(WAIT_MS), &msg, &rep), SD_OK);
    ipc_msg_free(&msg);
}

static void start(struct world *w) {
    struct ipc_msg *msg = NULL;
    struct control_go_rep rep;
    w->keeper_fd = test_keeper_start(&w->keeper);
    assert_int_equal(ipc_pair(w->dns_fds), SD_OK);
    assert_int_equal(pthread_create(&w->dns_thread, NULL, answer_dns, w), 0);
    spawn(w);
    order_start(w);
    hand_over(w, LINK_CLIENT, SPAN("keeper"), w->keeper_fd);
    hand_over(w, LINK_CLIENT, SPAN("dns"), w->dns_fds[0]);
    hand_over(w, LINK_BELL, SPAN("outbound"), w->bell);
    (void)close(w->keeper_fd);
    (void)close(w->dns_fds[0]);
    assert_int_equal(control_go_call(w->control, &(struct control_go_req){}, deadline_in_ms(WAIT_MS), &msg, &rep), SD_OK);
    assert_true(span_search(rep.sandbox, SPAN("\"seccomp\":true")) < rep.sandbox.n);
    ipc_msg_free(&msg);
}

static void reap(struct world *w, int expected_signal) {
    int status;
    assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
    assert_int_equal(WIFSIGNALED(status) ? WTERMSIG(status) : 0, expected_signal);
    ipc_client_free(&w->control);
    test_keeper_stop(&w->keeper);
    assert_int_equal(pthread_join(w->dns_thread, NULL), 0);
}

static void stop(struct world *w) {
    struct ipc_msg *msg = NULL;
    struct control_stop_rep rep;
    assert_int_equal(control_stop_call(w->control, &(struct control_stop_req){}, deadline_in_ms(WAIT_MS), &msg, &rep), SD_OK);
    ipc_msg_free(&msg);
    reap(w, 0);
}

static uint64_t ping(struct world *w) {
    struct ipc_msg *msg = NULL;
    struct control_ping_rep rep;
    assert_int_equal(control_ping_call(w->control, &(struct control_ping_req){}, deadline_in_ms(WAIT_MS), &msg, &rep), SD_OK);
    assert_true(rep.ready);
    uint64_t waiting = rep.waiting;
    ipc_msg_free(&msg);
    return waiting;
}

static void give_store_to_courier(const struct world *w) {
    char command[256];
    if (getuid() != 0)
        return;
    (void)snprintf(command, sizeof command, "chown -R %d:%d '%s' && chmod 755 '%s'", COURIER_UID, COURIER_UID, w->dir.store,
                   w->dir.path);
    assert_int_equal(system(command), 0);
}

static void begin(struct world *w) {
    struct buf certificate SD_CLEANUP(buf_free) = buf_new(10000);
    struct buf key SD_CLEANUP(buf_free) = buf_new(10000);
    *w = (struct world){.dir = test_dir_new()};
    assert_int_equal(store_create(w->dir.store), SD_OK);
    w->store = test_store_open(&w->dir);
    give_store_to_courier(w);
    w->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    test_keeper_init(&w->keeper, SPAN(LETTER));
    w->keeper.reusable = true;
    test_server_init(&w->server);
    w->server.answers[ON_EHLO] = "250-mx.test\r\n250-PIPELINING\r\n250 STARTTLS\r\n";
    assert_int_equal(tls_self_signed(SPAN("d.example"), &certificate, &key), SD_OK);
    assert_int_equal(tls_server_context(buf_span(&certificate), buf_span(&key), &w->server.tls), SD_OK);
    test_server_start(&w->server);
}

static void finish(struct world *w) {
    (void)close(w->bell);
    store_close(&w->store);
    test_server_stop(&w->server);
    test_dir_free(&w->dir);
}

static void test_rung(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    start(&w);
    assert_int_equal(ping(&w), 0);
    put_letter(&w, 1);
    bell_ring(w.bell);
    wait_sent(&w, 1);
    assert_true(test_server_heard(&w.server, "STARTTLS\r\nEHLO desk.example\r\nMAIL FROM:<support@desk.example>"));
    put_letter(&w, 2);
    bell_ring(w.bell);
    wait_sent(&w, 2);
    assert_int_equal(w.server.session_count, 1); /* the connection was kept */
    assert_int_equal(test_server_messages(&w.server), 2);
    stop(&w);
    finish(&w);
}

/* Killed while the server has the message and has not answered: the next courier takes the row up. */
static void test_killed(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    w.server.answers[ON_END] = ""; /* silence */
    put_letter(&w, 1);
    start(&w);
    while (test_server_messages(&w.server) == 0)
        (void)usleep(10000);
    assert_int_equal(kill(w.pid, SIGKILL), 0);
    reap(&w, SIGKILL);
    assert_int_equal(state_of(&w, 1), DELIVERY_QUEUED);
    w.server.answers[ON_END] = "250 2.6.0 taken\r\n";
    start(&w);
    assert_true(ping(&w) <= 1);
    wait_sent(&w, 1);
    assert_int_equal(test_server_messages(&w.server), 2); /* SMTP cannot tell: RFC 1047 */
    stop(&w);
    finish(&w);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rung), cmocka_unit_test(test_killed)};
    if (argc != 2)
        return 2;
    program = argv[1];
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
