#include "sealdesk/control.h"

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

#define BACK_OFF_FIRST_MS 50 /* a role that dies once is back at once */
#define BACK_OFF_MAX_MS 10000
#define KILL_MS 2000             /* from SIGKILL to the end; only a broken disk makes it longer */
#define BACK_OFF_FORGET_MS 30000 /* has run so long: the next death counts as the first */

static const struct role_kind kinds[] = {
    {"edge", FOR_EDGE, PEER_EDGE, 0, GROUP_INTAKE, 0, 0},
    {"dns", FOR_DNS, PEER_DNS, 1, 1, 0, 2},
    {"inspect", FOR_INSPECT, PEER_INSPECT, 2, 2, 0, 2},
    {"keeper", FOR_KEEPER, PEER_KEEPER, 3, 3, 0, 3},
    {"clerk", FOR_CLERK, PEER_CLERK, 4, GROUP_STORE, GROUP_INTAKE, 1},
    {"courier", FOR_COURIER, PEER_COURIER, 5, GROUP_STORE, 0, 0},
    {"desk", FOR_DESK, PEER_DESK, 6, GROUP_STORE, 0, 0},
    {"render", FOR_RENDER, PEER_RENDER, 7, 7, 0, 2},
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

static _Noreturn void run_child(const char *program, const char *name, int control, int held_fd, pid_t parent) {
    char *arguments[] = {(char *)(uintptr_t)name, NULL};
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* until the role drops its user; from then on the control channel's end stops it */
    if (getppid() != parent || (held_fd >= 0 && fcntl(held_fd, F_DUPFD, 10) < 0) || dup2(control, 3) != 3)
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

static enum sd_err fork_role(struct proc *proc, int control, int held_fd) {
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
        run_child(program, name, control, held_fd, parent);
    proc->pid = pid;
    return SD_OK;
}

enum sd_err proc_start(struct proc *proc, const struct settings *settings, int held_fd) {
    int pair[2];
    enum sd_err err = ipc_pair(pair);
    if (err)
        return err;
    if (!proc->control)
        proc->control = ipc_client_new("control");
    err = proc->control ? fork_role(proc, pair[1], held_fd) : SD_ERR_NOMEM;
    (void)close(pair[1]);
    if (err) {
        (void)close(pair[0]);
        return err;
    }
    ipc_client_attach(proc->control, pair[0]);
    proc->since_ms = clock_unix_ms();
    proc->started_ns = clock_mono_ns();
    proc->ready = false;
    proc->error = SD_OK;
    proc->state = PROC_STARTING;
    return proc_ask_start(proc, settings);
}

/* ---- its end ---- */

static void wait_longer(struct proc *proc) {
    bool was_long = clock_mono_ns() - proc->started_ns > (int64_t)BACK_OFF_FORGET_MS * 1000000;
    proc->back_off_ms = proc->back_off_ms == 0 || was_long ? BACK_OFF_FIRST_MS : proc->back_off_ms * 2;
    if (proc->back_off_ms > BACK_OFF_MAX_MS)
        proc->back_off_ms = BACK_OFF_MAX_MS;
    proc->start_after = deadline_in_ms(proc->back_off_ms);
}

void proc_died(struct proc *proc, int wait_status) {
    if (WIFSIGNALED(wait_status))
        log_warn("role.died", "role=%s instance=%u signal=%d", proc->kind->name, proc->instance, WTERMSIG(wait_status));
    else if (WEXITSTATUS(wait_status) != 0 || proc->state != PROC_STOPPED)
        log_warn("role.died", "role=%s instance=%u exit=%d", proc->kind->name, proc->instance, WEXITSTATUS(wait_status));
    proc_forget(proc);
    proc->pid = 0;
    if (proc->state == PROC_STOPPED)
        return;
    wait_longer(proc);
    proc->state = PROC_DOWN;
    proc->restarts++;
}

void proc_kill(struct proc *proc, enum sd_err why) {
    proc->error = why;
    proc_forget(proc);
    if (proc->pid > 0)
        (void)kill(proc->pid, SIGKILL);
    else
        wait_longer(proc); /* it could not even be made */
    if (proc->state != PROC_STOPPED)
        proc->state = proc->pid > 0 ? PROC_ENDING : PROC_DOWN;
}

/* True when it has ended by then. */
static bool wait_end(struct proc *proc, struct deadline deadline) {
    int status = 0;
    while (waitpid(proc->pid, &status, WNOHANG) == 0) {
        if (deadline_passed(deadline))
            return false;
        (void)poll(NULL, 0, 5);
    }
    proc_died(proc, status);
    return true;
}

void proc_ask_stop(struct proc *proc, struct deadline deadline) {
    bool can_hear = proc->state == PROC_RUNNING || proc->state == PROC_JOINING;
    proc->state = PROC_STOPPED;
    proc->answer_by = deadline;
    if (proc->pid > 0 && !(can_hear && proc_send_stop(proc)))
        proc_kill(proc, SD_ERR_CLOSED);
}

/* The answer comes when everything is finished; the end right after it. */
void proc_finish(struct proc *proc, struct deadline deadline) {
    if (proc->pid <= 0 || wait_end(proc, deadline))
        return;
    log_warn("role.stop", "role=%s instance=%u killed, it did not end in time", proc->kind->name, proc->instance);
    proc_kill(proc, SD_ERR_TIMEOUT);
    (void)wait_end(proc, deadline_in_ms(KILL_MS));
}

void proc_free(struct proc *proc) {
    ipc_client_free(&proc->control);
    free(proc->sandbox);
    proc->sandbox = NULL;
}
