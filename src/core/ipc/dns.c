#include "core/ipc/dns.h"

#define IPC_DEF "core/ipc/dns.def"
#include "core/ipc/gen_code.h"
