/* address.h - the paths of MAIL and RCPT (RFC 5321 §4.1.2), and IP addresses in the forms SMTP writes them. */
#ifndef SD_EDGE_ADDRESS_H
#define SD_EDGE_ADDRESS_H

#include "core/buf.h"

struct mail_path {
    struct span text;      /* local@domain without brackets and source route; empty for <> */
    struct span local;     /* as written: quotes included */
    struct span domain;    /* empty for <> and <postmaster> */
    bool is_international; /* bytes above 0x7f: not without SMTPUTF8 */
};

/*
 * Takes "<…>" off the front of *rest, and the space behind it. A source route is read and ignored (RFC 5321 §4.1.1.3, appendix
 * C). SD_ERR_PARSE: not a path; SD_ERR_LIMIT: longer than RFC 5321 §4.5.3.1 allows.
 */
enum sd_err mail_path_parse(struct span *rest, struct mail_path *ret) SD_MUST_CHECK;

bool is_domain_name(struct span s);     /* RFC 5321 Domain; underscores and a numeric top label are let pass */
bool is_address_literal(struct span s); /* "[192.0.2.1]", "[IPv6:…]" */

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]"; ip is IPv6 or IPv4-mapped. */
void put_address_literal(struct buf *b, const uint8_t ip[16]);

#endif
