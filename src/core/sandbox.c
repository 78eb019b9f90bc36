#include "core/sandbox.h"
#include "core/json_out.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Debian 12's headers end with ABI 2; later rights are spelled out so that newer kernels confine more. */
#define RIGHT_TRUNCATE (UINT64_C(1) << 14)  /* ABI 3 */
#define RIGHT_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */

struct what {
    bool user, root, network;
    int landlock_abi;
    bool calls;
    const char *missing[8];
    size_t missing_count;
};

static void miss(struct what *what, const char *text) {
    if (what->missing_count < SD_COUNT(what->missing))
        what->missing[what->missing_count++] = text;
}

/* ---- files ---- */

static int landlock_abi(unsigned max) {
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return abi < 0 ? 0 : abi > (long)max ? (int)max : (int)abi;
}

static uint64_t rights_handled(int abi) {
    uint64_t rights = (UINT64_C(1) << 13) - 1; /* ABI 1: execute … make_sym */
    if (abi >= 2)
        rights |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3)
        rights |= RIGHT_TRUNCATE;
    if (abi >= 5)
        rights |= RIGHT_IOCTL_DEV;
    return rights;
}

static uint64_t rights_of(unsigned files, int abi) {
    uint64_t rights = 0;
    if (files & FILES_READ)
        rights |= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    if (files & FILES_WRITE)
        rights |= LANDLOCK_ACCESS_FS_WRITE_FILE | RIGHT_TRUNCATE;
    if (files & FILES_MAKE)
        rights |= LANDLOCK_ACCESS_FS_MAKE_REG;
    if (files & FILES_REMOVE)
        rights |= LANDLOCK_ACCESS_FS_REMOVE_FILE;
    return rights & rights_handled(abi);
}

static enum sd_err allow_path(int ruleset, const struct sandbox_spec *spec, const struct sandbox_path *path, int abi) {
    char full[4096];
    if (snprintf(full, sizeof full, "%s/%s", spec->data_dir, path->dir) >= (int)sizeof full)
        return SD_ERR_LIMIT;
    int fd = open(full, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return sd_err_from_errno(errno);
    struct landlock_path_beneath_attr rule = {.allowed_access = rights_of(path->files, abi), .parent_fd = fd};
    long rc = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    (void)close(fd);
    return rc == 0 ? SD_OK : SD_ERR_IO;
}

/* The ruleset is made before the root changes, because its paths are the old ones. -1: none could be made. */
static enum sd_err landlock_prepare(const struct sandbox_spec *spec, struct what *what, int *ret_ruleset) {
    what->landlock_abi = landlock_abi(spec->landlock_abi_max);
    *ret_ruleset = -1;
    if (what->landlock_abi == 0) {
        miss(what, "Landlock: this kernel cannot confine files");
        return SD_OK;
    }
    if (what->landlock_abi < 3)
        miss(what, "Landlock before ABI 3: cutting files short is limited by file modes only");
    struct landlock_ruleset_attr attr = {.handled_access_fs = rights_handled(what->landlock_abi)};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr.handled_access_fs, 0);
    if (ruleset < 0)
        return SD_ERR_IO;
    for (const struct sandbox_path *p = spec->paths; p->dir; p++) {
        enum sd_err err = allow_path(ruleset, spec, p, what->landlock_abi);
        if (err) {
            (void)close(ruleset);
            return err;
        }
    }
    *ret_ruleset = ruleset;
    return SD_OK;
}

/* ---- user, root, network ---- */

static enum sd_err change_root(const struct sandbox_spec *spec, struct what *what, const char **ret_data_dir) {
    *ret_data_dir = spec->data_dir;
    if (geteuid() != 0) {
        miss(what, "not started as root: roles share one user");
        return SD_OK;
    }
    char empty[4096]; /* a role without files gets a root without files */
    if (snprintf(empty, sizeof empty, "%s/run/empty", spec->data_dir) >= (int)sizeof empty)
        return SD_ERR_LIMIT;
    if (chroot(spec->paths[0].dir ? spec->data_dir : empty) != 0 || chdir("/") != 0)
        return SD_ERR_IO;
    what->root = true;
    *ret_data_dir = "";
    return SD_OK;
}

