/* wire.h - a connection to a mail server: a non-blocking socket, TLS once it was started, and what was read ahead. */
#ifndef SD_COURIER_WIRE_H
#define SD_COURIER_WIRE_H

#include "crypt/tls.h"

#include <sys/socket.h>

#define WIRE_IN_BYTES 4096
#define WIRE_CLOSE_MS 500 /* for close_notify: politeness has a limit */

struct wire {
    int fd; /* -1: closed */
    struct tls_session *tls;
    size_t from, to;
    uint8_t in[WIRE_IN_BYTES];
};

struct wire_address {
    struct sockaddr_storage at;
    socklen_t bytes;
};
/* ip: 4 or 16 bytes in network order. */
enum sd_err wire_address_ip(struct span ip, uint16_t port, struct wire_address *ret) SD_MUST_CHECK;
enum sd_err wire_address_unix(const char *path, struct wire_address *ret) SD_MUST_CHECK;

enum sd_err wire_connect(struct wire *w, const struct wire_address *to, struct deadline deadline) SD_MUST_CHECK;
void wire_close(struct wire *w);

/* SD_ERR_PROTOCOL when the peer has sent bytes that would be read as if they came over TLS. */
enum sd_err wire_start_tls(struct wire *w, struct tls_context *context, struct span host,
                           struct deadline deadline) SD_MUST_CHECK;

/* What is read and not yet used; when empty, waits for more. SD_ERR_CLOSED at the peer's end. */
enum sd_err wire_read(struct wire *w, struct deadline deadline, struct span *ret) SD_MUST_CHECK;
void wire_used(struct wire *w, size_t n);
enum sd_err wire_write(struct wire *w, struct span bytes, struct deadline deadline) SD_MUST_CHECK; /* all of it */

/* Nothing was said since the last reply and the peer has not closed. */
bool wire_idle(const struct wire *w);

#endif
