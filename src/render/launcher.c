#include "render/launcher.h"

#include "core/log.h"
#include "core/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS_MAX 3600
#define ORPHAN_MS 50 /* what is left of an ended sandbox is looked for so often */

struct job {
    pid_t pid; /* bubblewrap's outer process; 0: this place is free */
    int pidfd, pixels, answer;
    struct deadline deadline;
    enum launch_end why; /* when we ended it */
};

struct launcher {
    const struct box_spec *spec;
    int channel;
    struct job jobs[LAUNCH_JOBS_MAX];
};

static void close_all(const int *fds, size_t n) {
    for (size_t i = 0; i < n; i++)
        (void)close(fds[i]);
}

static void tell(int answer, enum launch_end end) {
    uint8_t byte = (uint8_t)end;
    ssize_t n = write(answer, &byte, 1);
    (void)n; /* nobody waits for it any more */
}

/* ---- asking ---- */

/* False at the channel's end. A request that is none has no descriptors left open. */
static bool receive(int channel, struct box_job *ret_job, int ret_fds[LAUNCH_FDS], bool *ret_whole) {
    struct socket_fds room;
    struct iovec iov = {.iov_base = ret_job, .iov_len = sizeof *ret_job};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    socket_room_for_fds(&msg, &room, LAUNCH_FDS);
    ssize_t n = recvmsg(channel, &msg, MSG_CMSG_CLOEXEC);
    if (n <= 0)
        return n < 0 && errno == EINTR;
    size_t count = socket_take_fds(&msg, ret_fds);
    *ret_whole = n == (ssize_t)sizeof *ret_job && count == LAUNCH_FDS && !(msg.msg_flags & (MSG_CTRUNC | MSG_TRUNC));
    if (!*ret_whole)
        close_all(ret_fds, count);
    return true;
}

static bool job_ok(const struct box_job *job) {
    if (job->seconds == 0 || job->seconds > SECONDS_MAX || job->extension[BOX_EXTENSION_BYTES] != 0)
        return false;
    for (const char *c = job->extension; *c; c++)
        if (!(*c >= 'a' && *c <= 'z') && !(*c >= '0' && *c <= '9') && *c != '-')
            return false;
    return *job->extension != 0;
}

/* A session of its own: no terminal, and one process group to end. */
static pid_t fork_box(const struct launcher *l, const struct box_job *job, const int fds[LAUNCH_FDS]) {
    pid_t launcher = getpid(), pid = fork();
    if (pid == 0) {
        if (setsid() > 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == launcher)
            box_enter(l->spec, job, fds[0], fds[1]);
        _exit(126);
    }
    return pid;
}

static struct job *free_place(struct launcher *l) {
    for (size_t i = 0; i < LAUNCH_JOBS_MAX; i++)
        if (l->jobs[i].pid == 0)
            return &l->jobs[i];
    return NULL;
}

static void begin(struct launcher *l, const struct box_job *job, const int fds[LAUNCH_FDS]) {
    struct job *place = job_ok(job) ? free_place(l) : NULL;
    pid_t pid = place ? fork_box(l, job, fds) : -1;
    int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (pidfd < 0) {
        if (pid > 0)
            (void)kill(-pid, SIGKILL);
        tell(fds[2], LAUNCH_REFUSED);
        close_all(fds, LAUNCH_FDS);
        return;
    }
    (void)close(fds[0]);
    *place = (struct job){.pid = pid,
                          .pidfd = pidfd,
                          .pixels = fds[1],
                          .answer = fds[2],
                          .deadline = deadline_in_ms((int64_t)job->seconds * 1000),
                          .why = LAUNCH_REFUSED};
}

/* ---- ending ---- */

/* Bubblewrap's two own processes are one process group, whatever the others do; the second one is the first of the sandbox's
 * own process namespace, and when it ends the kernel ends all the others. (To let it die with its parent would leave it over
 * when it is ended before it has asked for that.) */
