/* render.h - the messages of render.def. */
#ifndef SD_CORE_IPC_RENDER_H
#define SD_CORE_IPC_RENDER_H

#include "core/ipc/ipc.h"

#define IPC_DEF "core/ipc/render.def"
#include "core/ipc/gen_types.h"

#endif
