#include "edge/received.h"

#include "core/clock.h"
#include "edge/address.h"

/* RFC 3848 §3. */
static const char *protocol(const struct received_facts *facts) {
    return facts->tls.n ? "ESMTPS" : facts->extended ? "ESMTP" : "SMTP";
}

void put_received(struct buf *b, const struct received_facts *facts) {
    buf_text(b, "Received: from ");
    buf_put(b, facts->helo);
    buf_text(b, " (");
    put_address_literal(b, facts->ip);
    buf_text(b, ")\r\n\tby ");
    buf_put(b, facts->by);
    buf_printf(b, " with %s", protocol(facts));
    if (facts->tls.n) {
        buf_text(b, " (");
        buf_put(b, facts->tls);
        buf_text(b, ")");
    }
    buf_text(b, "\r\n\tid ");
    buf_put(b, facts->id);
    if (facts->recipient.n) {
        buf_text(b, "\r\n\tfor <");
        buf_put(b, facts->recipient);
        buf_text(b, ">");
    }
    buf_text(b, ";\r\n\t");
    put_rfc5322_date(b, facts->at_unix_ms);
    buf_text(b, "\r\n");
}
