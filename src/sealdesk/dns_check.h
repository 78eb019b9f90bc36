/*
 * dns_check.h - `sealdesk dns check`: what the world sees in the DNS, compared with what this installation needs there. Each
 * subject appends findings; it asks nothing but a dns_source.
 */
#ifndef SD_SEALDESK_DNS_CHECK_H
#define SD_SEALDESK_DNS_CHECK_H

#include "auth/dns_memo.h"
#include "sealdesk/settings.h"

#include <jansson.h>

/* Worst last; unknown (no answer) is not fine, and less than wrong. */
#define SEVERITY_LIST(X) X(OK, "ok") X(NOTE, "note") X(WARNING, "warning") X(UNKNOWN, "unknown") X(WRONG, "wrong")
enum severity {
#define X(name, text) SEVERITY_##name,
    SEVERITY_LIST(X)
#undef X
};
const char *severity_text(enum severity severity);

struct finding {
    enum severity severity;
    const char *id;
    struct span subject;  /* a name or an address */
    struct span sentence; /* printable, UTF-8 */
    struct span publish;  /* a zone-file line; empty: nothing to publish */
};

#define FINDINGS_MAX 1024
#define SENDERS_MAX 32 /* addresses that mail leaves from */

struct dns_check {
    const struct settings *settings;
    const struct dns_source *dns;
    struct deadline deadline;
    struct arena *arena;
    struct span zone; /* put_zone(): what is to be published */
    json_t *keys;     /* keeper.public_keys */
    struct span hostname;
    uint8_t senders[SENDERS_MAX][16];
    size_t sender_count;
    struct finding findings[FINDINGS_MAX];
    size_t count;
};

/* All subjects. Errors are ours only (memory). */
enum sd_err dns_check_all(struct dns_check *check) SD_MUST_CHECK;
enum severity dns_check_worst(const struct dns_check *check);

/* ---- for the subjects ---- */

/* What a look-up was for, and one thing found about it. publish: SPAN_NONE or a line. */
void dns_found(struct dns_check *check, enum severity severity, const char *id, struct span subject, struct span publish,
               const char *format, ...) SD_PRINTF(6, 7);
/* No answer within the deadline is outcome DNS_TEMPFAIL; count is 0 unless it is DNS_FOUND. */
struct dns_answer dns_check_ask(struct dns_check *check, struct span name, enum dns_type type);
/* The line of check->zone with this owner whose text begins with `begins` ("" for MX). */
struct span dns_to_publish(const struct dns_check *check, struct span owner, const char *begins);
/* One TXT line. */
struct span dns_txt_line(struct dns_check *check, struct span owner, struct span value);

/* A and AAAA together; addresses in 16-byte form. *ret_unknown: an answer is missing. */
struct addresses {
    uint8_t ip[SENDERS_MAX][16];
    size_t count;
    bool unknown;
};
struct addresses dns_addresses(struct dns_check *check, struct span host);
struct span address_text(const uint8_t ip[16], struct arena *arena);

/* dns_check_host.c: main.hostname's addresses and their names; where mail leaves from; the domain's MX. */
void dns_check_host(struct dns_check *check);
void dns_check_mx(struct dns_check *check, struct span domain);
/* dns_check_spf.c, dns_check_cost.c */
void dns_check_spf(struct dns_check *check, struct span domain);
void dns_check_spf_cost(struct dns_check *check, struct span domain, struct span text);
/* Of the TXT records at a domain, those that are SPF's (RFC 7208 §4.5); the first of them in *ret_text. */
size_t dns_spf_records(struct dns_check *check, const struct dns_answer *txt, struct span *ret_text);
/* dns_check_records.c */
void dns_check_dkim(struct dns_check *check, struct span domain);
void dns_check_dkim_ahead(struct dns_check *check, struct span domain, struct dns_memo *memo);
void dns_check_dmarc(struct dns_check *check, struct span domain);

#endif
