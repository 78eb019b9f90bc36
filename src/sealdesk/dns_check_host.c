/* This server's addresses and their names, where mail leaves from, and where each domain's mail goes. */
#include "sealdesk/dns_check.h"

#include "auth/auth.h"
#include "auth/name.h"

#include <limits.h>
#include <string.h>

static bool names_host(struct dns_check *check, const struct dns_answer *names) {
    for (size_t i = 0; i < names->count; i++) {
        struct span name;
        if (dns_name_text(names->records[i], check->arena, &name) == SD_OK && span_ieq(name, check->hostname))
            return true;
    }
    return false;
}

static struct span first_name(struct dns_check *check, const struct dns_answer *names) {
    struct span name;
    return names->count && dns_name_text(names->records[0], check->arena, &name) == SD_OK ? name : SPAN("nothing usable");
}

/* The host has the address, as that is where it came from: a PTR that names the host is confirmed (RFC 8601 §2.7.3). */
static void check_ptr(struct dns_check *check, const uint8_t ip[16], bool sends) {
    enum severity bad = sends ? SEVERITY_WRONG : SEVERITY_WARNING; /* nobody looks at it when a relay sends */
    struct span address = address_text(ip, check->arena), reverse = name_reverse(ip, check->arena);
    struct span line = arena_printf(check->arena, "%.*s. 3600 IN PTR %.*s.", SPAN_FMT(reverse), SPAN_FMT(check->hostname));
    struct dns_answer names = dns_check_ask(check, reverse, DNS_PTR);
    struct iprev_verdict v = {.result = AUTH_TEMPERROR};
    if (names_host(check, &names)) {
        dns_found(check, SEVERITY_OK, "ptr-confirmed", address, SPAN_NONE, "its PTR record names %.*s, which has this address",
                  SPAN_FMT(check->hostname));
        return;
    }
    (void)!iprev_check(ip, check->dns, check->deadline, check->arena, &v); /* else it stays temperror */
    if (v.result == AUTH_TEMPERROR)
        dns_found(check, SEVERITY_UNKNOWN, "ptr-unknown", address, SPAN_NONE, "the DNS did not say which name it has");
    else if (v.result == AUTH_PASS)
        dns_found(check, SEVERITY_WARNING, "ptr-other-name", address, line,
                  "its PTR record names %.*s, not %.*s, by which this server greets", SPAN_FMT(v.name),
                  SPAN_FMT(check->hostname));
    else if (v.result == AUTH_PERMERROR)
        dns_found(check, bad, "ptr-missing", address, line,
                  "it has no PTR record, and many receivers refuse mail from such addresses: ask your network's provider");
    else
        dns_found(check, bad, "ptr-not-confirmed", address, line, "its PTR record names %.*s, which does not have this address",
                  SPAN_FMT(first_name(check, &names)));
}

/* HOST:PORT, [V6]:PORT; empty for a unix socket, and when there is no relay. */
static struct span relay_host(struct dns_check *check) {
    struct span relay = span_trim(span_cstr(settings_text(check->settings, "courier.relay")));
    struct span host = span_sub(relay, 0, span_rfind(relay, ':'));
    if (span_starts(relay, SPAN("unix:")))
        return SPAN_NONE;
    return span_starts(host, SPAN("[")) && span_ends(host, SPAN("]")) ? span_sub(host, 1, host.n - 2) : host;
}

static bool is_loopback(const uint8_t ip[16]) {
    struct network v4, v6;
    return network_parse(SPAN("127.0.0.0/8"), &v4) == SD_OK && network_parse(SPAN("::1"), &v6) == SD_OK &&
           (network_has(&v4, ip) || network_has(&v6, ip));
}

static void take_senders(struct dns_check *check, const struct addresses *from) {
    memcpy(check->senders, from->ip, sizeof check->senders);
    check->sender_count = from->count;
}

