#include "desk/trust_line.h"
#include "core/clock.h"

#define SEPARATOR " \xc2\xb7 " /* a middle dot */
#define DATE_BYTES 10          /* of 2026-03-02T10:00:00.000Z */

static void put_date_of(struct buf *to, int64_t unix_ms) {
    struct buf time SD_CLEANUP(buf_free) = buf_new(64);
    put_rfc3339(&time, unix_ms);
    buf_put(to, span_sub(buf_span(&time), 0, DATE_BYTES));
}

static void put_acquaintance(struct buf *to, const struct trust_line *line) {
    switch (line->acquaintance) {
    case ACQUAINTANCE_FIRST:
        buf_text(to, SEPARATOR "first contact");
        return;
    case ACQUAINTANCE_KNOWN:
        buf_text(to, SEPARATOR "known since ");
        put_date_of(to, line->known_since_ms);
        buf_printf(to, ", %u message%s", (unsigned)line->known, line->known == 1 ? "" : "s");
        return;
    case ACQUAINTANCE_NOTHING:
        return;
    }
}

/* "TLSv1.3" as people write it. */
static void put_version(struct buf *to, struct span version) {
    if (version.n == 0) {
        buf_text(to, SEPARATOR "encrypted");
        return;
    }
    buf_text(to, SEPARATOR);
    if (!span_starts(version, SPAN("TLSv"))) {
        buf_put(to, version);
        return;
    }
    buf_text(to, "TLS ");
    buf_put(to, span_from(version, 4));
}

static void put_hop(struct buf *to, const struct trust_line *line) {
    switch (line->hop) {
    case HOP_CLEAR:
        buf_text(to, SEPARATOR "in clear");
        return;
    case HOP_ENCRYPTED:
        put_version(to, line->tls_version);
        return;
    case HOP_RELAYED:
        buf_text(to, SEPARATOR "through your own mail server");
        return;
    case HOP_NOT_SAID:
        return;
    }
}

void trust_line_put(struct buf *to, const struct trust_line *line) {
    buf_put(to, line->sentence);
    put_acquaintance(to, line);
    put_hop(to, line);
}
