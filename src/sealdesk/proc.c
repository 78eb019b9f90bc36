#include "sealdesk/proc.h"

#include <sys/stat.h>

#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONTROL_MS 15000     /* prepare may read certificates, the keeper opens its database */
#define BACK_OFF_FIRST_MS 50 /* a role that dies once is back at once */
#define BACK_OFF_MAX_MS 10000
#define BACK_OFF_FORGET_MS 30000 /* has run so long: the next death counts as the first */

static const struct role_kind kinds[] = {
    {"edge", FOR_EDGE, PEER_EDGE, 0, GROUP_INTAKE, 0},
    {"dns", FOR_DNS, PEER_DNS, 1, 1, 0},
    {"inspect", FOR_INSPECT, PEER_INSPECT, 2, 2, 0},
    {"keeper", FOR_KEEPER, PEER_KEEPER, 3, 3, 0},
    {"clerk", FOR_CLERK, PEER_CLERK, 4, GROUP_STORE, GROUP_INTAKE},
    {"courier", FOR_COURIER, PEER_COURIER, 5, GROUP_STORE, 0},
    {"desk", FOR_DESK, PEER_DESK, 6, GROUP_STORE, 0},
};

const struct role_kind *role_kind(const char *name) {
    for (size_t i = 0; i < SD_COUNT(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

/* ---- the child ---- */

/* Only what the roles' own libraries read; nothing from the caller's shell. */
static char **child_environment(void) {
    static const char *const kept[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "JOURNAL_STREAM"};
    static char *environment[SD_COUNT(kept) + 2];
    size_t n = 0;
    for (size_t i = 0; i < SD_COUNT(kept); i++) {
        const char *value = getenv(kept[i]);
        char *pair = NULL;
        if (value && asprintf(&pair, "%s=%s", kept[i], value) > 0)
            environment[n++] = pair;
    }
    static char path[] = "PATH=/usr/bin:/bin";
    environment[n++] = path;
    environment[n] = NULL;
    return environment;
}

static _Noreturn void run_child(const char *program, const char *name, int control, pid_t parent) {
    char *arguments[] = {(char *)(uintptr_t)name, NULL};
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* until the role drops its user; from then on the control channel's end stops it */
    if (getppid() != parent || dup2(control, 3) != 3)
        _exit(1);
    if (control == 3 && fcntl(3, F_SETFD, 0) != 0)
        _exit(1);
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0)
        (void)dup2(null, STDIN_FILENO);
    struct rlimit files = {65536, 65536};
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
        (void)getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    struct rlimit memory = {RLIM_INFINITY, RLIM_INFINITY};
    (void)setrlimit(RLIMIT_MEMLOCK, &memory); /* as a user it stays what it is */
    (void)umask(007);
    (void)execve(program, arguments, child_environment());
    _exit(127);
}

static enum sd_err fork_role(struct proc *proc, int control) {
    char program[4096];
    char name[64];
    if (snprintf(program, sizeof program, "%s/sealdesk-%s", libexec_dir(), proc->kind->name) >= (int)sizeof program ||
        snprintf(name, sizeof name, "sealdesk-%s", proc->kind->name) >= (int)sizeof name)
        return SD_ERR_LIMIT;
    if (access(program, X_OK) != 0) {
        (void)fprintf(stderr, "%s: %s. The installation is incomplete.\n", program, strerror(errno));
        return SD_ERR_NOTFOUND;
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return sd_err_from_errno(errno);
    if (pid == 0)
        run_child(program, name, control, parent);
    proc->pid = pid;
    return SD_OK;
}

static enum sd_err send_start(struct proc *proc, const struct settings *settings) {
    struct buf lines SD_CLEANUP(buf_free) = buf_new(1024 * 1024);
    struct buf raw SD_CLEANUP(buf_free) = buf_new(64);
    bool root = geteuid() == 0;
    uint32_t base = (uint32_t)settings_int(settings, "run.uid_base");
    settings_lines(settings, proc->kind->settings, &lines);
    struct control_start_req req = {
        .role = span_cstr(proc->kind->name),
        .instance = proc->instance,
        .uid = root ? base + proc->kind->uid_offset : getuid(),
        .gid = root ? base + proc->kind->gid_offset : getgid(),
        .landlock_abi_max = (uint8_t)settings_int(settings, "sandbox.landlock_abi"),
        .sandbox_require = settings_bool(settings, "sandbox.require"),
        .config = buf_span(&lines),
    };
    if (root && proc->kind->extra_gid_offset) {
        struct buf group SD_CLEANUP(buf_free) = buf_new(4);
        buf_u32(&group, base + proc->kind->extra_gid_offset);
        ipc_list_add(&req.groups, &raw, buf_span(&group));
    }
    enum sd_err err = buf_err(&lines);
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct control_start_rep rep;
    return err ? err : control_start_call(proc->control, &req, deadline_in_ms(CONTROL_MS), &msg, &rep);
}

enum sd_err proc_start(struct proc *proc, const struct settings *settings) {
    int pair[2];
    enum sd_err err = ipc_pair(pair);
    if (err)
        return err;
    if (!proc->control)
        proc->control = ipc_client_new("control");
    err = proc->control ? fork_role(proc, pair[1]) : SD_ERR_NOMEM;
    (void)close(pair[1]);
    if (err) {
        (void)close(pair[0]);
        return err;
    }
    ipc_client_attach(proc->control, pair[0]);
    proc->since_ms = clock_unix_ms();
    proc->ready = false;
    err = send_start(proc, settings);
    if (err)
        proc_kill(proc);
    else
        proc->state = PROC_STARTED;
    return err;
}

/* control.link carries its descriptor beside the fields, so it is sent by hand. */
enum sd_err proc_link(struct proc *proc, uint8_t kind, const char *name, uint32_t peer, uint16_t instance, int fd) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct control_link_req req = {.kind = kind, .name = span_cstr(name), .peer = peer, .instance = instance};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct ipc_ticket *ticket = NULL;
    enum sd_err err = control_link_req_encode(&out, &req);
    out.fd = fd;
    if (err == SD_OK)
        err = ipc_start(proc->control, 2, &out, deadline_in_ms(CONTROL_MS), &ticket);
    return err ? err : ipc_wait(proc->control, &ticket, deadline_in_ms(CONTROL_MS), &msg);
}

enum sd_err proc_go(struct proc *proc) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct control_go_rep rep;
    enum sd_err err = control_go_call(proc->control, &(struct control_go_req){}, deadline_in_ms(CONTROL_MS), &msg, &rep);
    if (err)
        return err;
    free(proc->sandbox);
    proc->sandbox = strndup((const char *)rep.sandbox.p, rep.sandbox.n);
    proc->state = PROC_RUNNING;
    return SD_OK;
}

enum sd_err proc_ping(struct proc *proc, struct buf *broken) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct control_ping_rep rep;
    enum sd_err err = control_ping_call(proc->control, &(struct control_ping_req){}, deadline_in_ms(CONTROL_MS), &msg, &rep);
    if (err)
        return err;
    proc->ready = rep.ready;
    proc->waiting = rep.waiting;
    (void)snprintf(proc->reason, sizeof proc->reason, "%.*s", SPAN_FMT(rep.reason));
    struct ipc_list_iter iter = ipc_list_start(rep.broken);
    struct span service;
    while (ipc_list_next(&iter, &service)) {
        buf_put(broken, service);
        buf_byte(broken, '\n');
    }
    return SD_OK;
}

