#include "sealdesk/supervisor.h"

#include "core/log.h"
#include "sealdesk/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PING_MS 1000
#define STOP_STAGE_MS 12000 /* DATA in progress has 10 s */
#define STOP_ALL_MS 25000   /* packaging: TimeoutStopSec is 30 s */
#define LOCK_MS 3000        /* roles whose supervisor was killed end at once */
#define REAP_MS 50          /* without a signalfd children are looked for so often */

enum sd_err lock_data_dir(const struct settings *settings, int *ret_fd) {
    char path[4096];
    struct deadline deadline = deadline_in_ms(LOCK_MS);
    (void)snprintf(path, sizeof path, "%s/run/lock", settings->data_dir);
    int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        enum sd_err err = sd_err_from_errno(errno);
        (void)fprintf(stderr, "%s: %s. %s\n", path, strerror(errno),
                      err == SD_ERR_DENIED ? "Only root, or the user who runs Sealdesk, may do this."
                                           : "Was the directory made by `sealdesk init`?");
        return err;
    }
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (deadline_passed(deadline)) {
            (void)close(fd);
            return SD_ERR_BUSY;
        }
        (void)poll(NULL, 0, 20);
    }
    *ret_fd = fd;
    return SD_OK;
}

struct supervisor supervisor_new(const struct settings *settings) {
    return (struct supervisor){.settings = settings,
                               .intake_bell = -1,
                               .outbound_bell = -1,
                               .preview_bell = -1,
                               .status_fd = -1,
                               .signal_fd = -1,
                               .lock_fd = -1,
                               .ping = deadline_in_ms(0)};
}

struct proc *supervisor_add(struct supervisor *s, const char *role, uint16_t instance) {
    struct proc *proc = &s->procs[s->proc_count++];
    *proc = (struct proc){.kind = role_kind(role), .instance = instance};
    return proc;
}

enum sd_err supervisor_connect(struct supervisor *s, const char *role, uint32_t peer, struct ipc_client **ret) {
    for (size_t i = 0; i < s->proc_count; i++) {
        if (strcmp(s->procs[i].kind->name, role) != 0 || s->procs[i].state != PROC_RUNNING)
            continue;
        int pair[2];
        enum sd_err err = ipc_pair(pair);
        if (err)
            return err;
        err = proc_link(&s->procs[i], LINK_SERVER, "admin", peer, 0, pair[0]);
        (void)close(pair[0]);
        struct ipc_client *client = err ? NULL : ipc_client_new(role);
        if (!client) {
            (void)close(pair[1]);
            return err ? err : SD_ERR_NOMEM;
        }
        ipc_client_attach(client, pair[1]);
        *ret = client;
        return SD_OK;
    }
    return SD_ERR_UNAVAILABLE;
}

/* What takes letters in or out stops side by side: each of them may have one to finish. */
void supervisor_stop(struct supervisor *s) {
    struct deadline all = deadline_in_ms(STOP_ALL_MS);
    for (unsigned stage = 0; stage < STOP_STAGES; stage++) {
        struct deadline deadline = deadline_sooner(all, deadline_in_ms(STOP_STAGE_MS));
        for (size_t i = 0; i < s->proc_count; i++)
            if (s->procs[i].kind->stop_stage == stage)
                proc_ask_stop(&s->procs[i], deadline);
        for (size_t i = 0; i < s->proc_count; i++)
            if (s->procs[i].kind->stop_stage == stage)
                proc_finish(&s->procs[i], deadline);
    }
    for (size_t i = 0; i < s->proc_count; i++)
        proc_free(&s->procs[i]);
    s->proc_count = 0;
}

/* ---- what each process goes through ---- */

static void begin(struct supervisor *s, struct proc *proc) {
    enum sd_err err = proc_start(proc, s->settings, s->lock_fd);
    if (err == SD_OK)
        return;
    log_error("role.start", "role=%s instance=%u error=%s", proc->kind->name, proc->instance, sd_err_name(err));
    proc_kill(proc, err);
}

static enum sd_err join(struct supervisor *s, struct proc *proc) {
    enum sd_err err = proc_take_start(proc);
    if (err == SD_OK)
        err = topology_join(s, proc);
    return err ? err : proc_ask_go(proc);
}

static enum sd_err let_go(struct proc *proc) {
    enum sd_err err = proc_take_go(proc);
    if (err == SD_OK && proc->restarts)
        log_info("role.restarted", "role=%s instance=%u", proc->kind->name, proc->instance);
    return err;
}

