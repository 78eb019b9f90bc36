#include "courier/route.h"

#include "auth/name.h"
#include "core/secret.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define MX_MAX 64 /* records looked at */

struct mx {
    uint32_t order; /* preference, then chance */
    uint16_t preference;
    struct span host; /* empty: "." */
};

static int by_order(const void *a, const void *b) {
    const struct mx *x = a, *y = b;
    return x->order < y->order ? -1 : x->order > y->order;
}

static enum sd_err refuse(struct route *route, unsigned code, const char *status, const char *text) {
    route->count = 0;
    reply_local(&route->refusal, code, status, text);
    return SD_OK;
}

/* Records that are none, and hosts that no DNS question can hold, are left out. */
static size_t read_mx(const struct dns_answer *answer, struct arena *arena, struct mx mx[MX_MAX]) {
    size_t n = 0;
    for (size_t i = 0; i < answer->count && n < MX_MAX; i++) {
        struct span rdata = answer->records[i];
        struct span host;
        uint16_t chance;
        if (rdata.n < 3 || dns_name_text(span_from(rdata, 2), arena, &host) != SD_OK)
            continue;
        random_bytes(&chance, sizeof chance); /* RFC 5321 §5.1: equal preferences in random order */
        uint16_t preference = (uint16_t)(rdata.p[0] << 8 | rdata.p[1]);
        mx[n++] = (struct mx){(uint32_t)preference << 16 | chance, preference, host};
    }
    qsort(mx, n, sizeof *mx, by_order);
    return n;
}

static size_t hosts_before_us(const struct mx *mx, size_t n, struct span our_name) {
    for (size_t i = 0; i < n; i++)
        if (span_ieq(mx[i].host, name_undot(our_name))) {
            while (i > 0 && mx[i - 1].preference == mx[i].preference)
                i--;
            return i; /* RFC 5321 §5.1: at and behind our own preference lies a loop */
        }
    return n;
}

static enum sd_err take_mx(const struct dns_answer *answer, struct span our_name, struct arena *arena, struct route *route) {
    struct mx mx[MX_MAX];
    size_t n = read_mx(answer, arena, mx);
    if (arena_err(arena))
        return arena_err(arena);
    if (answer->count == 1 && n == 1 && mx[0].host.n == 0)
        return refuse(route, 556, "5.1.10", "the domain takes no mail (null MX)"); /* RFC 7505 §3 */
    if (n == 0)
        return refuse(route, 451, "4.4.4", "no usable MX record");
    size_t usable = hosts_before_us(mx, n, our_name);
    if (usable == 0)
        return refuse(route, 554, "5.4.6", "the domain's mail comes to this server");
    for (size_t i = 0; i < usable && route->count < ROUTE_HOSTS_MAX; i++)
        if (mx[i].host.n)
            route->hosts[route->count++] = mx[i].host;
    return route->count ? SD_OK : refuse(route, 451, "4.4.4", "no usable MX record");
}

static enum sd_err take_domain_itself(struct span domain, struct span our_name, struct route *route) {
    if (span_ieq(domain, name_undot(our_name)))
        return refuse(route, 554, "5.4.6", "the domain's mail comes to this server");
    route->hosts[route->count++] = domain; /* RFC 5321 §5.1: the implicit MX */
    return SD_OK;
}

enum sd_err route_for_domain(const struct dns_source *dns, struct span domain, struct span our_name, struct deadline deadline,
                             struct arena *arena, struct route *ret) {
    struct dns_answer answer;
    *ret = (struct route){0};
    domain = name_undot(domain);
    if (!name_is_domain(domain))
        return refuse(ret, 553, "5.1.2", "not a domain that mail can be sent to");
    enum sd_err err = dns_ask(dns, domain, DNS_MX, deadline, arena, &answer);
    if (err)
        return err;
    switch (answer.outcome) {
    case DNS_FOUND:
        return take_mx(&answer, our_name, arena, ret);
    case DNS_NODATA:
        return take_domain_itself(domain, our_name, ret);
    case DNS_NXDOMAIN:
        return refuse(ret, 550, "5.1.2", "the domain does not exist");
    case DNS_TEMPFAIL:
    default:
        return refuse(ret, 451, "4.4.3", "the domain's DNS does not answer");
    }
}

static void add_address(struct span ip, uint16_t port, struct route_addresses *to) {
    if (to->count < ROUTE_ADDRESSES_MAX && wire_address_ip(ip, port, &to->at[to->count]) == SD_OK)
        to->count++;
}

static bool take_literal(struct span host, uint16_t port, struct route_addresses *to) {
    char text[64];
    uint8_t ip[16];
    if (host.n >= sizeof text)
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = 0;
    if (inet_pton(AF_INET, strcmp(text, "localhost") == 0 ? "127.0.0.1" : text, ip) == 1)
        add_address(span_of(ip, 4), port, to);
    else if (inet_pton(AF_INET6, text, ip) == 1)
        add_address(span_of(ip, 16), port, to);
    return to->count > 0;
}

static void take_records(const struct dns_answer *answer, size_t bytes, uint16_t port, struct route_addresses *to) {
    for (size_t i = 0; answer->outcome == DNS_FOUND && i < answer->count; i++)
        if (answer->records[i].n == bytes)
            add_address(answer->records[i], port, to);
    to->unknown = to->unknown || answer->outcome == DNS_TEMPFAIL;
}

/* IPv4 first: receivers judge senders by it, and a host without IPv6 loses no time. */
enum sd_err route_addresses(const struct dns_source *dns, struct span host, uint16_t port, struct deadline deadline,
                            struct arena *arena, struct route_addresses *ret) {
    struct route_addresses found = {0};
    struct dns_answer a = {0}, aaaa = {0};
    enum sd_err err = SD_OK;
    if (!take_literal(host, port, &found)) {
        err = dns_ask(dns, host, DNS_A, deadline, arena, &a);
        if (err == SD_OK)
            err = dns_ask(dns, host, DNS_AAAA, deadline, arena, &aaaa);
        take_records(&a, 4, port, &found);
        take_records(&aaaa, 16, port, &found);
    }
    if (err == SD_OK)
        *ret = found;
    return err;
}
