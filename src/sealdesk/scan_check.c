#include "sealdesk/scan_check.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ASK_SECONDS 3

static int connect_unix(const char *path) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof un.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(un.sun_path, path, n);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&un, sizeof un) == 0)
        return fd;
    int problem = errno;
    if (fd >= 0)
        (void)close(fd);
    errno = problem;
    return -1;
}

/* Waits no longer for the connection than for an answer. */
static int connect_to(const struct addrinfo *a) {
    struct timeval limit = {.tv_sec = ASK_SECONDS};
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
        connect(fd, a->ai_addr, a->ai_addrlen) == 0)
        return fd;
    int problem = errno;
    if (fd >= 0)
        (void)close(fd);
    errno = problem == EINPROGRESS ? ETIMEDOUT : problem;
    return -1;
}

static int connect_tcp(const struct endpoint *endpoint) {
    char port[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int fd = -1;
    (void)snprintf(port, sizeof port, "%u", endpoint->port);
    if (getaddrinfo(endpoint->host, port, &hints, &found) != 0) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next)
        fd = connect_to(a);
    freeaddrinfo(found);
    return fd;
}

static bool exchange(int fd, struct span request, struct buf *answer) {
    struct timeval limit = {.tv_sec = ASK_SECONDS};
    ssize_t n = 0;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
        send(fd, request.p, request.n, MSG_NOSIGNAL) != (ssize_t)request.n)
        return false;
    do {
        uint8_t *p = answer->n + 4096 <= answer->max ? buf_reserve(answer, 4096) : NULL;
        n = p ? recv(fd, p, 4096, 0) : 0;
        if (n > 0)
            buf_grew(answer, (size_t)n);
    } while (n > 0);
    if (n < 0 && errno == EAGAIN)
        errno = ETIMEDOUT;
    return answer->n > 0;
}

bool scan_ask(const struct endpoint *endpoint, struct span request, struct buf *answer, const char **ret_problem) {
    errno = 0;
    int fd = endpoint->kind == ENDPOINT_UNIX ? connect_unix(endpoint->host) : connect_tcp(endpoint);
    bool good = fd >= 0 && exchange(fd, request, answer);
    if (!good)
        *ret_problem = errno ? strerror(errno) : "it answers nothing";
    if (fd >= 0)
        (void)close(fd);
    return good;
}

bool scan_list_has(const char *list, const char *word) {
    struct span_split split = span_split_start(span_cstr(list));
    struct span part;
    while (span_split_next(&split, ',', &part))
        if (span_eq(span_trim(part), span_cstr(word)))
            return true;
    return false;
}

/* Letters are looked into again under a policy; without it nothing is, and nothing that waits for the scanner is ever opened.
 */
static void warn_policies(const struct settings *settings, FILE *to) {
    const char *policies = settings_text(settings, "access.warrant_policies");
    if (!scan_list_has(policies, "rescan"))
        (void)fprintf(
            to, "access.warrant_policies does not name rescan: attachments that came while the virus scanner was away stay "
                "closed for good, and nothing that is stored is scanned again when signatures change\n");
    if (*settings_text(settings, "scan.rspamd_controller") && !scan_list_has(policies, "learn"))
        (void)fprintf(to,
                      "scan.rspamd_controller is set, and access.warrant_policies does not name learn: rspamd learns nothing "
                      "from Spam and Not spam\n");
}

void scan_warn(const struct settings *settings, FILE *to) {
    scan_warn_clamd(settings, to);
    scan_warn_rspamd(settings, to);
    scan_warn_preview(settings, to);
    warn_policies(settings, to);
}
