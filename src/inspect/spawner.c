#include "inspect/spawner.h"

#include "core/aside.h"
#include "core/log.h"
#include "core/socket.h"
#include "inspect/file_child.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILDREN_MAX 8     /* at once; the next letter's files wait for one of them */
#define KILL_SLACK_MS 1000 /* a child that ends by itself in time has said what it found */
#define READY_MS 20000

struct spawner {
    int fd;
    int64_t file_ms;
};

/* ---- a letter and where its answer goes: two descriptors in one message ---- */

static enum sd_err send_job(int fd, const int job[2]) {
    struct socket_fds room;
    uint8_t byte = 0;
    struct iovec part = {&byte, 1};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    socket_put_fds(&m, &room, job, 2);
    while (sendmsg(fd, &m, MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            return SD_ERR_CLOSED;
    return SD_OK;
}

/* SD_ERR_CLOSED: the inspector is gone, or said something else. */
static enum sd_err receive_job(int fd, int job[2]) {
    struct socket_fds room;
    uint8_t byte = 0;
    struct iovec part = {&byte, 1};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    socket_room_for_fds(&m, &room, 2);
    ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return SD_ERR_TIMEOUT;
    return n > 0 && socket_take_fds(&m, job) == 2 ? SD_OK : SD_ERR_CLOSED;
}

/* ---- the spawner ---- */

struct running {
    pid_t pid; /* 0: free */
    int answer;
    struct deadline kill_at;
    bool late;
};

struct spawning {
    const struct spawner_spec *spec;
    void *loaded;
    struct sandbox_filter *filter;
    int fd;
    struct running children[CHILDREN_MAX];
    size_t count;
};

static void on_child(int number) {
    (void)number; /* it only ends the waiting */
}

static struct running *slot_of(struct spawning *s, pid_t pid) {
    for (size_t i = 0; i < CHILDREN_MAX; i++)
        if (s->children[i].pid == pid)
            return &s->children[i];
    return NULL;
}

static void reap(struct spawning *s) {
    pid_t pid;
    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
        struct running *child = slot_of(s, pid);
        if (!child)
            continue;
        if (child->late)
            file_record(child->answer, RECORD_LATE, 0);
        (void)close(child->answer);
        child->pid = 0;
        s->count--;
    }
}

/* Kills what is over its time; the next moment at which there may be something to kill. */
static struct deadline kill_late(struct spawning *s) {
    struct deadline next = deadline_in_ms(60 * 60 * 1000);
    for (size_t i = 0; i < CHILDREN_MAX; i++) {
        struct running *child = &s->children[i];
        if (child->pid && !child->late && deadline_passed(child->kill_at))
            child->late = kill(child->pid, SIGKILL) == 0;
        else if (child->pid && !child->late)
            next = deadline_sooner(next, child->kill_at);
    }
    return next;
}

/* It must not have what belongs to the others: their answers. */
static _Noreturn void be_child(struct spawning *s, const int job[2]) {
    (void)close(s->fd);
    (void)close(STDERR_FILENO); /* what one that was taken over says must not stand in our log */
    for (size_t i = 0; i < CHILDREN_MAX; i++)
        if (s->children[i].pid)
            (void)close(s->children[i].answer);
    file_child(s->spec, s->loaded, s->filter, job[0], job[1]);
}

static void spawn(struct spawning *s, const int job[2]) {
    struct running *child = slot_of(s, 0);
    file_record(job[1], RECORD_CHILD, 0);
    pid_t pid = fork();
    if (pid == 0)
        be_child(s, job);
    if (pid > 0) {
        *child = (struct running){.pid = pid, .answer = job[1], .kill_at = deadline_in_ms(s->spec->file_ms + KILL_SLACK_MS)};
        s->count++;
    } else {
        log_error("inspect.spawner", "errno=%d", errno);
        file_record(job[1], RECORD_NO_CHILD, 0);
        (void)close(job[1]);
    }
}

static enum sd_err serve(struct spawning *s) {
    int job[2];
    enum sd_err err = receive_job(s->fd, job);
    if (err)
        return err == SD_ERR_TIMEOUT ? SD_OK : err;
    spawn(s, job);
    (void)close(job[0]);
    return SD_OK;
}

/* Until a letter comes, a child ends, or one is over its time. SIGCHLD comes only while it waits here: none is missed. */
static bool wait_for_work(const struct spawning *s, struct deadline next, const sigset_t *open) {
    struct pollfd p = {.fd = s->count < CHILDREN_MAX ? s->fd : -1, .events = POLLIN};
    int64_t left_ms = deadline_left_ms(next);
    const struct timespec left = {left_ms / 1000, left_ms % 1000 * 1000000};
    return ppoll(&p, 1, &left, open) > 0;
}

/* Children begin with this heap as it is: what is free in it lies together, and what they take they take from its end, where
 * file_child.c has put pages. Page faults are most of what a child costs. */
static void tidy_heap(void) {
    (void)mallopt(M_MMAP_THRESHOLD, 32 * 1024 * 1024);
    (void)mallopt(M_TRIM_THRESHOLD, 1024 * 1024 * 1024);
    (void)malloc_trim(0);
}

static enum sd_err prepare(struct spawning *s, sigset_t *open) {
    const struct sigaction action = {.sa_handler = on_child};
    sigset_t child;
    (void)sigemptyset(&child);
    (void)sigaddset(&child, SIGCHLD);
    (void)signal(SIGPIPE, SIG_IGN);
    enum sd_err err = sigaction(SIGCHLD, &action, NULL) == 0 && sigprocmask(SIG_BLOCK, &child, open) == 0 ? SD_OK : SD_ERR_IO;
    err = err ? err : s->spec->load ? s->spec->load(&s->loaded) : SD_OK;
    err = err ? err : sandbox_filter_make(&s->filter);
    err = err ? err : sandbox_calls_only(CALLS_FORK);
    tidy_heap();
    return err;
}

static void run(int fd, void *arg) {
    struct spawning s = {.spec = arg, .fd = fd};
    sigset_t open;
    enum sd_err err = prepare(&s, &open);
    if (err == SD_OK && send(fd, "", 1, MSG_NOSIGNAL) != 1)
        err = SD_ERR_CLOSED;
    while (err == SD_OK) {
        reap(&s);
        if (wait_for_work(&s, kill_late(&s), &open))
            err = serve(&s);
    }
}

/* ---- the inspector's side ---- */

static enum sd_err wait_ready(int fd) {
    uint8_t byte;
    enum sd_err err = wait_fd(fd, POLLIN, deadline_in_ms(READY_MS));
    return err ? err : recv(fd, &byte, 1, 0) == 1 ? SD_OK : SD_ERR_CONFIG;
}

enum sd_err spawner_start(const struct spawner_spec *spec, struct spawner **ret) {
    struct spawner *spawner = calloc(1, sizeof *spawner);
    const struct aside_spec aside = {
        .name = "files", .uid = spec->uid, .gid = spec->gid, .no_network = true, .run = run, .arg = (void *)(uintptr_t)spec};
    if (!spawner)
        return SD_ERR_NOMEM;
    spawner->file_ms = spec->file_ms;
    enum sd_err err = aside_start(&aside, &spawner->fd);
    if (err) {
        free(spawner);
        return err;
    }
    err = wait_ready(spawner->fd);
    if (err)
        spawner_free(&spawner);
    else
        *ret = spawner;
    return err;
}

void spawner_free(struct spawner **spawner) {
    if (!*spawner)
        return;
    (void)close((*spawner)->fd);
    free(*spawner);
    *spawner = NULL;
}

bool spawner_gone(const struct spawner *spawner) {
    struct pollfd p = {.fd = spawner->fd, .events = 0};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

enum sd_err spawner_begin(struct spawner *spawner, int letter, int *ret_answer) {
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) != 0)
        return sd_err_from_errno(errno);
    const int job[2] = {letter, pipe_fds[1]};
    enum sd_err err = send_job(spawner->fd, job);
    (void)close(pipe_fds[1]);
    if (err)
        (void)close(pipe_fds[0]);
    else
        *ret_answer = pipe_fds[0];
    return err == SD_ERR_CLOSED ? SD_ERR_UNAVAILABLE : err;
}

