/* The sandbox with a program in it that tries to get out (box_probe.c): it reaches nothing, and what it takes is bounded. */
#include "render/launch.h"

#include "core/ipc/ipc.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 30000
#define SANDBOX_UID 64607
#define LEFT_OPEN 42

static struct launch_spec spec = {.box = {.address_space_bytes = UINT64_C(4) << 30}};
static int launcher;

/* What it could reach. */
static struct {
    int tcp, abstract, file, shared;
    unsigned port;
    char name[64], dir[64], host[128];
} put_up;

static int listen_unix(struct sockaddr_un *un, size_t n) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)un, (socklen_t)n), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static void put_up_sockets(void) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    socklen_t n = sizeof in;
    put_up.tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(put_up.tcp, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(listen(put_up.tcp, 8), 0);
    assert_int_equal(getsockname(put_up.tcp, (struct sockaddr *)&in, &n), 0);
    put_up.port = ntohs(in.sin_port);
    (void)snprintf(put_up.name, sizeof put_up.name, "sealdesk-probe-%d", getpid());
    (void)snprintf(un.sun_path + 1, sizeof un.sun_path - 1, "%s", put_up.name);
    put_up.abstract = listen_unix(&un, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(put_up.name));
    (void)snprintf(un.sun_path, sizeof un.sun_path, "%s/socket", put_up.dir);
    put_up.file = listen_unix(&un, sizeof un);
    assert_int_equal(chmod(un.sun_path, 0777), 0);
}

static void put_up_files(void) {
    char path[128];
    (void)snprintf(put_up.dir, sizeof put_up.dir, "/tmp/sealdesk-box-test-XXXXXX");
    assert_non_null(mkdtemp(put_up.dir));
    assert_int_equal(chmod(put_up.dir, 0755), 0);
    (void)snprintf(path, sizeof path, "%s/secret", put_up.dir);
    int fd = open(path, O_RDWR | O_CREAT, 0644); /* whoever can see it may read it */
    assert_int_equal(dup2(fd, LEFT_OPEN), LEFT_OPEN);
    (void)close(fd);
    put_up.shared = shmget(0x5ea1 + getpid(), 4096, IPC_CREAT | 0666);
    assert_true(put_up.shared >= 0);
    assert_int_equal(setenv("SEALDESK_PROBE", "secret", 1), 0);
    assert_int_equal(gethostname(put_up.host, sizeof put_up.host), 0);
}

static int begin(SD_UNUSED void **state) {
    put_up_files();
    put_up_sockets();
    if (getuid() == 0)
        spec.uid = spec.gid = SANDBOX_UID;
    return launcher_start(&spec, &launcher) == SD_OK ? 0 : -1;
}

static int finish(SD_UNUSED void **state) {
    char path[128];
    (void)close(launcher);
    (void)waitpid(-1, NULL, 0);
    (void)shmctl(put_up.shared, IPC_RMID, NULL);
    (void)snprintf(path, sizeof path, "%s/secret", put_up.dir);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/socket", put_up.dir);
    (void)unlink(path);
    return rmdir(put_up.dir);
}

static int orders(const char *mode) {
    char text[512];
    int fd = -1;
    int n = snprintf(text, sizeof text, "%s %u %d %s %s %d %s\n", mode, put_up.port, getpid(), put_up.name, put_up.dir,
                     0x5ea1 + getpid(), put_up.host);
    assert_int_equal(sealed_memfd(span_of(text, (size_t)n), &fd), SD_OK);
    return fd;
}

static struct launch start(const char *mode, uint32_t seconds) {
    struct box_job job = {.pages_max = 1, .side_max = 1, .seconds = seconds, .extension = "-"};
    struct launch launch;
    int fd = orders(mode);
    assert_int_equal(launch_start(launcher, &job, fd, &launch), SD_OK);
    (void)close(fd);
    return launch;
}

/* All that it says, to the end of everything in the sandbox. */
static void read_all(int fd, char *to, size_t n) {
    struct deadline deadline = deadline_in_ms(WAIT_MS);
    size_t have = 0;
    for (;;) {
        assert_int_equal(wait_fd(fd, POLLIN, deadline), SD_OK);
        ssize_t got = read(fd, to + have, n - 1 - have);
        assert_true(got >= 0);
        if (got == 0)
            break;
        have += (size_t)got;
    }
    to[have] = 0;
}

static enum launch_end run(const char *mode, uint32_t seconds, char *to, size_t n) {
    struct launch launch = start(mode, seconds);
    read_all(launch.pixels, to, n);
    return launch_finish(&launch, deadline_in_ms(WAIT_MS));
}

