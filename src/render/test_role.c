#include "render/test_role.h"

#include "core/ipc/control.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define RENDER_UID 64607

static const char *in_dir(const struct test_role *role, const char *name) {
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", role->dir, name);
    return path;
}

static void make_dir(struct test_role *role) {
    (void)snprintf(role->dir, sizeof role->dir, "/tmp/sealdesk-render-test-XXXXXX");
    assert_non_null(mkdtemp(role->dir));
    assert_int_equal(mkdir(in_dir(role, "run"), 0755), 0);
    assert_int_equal(mkdir(in_dir(role, "run/empty"), 0755), 0);
}

/* Something that cannot be run lies over it, for this process and what it starts. */
static bool hide(const char *missing) {
    return !missing || (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                        mount("/dev/null", missing, NULL, MS_BIND, NULL) == 0);
}

static void spawn(struct test_role *role, const char *program, const char *missing) {
    int fds[2];
    assert_int_equal(ipc_pair(fds), SD_OK);
    role->pid = fork();
    assert_true(role->pid >= 0);
    if (role->pid == 0) {
        if (hide(missing) && dup2(fds[1], 3) == 3 && fcntl(3, F_SETFD, 0) == 0)
            (void)execl(program, program, (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    role->control = ipc_client_new("control");
    ipc_client_attach(role->control, fds[0]);
}

static void order_start(struct test_role *role, unsigned seconds) {
    char config[1024];
    struct ipc_msg *msg = NULL;
    struct control_start_rep rep;
    (void)snprintf(config, sizeof config,
                   "main.data_dir=%s\nmain.hostname=mx.example\nlog.level=warn\npreview.max_pages=100\npreview.pixels=1400\n"
                   "preview.seconds=%u\n",
                   role->dir, seconds);
    struct control_start_req req = {
        .role = SPAN("render"), .uid = getuid(), .gid = getgid(), .landlock_abi_max = 2, .config = span_cstr(config)};
    if (getuid() == 0)
        req.uid = req.gid = RENDER_UID;
    assert_int_equal(control_start_call(role->control, &req, deadline_in_ms(TEST_WAIT_MS), &msg, &rep), SD_OK);
    ipc_msg_free(&msg);
}

static int link_clerk(struct test_role *role) {
    int fds[2];
    assert_int_equal(ipc_pair(fds), SD_OK);
    struct control_link_req req = {.kind = LINK_SERVER, .name = SPAN("clerk"), .peer = PEER_CLERK};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct ipc_ticket *ticket = NULL;
    struct ipc_msg *msg = NULL;
    assert_int_equal(control_link_req_encode(&out, &req), SD_OK);
    out.fd = fds[1];
    assert_int_equal(ipc_start(role->control, 2, &out, deadline_in_ms(TEST_WAIT_MS), &ticket), SD_OK);
    assert_int_equal(ipc_wait(role->control, &ticket, deadline_in_ms(TEST_WAIT_MS), &msg), SD_OK);
    ipc_msg_free(&msg);
    (void)close(fds[1]);
    return fds[0];
}

static void start(struct test_role *role, const char *program, unsigned seconds, const char *missing) {
    struct ipc_msg *msg = NULL;
    struct control_go_rep rep;
    make_dir(role);
    spawn(role, program, missing);
    order_start(role, seconds);
    role->render = ipc_client_new("render");
    ipc_client_attach(role->render, link_clerk(role));
    assert_int_equal(control_go_call(role->control, &(struct control_go_req){}, deadline_in_ms(TEST_WAIT_MS), &msg, &rep),
                     SD_OK);
    assert_true(span_search(rep.sandbox, SPAN("\"seccomp\":true")) < rep.sandbox.n);
    ipc_msg_free(&msg);
}

void test_role_start(struct test_role *role, const char *program, unsigned seconds) {
    start(role, program, seconds, NULL);
}

void test_role_start_without(struct test_role *role, const char *program, const char *missing) {
    start(role, program, 60, missing);
}

void test_role_stop(struct test_role *role) {
    int status;
    ipc_client_free(&role->control); /* the end of the control channel ends the process */
    assert_int_equal(waitpid(role->pid, &status, 0), role->pid);
    ipc_client_free(&role->render);
    (void)rmdir(in_dir(role, "run/empty"));
    (void)rmdir(in_dir(role, "run"));
    (void)rmdir(role->dir);
}

struct test_pages test_role_ask(struct test_role *role, struct span content, const char *name) {
    struct test_pages pages = {0};
    struct render_pages_req req = {.name = span_cstr(name), .content = content};
    assert_int_equal(render_pages_call(role->render, &req, deadline_in_ms(TEST_WAIT_MS), &pages.msg, &pages.rep), SD_OK);
    if (pages.rep.outcome == RENDER_DONE)
        assert_int_equal(cards_preview_v1_decode(pages.rep.preview, NULL, &pages.preview), SD_OK);
    else
        assert_true(pages.rep.reason.n > 0 && pages.rep.preview.n == 0);
    return pages;
}

void test_pages_free(struct test_pages *pages) {
    ipc_msg_free(&pages->msg);
}

static uint32_t be32(struct span s, size_t at) {
    return (uint32_t)s.p[at] << 24 | (uint32_t)s.p[at + 1] << 16 | (uint32_t)s.p[at + 2] << 8 | s.p[at + 3];
}

void test_page_size(const struct test_pages *pages, unsigned i, uint32_t *ret_width, uint32_t *ret_height) {
    struct reader r = reader_of(pages->preview.pages);
    struct span page = SPAN_NONE;
    for (unsigned k = 0; k <= i; k++)
        page = read_blob(&r, pages->preview.pages.n);
    assert_true(page.n > 45 && span_starts(page, SPAN("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR")));
    *ret_width = be32(page, 16);
    *ret_height = be32(page, 20);
}
