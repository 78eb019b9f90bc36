/*
 * connector.h - a process aside (aside.h) that connects to one of a few endpoints given at its start, asked by number, and
 * hands the connection over. The role itself can then be without any way to make a socket.
 *
 * Addresses are numeric: it asks no DNS. It never waits: what is handed over may still be connecting (poll for writing).
 */
#ifndef SD_CORE_CONNECTOR_H
#define SD_CORE_CONNECTOR_H

#include "core/clock.h"
#include "core/endpoint.h"

#define CONNECTOR_ENDPOINTS_MAX 4

struct connector_spec {
    uint32_t uid, gid; /* to become, when root */
    struct endpoint endpoints[CONNECTOR_ENDPOINTS_MAX];
    size_t count;
};

struct connector;
/* In a role's prepare(). SD_ERR_CONFIG: an endpoint is neither unix: nor tcp: with a numeric address. */
enum sd_err connector_start(const struct connector_spec *spec, struct connector **ret) SD_MUST_CHECK;
void connector_free(struct connector **connector); /* ends the process aside */

/* A stream socket, non-blocking, close-on-exec. SD_ERR_UNAVAILABLE: nobody listens there, or it may not be reached;
 * SD_ERR_BUSY: whoever listens has no room now; SD_ERR_CLOSED: the connector is gone. Any thread. */
enum sd_err connector_connect(struct connector *connector, size_t endpoint, struct deadline deadline,
                              int *ret_fd) SD_MUST_CHECK;

/* Its role cannot go on without it. */
bool connector_gone(const struct connector *connector);

#endif
