/* Every decoder of every table over the same bytes; what decodes is encoded again and must come out as it was. */
#include "core/ipc/cards.h"
#include "core/ipc/control.h"
#include "core/ipc/dns.h"
#include "core/ipc/inspect.h"
#include "core/ipc/keeper.h"

#include <stdlib.h>

#define OP(service, op, number, peers, states, once, fd)
#define MESSAGE(service, op, dir)                                                                                              \
    static void try_##service##_##op##_##dir(struct span body) {                                                               \
        struct service##_##op##_##dir m;                                                                                       \
        if (service##_##op##_##dir##_decode(body, NULL, &m) != SD_OK)                                                          \
            return;                                                                                                            \
        struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_card_new(1 << 22);                                                   \
        if (service##_##op##_##dir##_encode(&out, &m) != SD_OK || !span_eq(buf_span(&out.body), body))                         \
            abort();                                                                                                           \
    }
/* by itself: sorted among the tables it would come too late */
#include "core/ipc/gen_no_fields.h"

#include "core/ipc/cards.def"
#include "core/ipc/control.def"
#include "core/ipc/dns.def"
#include "core/ipc/inspect.def"
#include "core/ipc/keeper.def"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span body = span_of(data, size);
#undef MESSAGE
#define MESSAGE(service, op, dir) try_##service##_##op##_##dir(body);
#include "core/ipc/cards.def"
#include "core/ipc/control.def"
#include "core/ipc/dns.def"
#include "core/ipc/inspect.def"
#include "core/ipc/keeper.def"
    return 0;
}
