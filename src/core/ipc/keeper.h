/* keeper.h - the messages of keeper.def. */
#ifndef SD_CORE_IPC_KEEPER_H
#define SD_CORE_IPC_KEEPER_H

#include "core/ipc/ipc.h"

#define IPC_DEF "core/ipc/keeper.def"
#include "core/ipc/gen_types.h"

#endif
