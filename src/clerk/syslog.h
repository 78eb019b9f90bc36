/*
 * syslog.h - one message to a syslog server: RFC 5424, over TCP with octet counting (RFC 6587 §3.4.1), over TLS (RFC 5425, the
 * server's certificate verified), or to a connected unix socket. A connection for each message: one a minute is sent, and
 * only its orderly end tells that the server had it.
 */
#ifndef SD_CLERK_SYSLOG_H
#define SD_CLERK_SYSLOG_H

#include "core/clock.h"
#include "core/endpoint.h"
#include "core/ipc/ipc.h"
#include "crypt/tls.h"

struct syslog_target {
    struct endpoint endpoint;
    struct tls_context *tls; /* of ENDPOINT_TLS */
    struct ipc_client *dns;  /* for a host that is a name */
    int unix_fd;             /* of ENDPOINT_UNIX: connected by the supervisor, outside of our root; -1: none yet */
};

#define SYSLOG_MESSAGE_MAX ((size_t)2048) /* RFC 5424 §6.1: what receivers should be able to take */

/* "<PRI>1 TIME HOST sealdesk PID MSGID - TEXT"; text: ours, one line. */
struct syslog_message {
    struct span host, id, text;
    int64_t time_ms;
    int pid;
};
void syslog_put(struct buf *to, const struct syslog_message *message);
/* SD_ERR_FORGED: the server's certificate is not valid for its name. */
enum sd_err syslog_send(const struct syslog_target *target, struct span message, struct deadline deadline) SD_MUST_CHECK;

#endif
