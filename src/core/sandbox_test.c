/*
 * What a confined process cannot do, tried: children confine themselves as the roles do, in a folder where file modes allow
 * everything, and try what they must not. With every Landlock ABI this kernel has and with ABI 2 (Debian 12).
 */
#include "core/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define UID_TEST 60000
#define DENIED_AT_ENTRY 200
#define NO_LANDLOCK 0u

static char dir[] = "/tmp/sandbox-test-XXXXXX";

/* The shapes that the roles have (their own main files). */
#define ROLE(name, ...) static const struct sandbox_spec name = {__VA_ARGS__}
ROLE(edge, .calls = CALLS_ACCEPT | CALLS_FILES, .paths = {{"intake", FILES_WRITE | FILES_MAKE}});
ROLE(dns, .calls = CALLS_INET);
ROLE(inspect, .calls = 0);
ROLE(keeper, .calls = CALLS_FILES | CALLS_ACCEPT, .paths = {{"keeper", FILES_READ | FILES_WRITE | FILES_MAKE | FILES_REMOVE}});
ROLE(clerk, .calls = CALLS_FILES,
     .paths = {{"intake", FILES_READ | FILES_REMOVE}, {"store", FILES_READ | FILES_WRITE | FILES_MAKE | FILES_REMOVE}});
ROLE(courier, .calls = CALLS_INET | CALLS_FILES, .paths = {{"store", FILES_READ | FILES_WRITE | FILES_MAKE | FILES_REMOVE}});
static const struct sandbox_spec *const roles[] = {&edge, &dns, &inspect, &keeper, &clerk, &courier};

/* ---- the child ---- */

static const char *root; /* where the data directory is after confinement */

