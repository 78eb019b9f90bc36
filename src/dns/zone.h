/*
 * zone.h - dns.local_data: lines as a zone file has them (RFC 1035 §5.1), one record each, absolute names; ';' and '#' begin a
 * comment line. A quoted string over 255 bytes is cut into several, so that a DKIM key may be pasted whole.
 *
 * Types: A AAAA MX TXT PTR NS CNAME TLSA. "*.name" is a wildcard (RFC 4592). "name SERVFAIL" or "name TIMEOUT" in place of type
 * and data makes every question for that name, whose type has no record there, end in a temporary failure at once. SOA, SRV,
 * CAA and SPF only make the name exist.
 */
#ifndef SD_DNS_ZONE_H
#define SD_DNS_ZONE_H

#include "core/buf.h"

#define ZONE_BYTES_MAX ((size_t)8 * 1024 * 1024) /* the whole file; tests and the demo have a few KiB */
#define ZONE_LINE_BYTES 32768                    /* a TXT record with hundreds of strings */

/* Calls add with each record as a NUL-terminated line. Stops at the first error; *ret_line is its line number. SD_ERR_PARSE for
 * a line with NUL or over ZONE_LINE_BYTES. */
typedef enum sd_err zone_add(void *ctx, const char *record);
enum sd_err zone_read(struct span file, zone_add *add, void *ctx, size_t *ret_line) SD_MUST_CHECK;

/* One record line with its overlong quoted strings cut. */
void zone_put_record(struct buf *to, struct span line);

#endif
