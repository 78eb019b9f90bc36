/* inspect.h - the messages of inspect.def. */
#ifndef SD_CORE_IPC_INSPECT_H
#define SD_CORE_IPC_INSPECT_H

#include "core/ipc/ipc.h"

#define IPC_DEF "core/ipc/inspect.def"
#include "core/ipc/gen_types.h"

#endif
