/* dispatch.c - the table: which peer may ask what, and the handlers behind it. */
#include "keeper/handlers.h"

#define IPC_DEF "core/ipc/keeper.def"
#define IPC_TABLE ops
#include "core/ipc/gen_dispatch.h"

const struct ipc_op *const keeper_ops = ops;
const size_t keeper_op_count = SD_COUNT(ops);
