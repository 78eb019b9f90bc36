/* EHLO and HELO (RFC 5321 §4.1.1.1). Either one ends a transaction (§4.1.4). */
#include "edge/command.h"

static bool greet(struct session *s, struct span name, enum hello hello) {
    struct span client = span_sub(name, 0, span_find(name, ' '));
    if (!is_domain_name(client) && !is_address_literal(client)) {
        session_refuse(s, "501 5.5.4 Neither a domain name nor an address literal");
        return false;
    }
    session_forget(s);
    s->hello = hello;
    buf_put(&s->helo, client);
    return true;
}

void cmd_helo(struct session *s, struct span args) {
    if (greet(s, args, HELLO_HELO))
        session_reply(s, "250 %.*s", SPAN_FMT(s->edge->hostname));
}

void cmd_ehlo(struct session *s, struct span args) {
    if (!greet(s, args, HELLO_EHLO))
        return;
    session_reply(s, "250-%.*s", SPAN_FMT(s->edge->hostname));
    session_reply(s, "250-PIPELINING");
    session_reply(s, "250-SIZE %lld", (long long)s->edge->limits.value[EDGE_MESSAGE]); /* RFC 1870 §4 */
    session_reply(s, "250-8BITMIME");
    if (s->edge->tls && !s->tls_session) /* RFC 3207 §4.2: not again inside TLS */
        session_reply(s, "250-STARTTLS");
    session_reply(s, "250 ENHANCEDSTATUSCODES");
}
