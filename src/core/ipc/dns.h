/* dns.h - the messages of dns.def. */
#ifndef SD_CORE_IPC_DNS_H
#define SD_CORE_IPC_DNS_H

#include "core/ipc/ipc.h"

#define IPC_DEF "core/ipc/dns.def"
#include "core/ipc/gen_types.h"

#endif
