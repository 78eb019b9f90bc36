#include "core/ipc/render.h"

#define IPC_DEF "core/ipc/render.def"
#include "core/ipc/gen_code.h"