uint64_t spawner_findings(void) {
    return ((UINT64_C(1) << FINDING_COUNT) - 1) &
           ~(FINDING_BIT(VIRUS) | FINDING_BIT(SCANNER_LIMIT) | FINDING_BIT(SCANNER_DOWN) | FINDING_BIT(NO_SCANNER));
}

/* Everything it says, until it ends. SD_ERR_TIMEOUT: it had not ended by then. */
static enum sd_err read_all(int answer, struct deadline deadline, struct buf *to) {
    for (;;) {
        uint8_t part[512];
        enum sd_err err = wait_fd(answer, POLLIN, deadline);
        if (err)
            return err;
        ssize_t n = read(answer, part, sizeof part);
        if (n < 0 && errno != EINTR)
            return sd_err_from_errno(errno);
        if (n == 0 || buf_err(to))
            return SD_OK;
        if (n > 0)
            buf_put(to, span_of(part, (size_t)n));
    }
}

/* Until its turn comes: that is no time of its own. */
static enum sd_err wait_for_child(int answer, struct deadline deadline) {
    uint8_t record[RECORD_BYTES];
    enum sd_err err = wait_fd(answer, POLLIN, deadline);
    if (err)
        return SD_ERR_UNAVAILABLE;
    struct reader r = reader_of(span_of(record, read(answer, record, sizeof record) == RECORD_BYTES ? RECORD_BYTES : 0));
    return read_u16(&r) == RECORD_CHILD ? SD_OK : SD_ERR_UNAVAILABLE;
}

static enum sd_err collect(const struct spawner *spawner, int answer, struct deadline deadline, uint64_t *findings,
                           size_t count) {
    struct buf bytes SD_CLEANUP(buf_free) = buf_new((LIMIT_ATTACHMENTS + 2) * RECORD_BYTES);
    enum sd_err err = wait_for_child(answer, deadline);
    if (err)
        return err;
    err = read_all(answer, deadline_sooner(deadline, deadline_in_ms(spawner->file_ms + 2 * KILL_SLACK_MS)), &bytes);
    if (err && err != SD_ERR_TIMEOUT)
        return err;
    struct file_answer said = file_answer_read(buf_span(&bytes), findings, count);
    if (said.no_child)
        return SD_ERR_UNAVAILABLE;
    if (buf_err(&bytes))
        said = (struct file_answer){0};
    for (size_t i = said.answered; i < count && !said.whole; i++)
        findings[i] |= said.late || err == SD_ERR_TIMEOUT ? FINDING_BIT(LIMIT_TIME) : FINDING_BIT(CRASHED);
    return SD_OK;
}

enum sd_err spawner_collect(const struct spawner *spawner, int answer, struct deadline deadline, uint64_t *findings,
                            size_t count) {
    enum sd_err err = collect(spawner, answer, deadline, findings, count);
    (void)close(answer);
    return err;
}
