/*
 * dns_recent.h - a dns_source in front of another that repeats its answers for a few seconds. Letters come in bursts from the
 * same senders, and each asks the same three to six questions: a repetition here costs no message to the dns process and back.
 * Only whole, usable answers are kept, never for longer than their time to live; failures are asked again. Thread-safe.
 */
#ifndef SD_AUTH_DNS_RECENT_H
#define SD_AUTH_DNS_RECENT_H

#include "auth/dns.h"

#define DNS_RECENT_SLOTS 2048        /* a power of two; a newer answer takes an older one's place */
#define DNS_RECENT_ANSWER_BYTES 4096 /* larger ones are not kept: at most 8 MiB in all */
#define DNS_RECENT_MS 10000          /* at most: the dns process has the real cache */

struct dns_recent;

/* inner is copied and must outlive it. */
enum sd_err dns_recent_new(const struct dns_source *inner, struct dns_recent **ret) SD_MUST_CHECK;
void dns_recent_free(struct dns_recent **recent); /* no question may be open */
struct dns_source dns_recent_source(struct dns_recent *recent);

#endif
