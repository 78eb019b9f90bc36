/*
 * STARTTLS (RFC 3207). Whatever was said in clear is forgotten (§4.2), and whoever has sent more behind the command is an
 * attacker in the middle or broken: the session ends, and none of it is read.
 */
#include "edge/command.h"

#include "core/log.h"

#define HANDSHAKE_MS 30000

static void remember_facts(struct session *s) {
    struct tls_facts facts = tls_session_facts(s->tls_session);
    buf_put(&s->tls, facts.version);
    buf_text(&s->tls, " ");
    buf_put(&s->tls, facts.cipher);
}

void cmd_starttls(struct session *s, struct span args) {
    (void)args;
    if (!s->edge->tls) {
        session_refuse(s, "502 5.5.1 TLS is not available here");
        return;
    }
    if (line_buffered(&s->in)) {
        session_refuse(s, "503 5.5.1 Nothing may follow STARTTLS in clear, closing");
        s->closing = true;
        return;
    }
    session_reply(s, "220 2.0.0 Go ahead");
    session_flush(s);
    session_forget(s);
    line_reader_start(&s->in, &s->stream);
    struct deadline by = deadline_sooner(s->until, deadline_in_ms(HANDSHAKE_MS));
    enum sd_err err = s->lost || s->stream.fd < 0 ? SD_ERR_CLOSED : tls_accept(s->edge->tls, s->stream.fd, by, &s->tls_session);
    if (err) {
        log_debug("edge.starttls", "session=%llu error=%s", (unsigned long long)s->id, sd_err_name(err));
        s->lost = true; /* RFC 3207 §4.1: neither side knows where the other one is */
        return;
    }
    remember_facts(s);
    s->stream = stream_of_tls(s->stream.fd, s->tls_session);
}
