#include "core/ipc/keeper.h"

#define IPC_DEF "core/ipc/keeper.def"
#include "core/ipc/gen_code.h"
