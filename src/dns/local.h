/*
 * local.h - dns.local_data as a zone of its own, the root downwards: what is not in it does not exist. Nobody else is asked,
 * and nothing in it is called secure.
 *
 * RFC 1034 §4.3.2 with CNAME chains, empty non-terminals (RFC 8020), and wildcards by the closest encloser (RFC 4592).
 */
#ifndef SD_DNS_LOCAL_H
#define SD_DNS_LOCAL_H

#include "core/ipc/dns.h"
#include "dns/question.h"

struct local;

/* file: zone.h. SD_ERR_PARSE, SD_ERR_UNSUPPORTED (a record type unknown here): *ret_line is the line. */
enum sd_err local_new(struct span file, struct local **ret, size_t *ret_line) SD_MUST_CHECK;
void local_free(struct local **local);

/* Records go into raw, which must live as long as *ret. */
void local_answer(const struct local *local, const struct question *question, struct buf *raw, struct dns_query_rep *ret);

#endif
