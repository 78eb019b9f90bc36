/*
 * What box_test.c runs in the sandbox in place of sealdesk-paginate: tries to get out, and says what it reached. Its standard
 * input has a word, what to do, and what the test put up for it outside: "reach PORT PID ABSTRACT DIRECTORY KEY HOST".
 *
 * Also run by the test outside of any sandbox ("outside" for "reach"), where it must reach what it does not reach inside.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

extern char **environ;

static struct {
    char mode[16], name[64], directory[128], host[128];
    unsigned port;
    int pid, key;
} outside;

static void reached(bool yes, const char *what) {
    if (yes)
        (void)printf("reached %s\n", what);
    (void)fflush(stdout); /* what is forked later shall not say it again */
}

/* ---- network ---- */

static void try_families(void) {
    static const struct {
        int family, type;
        const char *name;
    } families[] = {{AF_INET, SOCK_STREAM, "socket-inet"},   {AF_INET, SOCK_DGRAM, "socket-inet-udp"},
                    {AF_INET6, SOCK_STREAM, "socket-inet6"}, {AF_NETLINK, SOCK_RAW, "socket-netlink"},
                    {AF_PACKET, SOCK_RAW, "socket-packet"},  {AF_VSOCK, SOCK_STREAM, "socket-vsock"},
                    {AF_ALG, SOCK_SEQPACKET, "socket-alg"},  {AF_BLUETOOTH, SOCK_STREAM, "socket-bluetooth"}};
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        reached(socket(families[i].family, families[i].type, 0) >= 0, families[i].name);
}

static void try_loopback(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)outside.port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    reached(connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "loopback");
}

static void try_unix(void) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = (size_t)snprintf(to.sun_path + 1, sizeof to.sun_path - 1, "%s", outside.name);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    reached(connect(fd, (struct sockaddr *)&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n)) == 0,
            "abstract-socket");
    (void)snprintf(to.sun_path, sizeof to.sun_path, "%.80s/socket", outside.directory);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    reached(connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "socket-file");
}

/* ---- files ---- */

static void try_files(void) {
    static const char *const files[] = {"/etc/passwd",
                                        "/etc/shadow",
                                        "/etc/hostname",
                                        "/etc/resolv.conf",
                                        "/etc/machine-id",
                                        "/proc",
                                        "/proc/self/status",
                                        "/proc/1/cmdline",
                                        "/sys",
                                        "/sys/kernel",
                                        "/var",
                                        "/home",
                                        "/root",
                                        "/run",
                                        "/work",
                                        "/opt",
                                        "/mnt",
                                        "/dev/kmsg",
                                        "/dev/mem",
                                        "/dev/shm",
                                        "/dev/tty",
                                        "/dev/ptmx",
                                        "/dev/fuse",
                                        "/dev/kvm",
                                        "/dev/vda",
                                        "/dev/sda"};
    char secret[160];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        reached(open(files[i], O_RDONLY | O_NONBLOCK) >= 0, files[i]);
    (void)snprintf(secret, sizeof secret, "%s/secret", outside.directory);
    reached(open(secret, O_RDONLY) >= 0, "data-file");
    (void)snprintf(secret, sizeof secret, "/usr/../%s/secret", outside.directory);
    reached(open(secret, O_RDONLY) >= 0, "data-file-by-dots");
}

/* Nothing but what box.c names. */
static void try_root(void) {
    static const char expected[] = " . .. bin lib lib64 usr etc dev tmp paginate ";
    DIR *dir = opendir("/");
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        char word[300];
        (void)snprintf(word, sizeof word, " %s ", entry->d_name);
        reached(!strstr(expected, word), entry->d_name);
    }
}

static void try_writing(void) {
    static const char *const files[] = {"/x",           "/usr/x", "/usr/bin/x", "/etc/x",
                                        "/etc/fonts/x", "/dev/x", "/lib/x",     "/usr/share/x"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        reached(open(files[i], O_WRONLY | O_CREAT, 0600) >= 0, "writing-a-file");
    reached(open("/paginate", O_WRONLY) >= 0, "writing-the-program");
    reached(open("/usr/bin/env", O_WRONLY) >= 0, "writing-usr");
    reached(write(STDIN_FILENO, "x", 1) == 1 || ftruncate(STDIN_FILENO, 0) == 0, "changing-the-document");
    reached(mknod("/tmp/device", S_IFBLK | 0600, 0x800) == 0, "making-a-device");
}

static void try_descriptors(void) {
    for (int fd = 3; fd < 1024; fd++)
        reached(fcntl(fd, F_GETFD) >= 0, "inherited-descriptor");
}

static void try_environment(void) {
    for (char **e = environ; *e; e++)
        reached(strncmp(*e, "SEALDESK_PROBE=", 15) == 0, "environment");
}

/* ---- processes ---- */

static void try_processes(void) {
    char byte = 0;
    struct iovec here = {.iov_base = &byte, .iov_len = 1}, there = {.iov_base = (void *)(uintptr_t)&environ, .iov_len = 1};
    reached(kill(outside.pid, 0) == 0, "signal");
    reached(syscall(SYS_pidfd_open, outside.pid, 0) >= 0, "pidfd");
    reached(process_vm_readv(outside.pid, &here, 1, &there, 1, 0) == 1, "memory-of-another");
    reached(shmget(outside.key, 1, 0) >= 0, "shared-memory");
    struct utsname name;
    reached(uname(&name) == 0 && strcmp(name.nodename, outside.host) == 0, "host-name");
}

/* ---- the kernel; never outside ---- */

static void try_namespaces(void) {
    reached(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0, "ptrace");
    reached(mount("none", "/tmp", "tmpfs", 0, NULL) == 0, "mount");
    reached(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL) == 0, "remount");
    reached(umount2("/usr", MNT_DETACH) == 0, "umount");
    reached(chroot("/tmp") == 0, "chroot");
    static const int flags[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWNET,   CLONE_NEWPID,
                                CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        reached(unshare(flags[i]) == 0, "unshare");
        long pid = syscall(SYS_clone, flags[i] | SIGCHLD, NULL, NULL, NULL, NULL);
        if (pid == 0)
            _exit(0);
        reached(pid > 0, "clone-namespace");
    }
}

