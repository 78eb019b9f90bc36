/* received.h - the Received field that every letter gets on top (RFC 5321 §4.4). */
#ifndef SD_EDGE_RECEIVED_H
#define SD_EDGE_RECEIVED_H

#include "core/buf.h"

struct received_facts {
    struct span helo; /* checked by EHLO: a domain or an address literal */
    uint8_t ip[16];
    struct span by;        /* our host name */
    bool extended;         /* EHLO, not HELO */
    struct span tls;       /* "TLSv1.3 TLS_AES_256_GCM_SHA384"; empty: in clear */
    struct span id;        /* ours */
    struct span recipient; /* the only one; empty with several, which must not learn of each other (§7.2) */
    int64_t at_unix_ms;
};

/* With CRLF, folded. */
void put_received(struct buf *b, const struct received_facts *facts);

#endif
