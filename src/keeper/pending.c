/* pending.c - operations whose handlers are being written answer "not supported" until the file of their subject has them. Last
 * in the library: weak, so that whoever defines one takes its place. */
#include "keeper/handlers.h"

#define OP(service, op, number, peers, states, once, fd)                                                                       \
    __attribute__((weak)) enum sd_err service##_on_##op(SD_UNUSED void *ctx, SD_UNUSED struct ipc_call *call,                  \
                                                        SD_UNUSED const struct service##_##op##_req *req) {                    \
        return SD_ERR_UNSUPPORTED;                                                                                             \
    }
#define MESSAGE(service, op, dir)
#define U8(name)
#define U16(name)
#define U32(name)
#define U64(name)
#define I64(name)
#define BOOL(name)
#define FIXED(name, n)
#define BYTES(name, max)
#define TEXT(name, max)
#define LIST(name, max_count, max_each)
#define PAYLOAD(name, max)
#define END(service, op, dir)
/* clang-format off */
#include "core/ipc/keeper.def"
#include "core/ipc/gen_undef.h"
/* clang-format on */