static enum sd_err become_user(const struct sandbox_spec *spec, struct what *what) {
    if (geteuid() != 0)
        return SD_OK;
    gid_t groups[8];
    for (size_t i = 0; i < spec->group_count && i < SD_COUNT(groups); i++)
        groups[i] = spec->groups[i];
    if (spec->group_count > SD_COUNT(groups) || setgroups(spec->group_count, groups) != 0 ||
        setresgid(spec->gid, spec->gid, spec->gid) != 0 || setresuid(spec->uid, spec->uid, spec->uid) != 0)
        return SD_ERR_IO;
    if (spec->uid != 0 && (setuid(0) == 0 || geteuid() == 0))
        return SD_ERR_BUG;
    what->user = spec->uid != 0;
    return SD_OK;
}

/* A role that connects nowhere gets a network namespace with nothing in it, besides what seccomp refuses. Listeners that it was
 * given stay where they were made, and so do the connections they accept. */
static void leave_network(const struct sandbox_spec *spec, struct what *what) {
    if (!(spec->calls & CALLS_INET) && geteuid() == 0)
        what->network = unshare(CLONE_NEWNET | CLONE_NEWIPC) == 0;
}

static enum sd_err no_dumps(void) {
    struct rlimit none = {0, 0};
    return setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
                   prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
               ? SD_OK
               : SD_ERR_IO;
}

/* ---- system calls ---- */

static const int base_calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(lseek),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(brk),
    SCMP_SYS(madvise),
    SCMP_SYS(mlock),
    SCMP_SYS(mlock2),
    SCMP_SYS(munlock),
    SCMP_SYS(mprotect),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(recvfrom),
    SCMP_SYS(shutdown),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(fcntl),
    SCMP_SYS(getrandom),
    SCMP_SYS(memfd_create),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(eventfd2),
    SCMP_SYS(pipe2),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(getrusage),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(membarrier),
    SCMP_SYS(dup),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(prlimit64),
    SCMP_SYS(clock_getres),
};

static const int file_calls[] = {
    SCMP_SYS(open),     SCMP_SYS(openat),    SCMP_SYS(stat),       SCMP_SYS(lstat),     SCMP_SYS(newfstatat), SCMP_SYS(statx),
    SCMP_SYS(access),   SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(pread64),   SCMP_SYS(pwrite64),   SCMP_SYS(preadv),
    SCMP_SYS(pwritev),  SCMP_SYS(fsync),     SCMP_SYS(fdatasync),  SCMP_SYS(ftruncate), SCMP_SYS(flock),      SCMP_SYS(unlink),
    SCMP_SYS(unlinkat), SCMP_SYS(rename),    SCMP_SYS(renameat),   SCMP_SYS(renameat2), SCMP_SYS(getdents64), SCMP_SYS(getcwd),
    SCMP_SYS(readlink), SCMP_SYS(fallocate), SCMP_SYS(fstatfs),    SCMP_SYS(statfs),    SCMP_SYS(utimensat),  SCMP_SYS(umask),
    SCMP_SYS(fchmod),
};

static const int socket_calls[] = {SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(socketpair)};

/* Whoever tries these is not our code any more. */
static const int deadly_calls[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(bpf),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(keyctl),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(pidfd_getfd),
};

static int allow(scmp_filter_ctx filter, const int *calls, size_t count) {
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    return rc;
}

/* Threads may be made, processes not. clone3 hides its flags behind a pointer: ENOSYS makes glibc use clone. */
#define CLONE_NAMESPACES                                                                                                       \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

/* Processes like itself, under the same filter. */
static int allow_fork(scmp_filter_ctx filter) {
    static const int calls[] = {SCMP_SYS(wait4), SCMP_SYS(waitid),     SCMP_SYS(kill),        SCMP_SYS(setitimer),
                                SCMP_SYS(alarm), SCMP_SYS(socketpair), SCMP_SYS(close_range), SCMP_SYS(getppid),
                                SCMP_SYS(dup2),  SCMP_SYS(seccomp) /* to confine itself more */};
    int rc = allow(filter, calls, SD_COUNT(calls));
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NAMESPACES, 0));
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_PDEATHSIG));
    return rc;
}

static int allow_threads(scmp_filter_ctx filter) {
    int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
    if (rc == 0) /* its own priority, of which it can only give away */
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(setpriority), 2, SCMP_A0(SCMP_CMP_EQ, PRIO_PROCESS),
                              SCMP_A1(SCMP_CMP_EQ, 0));
    if (rc == 0) /* abort(3); never at another process, which may have the same user */
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
    return rc;
}

