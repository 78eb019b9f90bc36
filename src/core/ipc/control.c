#include "core/ipc/control.h"

#define IPC_DEF "core/ipc/control.def"
#include "core/ipc/gen_code.h"
