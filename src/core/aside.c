#include "core/aside.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool close_all_but(unsigned fd) {
    (void)close(STDIN_FILENO);
    (void)close(STDOUT_FILENO);
    return (fd <= 3 || syscall(SYS_close_range, 3, fd - 1, 0) == 0) && syscall(SYS_close_range, fd + 1, ~0U, 0) == 0;
}

static bool become(const struct aside_spec *spec) {
    struct rlimit none = {0, 0};
    if (geteuid() == 0 && spec->no_network && unshare(CLONE_NEWNET | CLONE_NEWIPC) != 0)
        return false;
    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setresgid(spec->gid, spec->gid, spec->gid) != 0 ||
                           setresuid(spec->uid, spec->uid, spec->uid) != 0))
        return false;
    return setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_NAME, spec->name, 0, 0, 0) == 0 &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0;
}

enum sd_err aside_start(const struct aside_spec *spec, int *ret_fd) {
    int pair[2];
    pid_t parent = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return sd_err_from_errno(errno);
    pid_t pid = fork();
    if (pid == 0) {
        if (close_all_but((unsigned)pair[1]) && become(spec) && getppid() == parent)
            spec->run(pair[1], spec->arg);
        _exit(0);
    }
    enum sd_err err = pid < 0 ? sd_err_from_errno(errno) : SD_OK;
    (void)close(pair[1]);
    if (err)
        (void)close(pair[0]);
    else
        *ret_fd = pair[0];
    return err;
}

void aside_serve(int fd, enum sd_err (*answer)(int fd, const struct ipc_msg *asked, void *arg), void *arg) {
    enum sd_err err = SD_OK;
    while (err == SD_OK) {
        struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
        err = ipc_recv(fd, deadline_in_ms(ASIDE_SEND_MS), &msg);
        if (err == SD_ERR_TIMEOUT)
            err = SD_OK;
        else if (err == SD_OK)
            err = answer(fd, msg, arg);
    }
}
