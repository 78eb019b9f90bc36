#include "core/ipc/cards.h"

#define IPC_DEF "core/ipc/cards.def"
#include "core/ipc/gen_code.h"