static int allow_family(scmp_filter_ctx filter, int family) {
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family));
}

static int allow_role_calls(scmp_filter_ctx filter, unsigned calls) {
    int rc = 0;
    if (calls & CALLS_FILES)
        rc = allow(filter, file_calls, SD_COUNT(file_calls));
    if (rc == 0 && (calls & CALLS_ACCEPT))
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(accept4), 0);
    if (rc == 0 && (calls & (CALLS_INET | CALLS_UNIX)))
        rc = allow(filter, socket_calls, SD_COUNT(socket_calls));
    if (rc == 0 && (calls & CALLS_INET))
        rc = allow_family(filter, AF_INET) || allow_family(filter, AF_INET6) ? -1 : 0;
    if (rc == 0 && (calls & CALLS_UNIX))
        rc = allow_family(filter, AF_UNIX);
    if (rc == 0 && (calls & CALLS_FORK))
        rc = allow_fork(filter);
    return rc;
}

static enum sd_err filter_calls(unsigned calls, struct what *what) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return SD_ERR_NOMEM;
    int rc = allow(filter, base_calls, SD_COUNT(base_calls));
    for (size_t i = 0; i < SD_COUNT(deadly_calls) && rc == 0; i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, deadly_calls[i], 0);
    if (rc == 0)
        rc = allow_threads(filter);
    if (rc == 0)
        rc = allow_role_calls(filter, calls);
    if (rc == 0)
        rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree: many calls, one jump table */
    if (rc == 0)
        rc = seccomp_load(filter);
    seccomp_release(filter);
    what->calls = rc == 0;
    if (rc != 0)
        miss(what, "seccomp: this kernel cannot filter system calls");
    return SD_OK;
}

enum sd_err sandbox_calls_only(unsigned calls) {
    struct what what = {0};
    enum sd_err err = no_dumps();
    err = err ? err : filter_calls(calls, &what);
    return err == SD_OK && !what.calls ? SD_ERR_UNSUPPORTED : err;
}

/* ---- a child that only computes ---- */

static const int computing_calls[] = {
    SCMP_SYS(read),         SCMP_SYS(write),       SCMP_SYS(close),      SCMP_SYS(lseek),         SCMP_SYS(mmap),
    SCMP_SYS(munmap),       SCMP_SYS(mremap),      SCMP_SYS(brk),        SCMP_SYS(madvise),       SCMP_SYS(mprotect),
    SCMP_SYS(futex),        SCMP_SYS(exit),        SCMP_SYS(exit_group), SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep),
    SCMP_SYS(gettimeofday), SCMP_SYS(getrandom),   SCMP_SYS(time),       SCMP_SYS(rt_sigaction),  SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(getpid),     SCMP_SYS(gettid),        SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_yield),  SCMP_SYS(getrusage),   SCMP_SYS(sysinfo),
};

#define FILTER_BYTES ((size_t)32768)
struct sandbox_filter {
    size_t n;
    struct sock_filter code[FILTER_BYTES / sizeof(struct sock_filter)];
};

/* libseccomp writes it to a descriptor. */
static enum sd_err export_filter(scmp_filter_ctx made, struct sandbox_filter *ret) {
    int fd = memfd_create("filter", MFD_CLOEXEC);
    if (fd < 0)
        return sd_err_from_errno(errno);
    bool written = seccomp_export_bpf(made, fd) == 0 && lseek(fd, 0, SEEK_SET) == 0;
    ssize_t n = written ? read(fd, ret->code, sizeof ret->code) : -1;
    (void)close(fd);
    if (n <= 0 || (size_t)n == sizeof ret->code || (size_t)n % sizeof ret->code[0])
        return SD_ERR_UNSUPPORTED;
    ret->n = (size_t)n / sizeof ret->code[0];
    return SD_OK;
}

enum sd_err sandbox_filter_make(struct sandbox_filter **ret) {
    struct sandbox_filter *filter = calloc(1, sizeof *filter);
    scmp_filter_ctx made = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    enum sd_err err = filter && made ? SD_OK : SD_ERR_NOMEM;
    if (err == SD_OK && allow(made, computing_calls, SD_COUNT(computing_calls)) != 0)
        err = SD_ERR_UNSUPPORTED;
    err = err ? err : export_filter(made, filter);
    seccomp_release(made);
    if (err)
        free(filter);
    else
        *ret = filter;
    return err;
}