/* ---- its end ---- */

void proc_died(struct proc *proc, int wait_status) {
    if (WIFSIGNALED(wait_status))
        log_warn("role.died", "role=%s instance=%u signal=%d", proc->kind->name, proc->instance, WTERMSIG(wait_status));
    else if (WEXITSTATUS(wait_status) != 0 || proc->state != PROC_STOPPED)
        log_warn("role.died", "role=%s instance=%u exit=%d", proc->kind->name, proc->instance, WEXITSTATUS(wait_status));
    ipc_client_attach(proc->control, -1);
    proc->pid = 0;
    proc->ready = false;
    if (proc->state == PROC_STOPPED)
        return;
    bool was_long = clock_unix_ms() - proc->since_ms > BACK_OFF_FORGET_MS;
    proc->back_off_ms = proc->back_off_ms == 0 || was_long ? BACK_OFF_FIRST_MS : proc->back_off_ms * 2;
    if (proc->back_off_ms > BACK_OFF_MAX_MS)
        proc->back_off_ms = BACK_OFF_MAX_MS;
    proc->start_after = deadline_in_ms(proc->back_off_ms);
    proc->state = PROC_DOWN;
    proc->restarts++;
}

void proc_kill(struct proc *proc) {
    int status = 0;
    if (proc->pid <= 0)
        return;
    (void)kill(proc->pid, SIGKILL);
    while (waitpid(proc->pid, &status, 0) < 0 && errno == EINTR) {
    }
    proc_died(proc, status);
}

void proc_stop(struct proc *proc, struct deadline deadline) {
    bool was_running = proc->state == PROC_RUNNING || proc->state == PROC_STARTED;
    proc->state = PROC_STOPPED;
    if (proc->pid <= 0)
        return;
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct control_stop_rep rep;
    enum sd_err err = was_running ? control_stop_call(proc->control, &(struct control_stop_req){}, deadline, &msg, &rep)
                                  : SD_ERR_CLOSED;
    int status = 0;
    struct deadline patience = deadline_in_ms(err ? 0 : 2000);
    while (waitpid(proc->pid, &status, WNOHANG) == 0) {
        if (deadline_passed(patience)) {
            proc_kill(proc);
            return;
        }
        (void)poll(NULL, 0, 5);
    }
    proc_died(proc, status);
}