static bool knocked(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

static void test_reaches_nothing(SD_UNUSED void **state) {
    char said[16384];
    assert_int_equal(run("reach", 10, said, sizeof said), LAUNCH_EXITED);
    assert_string_equal(said, "end\n");
    assert_false(knocked(put_up.tcp));
    assert_false(knocked(put_up.abstract));
    assert_false(knocked(put_up.file));
}

/* The same program outside: what the test above is worth. */
static void test_reaches_it_outside(SD_UNUSED void **state) {
    static const char *const expected[] = {"socket-inet\n",
                                           "loopback\n",
                                           "abstract-socket\n",
                                           "socket-file\n",
                                           "/etc/passwd\n",
                                           "data-file\n",
                                           "/proc\n",
                                           "signal\n",
                                           "pidfd\n",
                                           "shared-memory\n",
                                           "environment\n",
                                           "host-name\n",
                                           "inherited-descriptor\n"};
    char said[16384];
    int fds[2], fd = orders("outside");
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(fd, 0) == 0 && lseek(0, 0, SEEK_SET) == 0 && dup2(fds[1], 1) == 1)
            (void)execl(spec.box.program, spec.box.program, (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    (void)close(fd);
    read_all(fds[0], said, sizeof said);
    (void)close(fds[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    for (size_t i = 0; i < SD_COUNT(expected); i++)
        if (!strstr(said, expected[i]))
            fail_msg("not reached outside: %s", expected[i]);
    assert_true(knocked(put_up.tcp) && knocked(put_up.abstract) && knocked(put_up.file));
}

static void test_takes_no_more_than_it_may(SD_UNUSED void **state) {
    char said[256];
    unsigned n = 0;
    assert_int_equal(run("processes", 10, said, sizeof said), LAUNCH_EXITED);
    assert_int_equal(sscanf(said, "processes %u", &n), 1);
    assert_in_range(n, 30, 64);
    assert_int_equal(run("memory", 10, said, sizeof said), LAUNCH_EXITED);
    assert_int_equal(sscanf(said, "megabytes %u", &n), 1);
    assert_in_range(n, 1024, 4096);
    assert_int_equal(run("room", 10, said, sizeof said), LAUNCH_EXITED);
    assert_int_equal(sscanf(said, "megabytes %u", &n), 1);
    assert_in_range(n, 400, 512);
}

static void test_crash(SD_UNUSED void **state) {
    char said[256];
    assert_int_equal(run("crash", 10, said, sizeof said), LAUNCH_FAILED);
    assert_int_equal(run("nothing", 10, said, sizeof said), LAUNCH_EXITED);
}

/* That read_all() came to an end says that nobody is left who could write. */
static void test_hang(SD_UNUSED void **state) {
    char said[256];
    int64_t since_ns = clock_mono_ns();
    assert_int_equal(run("hang", 1, said, sizeof said), LAUNCH_TOO_LONG);
    assert_in_range((clock_mono_ns() - since_ns) / 1000000, 900, 10000);
    enum launch_end end = run("spin", 1, said, sizeof said); /* by the clock or by its processor time */
    assert_true(end == LAUNCH_TOO_LONG || end == LAUNCH_FAILED);
    assert_int_equal(run("nothing", 10, said, sizeof said), LAUNCH_EXITED);
}

static void test_unwatched(SD_UNUSED void **state) {
    struct launch launch = start("hang", 30);
    int64_t since_ns = clock_mono_ns();
    (void)usleep(200000);
    assert_int_equal(launch_finish(&launch, deadline_in_ms(WAIT_MS)), LAUNCH_UNWATCHED);
    assert_in_range((clock_mono_ns() - since_ns) / 1000000, 0, 5000);
}

static void test_two_at_once(SD_UNUSED void **state) {
    char said[256];
    struct launch one = start("hang", 30), two = start("hang", 30);
    assert_int_equal(run("nothing", 10, said, sizeof said), LAUNCH_REFUSED);
    assert_int_equal(launch_finish(&one, deadline_in_ms(WAIT_MS)), LAUNCH_UNWATCHED);
    assert_int_equal(run("nothing", 10, said, sizeof said), LAUNCH_EXITED);
    assert_int_equal(launch_finish(&two, deadline_in_ms(WAIT_MS)), LAUNCH_UNWATCHED);
}

/* Ended at every moment of its beginning: nothing is left over, which the end of a connection that all of them have tells. */
static void test_ended_early(SD_UNUSED void **state) {
    char said[256];
    int watch[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, watch), 0);
    for (unsigned i = 0; i < 40; i++) {
        struct box_job job = {.pages_max = 1, .side_max = 1, .seconds = 60, .extension = "-"};
        struct launch launch;
        assert_int_equal(launch_start(launcher, &job, watch[1], &launch), SD_OK); /* in place of a document */
        (void)usleep(i * 150);
        assert_int_equal(launch_finish(&launch, deadline_in_ms(WAIT_MS)), LAUNCH_UNWATCHED);
    }
    (void)close(watch[1]);
    read_all(watch[0], said, sizeof said);
    (void)close(watch[0]);
}

/* The launcher does as little as it can for a role that has been taken over. */
static void test_requests_that_are_none(SD_UNUSED void **state) {
    struct box_job job = {.pages_max = 1, .side_max = 1, .seconds = 10, .extension = "../../x"};
    struct launch launch;
    char said[256];
    int fd = orders("nothing");
    assert_int_equal(launch_start(launcher, &job, fd, &launch), SD_OK);
    assert_int_equal(launch_finish(&launch, deadline_in_ms(WAIT_MS)), LAUNCH_REFUSED);
    memset(job.extension, 'a', sizeof job.extension); /* no end */
    assert_int_equal(launch_start(launcher, &job, fd, &launch), SD_OK);
    assert_int_equal(launch_finish(&launch, deadline_in_ms(WAIT_MS)), LAUNCH_REFUSED);
    assert_int_equal(send(launcher, "x", 1, 0), 1);
    assert_int_equal(run("nothing", 10, said, sizeof said), LAUNCH_EXITED);
    (void)close(fd);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reaches_nothing),
        cmocka_unit_test(test_reaches_it_outside),
        cmocka_unit_test(test_takes_no_more_than_it_may),
        cmocka_unit_test(test_crash),
        cmocka_unit_test(test_hang),
        cmocka_unit_test(test_unwatched),
        cmocka_unit_test(test_two_at_once),
        cmocka_unit_test(test_ended_early),
        cmocka_unit_test(test_requests_that_are_none),
    };
    if (argc != 2)
        return 2;
    spec.box.program = argv[1];
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, begin, finish);
}
