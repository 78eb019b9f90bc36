#include "sealdesk/demo/demo.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int demo_run(char *const argv[], struct buf *output) {
    int out[2];
    if (pipe2(out, O_CLOEXEC) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(out[1], STDOUT_FILENO);
        (void)execv(argv[0], argv);
        _exit(127);
    }
    (void)close(out[1]);
    ssize_t n = 0;
    do {
        uint8_t *p = buf_reserve(output, 4096);
        n = p ? read(out[0], p, 4096) : -1;
        if (n > 0)
            buf_grew(output, (size_t)n);
    } while (n > 0 || (n < 0 && errno == EINTR));
    (void)close(out[0]);
    int status = -1;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int demo_spawn(char *const argv[], const char *log_path) {
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        (void)setpgid(0, 0); /* Ctrl-C is ours: we stop it in order */
        int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (log >= 0) {
            (void)dup2(log, STDOUT_FILENO);
            (void)dup2(log, STDERR_FILENO);
        }
        (void)execv(argv[0], argv);
        _exit(127);
    }
    return pid;
}

enum sd_err demo_free_port(uint16_t *ret) {
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof any;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0 &&
                getsockname(fd, (struct sockaddr *)&any, &length) == 0;
    if (fd >= 0)
        (void)close(fd);
    if (good)
        *ret = ntohs(any.sin_port);
    return good ? SD_OK : SD_ERR_IO;
}

/* True when it ended by itself; then there is nothing left to wait for. */
bool demo_ended(int *pid) {
    int status;
    if (waitpid(*pid, &status, WNOHANG) != *pid)
        return false;
    *pid = 0;
    return true;
}

/* As the desk will bind it: a port that was just closed counts as free. */
bool demo_port_free(uint16_t port) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                bind(fd, (struct sockaddr *)&here, sizeof here) == 0;
    if (fd >= 0)
        (void)close(fd);
    return good;
}

enum sd_err demo_write_file(const char *path, struct span bytes) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return sd_err_from_errno(errno);
    bool good = write(fd, bytes.p, bytes.n) == (ssize_t)bytes.n;
    return close(fd) == 0 && good ? SD_OK : SD_ERR_IO;
}

enum sd_err demo_read_file(const char *path, struct buf *to) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sd_err_from_errno(errno);
    ssize_t n = 1;
    while (n > 0) {
        uint8_t *at = buf_reserve(to, 65536);
        n = at ? read(fd, at, 65536) : -1;
        buf_grew(to, n > 0 ? (size_t)n : 0);
    }
    (void)close(fd);
    return n < 0 ? SD_ERR_IO : buf_err(to);
}

void demo_remove_tree(const char *path) {
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char child[PATH_BYTES];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            snprintf(child, sizeof child, "%s/%s", path, e->d_name) >= (int)sizeof child)
            continue;
        if (unlink(child) != 0)
            demo_remove_tree(child);
    }
    if (dir)
        (void)closedir(dir);
    (void)rmdir(path);
}
