#include "inspect/clamd_rig.h"

#include "core/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLAMD "/usr/sbin/clamd"
#define START_MS 60000 /* under a sanitizer's load */

/* A rig that cannot be set up is no test result. */
static void must(bool ok) {
    if (!ok)
        abort();
}

struct span eicar(void) {
    static char text[69];
    (void)snprintf(text, sizeof text, "%s%s%s", "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS",
                   "-TEST-FILE!$H+H*");
    return span_cstr(text);
}

static void path_in(const struct clamd_rig *rig, const char *name, char *to, size_t n) {
    must(snprintf(to, n, "%s/%s", rig->dir, name) < (int)n);
}

static void write_conf(const struct clamd_rig *rig, const char *more) {
    char path[128];
    path_in(rig, "conf", path, sizeof path);
    FILE *f = fopen(path, "w");
    must(f != NULL);
    (void)fprintf(
        f,
        "LocalSocket %s/sock\nDatabaseDirectory %s/db\nTemporaryDirectory %s/tmp\nForeground yes\nFixStaleSocket yes\n%s%s\n",
        rig->dir, rig->dir, rig->dir, geteuid() == 0 ? "User root\n" : "", more);
    must(fclose(f) == 0);
}

static int connect_to(const struct clamd_rig *rig) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    path_in(rig, "sock", un.sun_path, sizeof un.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0);
    if (connect(fd, (struct sockaddr *)&un, sizeof un) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

/* What it says to a command; false when it says nothing. */
static bool says(const struct clamd_rig *rig, struct span command, const char *expected) {
    char answer[64] = {0};
    int fd = connect_to(rig);
    if (fd < 0)
        return false;
    bool ok = write(fd, command.p, command.n) == (ssize_t)command.n && read(fd, answer, sizeof answer - 1) > 0 &&
              span_starts(span_cstr(answer), span_cstr(expected));
    (void)close(fd);
    return ok;
}

void clamd_rig_run(struct clamd_rig *rig) {
    char conf[128];
    struct deadline deadline = deadline_in_ms(START_MS);
    path_in(rig, "conf", conf, sizeof conf);
    rig->pid = fork();
    must(rig->pid >= 0);
    if (rig->pid == 0) {
        int null = open("/dev/null", O_RDWR);
        (void)dup2(null, STDOUT_FILENO);
        (void)dup2(null, STDERR_FILENO);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        (void)execl(CLAMD, CLAMD, "-c", conf, (char *)NULL);
        _exit(127);
    }
    while (!says(rig, SPAN("zPING\0"), "PONG")) {
        must(!deadline_passed(deadline) && waitpid(rig->pid, NULL, WNOHANG) == 0);
        clock_pause_ms(20);
    }
}

bool clamd_rig_start(struct clamd_rig *rig, const char *more) {
    char path[128];
    *rig = (struct clamd_rig){.dir = "/tmp/clamd-test-XXXXXX"};
    if (access(CLAMD, X_OK) != 0) {
        (void)fprintf(stderr, "SKIPPED: %s is not there (package clamav-daemon)\n", CLAMD);
        return false;
    }
    must(mkdtemp(rig->dir) != NULL);
    path_in(rig, "tmp", path, sizeof path);
    must(mkdir(path, 0700) == 0);
    path_in(rig, "db", rig->signatures, sizeof rig->signatures);
    must(mkdir(rig->signatures, 0755) == 0);
    (void)snprintf(rig->endpoint, sizeof rig->endpoint, "unix:%s/sock", rig->dir);
    write_conf(rig, more);
    clamd_rig_learn(rig, "Eicar-Test-Signature", eicar());
    clamd_rig_run(rig);
    return true;
}

void clamd_rig_kill(struct clamd_rig *rig) {
    if (rig->pid > 0) {
        (void)kill(rig->pid, SIGKILL);
        (void)waitpid(rig->pid, NULL, 0);
    }
    rig->pid = 0;
}

static void remove_in(const char *dir) {
    char command[160];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
    must(system(command) == 0);
}

void clamd_rig_stop(struct clamd_rig *rig) {
    clamd_rig_kill(rig);
    if (rig->dir[0])
        remove_in(rig->dir);
}

void clamd_rig_learn(struct clamd_rig *rig, const char *name, struct span bytes) {
    char temporary[160], path[160];
    (void)snprintf(temporary, sizeof temporary, "%s/tmp-%s", rig->signatures, name);
    (void)snprintf(path, sizeof path, "%s/%s.ndb", rig->signatures, name);
    FILE *f = fopen(temporary, "w");
    must(f != NULL);
    (void)fprintf(f, "%s:0:*:", name);
    for (size_t i = 0; i < bytes.n; i++)
        (void)fprintf(f, "%02x", bytes.p[i]);
    (void)fprintf(f, "\n");
    must(fclose(f) == 0 && rename(temporary, path) == 0);
}

void clamd_rig_reload(struct clamd_rig *rig) {
    must(says(rig, SPAN("zRELOAD\0"), "RELOADING"));
    clock_pause_ms(500); /* it loads them beside the old ones */
    struct deadline deadline = deadline_in_ms(START_MS);
    while (!says(rig, SPAN("zPING\0"), "PONG")) {
        must(!deadline_passed(deadline));
        clock_pause_ms(20);
    }
}