static const char *at(const char *name) {
    static char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static enum sd_err enter(const struct sandbox_spec *spec, unsigned abi, struct buf *report) {
    struct sandbox_spec own = *spec;
    own.data_dir = dir;
    own.uid = own.gid = geteuid() == 0 ? UID_TEST : getuid();
    own.landlock_abi_max = abi;
    own.require = abi != NO_LANDLOCK;
    return sandbox_enter(&own, report, &root);
}

/* What became of a child that confined itself so and then tried this: its exit status, or minus the signal. */
static int tried(const struct sandbox_spec *spec, unsigned abi, int (*attempt)(void)) {
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        struct buf report = buf_new(4096);
        _exit(enter(spec, abi, &report) ? DENIED_AT_ENTRY : attempt());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* 0 when it worked, else the errno. */
static int open_as(const char *path, int flags) {
    int fd = open(path, flags | O_CLOEXEC, 0666);
    return fd >= 0 ? 0 : errno;
}

static int failed(long rc) {
    return rc < 0 ? errno : 0;
}

static int reads_keeper(void) {
    return open_as(at("keeper/root.key"), O_RDONLY);
}
static int reads_store(void) {
    return open_as(at("store/store.db"), O_RDONLY);
}
static int writes_store(void) {
    return open_as(at("store/store.db"), O_WRONLY);
}
static int reads_intake(void) {
    return open_as(at("intake/1.log"), O_RDONLY);
}
static int appends_intake(void) {
    return open_as(at("intake/1.log"), O_WRONLY | O_APPEND);
}
static int makes_in_intake(void) {
    return open_as(at("intake/2.log"), O_WRONLY | O_CREAT);
}
static int removes_from_intake(void) {
    return failed(unlink(at("intake/1.log")));
}
static int reads_system(void) {
    return open_as("/etc/passwd", O_RDONLY);
}
static int reads_proc(void) {
    return open_as("/proc/self/maps", O_RDONLY);
}
static int inet_socket(void) {
    return failed(socket(AF_INET, SOCK_STREAM, 0));
}
static int unix_socket(void) {
    return failed(socket(AF_UNIX, SOCK_STREAM, 0));
}
static int netlink_socket(void) {
    return failed(socket(AF_NETLINK, SOCK_RAW, 0));
}
static int makes_process(void) {
    return failed(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}
static int runs_program(void) {
    char *const none[] = {NULL};
    return failed(execve("/bin/true", none, none));
}
static int traces(void) {
    return failed(syscall(SYS_ptrace, 0, 0, 0, 0));
}
static int reads_memory(void) {
    return failed(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
}
static int kills(void) {
    return failed(kill(getppid(), 0));
}
static int kills_a_thread(void) {
    return failed(syscall(SYS_tgkill, getppid(), getppid(), 0));
}
static int dumps_again(void) {
    return failed(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}
static int changes_user(void) {
    return failed(setresuid(0, 0, 0));
}
static int changes_root(void) {
    return failed(chroot("."));
}
static int links_out(void) {
    return failed(link(at("store/store.db"), at("intake/3.log")));
}
static int mounts(void) {
    return failed(syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL));
}
static void *nothing(void *arg) {
    return arg;
}
static int threads(void) {
    pthread_t thread;
    int rc = pthread_create(&thread, NULL, nothing, NULL);
    return rc ? rc : pthread_join(thread, NULL);
}
static int aborts(void) {
    abort();
}

/* ---- tests ---- */

static const unsigned abis[] = {64, 2};

static int make_folder(void **state) {
    static const char *const folders[] = {"run", "run/empty", "intake", "store", "keeper"};
    static const char *const files[] = {"keeper/root.key", "store/store.db", "intake/1.log"};
    (void)state;
    (void)umask(0);
    root = mkdtemp(dir);
    if (!root || chmod(dir, 0777) != 0)
        return -1;
    for (size_t i = 0; i < SD_COUNT(folders); i++)
        if (mkdir(at(folders[i]), 0777) != 0)
            return -1;
    for (size_t i = 0; i < SD_COUNT(files); i++)
        if (open_as(at(files[i]), O_WRONLY | O_CREAT) != 0)
            return -1;
    return 0;
}

static int remove_folder(void **state) {
    static const char *const names[] = {"keeper/root.key", "store/store.db", "intake/1.log", "intake/2.log"};
    static const char *const folders[] = {"run/empty", "run", "intake", "store", "keeper", ""};
    (void)state;
    root = dir;
    for (size_t i = 0; i < SD_COUNT(names); i++)
        (void)unlink(at(names[i]));
    for (size_t i = 0; i < SD_COUNT(folders); i++)
        (void)rmdir(at(folders[i]));
    return 0;
}

static bool is_denied(int error) {
    return error == EACCES || error == EPERM || error == ENOENT;
}

/* Nothing of this may any role, and what kills must kill. */
static void no_role_leaves_its_cage(void **state) {
    (void)state;
    for (size_t i = 0; i < SD_COUNT(roles); i++)
        for (size_t k = 0; k < SD_COUNT(abis); k++) {
            assert_true(is_denied(tried(roles[i], abis[k], reads_system)));
            assert_true(is_denied(tried(roles[i], abis[k], reads_proc)));
            assert_int_equal(tried(roles[i], abis[k], unix_socket), EPERM);
            assert_int_equal(tried(roles[i], abis[k], netlink_socket), EPERM);
            assert_int_equal(tried(roles[i], abis[k], makes_process), EPERM);
            assert_int_equal(tried(roles[i], abis[k], runs_program), -SIGSYS);
            assert_int_equal(tried(roles[i], abis[k], traces), -SIGSYS);
            assert_int_equal(tried(roles[i], abis[k], reads_memory), -SIGSYS);
            assert_int_equal(tried(roles[i], abis[k], mounts), -SIGSYS);
            assert_int_equal(tried(roles[i], abis[k], kills), EPERM);
            assert_int_equal(tried(roles[i], abis[k], kills_a_thread), EPERM);
            assert_int_equal(tried(roles[i], abis[k], dumps_again), EPERM);
            assert_int_equal(tried(roles[i], abis[k], changes_user), EPERM);
            assert_int_equal(tried(roles[i], abis[k], changes_root), EPERM);
            assert_true(is_denied(tried(roles[i], abis[k], links_out)));
            assert_int_equal(tried(roles[i], abis[k], threads), 0);
            assert_int_equal(tried(roles[i], abis[k], aborts), -SIGABRT);
        }
}

static void only_who_connects_makes_sockets(void **state) {
    (void)state;
    for (size_t i = 0; i < SD_COUNT(roles); i++)
        assert_int_equal(tried(roles[i], 64, inet_socket), roles[i]->calls & CALLS_INET ? 0 : EPERM);
}

static void files_are_whose_they_are(void **state) {
    (void)state;
    for (size_t k = 0; k < SD_COUNT(abis); k++) {
        for (size_t i = 0; i < SD_COUNT(roles); i++) {
            bool has_store = roles[i] == &clerk || roles[i] == &courier;
            int keys = tried(roles[i], abis[k], reads_keeper), read = tried(roles[i], abis[k], reads_store);
            int written = tried(roles[i], abis[k], writes_store);
            assert_true(roles[i] == &keeper ? keys == 0 : is_denied(keys));
            assert_true(has_store ? read == 0 : is_denied(read));
            assert_true(has_store ? written == 0 : is_denied(written));
        }
        assert_true(is_denied(tried(&edge, abis[k], reads_intake))); /* it cannot read back what it wrote */
        assert_int_equal(tried(&edge, abis[k], appends_intake), 0);
        assert_int_equal(tried(&edge, abis[k], makes_in_intake), 0);
        assert_true(is_denied(tried(&edge, abis[k], removes_from_intake)));
        assert_int_equal(tried(&clerk, abis[k], reads_intake), 0);
        assert_true(is_denied(tried(&clerk, abis[k], appends_intake)));
        assert_true(is_denied(tried(&courier, abis[k], reads_intake)));
    }
    assert_int_equal(tried(&clerk, 64, removes_from_intake), 0);
}

/* The report of a child that confined itself so, or its error. */
static enum sd_err report_of(const struct sandbox_spec *spec, unsigned abi, bool require, char *to, size_t n) {
    int fds[2], status = 0;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct sandbox_spec own = *spec;
        struct buf report = buf_new(4096);
        own.data_dir = dir;
        own.uid = own.gid = geteuid() == 0 ? UID_TEST : getuid();
        own.landlock_abi_max = abi;
        own.require = require;
        enum sd_err err = sandbox_enter(&own, &report, &root);
        _exit(write(fds[1], report.p, report.n) == (ssize_t)report.n ? -(int)err : 1);
    }
    (void)close(fds[1]);
    ssize_t got = read(fds[0], to, n - 1);
    to[got > 0 ? got : 0] = 0;
    (void)close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return (enum sd_err) - WEXITSTATUS(status);
}

static void what_the_kernel_lacks_is_named_or_refused(void **state) {
    char report[4096];
    (void)state;
    assert_int_equal(report_of(&courier, NO_LANDLOCK, true, report, sizeof report), SD_ERR_UNSUPPORTED);
    assert_int_equal(report_of(&courier, NO_LANDLOCK, false, report, sizeof report), SD_OK);
    assert_non_null(strstr(report, "this kernel cannot confine files"));
    assert_int_equal(report_of(&courier, 2, true, report, sizeof report), SD_OK);
    assert_non_null(strstr(report, "\"landlock_abi\":2"));
    assert_non_null(strstr(report, "cutting files short"));
    assert_int_equal(report_of(&courier, 64, true, report, sizeof report), SD_OK);
    assert_null(strstr(report, "cutting files short"));
    assert_non_null(strstr(report, geteuid() == 0 ? "\"own_user\":true" : "roles share one user"));
}

/* ---- helper processes ---- */

/* What became of a helper that confined itself so and then tried this. */
static int tried_by(enum sd_err (*confine)(void), int (*attempt)(void)) {
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        root = "";
        _exit(confine() ? DENIED_AT_ENTRY : attempt());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static enum sd_err forks(void) {
    return sandbox_calls_only(CALLS_FORK);
}

/* As a child of one that forks: it confines itself more than that. */
static enum sd_err computes(void) {
    struct sandbox_filter *filter = NULL;
    enum sd_err err = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? sandbox_filter_make(&filter) : SD_ERR_IO;
    err = err ? err : forks();
    return err ? err : sandbox_filter_enter(filter);
}

static enum sd_err opens_nothing(void) {
    enum sd_err err = sandbox_no_files();
    return err ? err : sandbox_calls_only(CALLS_FILES);
}

static int makes_descriptor(void) {
    return failed(syscall(SYS_memfd_create, "x", 0));
}

static void one_that_forks_runs_no_program(void **state) {
    (void)state;
    assert_int_equal(tried_by(forks, makes_process), 0);
    assert_int_equal(tried_by(forks, runs_program), -SIGSYS);
    assert_int_equal(tried_by(forks, inet_socket), EPERM);
    assert_int_equal(tried_by(forks, unix_socket), EPERM);
    assert_true(is_denied(tried_by(forks, reads_system)));
}

static void one_that_computes_does_nothing_else(void **state) {
    (void)state;
    int (*const attempts[])(void) = {makes_process, kills, unix_socket, inet_socket, reads_system, makes_descriptor, threads};
    for (size_t i = 0; i < SD_COUNT(attempts); i++)
        assert_int_not_equal(tried_by(computes, attempts[i]), 0);
    assert_int_equal(tried_by(computes, runs_program), -SIGSYS);
}

static void one_without_files_opens_none(void **state) {
    (void)state;
    assert_true(is_denied(tried_by(opens_nothing, reads_system)));
    assert_true(is_denied(tried_by(opens_nothing, reads_proc)));
    assert_int_equal(tried_by(opens_nothing, unix_socket), EPERM);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_forks_runs_no_program),  cmocka_unit_test(one_that_computes_does_nothing_else),
        cmocka_unit_test(one_without_files_opens_none),    cmocka_unit_test(no_role_leaves_its_cage),
        cmocka_unit_test(only_who_connects_makes_sockets), cmocka_unit_test(what_the_kernel_lacks_is_named_or_refused),
        cmocka_unit_test(files_are_whose_they_are),
    };
    long abi = syscall(444, NULL, 0, 1); /* landlock_create_ruleset, LANDLOCK_CREATE_RULESET_VERSION */
    if (abi < 3) {
        (void)fprintf(stderr, "skipped: this kernel has Landlock ABI %ld, the test needs 3\n", abi);
        return 77;
    }
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
