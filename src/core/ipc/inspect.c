#include "core/ipc/inspect.h"

#define IPC_DEF "core/ipc/inspect.def"
#include "core/ipc/gen_code.h"
