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
#define STOP_MS 12000 /* DATA in progress has 10 s */

/* In the order of stopping: first what takes in, last what others need. */
static const char *const stop_order[] = {"edge", "desk", "courier", "clerk", "inspect", "dns", "keeper"};

enum sd_err lock_data_dir(const struct settings *settings, int *ret_fd) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/run/lock", settings->data_dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        (void)fprintf(stderr, "%s: %s. Was the directory made by `sealdesk init`?\n", path, strerror(errno));
        return sd_err_from_errno(errno);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd);
        return SD_ERR_BUSY;
    }
    *ret_fd = fd;
    return SD_OK;
}

struct proc *supervisor_add(struct supervisor *s, const char *role, uint16_t instance) {
    struct proc *proc = &s->procs[s->proc_count++];
    *proc = (struct proc){.kind = role_kind(role), .instance = instance};
    return proc;
}

static enum sd_err start_one(struct supervisor *s, struct proc *proc) {
    enum sd_err err = proc_start(proc, s->settings);
    if (err == SD_OK)
        err = topology_join(s, proc);
    if (err == SD_OK)
        err = proc_go(proc);
    if (err)
        log_error("role.start", "role=%s instance=%u error=%s", proc->kind->name, proc->instance, sd_err_name(err));
    if (err && proc->pid > 0)
        proc_kill(proc);
    return err;
}

enum sd_err supervisor_start(struct supervisor *s) {
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < s->proc_count && err == SD_OK; i++)
        err = start_one(s, &s->procs[i]);
    return err;
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

void supervisor_stop(struct supervisor *s) {
    for (size_t k = 0; k < SD_COUNT(stop_order); k++)
        for (size_t i = 0; i < s->proc_count; i++)
            if (strcmp(s->procs[i].kind->name, stop_order[k]) == 0)
                proc_stop(&s->procs[i], deadline_in_ms(STOP_MS));
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

static enum sd_err add_private(struct supervisor *s) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/run/admin.sock", s->settings->data_dir);
    struct listener *l = &s->listeners[s->listener_count];
    *l = (struct listener){.role = "keeper", .name = "admin", .fd = -1};
    enum sd_err err = listen_private(path, &l->fd);
    if (err)
        return err;
    s->listener_count++;
    (void)snprintf(path, sizeof path, "%s/run/status.sock", s->settings->data_dir);
    return listen_private(path, &s->status_fd);
}

static enum sd_err set_up(struct supervisor *s) {
    s->intake_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->outbound_bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->intake_bell < 0 || s->outbound_bell < 0)
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

static void reap(struct supervisor *s) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < s->proc_count; i++)
            if (s->procs[i].pid == pid)
                proc_died(&s->procs[i], status);
}

static void restart_due(struct supervisor *s) {
    for (size_t i = 0; i < s->proc_count; i++)
        if (s->procs[i].state == PROC_DOWN && deadline_passed(s->procs[i].start_after)) {
            enum sd_err err = start_one(s, &s->procs[i]);
            if (err == SD_OK)
                log_info("role.restarted", "role=%s instance=%u", s->procs[i].kind->name, s->procs[i].instance);
            else if (s->procs[i].pid == 0 && s->procs[i].state == PROC_DOWN)
                s->procs[i].start_after = deadline_in_ms(s->procs[i].back_off_ms ? s->procs[i].back_off_ms : 1000);
        }
}

static void ping_all(struct supervisor *s) {
    for (size_t i = 0; i < s->proc_count; i++) {
        struct proc *proc = &s->procs[i];
        struct buf broken SD_CLEANUP(buf_free) = buf_new(4096);
        if (proc->state != PROC_RUNNING)
            continue;
        enum sd_err err = proc_ping(proc, &broken);
        if (err == SD_ERR_TIMEOUT) {
            log_error("role.stuck", "role=%s instance=%u", proc->kind->name, proc->instance);
            proc_kill(proc);
            continue;
        }
        struct span_split split = span_split_start(buf_span(&broken));
        struct span service;
        while (span_split_next(&split, '\n', &service))
            if (service.n && topology_rejoin(s, proc, service) != SD_OK)
                log_warn("role.rejoin", "role=%s", proc->kind->name);
    }
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

/* True when a signal asks to stop. */
static bool take_signals(struct supervisor *s, int signal_fd) {
    struct signalfd_siginfo info;
    bool stop = false;
    while (read(signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        stop |= info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT;
    reap(s);
    return stop;
}

static int next_wake_ms(const struct supervisor *s, struct deadline ping) {
    for (size_t i = 0; i < s->proc_count; i++)
        if (s->procs[i].state == PROC_DOWN)
            ping = deadline_sooner(ping, s->procs[i].start_after);
    return deadline_left_ms(ping);
}

static void watch(struct supervisor *s, int signal_fd) {
    struct deadline ping = deadline_in_ms(0);
    for (;;) {
        struct pollfd p[2] = {{.fd = signal_fd, .events = POLLIN}, {.fd = s->status_fd, .events = POLLIN}};
        (void)poll(p, 2, next_wake_ms(s, ping));
        if (take_signals(s, signal_fd))
            return;
        restart_due(s);
        if (deadline_passed(ping)) {
            ping_all(s);
            ping = deadline_in_ms(PING_MS);
        }
        if (p[1].revents & POLLIN)
            answer_status(s);
    }
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
    struct supervisor s = {.settings = settings, .status_fd = -1, .lock_fd = -1};
    log_setup("sealdesk", LOG_LEVEL_INFO);
    int signal_fd = open_signals();
    enum sd_err err = lock_data_dir(settings, &s.lock_fd);
    if (err == SD_ERR_BUSY)
        (void)fprintf(stderr, "%s: another Sealdesk runs on this directory (`sealdesk status` shows it)\n", settings->data_dir);
    if (err)
        return err == SD_ERR_BUSY ? 75 : 78;
    err = set_up(&s);
    if (err == SD_OK)
        err = supervisor_start(&s);
    if (err == SD_OK) {
        notify_systemd("READY=1");
        log_info("run.ready", "roles=%zu", s.proc_count);
        watch(&s, signal_fd);
        notify_systemd("STOPPING=1");
    }
    supervisor_stop(&s);
    log_info("run.stopped", "error=%s", sd_err_name(err));
    return err == SD_OK ? 0 : err == SD_ERR_CONFIG ? 78 : 1;
}
