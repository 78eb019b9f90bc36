/* The real process, started as the supervisor starts it: confined, woken by the bell, stopped in order. argv[1]:
 * sealdesk-clerk. */
#include "clerk/test_intake.h"
#include "core/ipc/control.h"
#include "core/role.h"

#include <sys/eventfd.h>
#include <sys/wait.h>

static const char *program;
static struct test_dir dir;
static struct fake_keeper keeper;

static struct ipc_client *start_process(pid_t *ret_pid) {
    int fds[2];
    assert_int_equal(ipc_pair(fds), SD_OK);
    *ret_pid = fork();
    assert_true(*ret_pid >= 0);
    if (*ret_pid == 0) {
        (void)dup2(fds[1], 3); /* not close-on-exec any more */
        (void)execl(program, program, NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    struct ipc_client *control = ipc_client_new("control");
    assert_non_null(control);
    ipc_client_attach(control, fds[0]);
    return control;
}

static void give(struct ipc_client *control, uint8_t kind, struct span name, int fd) {
    struct control_link_req req = {.kind = kind, .name = name, .peer = PEER_KEEPER};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct ipc_ticket *ticket = NULL;
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    assert_int_equal(control_link_req_encode(&out, &req), SD_OK);
    out.fd = fd;
    assert_int_equal(ipc_start(control, 2, &out, deadline_in_ms(5000), &ticket), SD_OK);
    assert_int_equal(ipc_wait(control, &ticket, deadline_in_ms(5000), &msg), SD_OK);
}

static void configure(struct ipc_client *control) {
    struct buf config SD_CLEANUP(buf_free) = buf_new(4096);
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct control_start_rep rep;
    buf_printf(
        &config,
        "main.hostname=mx.example.org\nmain.data_dir=%s\nlog.level=info\nlog.checkpoint_file=\nlog.syslog=\nlog.syslog_ca=\n",
        dir.path);
    struct control_start_req req = {.role = SPAN("clerk"), .landlock_abi_max = 99, .config = buf_span(&config)};
    assert_int_equal(control_start_call(control, &req, deadline_in_ms(5000), &msg, &rep), SD_OK);
}

static void go(struct ipc_client *control) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct control_go_rep rep;
    assert_int_equal(control_go_call(control, &(struct control_go_req){}, deadline_in_ms(5000), &msg, &rep), SD_OK);
}

static bool ping(struct ipc_client *control, uint64_t *ret_waiting) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct control_ping_rep rep;
    assert_int_equal(control_ping_call(control, &(struct control_ping_req){}, deadline_in_ms(5000), &msg, &rep), SD_OK);
    *ret_waiting = rep.waiting;
    return rep.ready;
}

static void stop(struct ipc_client **control, pid_t pid) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct control_stop_rep rep;
    int status;
    assert_int_equal(control_stop_call(*control, &(struct control_stop_req){}, deadline_in_ms(10000), &msg, &rep), SD_OK);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    ipc_client_free(control);
}

static bool wait_for_adoption(unsigned n, int64_t ms) {
    for (struct deadline end = deadline_in_ms(ms); !deadline_passed(end);) {
        if (atomic_load(&keeper.adopted[n]))
            return true;
        struct timespec pause = {.tv_nsec = 2000000};
        (void)nanosleep(&pause, NULL);
    }
    return false;
}

static void append_letter(unsigned n) {
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(TEST_RECORD_MAX);
    put_letter(&bytes, n);
    append_segment(&dir, 1, buf_span(&bytes));
}

static void rings_files_stops(SD_UNUSED void **state) {
    pid_t pid;
    uint64_t waiting = 99;
    int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(bell >= 0);
    append_letter(1);
    struct ipc_client *control = start_process(&pid);
    configure(control);
    give(control, LINK_CLIENT, SPAN("keeper"), keeper.fds[0]);
    give(control, LINK_BELL, SPAN("intake"), bell);
    go(control);
    assert_true(wait_for_adoption(1, 5000));
    append_letter(2);
    bell_ring(bell);
    assert_true(wait_for_adoption(2, 5000));
    int second = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); /* the edge was replaced */
    give(control, LINK_BELL, SPAN("intake"), second);
    append_letter(3); /* and nobody rings: found all the same */
    assert_true(wait_for_adoption(3, 5000));
    assert_true(ping(control, &waiting));
    assert_true(waiting <= 1);
    stop(&control, pid);
    struct store *store = test_store_open(&dir);
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(64 * 1024);
    for (unsigned n = 1; n <= 3; n++) {
        struct object_id object = test_object_id(n);
        struct message_row row;
        assert_int_equal(message_get(store, &object, arena, &row), SD_OK);
    }
    store_close(&store);
    (void)close(bell);
    (void)close(second);
}

static void says_when_it_cannot_work(SD_UNUSED void **state) {
    pid_t pid;
    uint64_t waiting = 0;
    atomic_store(&keeper.away, true);
    append_letter(1);
    append_letter(2);
    struct ipc_client *control = start_process(&pid);
    configure(control);
    give(control, LINK_CLIENT, SPAN("keeper"), keeper.fds[0]);
    go(control);
    assert_true(ping(control, &waiting)); /* a moment is nothing */
    struct deadline end = deadline_in_ms(10000);
    while (ping(control, &waiting) && !deadline_passed(end)) {
        struct timespec pause = {.tv_nsec = 100000000};
        (void)nanosleep(&pause, NULL);
    }
    assert_false(ping(control, &waiting));
    assert_int_equal(waiting, 2);
    stop(&control, pid);
}

static int make(SD_UNUSED void **state) {
    char path[96];
    dir = test_dir_new();
    (void)snprintf(path, sizeof path, "%s/intake", dir.path);
    assert_int_equal(mkdir(path, 0770), 0);
    assert_int_equal(store_create(dir.store), SD_OK);
    keeper = (struct fake_keeper){0};
    fake_keeper_start(&keeper);
    return 0;
}

static int drop(SD_UNUSED void **state) {
    fake_keeper_stop(&keeper);
    test_dir_free(&dir);
    return 0;
}

int main(SD_UNUSED int argc, char **argv) {
    program = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rings_files_stops, make, drop),
        cmocka_unit_test_setup_teardown(says_when_it_cannot_work, make, drop),
    };
    return program ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
