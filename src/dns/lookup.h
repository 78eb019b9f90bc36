/* lookup.h - the questions that libunbound is working on, and the calls that wait for each. One thread. */
#ifndef SD_DNS_LOOKUP_H
#define SD_DNS_LOOKUP_H

#include "dns/cache.h"
#include "dns/resolver.h"
#include "dns/service.h"

#define LOOKUP_RECORDS_MAX 512                 /* dns.def */
#define LOOKUP_RECORDS_BYTES_MAX (size_t)60000 /* with lengths, so that the reply's body holds them */

struct lookups;

enum sd_err lookups_new(struct resolver *resolver, struct cache *cache, struct lookups **ret) SD_MUST_CHECK;
/* Only when nothing waits. */
void lookups_free(struct lookups **lookups);

/* The call is answered when the answer is there, or with DNS_TEMPFAIL after SERVICE_LOOKUP_MS. SD_ERR_BUSY: too many already.
 */
enum sd_err lookups_join(struct lookups *lookups, const struct question *question, struct ipc_call *call) SD_MUST_CHECK;

/* Gives up what is overdue; when to call again. */
struct deadline lookups_expire(struct lookups *lookups);

/* Answers one call; a peer that does not read is cut off. */
void lookup_answer(struct ipc_call *call, const struct dns_query_rep *rep);

#endif
