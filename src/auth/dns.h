/*
 * dns.h - how the checks ask the DNS: a small interface, so that tests script it and processes put libunbound's process behind
 * it.
 */
#ifndef SD_AUTH_DNS_H
#define SD_AUTH_DNS_H

#include "core/arena.h"
#include "core/clock.h"

enum dns_type { DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28, DNS_TLSA = 52 };

/* The zero value is the one nobody may build trust on. */
enum dns_outcome {
    DNS_TEMPFAIL = 0, /* time-out, SERVFAIL, bogus DNSSEC: unknown */
    DNS_FOUND = 1,    /* records of the asked type, after following CNAMEs */
    DNS_NODATA = 2,   /* the name exists, without that type: a void look-up */
    DNS_NXDOMAIN = 3, /* the name does not exist: a void look-up */
};

/* Records in wire RDATA: A 4 bytes, AAAA 16; MX is preference (big endian) and an uncompressed name; TXT is its strings with
 * their length bytes; PTR, NS an uncompressed name. */
struct dns_answer {
    enum dns_outcome outcome;
    bool secure; /* DNSSEC validated */
    uint32_t ttl_s;
    const struct span *records;
    size_t count;
};

/* One look-up in flight. */
struct dns_ticket {
    uint64_t id;
    void *state;
};

/*
 * start: sends the question and returns at once. wait: blocks until the answer or the deadline and allocates it in the arena; a
 * time-out or a failed dns process is outcome DNS_TEMPFAIL, not an error. Every started ticket must be waited for exactly once.
 */
struct dns_source {
    void *ctx;
    enum sd_err (*start)(void *ctx, struct span name, enum dns_type type, struct dns_ticket *ret);
    enum sd_err (*wait)(void *ctx, struct dns_ticket ticket, struct deadline deadline, struct arena *arena,
                        struct dns_answer *ret);
};

enum sd_err dns_start(const struct dns_source *source, struct span name, enum dns_type type,
                      struct dns_ticket *ret) SD_MUST_CHECK;
enum sd_err dns_wait(const struct dns_source *source, struct dns_ticket ticket, struct deadline deadline, struct arena *arena,
                     struct dns_answer *ret) SD_MUST_CHECK;
/* Both in one. */
enum sd_err dns_ask(const struct dns_source *source, struct span name, enum dns_type type, struct deadline deadline,
                    struct arena *arena, struct dns_answer *ret) SD_MUST_CHECK;

/* RDATA helpers; spans in the arena. */
struct span dns_txt_joined(struct span rdata,
                           struct arena *arena); /* the strings put together (RFC 7208 §3.3); empty if malformed */
enum sd_err dns_name_text(struct span wire, struct arena *arena, struct span *ret) SD_MUST_CHECK; /* no final dot */

#endif
