/* listen.h - "ADDR:PORT", "[V6]:PORT", "unix:/path" to listening sockets. */
#ifndef SD_SEALDESK_LISTEN_H
#define SD_SEALDESK_LISTEN_H

#include "core/err.h"

#include <sys/socket.h>

#define LISTEN_ADDRESSES_MAX 8

struct listen_address {
    struct sockaddr_storage address;
    socklen_t length;
    bool is_loopback; /* or a unix socket: only this host reaches it */
};

enum sd_err listen_parse(const char *text, bool unix_allowed, struct listen_address *to, size_t *ret_count) SD_MUST_CHECK;
/* Stream socket, bound and listening, non-blocking, close-on-exec; says on stderr what failed. */
enum sd_err listen_open(const struct listen_address *address, const char *what, int *ret_fd) SD_MUST_CHECK;
/* A unix SOCK_SEQPACKET listener at this path, mode 0600; replaces a stale socket. */
enum sd_err listen_private(const char *path, int *ret_fd) SD_MUST_CHECK;
/* Connects to one: SD_ERR_UNAVAILABLE when nobody listens. */
enum sd_err connect_private(const char *path, int *ret_fd) SD_MUST_CHECK;

#endif
