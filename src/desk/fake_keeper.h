/* fake_keeper.h - declares a handler for each of the keeper's operations, so that the tests' keeper may be several files. */
#ifndef SD_DESK_FAKE_KEEPER_H
#define SD_DESK_FAKE_KEEPER_H

#include "core/ipc/keeper.h"

#define OP(service, op, number, peers, states, once, fd)                                                                       \
    enum sd_err service##_on_##op(void *ctx, struct ipc_call *call, const struct service##_##op##_req *req);
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

#endif