static void end(struct job *job, enum launch_end why) {
    if (job->why == LAUNCH_REFUSED)
        job->why = why;
    (void)kill(-job->pid, SIGKILL);
}

static void ended(struct job *job, int status) {
    bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    tell(job->answer, job->why != LAUNCH_REFUSED ? job->why : well ? LAUNCH_EXITED : LAUNCH_FAILED);
    (void)close(job->answer);
    (void)close(job->pixels);
    (void)close(job->pidfd);
    *job = (struct job){.pid = 0};
}

/* Also those that became ours because their parent was ended (PR_SET_CHILD_SUBREAPER). True while there are any. */
static bool reap(struct launcher *l) {
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0)
            return pid == 0;
        for (size_t i = 0; i < LAUNCH_JOBS_MAX; i++)
            if (l->jobs[i].pid == pid)
                ended(&l->jobs[i], status);
    }
}

static void look_after(struct launcher *l, const struct pollfd *polled) {
    for (size_t i = 0; i < LAUNCH_JOBS_MAX; i++) {
        struct job *job = &l->jobs[i];
        if (job->pid == 0)
            continue;
        if (polled[2 * i].revents) /* the outer process has ended: so do the others, before its number is free */
            (void)kill(-job->pid, SIGKILL);
        else if (polled[2 * i + 1].revents & POLLERR) /* the reading end is closed */
            end(job, LAUNCH_UNWATCHED);
        else if (deadline_passed(job->deadline))
            end(job, LAUNCH_TOO_LONG);
    }
}

static void turn(struct launcher *l, bool *ret_open, bool *children) {
    struct pollfd polled[2 * LAUNCH_JOBS_MAX + 1];
    struct deadline next = deadline_in_ms(*children ? ORPHAN_MS : 60 * 60 * 1000);
    for (size_t i = 0; i < LAUNCH_JOBS_MAX; i++) {
        const struct job *job = &l->jobs[i];
        polled[2 * i] = (struct pollfd){.fd = job->pid ? job->pidfd : -1, .events = POLLIN};
        polled[2 * i + 1] = (struct pollfd){.fd = job->pid ? job->pixels : -1, .events = 0};
        if (job->pid)
            next = deadline_sooner(next, job->deadline);
    }
    polled[2 * LAUNCH_JOBS_MAX] = (struct pollfd){.fd = l->channel, .events = POLLIN};
    if (poll(polled, SD_COUNT(polled), deadline_left_ms(next)) < 0)
        return;
    look_after(l, polled);
    *children = reap(l);
    if (polled[2 * LAUNCH_JOBS_MAX].revents) {
        struct box_job job;
        int fds[LAUNCH_FDS];
        bool whole = false;
        *ret_open = receive(l->channel, &job, fds, &whole);
        if (*ret_open && whole) {
            begin(l, &job, fds);
            *children = true;
        }
    }
}

/* The role is gone: nobody waits for what runs. */
static void end_all(struct launcher *l) {
    for (size_t i = 0; i < LAUNCH_JOBS_MAX; i++)
        if (l->jobs[i].pid)
            end(&l->jobs[i], LAUNCH_UNWATCHED);
}

/* Descriptors 0 and 1 are taken, so that none that comes gets their numbers. The channel's end is what tells that the role is
 * gone, and not a signal: there are sandboxes to end first. */
void launcher_run(int fd, void *box_spec) {
    struct launcher l = {.spec = box_spec, .channel = fd};
    bool open_still = true, children = false;
    if (open("/dev/null", O_RDWR | O_CLOEXEC) != 0 || open("/dev/null", O_RDWR | O_CLOEXEC) != 1 ||
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0 || prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) != 0) {
        log_error("render.launcher", "errno=%d", errno);
        return;
    }
    while (open_still)
        turn(&l, &open_still, &children);
    end_all(&l);
}
