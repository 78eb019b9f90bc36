#include "render/box.h"

#include "render/box_filter.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TMPFS_BYTES "536870912" /* the document, LibreOffice's profile, a PDF of it */
#define FILE_BYTES ((rlim_t)512 * 1024 * 1024)
#define PROCESSES "--nproc=64:64" /* and threads: LibreOffice has about twenty */
#define OPEN_FILES 512
#define FILTER_FD 3
#define GIVES_WAY 2 /* a little, to those who take letters in: somebody waits for this, too */

/* In order: bubblewrap does one after another. Root and /dev are themselves of tmpfs, hence their remounting. */
static const char *const fixed_arguments[] = {
    "bwrap",
    "--unshare-all",
    "--unshare-user",
    "--die-with-parent",
    "--clearenv",
    "--uid",
    "65534",
    "--gid",
    "65534",
    "--hostname",
    "preview",
    "--cap-drop",
    "ALL",
    "--seccomp",
    "3",
    /* programs and their libraries */
    "--ro-bind",
    "/usr",
    "/usr",
    "--symlink",
    "usr/lib",
    "/lib",
    "--symlink",
    "usr/lib64",
    "/lib64",
    "--symlink",
    "usr/bin",
    "/bin",
    "--ro-bind-try",
    "/etc/ld.so.cache",
    "/etc/ld.so.cache",
    "--ro-bind-try",
    "/etc/alternatives",
    "/etc/alternatives",
    "--ro-bind-try",
    "/etc/fonts",
    "/etc/fonts",
    "--ro-bind-try",
    "/etc/libreoffice",
    "/etc/libreoffice",
    /* devices without state */
    "--size",
    "4096",
    "--tmpfs",
    "/dev",
    "--dev-bind",
    "/dev/null",
    "/dev/null",
    "--dev-bind",
    "/dev/zero",
    "/dev/zero",
    "--dev-bind",
    "/dev/random",
    "/dev/random",
    "--dev-bind",
    "/dev/urandom",
    "/dev/urandom",
    "--remount-ro",
    "/dev",
    "--size",
    TMPFS_BYTES,
    "--tmpfs",
    "/tmp",
    "--chdir",
    "/tmp",
    "--setenv",
    "PATH",
    "/usr/bin",
    "--setenv",
    "HOME",
    "/tmp",
    "--setenv",
    "LANG",
    "C.UTF-8",
    "--setenv",
    "ASAN_OPTIONS",
    "detect_leaks=0" /* its leak check traces processes */,
};
#define FIXED SD_COUNT(fixed_arguments)

static bool limit(int resource, rlim_t value) {
    struct rlimit both = {value, value};
    return setrlimit((__rlimit_resource_t)resource, &both) == 0;
}

static bool set_limits(const struct box_spec *spec, const struct box_job *job) {
    return limit(RLIMIT_CPU, job->seconds) && limit(RLIMIT_FSIZE, FILE_BYTES) && limit(RLIMIT_NOFILE, OPEN_FILES) &&
           limit(RLIMIT_CORE, 0) && limit(RLIMIT_MEMLOCK, 0) && limit(RLIMIT_MSGQUEUE, 0) &&
           (spec->address_space_bytes == UINT64_MAX || limit(RLIMIT_AS, spec->address_space_bytes));
}

/* When memory runs out, the kernel takes it from here first. */
static void offer_to_oom_killer(void) {
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t n = write(fd, "1000", 4);
    (void)n; /* a kernel that does not let us is no reason to show nothing */
    (void)close(fd);
}

/* Descriptors 0 to 3 and no other: bubblewrap hands on whatever is open. */
static bool set_descriptors(int content, int to) {
    int filter = box_filter();
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int from[] = {content, to, null, filter};
    for (size_t i = 0; i < SD_COUNT(from); i++)
        if (from[i] < 0 || (from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 16)) < 0)
            return false;
    for (size_t i = 0; i < SD_COUNT(from); i++)
        if (dup2(from[i], (int)i) < 0)
            return false;
    (void)lseek(STDIN_FILENO, 0, SEEK_SET); /* whoever wrote it was at its end */
    return syscall(SYS_close_range, FILTER_FD + 1, ~0U, 0) == 0;
}

/* The number of processes is limited inside, where it is counted by itself: outside, all of the same user's would count. */
static void run(const struct box_spec *spec, const struct box_job *job) {
    char pages[16], side[16];
    (void)snprintf(pages, sizeof pages, "%u", job->pages_max);
    (void)snprintf(side, sizeof side, "%u", job->side_max);
    const char *own[] = {"--ro-bind", spec->program, "/paginate", "--remount-ro", "/", "--", "/usr/bin/prlimit", PROCESSES,
                         "/paginate", pages,         side,        job->extension, NULL};
    const char *arguments[FIXED + SD_COUNT(own)];
    memcpy(arguments, fixed_arguments, sizeof fixed_arguments);
    memcpy(arguments + FIXED, own, sizeof own);
    char *const none[] = {NULL};
    (void)execve(BOX_BWRAP, (char *const *)(uintptr_t)arguments, none);
}

void box_enter(const struct box_spec *spec, const struct box_job *job, int content, int to) {
    (void)setpriority(PRIO_PROCESS, 0, GIVES_WAY);
    offer_to_oom_killer();
    if (set_descriptors(content, to) && set_limits(spec, job))
        run(spec, job);
}
