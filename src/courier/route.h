/*
 * route.h - where mail for a domain goes (RFC 5321 §5.1): MX, or the domain's own address; null MX (RFC 7505); no loop to
 * ourselves.
 */
#ifndef SD_COURIER_ROUTE_H
#define SD_COURIER_ROUTE_H

#include "auth/dns.h"
#include "courier/relay.h"
#include "courier/reply.h"
#include "courier/wire.h"

#define ROUTE_HOSTS_MAX 10    /* RFC 5321 §5.1 asks for at least two */
#define ROUTE_ADDRESSES_MAX 8 /* of one host */

struct route {
    struct span hosts[ROUTE_HOSTS_MAX]; /* best first; equal preferences in random order */
    size_t count;
    struct smtp_reply refusal; /* when count is 0: why, 4xx or 5xx */
};

/* our_name: main.hostname. Memory in the arena; errors are ours only. */
enum sd_err route_for_domain(const struct dns_source *dns, struct span domain, struct span our_name, struct deadline deadline,
                             struct arena *arena, struct route *ret) SD_MUST_CHECK;

struct route_addresses {
    struct wire_address at[ROUTE_ADDRESSES_MAX];
    size_t count;
    bool unknown; /* none because the DNS did not answer, not because there is none */
};

/* Of a host: its A, then its AAAA records; an address literal is itself. */
enum sd_err route_addresses(const struct dns_source *dns, struct span host, uint16_t port, struct deadline deadline,
                            struct arena *arena, struct route_addresses *ret) SD_MUST_CHECK;

#endif
