/* The real process, started as the supervisor starts it: confined, woken by the bell, stopped in order. argv[1]:
 * sealdesk-clerk. */
#include "clerk/test_intake.h"
#include "clerk/test_peers.h"
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
        "main.hostname=mx.example.org\nmain.data_dir=%s\nlog.level=info\nlog.checkpoint_file=\nlog.syslog=\nlog.syslog_ca=\n"
        "preview.seconds=10\nscan.ask_seconds=60\nscan.rspamd_controller=tcp:127.0.0.1:11334\n",
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

/* ---- what it does beside filing ---- */

#define LARGE ((size_t)3 * 1024 * 1024) /* does not fit into a message: goes through memory that is handed over */

static struct {
    struct fake_warrants keeper;
    struct fake_peer inspect, render;
    atomic_uint scanned, learned, rendered;
} others;

static enum sd_err on_scan(SD_UNUSED void *ctx, struct ipc_call *call) {
    static const uint8_t states[1 + FAKE_FILES] = {OBJECT_MALICIOUS, OBJECT_MALICIOUS, OBJECT_CLEAN};
    struct inspect_scan_req req;
    struct inspect_scan_rep rep = {0};
    struct buf raw SD_CLEANUP(buf_free) = buf_new(4096);
    if (inspect_scan_req_decode(call->msg->body, call->msg, &req) != SD_OK || req.source.n < LARGE)
        return SD_ERR_PROTOCOL;
    for (size_t i = 0; i < sizeof states; i++)
        ipc_list_add(&rep.states, &raw, span_of(&states[i], 1));
    atomic_fetch_add(&others.scanned, 1);
    inspect_scan_reply(call, &rep);
    return SD_OK;
}

static enum sd_err on_learn(SD_UNUSED void *ctx, struct ipc_call *call) {
    atomic_fetch_add(&others.learned, 1);
    inspect_learn_reply(call, &(struct inspect_learn_rep){0});
    return SD_OK;
}

static enum sd_err on_pages(SD_UNUSED void *ctx, struct ipc_call *call) {
    struct buf pages SD_CLEANUP(buf_free) = buf_new(2 * LARGE), page SD_CLEANUP(buf_free) = buf_new(LARGE);
    struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_card_new(2 * LARGE);
    buf_fill(&page, 'p', LARGE);
    buf_blob(&pages, buf_span(&page));
    if (cards_preview_v1_encode(&card, &(struct cards_preview_v1){.count = 1, .total = 1, .pages = buf_span(&pages)}) != SD_OK)
        return SD_ERR_BUG;
    atomic_fetch_add(&others.rendered, 1);
    render_pages_reply(call, &(struct render_pages_rep){.outcome = RENDER_DONE, .preview = buf_span(&card.body)});
    return SD_OK;
}

static void start_others(struct ipc_client *control) {
    static const struct ipc_op inspect[] = {{3, "scan", PEER_CLERK, 1, false, false, on_scan},
                                            {4, "learn", PEER_CLERK, 1, false, false, on_learn}};
    static const struct ipc_op render[] = {{1, "pages", PEER_CLERK, 1, false, false, on_pages}};
    fake_peer_start(&others.inspect, "inspect", inspect, SD_COUNT(inspect), NULL);
    fake_peer_start(&others.render, "render", render, SD_COUNT(render), NULL);
    give(control, LINK_CLIENT, SPAN("keeper"), others.keeper.peer.fds[0]);
    give(control, LINK_CLIENT, SPAN("inspect0"), others.inspect.fds[0]);
    give(control, LINK_CLIENT, SPAN("render"), others.render.fds[0]);
}

static bool wait_for_one(atomic_uint *count) {
    for (struct deadline end = deadline_in_ms(15000); !deadline_passed(end);) {
        if (atomic_load(count))
            return true;
        struct timespec pause = {.tv_nsec = 2000000};
        (void)nanosleep(&pause, NULL);
    }
    return false;
}

static void wait_for_pictures(struct store *store, const struct object_id *file) {
    struct arena *arena SD_CLEANUP(arena_free) = arena_new((size_t)1024 * 1024);
    struct preview_row row = {.state = PREVIEW_WANTED};
    for (struct deadline end = deadline_in_ms(10000); row.state == PREVIEW_WANTED;) {
        struct timespec pause = {.tv_nsec = 5000000};
        assert_false(deadline_passed(end));
        (void)nanosleep(&pause, NULL);
        assert_int_equal(preview_get(store, file, arena, &row), SD_OK);
    }
    assert_int_equal(row.state, PREVIEW_DONE);
}

/* Everything through the real process, confined: a letter is looked into, pictures are made, a decision is learned. */
static void works_beside_filing(SD_UNUSED void **state) {
    pid_t pid;
    uint64_t waiting = 0;
    struct ticket_id ticket = test_ticket_id(1);
    struct object_id letter = test_object_id(1);
    struct warrant_id warrant = {{1}}; /* the one by policy is good for all here */
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(64 * 1024);
    struct message_row message;
    struct event_row spam = {.at_ms = 1, .kind = EVENT_SPAM, .actor = SPAN("p1")};
    int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct store *store = test_store_open(&dir);
    others.keeper.due_retry = 1 << 1;
    fake_warrants_start(&others.keeper);
    fake_file(&others.keeper, store, 1, LARGE);
    const struct object_id *file = &others.keeper.files[1][1].id;
    struct ipc_client *control = start_process(&pid);
    configure(control);
    start_others(control);
    give(control, LINK_BELL, SPAN("preview"), bell);
    go(control);
    assert_true(wait_for_one(&others.scanned));
    test_begin(store);
    assert_int_equal(preview_want(store, file, &warrant, clock_unix_ms()), SD_OK);
    assert_int_equal(store_commit(store), SD_OK);
    bell_ring(bell);
    wait_for_pictures(store, file);
    test_begin(store);
    assert_int_equal(ticket_file_state(store, &ticket, TICKET_SPAM, 1), SD_OK);
    assert_int_equal(event_add(store, &ticket, &spam), SD_OK);
    assert_int_equal(store_commit(store), SD_OK);
    assert_true(wait_for_one(&others.learned));
    assert_true(ping(control, &waiting));
    stop(&control, pid);
    assert_int_equal(message_get(store, &letter, arena, &message), SD_OK);
    assert_int_equal(message.state, OBJECT_MALICIOUS);
    assert_int_equal(atomic_load(&others.rendered), 1);
    store_close(&store);
    (void)close(bell);
    fake_peer_free(&others.keeper.peer);
    fake_peer_free(&others.inspect);
    fake_peer_free(&others.render);
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
        cmocka_unit_test_setup_teardown(works_beside_filing, make, drop),
    };
    return program ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
