/*
 * server.h - the HTTP server (libmicrohttpd, a thread per connection): turns connections into exchanges and back. It knows the
 * protocol's limits and the headers that every answer carries; what is asked and answered is route.c's business.
 */
#ifndef SD_DESK_SERVER_H
#define SD_DESK_SERVER_H

#include "desk/desk.h"

#define SERVER_LISTENERS_MAX 8
#define SERVER_CONNECTIONS 512                  /* per listener; each has a thread with a small stack */
#define SERVER_CONNECTIONS_PER_IP 256           /* a proxy in front is one address */
#define SERVER_HEADER_BYTES ((size_t)32 * 1024) /* request line, header and what the library keeps beside it */
#define SERVER_IDLE_S 30
#define SERVER_BODY_MS 60000                     /* the whole body, however slowly it trickles */
#define SERVER_DISCARD_BYTES ((size_t)64 * 1024) /* of a body that is refused: read, so that the refusal is read */

struct server;

/* key and certificate: PEM, NUL-terminated, living as long as the server; both NULL: plain HTTP. */
enum sd_err server_new(struct desk *desk, const char *key_pem, const char *certificate_pem, struct server **ret) SD_MUST_CHECK;
/* Owns fd, a listening socket. After confinement: it makes threads. */
enum sd_err server_listen(struct server *server, int fd) SD_MUST_CHECK;
/* Takes no new connections; waits for answers in progress. */
void server_stop(struct server *server, struct deadline deadline);

#endif
