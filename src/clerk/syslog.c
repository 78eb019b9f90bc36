#include "clerk/syslog.h"
#include "core/ipc/dns.h"
#include "core/network.h"
#include "core/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define FACILITY_AUDIT 13 /* RFC 5424 table 1: log audit */
#define SEVERITY_NOTICE 5
#define TYPE_A 1
#define TYPE_AAAA 28
#define END_MS 3000 /* for the server's end of the connection, once it has all */

/* HOSTNAME and MSGID are printable ASCII without spaces, "-" when there is none (RFC 5424 §6). */
static void put_word(struct buf *to, struct span word, size_t max) {
    bool good = word.n > 0 && word.n <= max;
    for (size_t i = 0; i < word.n && good; i++)
        good = word.p[i] > 32 && word.p[i] < 127;
    buf_put(to, good ? word : SPAN("-"));
    buf_byte(to, ' ');
}

void syslog_put(struct buf *to, const struct syslog_message *message) {
    buf_printf(to, "<%d>1 ", FACILITY_AUDIT * 8 + SEVERITY_NOTICE);
    put_rfc3339(to, message->time_ms);
    buf_byte(to, ' ');
    put_word(to, message->host, 255);
    buf_printf(to, "sealdesk %d ", message->pid);
    put_word(to, message->id, 32);
    buf_text(to, "- ");
    buf_put(to, message->text);
}

/* ---- where it is ---- */

static void put_address(const uint8_t ip[16], uint16_t port, struct sockaddr_storage *to, socklen_t *ret_n) {
    if (ip_is_v4(ip)) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&in.sin_addr, ip + 12, 4);
        memcpy(to, &in, sizeof in);
        *ret_n = sizeof in;
    } else {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        memcpy(&in6.sin6_addr, ip, 16);
        memcpy(to, &in6, sizeof in6);
        *ret_n = sizeof in6;
    }
}

/* The first address of that type. */
static enum sd_err ask_dns(const struct syslog_target *target, uint16_t type, struct deadline deadline, uint8_t ret[16]) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct dns_query_req req = {.name = span_cstr(target->endpoint.host), .type = type};
    struct dns_query_rep rep;
    if (!target->dns)
        return SD_ERR_UNAVAILABLE;
    enum sd_err err = dns_query_call(target->dns, &req, deadline, &msg, &rep);
    if (err)
        return err;
    struct ipc_list_iter iter = ipc_list_start(rep.records);
    struct span rdata;
    while (ipc_list_next(&iter, &rdata))
        if (rdata.n == (type == TYPE_A ? 4 : 16)) {
            ip_of_record(rdata, ret);
            return SD_OK;
        }
    return SD_ERR_NOTFOUND;
}

static enum sd_err find_address(const struct syslog_target *target, struct deadline deadline, uint8_t ret[16]) {
    if (ip_parse(span_cstr(target->endpoint.host), ret) == SD_OK)
        return SD_OK;
    enum sd_err err = ask_dns(target, TYPE_A, deadline, ret);
    return err == SD_OK ? err : ask_dns(target, TYPE_AAAA, deadline, ret);
}

/* ---- getting there ---- */

static enum sd_err finish_connect(int fd, struct deadline deadline) {
    int error = 0;
    socklen_t n = sizeof error;
    enum sd_err err = wait_fd(fd, POLLOUT, deadline);
    if (err)
        return err;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 && error == 0 ? SD_OK : SD_ERR_CLOSED;
}

static enum sd_err connect_to(const struct syslog_target *target, struct deadline deadline, int *ret_fd) {
    struct sockaddr_storage at = {0};
    socklen_t n = 0;
    uint8_t ip[16];
    enum sd_err err = find_address(target, deadline, ip);
    if (err)
        return err;
    put_address(ip, target->endpoint.port, &at, &n);
    int fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return sd_err_from_errno(errno);
    if (connect(fd, (const struct sockaddr *)&at, n) != 0)
        err = errno == EINPROGRESS ? finish_connect(fd, deadline) : SD_ERR_CLOSED;
    if (err)
        (void)close(fd);
    else
        *ret_fd = fd;
    return err;
}

/* What the server has not taken when it closes, it resets: so its end is waited for. One that keeps the connection open has it.
 */
static enum sd_err await_end(int fd) {
    struct deadline deadline = deadline_in_ms(END_MS);
    uint8_t bytes[256];
    (void)shutdown(fd, SHUT_WR);
    for (;;) {
        enum sd_err err = wait_fd(fd, POLLIN, deadline);
        if (err)
            return err == SD_ERR_TIMEOUT ? SD_OK : err;
        ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n == 0)
            return SD_OK;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return SD_ERR_CLOSED;
    }
}

static enum sd_err write_tls(const struct syslog_target *target, int fd, struct span frame, struct deadline deadline) {
    struct tls_session *session = NULL;
    enum sd_err err = tls_connect(target->tls, fd, span_cstr(target->endpoint.host), deadline, &session);
    if (err == SD_OK && !tls_session_facts(session).peer_certificate_valid)
        err = SD_ERR_FORGED; /* RFC 5425 §5.2 */
    if (err == SD_OK)
        err = tls_write(session, frame, deadline);
    tls_free(&session, deadline);
    return err;
}

static enum sd_err send_frame(const struct syslog_target *target, struct span message, struct deadline deadline) {
    struct buf frame SD_CLEANUP(buf_free) = buf_new(SYSLOG_MESSAGE_MAX + 16);
    int fd = -1;
    buf_printf(&frame, "%zu ", message.n);
    buf_put(&frame, message);
    enum sd_err err = buf_err(&frame);
    if (err == SD_OK)
        err = connect_to(target, deadline, &fd);
    if (err)
        return err;
    err = target->endpoint.kind == ENDPOINT_TLS ? write_tls(target, fd, buf_span(&frame), deadline)
                                                : socket_send(fd, buf_span(&frame), deadline);
    if (err == SD_OK)
        err = await_end(fd);
    (void)close(fd);
    return err;
}

enum sd_err syslog_send(const struct syslog_target *target, struct span message, struct deadline deadline) {
    if (target->endpoint.kind != ENDPOINT_UNIX)
        return send_frame(target, message, deadline);
    if (target->unix_fd < 0)
        return SD_ERR_UNAVAILABLE;
    return send(target->unix_fd, message.p, message.n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)message.n ? SD_OK
                                                                                                          : SD_ERR_CLOSED;
}
