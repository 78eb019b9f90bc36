/*
 * session.h - one SMTP session (RFC 5321 §3): greeting, commands, end. A thread runs one from session_run's start to its
 * return. Replies collect in out and leave when nothing more is buffered (RFC 2920 §3.2), so a pipelined group costs one
 * packet.
 */
#ifndef SD_EDGE_SESSION_H
#define SD_EDGE_SESSION_H

#include "edge/edge.h"
#include "edge/line.h"
#include "edge/transaction.h"

enum hello { HELLO_NONE, HELLO_HELO, HELLO_EHLO };

struct session {
    struct edge *edge;
    uint64_t id;
    uint8_t ip[16]; /* IPv6 or IPv4-mapped */
    struct roster_entry roster;
    struct stream stream;
    struct tls_session *tls_session;
    struct deadline until; /* the longest a session may take */
    enum hello hello;
    struct buf helo;                 /* what it said it is */
    struct buf tls;                  /* "TLSv1.3 TLS_AES_256_GCM_SHA384"; empty: in clear */
    struct transaction *transaction; /* NULL: none */
    struct buf out;
    int64_t commands, bad_commands;
    uint64_t accepted; /* letters */
    bool closing;      /* after what is in out has left */
    bool lost;         /* the client is gone: nothing more to say */
    struct line_reader in;
};

/* NULL: no memory. fd -1 with a script in stream. */
struct session *session_new(struct edge *edge, struct stream stream, const uint8_t ip[16]);
void session_free(struct session **session); /* ends TLS; does not close the socket */
/* Speaks until the end. */
void session_run(struct session *s);

/* ---- for the commands ---- */

/* A reply line, without CRLF; our own text only. */
void session_reply(struct session *s, const char *format, ...) SD_PRINTF(2, 3);
/* The same for what the client did wrong: counted, and too much of it ends the session. */
void session_refuse(struct session *s, const char *format, ...) SD_PRINTF(2, 3);
void session_flush(struct session *s);
/* "Receiving" starts over: RFC 5321 §4.1.4 after EHLO, RFC 3207 §4.2 after STARTTLS. */
void session_forget(struct session *s);

#endif
