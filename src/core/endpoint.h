/* endpoint.h - where something outside is reached: "tcp:HOST:PORT", "tls:HOST:PORT", "unix:/path"; HOST may be [V6]. No I/O. */
#ifndef SD_CORE_ENDPOINT_H
#define SD_CORE_ENDPOINT_H

#include "core/limits.h"
#include "core/span.h"

enum endpoint_kind { ENDPOINT_NONE, ENDPOINT_TCP, ENDPOINT_TLS, ENDPOINT_UNIX };
struct endpoint {
    enum endpoint_kind kind;
    char host[LIMIT_DOMAIN_BYTES + 1]; /* name or address, or the path */
    uint16_t port;
};

/* SD_ERR_CONFIG: none of these. Empty text is ENDPOINT_NONE. */
enum sd_err endpoint_parse(struct span text, struct endpoint *ret) SD_MUST_CHECK;

#endif
