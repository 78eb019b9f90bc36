/*
 * Any bytes as a client's side of a session, against the real edge with fake inspectors. The first byte picks how the bytes are
 * cut into reads. Whatever comes: no crash, the greeting first, every reply line well formed, no byte of the budget kept.
 */
#include "edge/test_rig.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rig rig;

static void stop_rig(void) {
    rig_stop(&rig);
}

static void start_once(void) {
    static bool started;
    if (started)
        return;
    started = true;
    rig_start(&rig);
    if (atexit(stop_rig) != 0)
        abort();
    rig.tame = true;
    rig.edge.limits.value[EDGE_MESSAGE] = 64 * 1024; /* so that small inputs reach the limits */
    rig.edge.limits.value[EDGE_HEADER] = 2048;
    rig.edge.limits.value[EDGE_HOPS] = 3;
    rig.edge.limits.value[EDGE_RECIPIENTS] = 4;
    rig.edge.limits.value[EDGE_COMMANDS] = 50;
    rig.edge.budget.max = 96 * 1024;
}

/* "ddd text" or "ddd-text", printable, CRLF. */
static void check_replies(struct span replies) {
    struct span_split split = span_split_start(replies);
    struct span line;
    if (replies.n < 4 || !span_starts(replies, SPAN("220 ")) || !span_ends(replies, SPAN("\r\n")))
        abort();
    while (span_split_next(&split, '\n', &line)) {
        if (line.n == 0)
            continue;
        bool well = line.n > 4 && line.p[0] >= '2' && line.p[0] <= '5' && (line.p[3] == ' ' || line.p[3] == '-');
        for (size_t i = 0; i + 1 < line.n; i++)
            well = well && line.p[i] >= 0x20 && line.p[i] < 0x7f;
        if (!well || line.p[line.n - 1] != '\r')
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buf replies SD_CLEANUP(buf_free) = buf_new(1 << 22);
    if (size == 0 || size > 256 * 1024)
        return 0;
    start_once();
    rig_talk(&rig, span_of(data + 1, size - 1), data[0] % 16, &replies);
    check_replies(buf_span(&replies));
    if (atomic_load(&rig.edge.budget.used) != 0)
        abort();
    return 0;
}