/* Mail leaves through a relay: its addresses are what SPF must permit. True when it is this host after all. */
static bool relay_is_here(struct dns_check *check) {
    struct span host = relay_host(check);
    struct network address;
    struct addresses found = {0};
    if (host.n == 0) {
        dns_found(
            check, SEVERITY_NOTE, "relay-socket", SPAN("courier.relay"), SPAN_NONE,
            "mail leaves through a program on this host, and from which address is not known here: SPF is not checked for it");
        return false;
    }
    if (span_ieq(host, SPAN("localhost")))
        return true;
    if (network_parse(host, &address) == SD_OK) {
        memcpy(found.ip[found.count++], address.base, 16);
        if (is_loopback(address.base))
            return true;
    } else
        found = dns_addresses(check, host);
    if (found.unknown)
        dns_found(check, SEVERITY_UNKNOWN, "relay-unknown", host, SPAN_NONE,
                  "the DNS did not say which addresses the relay has");
    else if (found.count == 0)
        dns_found(check, SEVERITY_WRONG, "relay-no-address", host, SPAN_NONE,
                  "the relay has no address in the DNS: no mail can leave");
    take_senders(check, &found);
    return false;
}

void dns_check_host(struct dns_check *check) {
    struct addresses found = dns_addresses(check, check->hostname);
    bool sends = !*settings_text(check->settings, "courier.relay") || relay_is_here(check);
    if (found.unknown)
        dns_found(check, SEVERITY_UNKNOWN, "host-unknown", check->hostname, SPAN_NONE,
                  "the DNS did not say which addresses this server has");
    else if (found.count == 0)
        dns_found(check, SEVERITY_WRONG, "host-no-address", check->hostname, SPAN_NONE,
                  "this server's name has no address: publish an A or AAAA record with the one it is reached at");
    for (size_t i = 0; i < found.count; i++) {
        struct span address = address_text(found.ip[i], check->arena);
        dns_found(check, SEVERITY_OK, "host-address", check->hostname, SPAN_NONE, "has the address %.*s", SPAN_FMT(address));
        check_ptr(check, found.ip[i], sends);
    }
    if (sends)
        take_senders(check, &found);
}

/* ---- MX ---- */

static unsigned preference(struct span mx) {
    return mx.n < 2 ? 0 : (unsigned)mx.p[0] << 8 | mx.p[1];
}

/* The hosts as text, and whether ours is one of them and among the most preferred (RFC 5321 §5.1: the lowest number). */
static bool list_hosts(struct dns_check *check, const struct dns_answer *mx, struct buf *to, bool *ret_first) {
    bool here = false;
    unsigned ours = UINT_MAX, lowest = UINT_MAX;
    for (size_t i = 0; i < mx->count; i++) {
        struct span host;
        if (mx->records[i].n < 3 || dns_name_text(span_from(mx->records[i], 2), check->arena, &host) != SD_OK)
            host = SPAN("a name that cannot be used");
        unsigned at = preference(mx->records[i]);
        lowest = at < lowest ? at : lowest;
        if (span_ieq(host, check->hostname)) {
            here = true;
            ours = at < ours ? at : ours;
        }
        buf_printf(to, "%s%.*s", i ? ", " : "", SPAN_FMT(host));
    }
    *ret_first = here && ours == lowest;
    return here;
}

void dns_check_mx(struct dns_check *check, struct span domain) {
    struct buf hosts SD_CLEANUP(buf_free) = buf_new(65536);
    struct span line = dns_to_publish(check, domain, "");
    struct dns_answer mx = dns_check_ask(check, domain, DNS_MX);
    bool first = false, here = list_hosts(check, &mx, &hosts, &first);
    if (mx.outcome == DNS_TEMPFAIL)
        dns_found(check, SEVERITY_UNKNOWN, "mx-unknown", domain, SPAN_NONE, "the DNS did not say where mail for it goes");
    else if (here && !first)
        dns_found(check, *settings_text(check->settings, "upstream.id") ? SEVERITY_NOTE : SEVERITY_WARNING, "mx-not-first",
                  domain, SPAN_NONE, "mail for it goes to another server before this one: %.*s", SPAN_FMT(buf_span(&hosts)));
    else if (here)
        dns_found(check, SEVERITY_OK, "mx-here", domain, SPAN_NONE, "mail for it comes to this server");
    else if (mx.count == 0)
        dns_found(check, SEVERITY_WRONG, "mx-missing", domain, line,
                  "it has no MX record: mail for it does not find this server");
    else if (mx.count == 1 && hosts.n == 0) /* RFC 7505 */
        dns_found(check, SEVERITY_WRONG, "mx-null", domain, line, "its MX record says that it takes no mail at all");
    else
        dns_found(check, SEVERITY_WARNING, "mx-elsewhere", domain, line, "mail for it goes to %.*s, not to this server",
                  SPAN_FMT(buf_span(&hosts)));
}
