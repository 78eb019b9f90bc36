/*
 * dns_memo.h - a dns_source in front of another, for one message: each question goes out once, and questions can be sent ahead.
 *
 * This keeps the evaluators sequential, as their RFCs are written, while the questions they will surely ask run in parallel.
 * dns_memo_finish() waits for what was sent ahead and never asked for; call it on every path.
 */
#ifndef SD_AUTH_DNS_MEMO_H
#define SD_AUTH_DNS_MEMO_H

#include "auth/dns.h"

/* Questions of one message: SPF 2 × (1 + 10 + 10 × 10), DKIM 8, ARC 51, walks 8 each, iprev 21; beyond that, not kept. */
#define DNS_MEMO_MAX 384

struct dns_memo;

/* The memo and all answers live in the arena. */
enum sd_err dns_memo_new(const struct dns_source *source, struct deadline deadline, struct arena *arena,
                         struct dns_memo **ret) SD_MUST_CHECK;
struct dns_source dns_memo_source(struct dns_memo *memo);
/* Sends a question ahead; errors show when it is asked. */
void dns_memo_ahead(struct dns_memo *memo, struct span name, enum dns_type type);
void dns_memo_finish(struct dns_memo **memo);

#endif
