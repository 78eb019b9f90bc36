/* DATA (RFC 5321 §4.1.1.4). The transaction ends here, however the message fares. */
#include "edge/accept.h"
#include "edge/command.h"
#include "edge/data.h"

static void take_message(struct session *s) {
    enum data_fault fault = DATA_FINE;
    enum sd_err err = data_read(&s->in, s->transaction, &s->edge->limits, s->id, s->until, &fault);
    if (err == SD_ERR_TIMEOUT) {
        limit_hit(&s->edge->limits, EDGE_RATE, s->id);
        session_reply(s, "421 4.4.2 %.*s Message came too slowly, closing", SPAN_FMT(s->edge->hostname));
    } else if (err == SD_ERR_LIMIT)
        session_reply(s, "552 5.3.4 Message far too large, closing");
    else if (err)
        s->lost = true;
    s->closing = err != SD_OK;
    if (err)
        return;
    switch (fault) {
    case DATA_FINE:
        accept_letter(s);
        break;
    case DATA_BARE_LINE_END:
        session_reply(s, "550 5.6.11 Bare CR or LF in the message: refused");
        break;
    case DATA_TOO_LARGE:
        session_reply(s, "552 5.3.4 Message too large: at most %lld bytes", (long long)s->edge->limits.value[EDGE_MESSAGE]);
        break;
    case DATA_HEADER_TOO_LARGE:
        session_reply(s, "552 5.3.4 Header too large: at most %lld bytes", (long long)s->edge->limits.value[EDGE_HEADER]);
        break;
    case DATA_LOOPS:
        session_reply(s, "554 5.4.6 Too many hops: the message loops"); /* RFC 5321 §6.3 */
        break;
    case DATA_NO_ROOM:
        session_reply(s, "452 4.3.1 Too much mail at once, try again later");
        break;
    }
}

void cmd_data(struct session *s, struct span args) {
    struct edge *edge = s->edge;
    (void)args;
    if (!roster_begin(&edge->roster, &s->roster)) {
        session_reply(s, "421 4.3.2 %.*s Service shutting down", SPAN_FMT(edge->hostname));
        s->closing = true;
        return;
    }
    if (atomic_load(&edge->budget.used) >= edge->budget.max) {
        limit_hit(&edge->limits, EDGE_DATA_TOTAL, s->id);
        session_reply(s, "452 4.3.1 Too much mail at once, try again later");
    } else {
        session_reply(s, "354 End with <CRLF>.<CRLF>");
        session_flush(s);
        if (!s->lost)
            take_message(s);
    }
    transaction_free(&s->transaction);
    session_flush(s); /* the sender waits for this one: before anything else is read */
    roster_end(&edge->roster, &s->roster);
}
