/* gen_code.h - encoders, decoders, dumps, calls and replies of the table named by IPC_DEF; included once, by <service>.c. */
#include "core/ipc/gen_dump.h"

#define OP(service, op, number, peers, states, once, fd)
#define MESSAGE(service, op, dir)                                                                                              \
    enum sd_err service##_##op##_##dir##_encode(struct ipc_out *out, SD_UNUSED const struct service##_##op##_##dir *m) {
#define U8(name) buf_u8(&out->body, m->name);
#define U16(name) buf_u16(&out->body, m->name);
#define U32(name) buf_u32(&out->body, m->name);
#define U64(name) buf_u64(&out->body, m->name);
#define I64(name) buf_u64(&out->body, (uint64_t)m->name);
#define BOOL(name) buf_u8(&out->body, m->name ? 1 : 0);
#define FIXED(name, n) ipc_put_fixed(out, m->name, n);
#define BYTES(name, max) ipc_put_bytes(out, m->name, max);
#define TEXT(name, max) ipc_put_text(out, m->name, max);
#define LIST(name, max_count, max_each) ipc_put_list(out, m->name, max_count, max_each);
#define PAYLOAD(name, max) ipc_put_payload(out, m->name, max);
#define END(service, op, dir)                                                                                                  \
    return ipc_out_err(out);                                                                                                   \
    }
#include IPC_DEF
#include "core/ipc/gen_undef.h"

#define OP(service, op, number, peers, states, once, fd)
#define MESSAGE(service, op, dir)                                                                                              \
    enum sd_err service##_##op##_##dir##_decode(struct span body, SD_UNUSED struct ipc_msg *msg,                               \
                                                struct service##_##op##_##dir *ret) {                                          \
        struct service##_##op##_##dir m = {};                                                                                  \
        struct reader r = reader_of(body);
#define U8(name) m.name = read_u8(&r);
#define U16(name) m.name = read_u16(&r);
#define U32(name) m.name = read_u32(&r);
#define U64(name) m.name = read_u64(&r);
#define I64(name) m.name = (int64_t)read_u64(&r);
#define BOOL(name) m.name = ipc_get_bool(&r);
#define FIXED(name, n) m.name = read_bytes(&r, n);
#define BYTES(name, max) m.name = read_blob(&r, max);
#define TEXT(name, max) m.name = ipc_get_text(&r, max);
#define LIST(name, max_count, max_each) m.name = ipc_get_list(&r, max_count, max_each);
#define PAYLOAD(name, max) m.name = ipc_get_payload(&r, msg, max);
#define END(service, op, dir)                                                                                                  \
    enum sd_err err = reader_end(&r);                                                                                          \
    if (err == SD_OK)                                                                                                          \
        *ret = m;                                                                                                              \
    return err;                                                                                                                \
    }
#include IPC_DEF
#include "core/ipc/gen_undef.h"

#define OP(service, op, number, peers, states, once, fd)                                                                       \
    enum sd_err service##_##op##_start(struct ipc_client *client, const struct service##_##op##_req *req,                      \
                                       struct deadline deadline, struct ipc_ticket **ret) {                                    \
        struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();                                                           \
        enum sd_err err = service##_##op##_req_encode(&out, req);                                                              \
        return err ? err : ipc_start(client, number, &out, deadline, ret);                                                     \
    }                                                                                                                          \
    enum sd_err service##_##op##_wait(struct ipc_client *client, struct ipc_ticket **ticket, struct deadline deadline,         \
                                      struct ipc_msg **ret_msg, struct service##_##op##_rep *ret) {                            \
        struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;                                                                   \
        enum sd_err err = ipc_wait(client, ticket, deadline, &msg);                                                            \
        if (err == SD_OK)                                                                                                      \
            err = service##_##op##_rep_decode(msg->body, msg, ret);                                                            \
        if (err == SD_OK) {                                                                                                    \
            *ret_msg = msg;                                                                                                    \
            msg = NULL;                                                                                                        \
        }                                                                                                                      \
        return err;                                                                                                            \
    }                                                                                                                          \
    enum sd_err service##_##op##_call(struct ipc_client *client, const struct service##_##op##_req *req,                       \
                                      struct deadline deadline, struct ipc_msg **ret_msg, struct service##_##op##_rep *ret) {  \
        struct ipc_ticket *ticket = NULL;                                                                                      \
        enum sd_err err = service##_##op##_start(client, req, deadline, &ticket);                                              \
        return err ? err : service##_##op##_wait(client, &ticket, deadline, ret_msg, ret);                                     \
    }                                                                                                                          \
    void service##_##op##_reply(struct ipc_call *call, const struct service##_##op##_rep *rep) {                               \
        struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();                                                           \
        enum sd_err err = service##_##op##_rep_encode(&out, rep);                                                              \
        if (err)                                                                                                               \
            ipc_refuse(call, err);                                                                                             \
        else                                                                                                                   \
            ipc_answer(call, &out);                                                                                            \
    }
#define MESSAGE(service, op, dir)
#include "core/ipc/gen_no_fields.h"
#include IPC_DEF
#include "core/ipc/gen_undef.h"
#undef IPC_DEF
