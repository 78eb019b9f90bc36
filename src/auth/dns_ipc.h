/* dns_ipc.h - the DNS as processes ask it: a dns_source over the dns process's channel (core/ipc/dns.def). Thread-safe. */
#ifndef SD_AUTH_DNS_IPC_H
#define SD_AUTH_DNS_IPC_H

#include "auth/dns.h"
#include "core/ipc/ipc.h"

/* client: of service "dns"; outlives the source. While the dns process is away every answer is DNS_TEMPFAIL. */
struct dns_source dns_over_ipc(struct ipc_client *client);

#endif
