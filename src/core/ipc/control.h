/* control.h - the messages of control.def. */
#ifndef SD_CORE_IPC_CONTROL_H
#define SD_CORE_IPC_CONTROL_H

#include "core/ipc/ipc.h"

#define IPC_DEF "core/ipc/control.def"
#include "core/ipc/gen_types.h"

#endif
