/* gen_dump.h - the printable form: names, numbers and sizes, never the bytes, so that a dump may go to a log. */
#define OP(service, op, number, peers, states, once, fd)
#define MESSAGE(service, op, dir)                                                                                              \
    void service##_##op##_##dir##_dump(SD_UNUSED const struct service##_##op##_##dir *m, struct buf *to) {                     \
        buf_text(to, #service "." #op "." #dir);
#define U8(name) buf_printf(to, " " #name "=%u", m->name);
#define U16(name) buf_printf(to, " " #name "=%u", m->name);
#define U32(name) buf_printf(to, " " #name "=%u", m->name);
#define U64(name) buf_printf(to, " " #name "=%llu", (unsigned long long)m->name);
#define I64(name) buf_printf(to, " " #name "=%lld", (long long)m->name);
#define BOOL(name) buf_printf(to, " " #name "=%s", m->name ? "yes" : "no");
#define FIXED(name, n) buf_text(to, " " #name "[" #n "]");
#define BYTES(name, max) buf_printf(to, " " #name "[%zu]", m->name.n);
#define TEXT(name, max) buf_printf(to, " " #name "[%zu]", m->name.n);
#define LIST(name, max_count, max_each) buf_printf(to, " " #name "*%u", m->name.count);
#define PAYLOAD(name, max) buf_printf(to, " " #name "[%zu]", m->name.n);
#define END(service, op, dir) }
#include IPC_DEF
#include "core/ipc/gen_undef.h"
