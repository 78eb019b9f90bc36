/* fake_keeper_rest.c - what the tests' keeper does not answer: everything that fake_keeper.c has no handler for. */
#include "core/ipc/keeper.h"

#define OP(service, op, number, peers, states, once, fd)                                                                       \
    enum sd_err service##_on_##op(void *ctx, struct ipc_call *call, const struct service##_##op##_req *req);                   \
    __attribute__((weak)) enum sd_err service##_on_##op(SD_UNUSED void *ctx, SD_UNUSED struct ipc_call *call,                  \
                                                        SD_UNUSED const struct service##_##op##_req *req) {                    \
        return SD_ERR_UNSUPPORTED;                                                                                             \
    }
#define MESSAGE(service, op, dir)
#include "core/ipc/gen_no_fields.h"
/* clang-format off */
#include "core/ipc/keeper.def"
#include "core/ipc/gen_undef.h"
/* clang-format on */
