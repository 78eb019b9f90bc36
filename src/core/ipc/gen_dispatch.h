/*
 * gen_dispatch.h - the server's side of the table named by IPC_DEF, included once by the service's dispatch.c after
 * IPC_TABLE is defined as the name of the array to make. For each operation the service defines
 *   enum sd_err <service>_on_<op>(void *ctx, struct ipc_call *call, const struct <service>_<op>_req *req);
 * SD_OK means that the call was answered or will be; any error is sent back as the status. The handler owns the call when it
 * returns SD_OK and must not have touched it otherwise.
 */
#define OP(service, op, number, peers, states, once, fd)                                                                       \
    enum sd_err service##_on_##op(void *ctx, struct ipc_call *call, const struct service##_##op##_req *req) SD_MUST_CHECK;     \
    static enum sd_err service##_##op##_route(void *ctx, struct ipc_call *call) {                                              \
        struct service##_##op##_req req;                                                                                       \
        if (service##_##op##_req_decode(call->msg->body, call->msg, &req) != SD_OK ||                                          \
            ipc_msg_settle_fd(call->msg, fd) != SD_OK)                                                                         \
            return SD_ERR_PROTOCOL;                                                                                            \
        enum sd_err err = service##_on_##op(ctx, call, &req);                                                                  \
        if (err)                                                                                                               \
            ipc_refuse(call, err);                                                                                             \
        return SD_OK;                                                                                                          \
    }
#define MESSAGE(service, op, dir)
#include "core/ipc/gen_no_fields.h"
#include IPC_DEF
#undef OP
#define OP(service, op, number, peers, states, once, fd) {number, #op, peers, states, once, fd, service##_##op##_route},
static const struct ipc_op IPC_TABLE[] = {
#include IPC_DEF
};
#include "core/ipc/gen_undef.h"
#undef IPC_DEF
#undef IPC_TABLE
