/* fake_keeper.h - declares a handler for each of the keeper's operations, so that the tests' keeper may be several files. */
#ifndef SD_DESK_FAKE_KEEPER_H
#define SD_DESK_FAKE_KEEPER_H

#include "core/ipc/keeper.h"

#define OP(service, op, number, peers, states, once, fd)                                                                       \
    enum sd_err service##_on_##op(void *ctx, struct ipc_call *call, const struct service##_##op##_req *req);
#define MESSAGE(service, op, dir)
#include "core/ipc/gen_no_fields.h"
/* clang-format off */
#include "core/ipc/keeper.def"
#include "core/ipc/gen_undef.h"
/* clang-format on */

#endif
