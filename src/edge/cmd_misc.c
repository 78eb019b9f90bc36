/* The commands that move nothing: RSET, NOOP, VRFY, HELP, QUIT (RFC 5321 §4.1.1.5 to §4.1.1.10), and those of other protocols.
 */
#include "edge/command.h"

void cmd_rset(struct session *s, struct span args) {
    (void)args;
    transaction_free(&s->transaction);
    session_reply(s, "250 2.0.0 Reset");
}

void cmd_noop(struct session *s, struct span args) {
    (void)args;
    session_reply(s, "250 2.0.0 Ok");
}

/* RFC 5321 §3.5.3: says nothing about who is here. */
void cmd_vrfy(struct session *s, struct span args) {
    (void)args;
    session_reply(s, "252 2.1.5 Cannot say; send mail and see");
}

void cmd_help(struct session *s, struct span args) {
    (void)args;
    session_reply(s, "214 2.0.0 RFC 5321: EHLO HELO MAIL RCPT DATA RSET NOOP VRFY QUIT STARTTLS");
}

void cmd_quit(struct session *s, struct span args) {
    (void)args;
    session_reply(s, "221 2.0.0 %.*s Bye", SPAN_FMT(s->edge->hostname));
    s->closing = true;
}

/* A web page that makes a browser talk to us: nothing that follows is a command. */
void cmd_foreign(struct session *s, struct span args) {
    (void)args;
    session_refuse(s, "554 5.5.1 This is SMTP, closing");
    s->closing = true;
}
