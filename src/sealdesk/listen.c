#include "sealdesk/listen.h"

#include "core/span.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

static bool unix_address(const char *path, struct sockaddr_un *ret) {
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof ret->sun_path)
        return false;
    memcpy(ret->sun_path, path, strlen(path) + 1);
    return true;
}

static enum sd_err parse_inet(const char *text, struct listen_address *ret) {
    char host[64];
    const char *colon = strrchr(text, ':');
    uint64_t port;
    if (!colon || span_to_u64(span_cstr(colon + 1), &port) || port > 65535)
        return SD_ERR_PARSE;
    size_t n = (size_t)(colon - text);
    bool bracketed = n >= 2 && text[0] == '[' && text[n - 1] == ']';
    if (bracketed) {
        text++;
        n -= 2;
    }
    if (n >= sizeof host)
        return SD_ERR_PARSE;
    memcpy(host, text, n);
    host[n] = 0;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    if (!bracketed && inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        memcpy(&ret->address, &v4, sizeof v4);
        ret->length = sizeof v4;
        ret->is_loopback = ntohl(v4.sin_addr.s_addr) >> 24 == 127;
        return SD_OK;
    }
    if (!bracketed || inet_pton(AF_INET6, host, &v6.sin6_addr) != 1)
        return SD_ERR_PARSE;
    memcpy(&ret->address, &v6, sizeof v6);
    ret->length = sizeof v6;
    ret->is_loopback = IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
    return SD_OK;
}

static enum sd_err parse_one(const char *text, bool unix_allowed, struct listen_address *ret) {
    *ret = (struct listen_address){0};
    if (strncmp(text, "unix:", 5) != 0)
        return parse_inet(text, ret);
    struct sockaddr_un un;
    if (!unix_allowed || text[5] != '/' || !unix_address(text + 5, &un))
        return SD_ERR_PARSE;
    memcpy(&ret->address, &un, sizeof un);
    ret->length = sizeof un;
    ret->is_loopback = true;
    return SD_OK;
}

enum sd_err listen_parse(const char *text, bool unix_allowed, struct listen_address *to, size_t *ret_count) {
    struct span_split split = span_split_start(span_cstr(text));
    struct span part;
    size_t count = 0;
    while (span_split_next(&split, ',', &part)) {
        char one[256];
        part = span_trim(part);
        if (count == LISTEN_ADDRESSES_MAX || part.n >= sizeof one)
            return SD_ERR_LIMIT;
        (void)snprintf(one, sizeof one, "%.*s", SPAN_FMT(part));
        enum sd_err err = parse_one(one, unix_allowed, &to[count++]);
        if (err)
            return err;
    }
    *ret_count = count;
    return SD_OK;
}

/* A socket left behind by a run that was killed. What is no socket, or still answers, is somebody's: bind then fails. */
static void remove_stale(const struct listen_address *address) {
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address->address;
    struct stat st;
    if (lstat(un->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address->address, address->length) != 0 && errno == ECONNREFUSED)
        (void)unlink(un->sun_path);
    if (fd >= 0)
        (void)close(fd);
}

static enum sd_err bind_and_listen(int fd, const struct listen_address *address) {
    int on = 1;
    if (address->address.ss_family == AF_UNIX) {
        remove_stale(address);
    } else if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) {
        return SD_ERR_IO;
    }
    if (address->address.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, 26 /* IPV6_V6ONLY */, &on, sizeof on) != 0)
        return SD_ERR_IO;
    if (bind(fd, (const struct sockaddr *)&address->address, address->length) != 0 || listen(fd, BACKLOG) != 0)
        return sd_err_from_errno(errno);
    return SD_OK;
}

static void say_why(const struct listen_address *address, const char *what, int why) {
    char host[64] = "", port[16] = "";
    const struct sockaddr *sa = (const struct sockaddr *)&address->address;
    const char *hint = why == EADDRINUSE      ? " Another server, or another Sealdesk, uses this address."
                       : why == EACCES        ? " Ports below 1024 need root (or CAP_NET_BIND_SERVICE)."
                       : why == EADDRNOTAVAIL ? " This machine does not have this address."
                                              : "";
    if (sa->sa_family == AF_UNIX)
        (void)fprintf(stderr, "%s: cannot listen on unix:%s: %s.%s\n", what, ((const struct sockaddr_un *)sa)->sun_path,
                      strerror(why), why == EADDRINUSE ? " Something is there already." : "");
    else if (getnameinfo(sa, address->length, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        (void)fprintf(stderr, "%s: cannot listen on %s port %s: %s.%s\n", what, host, port, strerror(why), hint);
}

enum sd_err listen_open(const struct listen_address *address, const char *what, int *ret_fd) {
    int fd = socket(address->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    enum sd_err err = fd < 0 ? sd_err_from_errno(errno) : bind_and_listen(fd, address);
    if (err) {
        say_why(address, what, errno);
        if (fd >= 0)
            (void)close(fd);
        return err;
    }
    *ret_fd = fd;
    return SD_OK;
}

/* A socket's path has at most 107 bytes, a data directory's may have more: the address goes through a descriptor of the folder.
 */
static enum sd_err private_address(const char *path, struct sockaddr_un *ret, int *ret_dir) {
    char dir[4096];
    char name[128];
    const char *slash = strrchr(path, '/');
    if (!slash || snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path) >= (int)sizeof dir)
        return SD_ERR_CONFIG;
    int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return sd_err_from_errno(errno);
    if (snprintf(name, sizeof name, "/proc/self/fd/%d%s", fd, slash) >= (int)sizeof name || !unix_address(name, ret)) {
        (void)close(fd);
        return SD_ERR_CONFIG;
    }
    *ret_dir = fd;
    return SD_OK;
}

enum sd_err listen_private(const char *path, int *ret_fd) {
    struct sockaddr_un un;
    int dir = -1;
    enum sd_err err = private_address(path, &un, &dir);
    if (err)
        return err;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)unlink(path);
    mode_t old = umask(0177);
    int rc = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&un, sizeof un);
    (void)umask(old);
    (void)close(dir);
    if (rc != 0 || listen(fd, 16) != 0) {
        err = sd_err_from_errno(errno);
        if (fd >= 0)
            (void)close(fd);
        return err;
    }
    *ret_fd = fd;
    return SD_OK;
}

enum sd_err connect_private(const char *path, int *ret_fd) {
    struct sockaddr_un un;
    int dir = -1;
    enum sd_err err = private_address(path, &un, &dir);
    if (err)
        return err == SD_ERR_NOTFOUND ? SD_ERR_UNAVAILABLE : err;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    int rc = fd < 0 ? -1 : connect(fd, (struct sockaddr *)&un, sizeof un);
    int why = errno;
    (void)close(dir);
    if (rc != 0) {
        if (fd >= 0)
            (void)close(fd);
        return why == EACCES || why == EPERM ? SD_ERR_DENIED : SD_ERR_UNAVAILABLE;
    }
    *ret_fd = fd;
    return SD_OK;
}
