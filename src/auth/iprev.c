/* RFC 8601 §2.7.3, §3: the address has a name, and that name has the address. */
#include "auth/auth.h"
#include "auth/name.h"

#define IPREV_MAX_NAMES 10 /* as SPF's ptr (RFC 7208 §4.6.4): anybody can give an address a thousand names */

static bool has_address(const struct dns_answer *answer, struct span address) {
    for (size_t i = 0; i < answer->count; i++)
        if (span_eq(answer->records[i], address))
            return true;
    return false;
}

/* Of an IPv4-mapped address the A record's four bytes, else the AAAA record's sixteen. */
static struct span wanted(const uint8_t ip[16]) {
    return ip_is_v4(ip) ? span_of(ip + 12, 4) : span_of(ip, 16);
}

enum sd_err iprev_check(const uint8_t ip[16], const struct dns_source *dns, struct deadline deadline, struct arena *arena,
                        struct iprev_verdict *ret) {
    struct iprev_verdict verdict = {.result = AUTH_FAIL};
    struct span address = wanted(ip);
    struct dns_answer names, addresses;
    struct span reverse = name_reverse(ip, arena);
    enum sd_err err = arena_err(arena);
    err = err ? err : dns_ask(dns, reverse, DNS_PTR, deadline, arena, &names);
    if (err)
        return err;
    if (names.outcome != DNS_FOUND)
        verdict.result = names.outcome == DNS_TEMPFAIL ? AUTH_TEMPERROR : AUTH_PERMERROR; /* no PTR data */
    for (size_t i = 0; names.outcome == DNS_FOUND && i < names.count && i < IPREV_MAX_NAMES; i++) {
        struct span name;
        if (dns_name_text(names.records[i], arena, &name))
            continue;
        err = dns_ask(dns, name, address.n == 4 ? DNS_A : DNS_AAAA, deadline, arena, &addresses);
        if (err)
            return err;
        if (addresses.outcome == DNS_FOUND && has_address(&addresses, address)) {
            verdict = (struct iprev_verdict){AUTH_PASS, name_lower(name, arena)};
            break;
        }
        if (addresses.outcome == DNS_TEMPFAIL)
            verdict.result = AUTH_TEMPERROR; /* unless another name confirms it */
    }
    err = arena_err(arena);
    if (err == SD_OK)
        *ret = verdict;
    return err;
}
