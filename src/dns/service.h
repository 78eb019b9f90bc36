/*
 * service.h - the dns process at work: one thread polls the peers' channels and libunbound, answers from the cache at once, and
 * lets identical questions wait for one look-up.
 */
#ifndef SD_DNS_SERVICE_H
#define SD_DNS_SERVICE_H

#include "dns/local.h"
#include "dns/resolver.h"

#define SERVICE_PEERS_MAX 80         /* 64 inspectors, the courier, and those that are being replaced */
#define SERVICE_LOOKUPS_MAX 1000     /* in flight; libunbound's own table has 1024 */
#define SERVICE_CALLS_MAX 16384      /* waiting for them: many letters ask for the same name */
#define SERVICE_LOOKUP_MS 5000       /* a sender's servers that need longer get a 4xx, and the cache is warm for the retry */
#define SERVICE_PEER_PATIENCE_MS 250 /* a peer that leaves its answers unread for so long is cut off: it stalls the others */

struct service;

/* One of the two answers: with local data there is no resolver. Takes it when it succeeds. */
enum sd_err service_new(struct resolver *resolver, struct local *local, struct service **ret) SD_MUST_CHECK;
/* Another thread may add a peer at any time. Owns fd. */
enum sd_err service_add_peer(struct service *service, uint32_t peer, uint16_t instance, int fd) SD_MUST_CHECK;
/* The thread: never returns. */
void *service_run(void *service);

#endif
