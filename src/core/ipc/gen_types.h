/*
 * gen_types.h - from the table named by IPC_DEF: a struct per message, and the declarations of encoder, decoder, dump, call and
 * reply. Included by <service>.h with IPC_DEF set; undefines it. No include guard: one pass per service.
 *
 * Decoded spans and lists point into the body they came from.
 */
#define OP(service, op, number, peers, states, once, fd)
#define MESSAGE(service, op, dir) struct service##_##op##_##dir {
#define U8(name) uint8_t name;
#define U16(name) uint16_t name;
#define U32(name) uint32_t name;
#define U64(name) uint64_t name;
#define I64(name) int64_t name;
#define BOOL(name) bool name;
#define FIXED(name, n) struct span name;
#define BYTES(name, max) struct span name;
#define TEXT(name, max) struct span name;
#define LIST(name, max_count, max_each) struct ipc_list name;
#define PAYLOAD(name, max) struct span name;
#define END(service, op, dir)                                                                                                  \
    }                                                                                                                          \
    ;                                                                                                                          \
    enum sd_err service##_##op##_##dir##_encode(struct ipc_out *out, const struct service##_##op##_##dir *m) SD_MUST_CHECK;    \
    enum sd_err service##_##op##_##dir##_decode(struct span body, struct ipc_msg *msg, struct service##_##op##_##dir *ret)     \
        SD_MUST_CHECK;                                                                                                         \
    void service##_##op##_##dir##_dump(const struct service##_##op##_##dir *m, struct buf *to);
#include IPC_DEF
#include "core/ipc/gen_undef.h"

/* Second pass: a call and a reply per operation. */
#define OP(service, op, number, peers, states, once, fd)                                                                       \
    enum sd_err service##_##op##_start(struct ipc_client *client, const struct service##_##op##_req *req,                      \
                                       struct deadline deadline, struct ipc_ticket **ret) SD_MUST_CHECK;                       \
    enum sd_err service##_##op##_wait(struct ipc_client *client, struct ipc_ticket **ticket, struct deadline deadline,         \
                                      struct ipc_msg **ret_msg, struct service##_##op##_rep *ret) SD_MUST_CHECK;               \
    /* start and wait; the reply's spans live as long as *ret_msg, which the caller frees with ipc_msg_free. */                \
    enum sd_err service##_##op##_call(struct ipc_client *client, const struct service##_##op##_req *req,                       \
                                      struct deadline deadline, struct ipc_msg **ret_msg, struct service##_##op##_rep *ret)    \
        SD_MUST_CHECK;                                                                                                         \
    void service##_##op##_reply(struct ipc_call *call, const struct service##_##op##_rep *rep);
#define MESSAGE(service, op, dir)
#include "core/ipc/gen_no_fields.h"
#include IPC_DEF
#include "core/ipc/gen_undef.h"
#undef IPC_DEF
