/* record.h - one line of local data: owner, time to live, type, RDATA in wire form (RFC 1035 §5.1). */
#ifndef SD_DNS_RECORD_H
#define SD_DNS_RECORD_H

#include "core/buf.h"

#define RECORD_FAILURE 65281 /* "SERVFAIL" and "TIMEOUT": of the private-use range (RFC 6895 §3.1), never asked for */
#define RECORD_SILENT 65282  /* a type that nobody here asks: only the name's existence counts */

struct record_line {
    struct buf name;  /* wire form */
    struct buf rdata; /* names uncompressed */
    uint16_t type;
    uint32_t ttl_s;
};

/* to->name and to->rdata: empty bufs of the caller's. SD_ERR_PARSE, SD_ERR_UNSUPPORTED: no such type. */
enum sd_err record_parse(struct span line, struct record_line *to) SD_MUST_CHECK;

/* A name in presentation form, absolute with or without its final dot, to wire form. */
enum sd_err record_put_name(struct span text, struct buf *to) SD_MUST_CHECK;

#endif