enum sd_err sandbox_filter_enter(const struct sandbox_filter *filter) {
    struct sock_filter *code = (struct sock_filter *)(uintptr_t)filter->code;
    const struct sock_fprog program = {.len = (unsigned short)filter->n, .filter = code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 ? SD_OK : SD_ERR_UNSUPPORTED;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LIMITS_MEMORY false
#else
#define LIMITS_MEMORY true
#endif

enum sd_err sandbox_limits(uint64_t cpu_seconds, uint64_t memory_bytes) {
    const struct {
        enum __rlimit_resource resource;
        uint64_t limit;
    } limits[] = {{RLIMIT_CPU, cpu_seconds}, {RLIMIT_NOFILE, 0}, {RLIMIT_FSIZE, 0}, {RLIMIT_AS, memory_bytes}};
    for (size_t i = 0; i < SD_COUNT(limits); i++) {
        const struct rlimit limit = {limits[i].limit, limits[i].limit};
        if ((limits[i].resource != RLIMIT_AS || LIMITS_MEMORY) && setrlimit(limits[i].resource, &limit) != 0)
            return SD_ERR_IO;
    }
    return SD_OK;
}

/* ---- all of it ---- */

static void put_report(const struct sandbox_spec *spec, const struct what *what, struct buf *report) {
    struct json_out j = json_out(report);
    json_begin_object(&j, NULL);
    json_int(&j, "uid", (int64_t)getuid());
    json_bool(&j, "own_user", what->user);
    json_bool(&j, "own_root", what->root);
    json_cstr(&j, "network",
              spec->calls & CALLS_INET     ? "connects"
              : spec->calls & CALLS_ACCEPT ? "accepted connections only"
              : what->network              ? "none (namespace and seccomp)"
                                           : "none (seccomp)");
    json_int(&j, "landlock_abi", what->landlock_abi);
    json_begin_array(&j, "files");
    for (const struct sandbox_path *p = spec->paths; p->dir; p++) {
        json_begin_object(&j, NULL);
        json_cstr(&j, "dir", p->dir);
        json_bool(&j, "read", p->files & FILES_READ);
        json_bool(&j, "write", p->files & FILES_WRITE);
        json_end(&j);
    }
    json_end(&j);
    json_bool(&j, "seccomp", what->calls);
    json_begin_array(&j, "missing");
    for (size_t i = 0; i < what->missing_count; i++)
        json_cstr(&j, NULL, what->missing[i]);
    json_end(&j);
    json_end(&j);
}

static enum sd_err restrict_files(int ruleset) {
    if (ruleset < 0)
        return SD_OK;
    long rc = syscall(SYS_landlock_restrict_self, ruleset, 0);
    (void)close(ruleset);
    return rc == 0 ? SD_OK : SD_ERR_IO;
}

enum sd_err sandbox_no_files(void) {
    const struct sandbox_spec nothing = {.landlock_abi_max = UINT16_MAX};
    struct what what = {0};
    int ruleset = -1;
    enum sd_err err = no_dumps();
    err = err ? err : landlock_prepare(&nothing, &what, &ruleset);
    err = err ? err : restrict_files(ruleset);
    return err == SD_OK && what.landlock_abi == 0 ? SD_ERR_UNSUPPORTED : err;
}

enum sd_err sandbox_enter(const struct sandbox_spec *spec, struct buf *report, const char **ret_data_dir) {
    struct what what = {0};
    int ruleset = -1;
    enum sd_err err = landlock_prepare(spec, &what, &ruleset);
    if (err)
        return err;
    leave_network(spec, &what);
    err = change_root(spec, &what, ret_data_dir);
    if (err == SD_OK)
        err = become_user(spec, &what);
    if (err == SD_OK)
        err = no_dumps();
    if (err == SD_OK)
        err = restrict_files(ruleset);
    if (err == SD_OK)
        err = filter_calls(spec->calls, &what);
    if (err == SD_OK && spec->require && (what.landlock_abi == 0 || !what.calls))
        err = SD_ERR_UNSUPPORTED;
    put_report(spec, &what, report);
    return err ? err : buf_err(report);
}