static enum sd_err hear_ping(struct supervisor *s, struct proc *proc) {
    struct buf broken SD_CLEANUP(buf_free) = buf_new(4096);
    enum sd_err err = proc_take_ping(proc, &broken);
    struct span_split split = span_split_start(buf_span(&broken));
    struct span service;
    while (err == SD_OK && span_split_next(&split, '\n', &service))
        if (service.n && topology_rejoin(s, proc, service) != SD_OK)
            log_warn("role.rejoin", "role=%s", proc->kind->name);
    return err;
}

/* An answer moves it on; none in time ends it. */
static void proceed(struct supervisor *s, struct proc *proc) {
    enum sd_err err = SD_OK;
    if (!proc->asked)
        return;
    if (!proc_answered(proc))
        err = deadline_passed(proc->answer_by) ? SD_ERR_TIMEOUT : SD_OK;
    else if (proc->state == PROC_STARTING)
        err = join(s, proc);
    else if (proc->state == PROC_JOINING)
        err = let_go(proc);
    else if (proc->state == PROC_RUNNING)
        err = hear_ping(s, proc);
    if (err == SD_OK)
        return;
    if (err != SD_ERR_UNAVAILABLE) /* it died: that is said when it is reaped */
        log_error(err == SD_ERR_TIMEOUT ? "role.stuck" : "role.start", "role=%s instance=%u error=%s", proc->kind->name,
                  proc->instance, sd_err_name(err));
    proc_kill(proc, err);
}

static void reap(struct supervisor *s) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < s->proc_count; i++)
            if (s->procs[i].pid == pid)
                proc_died(&s->procs[i], status);
}

static void take_signals(struct supervisor *s) {
    struct signalfd_siginfo info;
    while (s->signal_fd >= 0 && read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        s->stopping |= info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT;
    reap(s);
}

static void answer_status(struct supervisor *s) {
    int fd = accept4(s->status_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct buf json SD_CLEANUP(buf_free) = buf_new(60 * 1024);
    status_json(s, &json);
    if (send(fd, json.p, json.n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_warn("run.status", "errno=%d", errno);
    (void)close(fd);
}

static int next_wake_ms(const struct supervisor *s) {
    struct deadline next = s->ping;
    for (size_t i = 0; i < s->proc_count; i++) {
        const struct proc *proc = &s->procs[i];
        if (proc->state == PROC_DOWN)
            next = deadline_sooner(next, proc->start_after);
        if (proc->asked)
            next = deadline_sooner(next, proc->answer_by);
    }
    int left_ms = deadline_left_ms(next);
    return s->signal_fd < 0 && left_ms > REAP_MS ? REAP_MS : left_ms;
}

static void wait_for_something(struct supervisor *s) {
    struct pollfd p[PROCS_MAX + 2] = {{.fd = s->signal_fd, .events = POLLIN}, {.fd = s->status_fd, .events = POLLIN}};
    for (size_t i = 0; i < s->proc_count; i++)
        p[i + 2] = (struct pollfd){.fd = s->procs[i].asked ? ipc_client_fd(s->procs[i].control) : -1, .events = POLLIN};
    (void)poll(p, s->proc_count + 2, next_wake_ms(s));
    if (p[1].revents & POLLIN)
        answer_status(s);
}

static void ping_all(struct supervisor *s) {
    for (size_t i = 0; i < s->proc_count; i++) {
        struct proc *proc = &s->procs[i];
        if (proc->state != PROC_RUNNING || proc->asked)
            continue;
        enum sd_err err = proc_ask_ping(proc);
        if (err && err != SD_ERR_UNAVAILABLE)
            log_warn("role.ping", "role=%s instance=%u error=%s", proc->kind->name, proc->instance, sd_err_name(err));
    }
}

static void turn(struct supervisor *s) {
    wait_for_something(s);
    take_signals(s);
    for (size_t i = 0; i < s->proc_count; i++) {
        struct proc *proc = &s->procs[i];
        if (proc->state == PROC_DOWN && deadline_passed(proc->start_after))
            begin(s, proc);
        else
            proceed(s, proc);
    }
    if (deadline_passed(s->ping)) {
        ping_all(s);
        s->ping = deadline_in_ms(PING_MS);
    }
}

/* SD_ERR_TIMEOUT: not all yet. */
static enum sd_err all_running(const struct supervisor *s) {
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < s->proc_count; i++) {
        const struct proc *proc = &s->procs[i];
        if (proc->state == PROC_ENDING || proc->state == PROC_DOWN)
            return proc->error && proc->error != SD_ERR_TIMEOUT ? proc->error : SD_ERR_UNAVAILABLE;
        if (proc->state != PROC_RUNNING)
            err = SD_ERR_TIMEOUT;
    }
    return err;
}

enum sd_err supervisor_start(struct supervisor *s) {
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < s->proc_count; i++)
        begin(s, &s->procs[i]);
    while (!s->stopping && (err = all_running(s)) == SD_ERR_TIMEOUT)
        turn(s);
    return s->stopping ? SD_OK : err;
}

/* ---- sealdesk run ---- */

static enum sd_err add_listeners(struct supervisor *s, const char *role, const char *name, const char *key) {
    struct listen_address addresses[LISTEN_ADDRESSES_MAX];
    size_t count = 0;
    enum sd_err err = listen_parse(settings_text(s->settings, key), true, addresses, &count);
    for (size_t i = 0; i < count && err == SD_OK; i++) {
        struct listener *l = &s->listeners[s->listener_count];
        *l = (struct listener){.role = role, .name = name, .fd = -1};
        err = listen_open(&addresses[i], key, &l->fd);
        if (err == SD_OK)
            s->listener_count++;
    }
    return err;
}

static enum sd_err open_private(const struct supervisor *s, const char *name, int *ret_fd) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/run/%s", s->settings->data_dir, name);
    enum sd_err err = listen_private(path, ret_fd);
    if (err)
        (void)fprintf(stderr, "%s: %s%s\n", path, sd_err_text(err),
                      err == SD_ERR_DENIED ? ": only root, or the user who runs Sealdesk, may do this" : "");
    return err;
}

static enum sd_err add_private(struct supervisor *s) {
    struct listener *l = &s->listeners[s->listener_count];
    *l = (struct listener){.role = "keeper", .name = "admin", .fd = -1};
    enum sd_err err = open_private(s, "admin.sock", &l->fd);
    if (err)
        return err;
    s->listener_count++;
    return open_private(s, "status.sock", &s->status_fd);
}

static enum sd_err set_up(struct supervisor *s) {
    s->intake_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->outbound_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->preview_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->intake_bell < 0 || s->outbound_bell < 0 || s->preview_bell < 0)
        return sd_err_from_errno(errno);
    enum sd_err err = prepare_dirs(s->settings);
    if (err == SD_OK)
        err = add_private(s);
    if (err == SD_OK)
        err = add_listeners(s, "edge", "smtp", "smtp.listen");
    if (err == SD_OK)
        err = add_listeners(s, "desk", "desk", "desk.listen");
    (void)supervisor_add(s, "keeper", 0);
    (void)supervisor_add(s, "dns", 0);
    for (int64_t i = 0; i < settings_int(s->settings, "inspect.workers"); i++)
        (void)supervisor_add(s, "inspect", (uint16_t)i);
    (void)supervisor_add(s, "clerk", 0);
    (void)supervisor_add(s, "edge", 0);
    (void)supervisor_add(s, "courier", 0);
    (void)supervisor_add(s, "desk", 0);
    (void)supervisor_add(s, "render", 0);
    return err;
}