static void try_privileges(void) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct caps[2] = {{0}};
    reached(syscall(SYS_capget, &head, caps) == 0 && (caps[0].effective | caps[0].permitted | caps[0].inheritable |
                                                      caps[1].effective | caps[1].permitted | caps[1].inheritable) != 0,
            "capabilities");
    reached(prctl(PR_CAPBSET_READ, 21) == 1 /* CAP_SYS_ADMIN */, "bounding-set");
    reached(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1, "new-privileges");
    reached(getuid() != 65534 || getgid() != 65534, "user");
    reached(setuid(0) == 0 || setgid(0) == 0, "root");
}

static void try_calls(void) {
    static const struct {
        long call;
        const char *name;
    } calls[] = {{SYS_bpf, "bpf"},
                 {SYS_keyctl, "keyctl"},
                 {SYS_io_uring_setup, "io_uring"},
                 {SYS_userfaultfd, "userfaultfd"},
                 {SYS_perf_event_open, "perf"},
                 {SYS_open_by_handle_at, "handles"},
                 {SYS_init_module, "modules"},
                 {SYS_kexec_load, "kexec"},
                 {SYS_personality, "personality"},
                 {SYS_syslog, "syslog"},
                 {SYS_add_key, "keys"},
                 {SYS_setns, "setns"}};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        errno = 0;
        long rc = syscall(calls[i].call, 0, 0, 0, 0, 0);
        reached(rc != -1 || errno != EPERM, calls[i].name); /* by the filter, before the kernel looked at anything */
    }
}

static void reach(bool inside) {
    try_descriptors();
    try_processes();
    try_families();
    try_loopback();
    try_unix();
    try_files();
    try_environment();
    if (inside) {
        try_root();
        try_writing();
        try_privileges();
        try_calls();
        try_namespaces();
    }
    (void)printf("end\n");
}

/* ---- taking too much ---- */

static void take_processes(void) {
    int count = 0;
    for (pid_t pid = fork(); count < 5000; pid = fork()) {
        if (pid < 0)
            break;
        if (pid == 0)
            for (;;)
                (void)pause();
        count++;
    }
    (void)printf("processes %d\n", count);
}

static void take_memory(void) {
    unsigned long long total = 0;
    while (total < (1ULL << 40) &&
           mmap(NULL, 1 << 26, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        total += 1 << 26;
    (void)printf("megabytes %llu\n", total >> 20);
}

static void take_room(void) {
    static char part[1 << 20];
    unsigned long long total = 0;
    (void)signal(SIGXFSZ, SIG_IGN);
    for (int file = 0; file < 4; file++) {
        char name[32];
        (void)snprintf(name, sizeof name, "/tmp/%d", file);
        int fd = open(name, O_WRONLY | O_CREAT, 0600);
        for (ssize_t n = write(fd, part, sizeof part); n > 0; n = write(fd, part, sizeof part))
            total += (unsigned long long)n;
    }
    (void)printf("megabytes %llu\n", total >> 20);
}

/* With children of its own, in sessions of their own, that no signal but one ends. */
static void hang(void) {
    for (int i = 0; i < 3; i++)
        if (fork() == 0) {
            (void)setsid();
            (void)fork();
        }
    for (int i = 1; i < 32; i++)
        (void)signal(i, SIG_IGN);
    for (;;)
        (void)pause();
}

static void touch_memory(void) {
    for (int i = 0; i < 16; i++)
        if (fork() == 0)
            break;
    char *p = mmap(NULL, 1 << 28, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p != MAP_FAILED)
        memset(p, 1, 1 << 28);
    for (;;)
        (void)pause();
}

int main(void) {
    if (scanf("%15s %u %d %63s %127s %d %127s", outside.mode, &outside.port, &outside.pid, outside.name, outside.directory,
              &outside.key, outside.host) != 7)
        return 2;
    if (strcmp(outside.mode, "reach") == 0 || strcmp(outside.mode, "outside") == 0)
        reach(outside.mode[0] == 'r');
    else if (strcmp(outside.mode, "processes") == 0)
        take_processes();
    else if (strcmp(outside.mode, "memory") == 0)
        take_memory();
    else if (strcmp(outside.mode, "room") == 0)
        take_room();
    else if (strcmp(outside.mode, "touch") == 0)
        touch_memory();
    else if (strcmp(outside.mode, "hang") == 0)
        hang();
    else if (strcmp(outside.mode, "spin") == 0)
        for (;;)
            ;
    else if (strcmp(outside.mode, "crash") == 0)
        abort();
    return 0;
}