/* Type=notify units wait for this (sd_notify(3)). */
static void notify_systemd(const char *text) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof un.sun_path)
        return;
    memcpy(un.sun_path, path, strlen(path));
    if (path[0] == '@')
        un.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (fd >= 0 && sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&un, length) < 0)
        log_warn("run.notify", "errno=%d", errno);
    if (fd >= 0)
        (void)close(fd);
}

static int open_signals(void) {
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int supervisor_run(const struct settings *settings) {
    struct supervisor s = supervisor_new(settings);
    log_setup("sealdesk", LOG_LEVEL_INFO);
    s.signal_fd = open_signals();
    enum sd_err err = lock_data_dir(settings, &s.lock_fd);
    if (err == SD_ERR_BUSY)
        (void)fprintf(stderr, "%s: another Sealdesk runs on this directory (`sealdesk status` shows it)\n", settings->data_dir);
    if (err)
        return err == SD_ERR_BUSY ? 75 : err == SD_ERR_DENIED ? 77 : 78;
    err = set_up(&s);
    if (err == SD_OK)
        err = supervisor_start(&s);
    if (err == SD_OK && !s.stopping) {
        notify_systemd("READY=1");
        log_info("run.ready", "roles=%zu", s.proc_count);
    }
    while (err == SD_OK && !s.stopping)
        turn(&s);
    notify_systemd("STOPPING=1");
    supervisor_stop(&s);
    log_info("run.stopped", "error=%s", sd_err_name(err));
    return err == SD_OK ? 0 : err == SD_ERR_CONFIG ? 78 : err == SD_ERR_DENIED ? 77 : 1;
}
