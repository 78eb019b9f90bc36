#include "auth/dns.h"
#include "auth/name.h"

enum sd_err dns_start(const struct dns_source *source, struct span name, enum dns_type type, struct dns_ticket *ret) {
    if (!name_is_dns(name))
        return SD_ERR_PARSE;
    return source->start(source->ctx, name, type, ret);
}

enum sd_err dns_wait(const struct dns_source *source, struct dns_ticket ticket, struct deadline deadline, struct arena *arena,
                     struct dns_answer *ret) {
    return source->wait(source->ctx, ticket, deadline, arena, ret);
}

enum sd_err dns_ask(const struct dns_source *source, struct span name, enum dns_type type, struct deadline deadline,
                    struct arena *arena, struct dns_answer *ret) {
    if (!name_is_dns(name)) {
        *ret = (struct dns_answer){.outcome = DNS_NXDOMAIN}; /* the DNS cannot hold it, so it is not there */
        return SD_OK;
    }
    struct dns_ticket ticket;
    enum sd_err err = dns_start(source, name, type, &ticket);
    if (err == SD_ERR_NOMEM)
        return err;
    if (err) {
        *ret = (struct dns_answer){.outcome = DNS_TEMPFAIL}; /* no dns process: unknown, not an error of the caller's */
        return SD_OK;
    }
    return dns_wait(source, ticket, deadline, arena, ret);
}

struct span dns_txt_joined(struct span rdata, struct arena *arena) {
    uint8_t *to = arena_alloc(arena, rdata.n ? rdata.n : 1);
    if (!to)
        return SPAN_NONE;
    size_t n = 0;
    for (size_t at = 0; at < rdata.n;) {
        struct span part = span_sub(rdata, at + 1, rdata.p[at]);
        if (part.n != rdata.p[at])
            return SPAN_NONE;
        for (size_t i = 0; i < part.n; i++)
            to[n++] = part.p[i];
        at += 1 + part.n;
    }
    return span_of(to, n);
}

/* A label whose text form would need an escape is refused: it must never be taken for two labels or for another name. */
static bool label_plain(struct span label) {
    for (size_t i = 0; i < label.n; i++)
        if (label.p[i] <= 0x20 || label.p[i] >= 0x7f || label.p[i] == '.' || label.p[i] == '\\')
            return false;
    return label.n <= NAME_LABEL_MAX_BYTES;
}

enum sd_err dns_name_text(struct span wire, struct arena *arena, struct span *ret) {
    uint8_t *to = arena_alloc(arena, wire.n ? wire.n : 1);
    if (!to)
        return SD_ERR_NOMEM;
    size_t n = 0;
    size_t at = 0;
    while (at < wire.n && wire.p[at] != 0) {
        struct span label = span_sub(wire, at + 1, wire.p[at]);
        if (label.n != wire.p[at] || !label_plain(label) || n + label.n > NAME_MAX_BYTES)
            return SD_ERR_PARSE;
        if (n)
            to[n++] = '.';
        for (size_t i = 0; i < label.n; i++)
            to[n++] = label.p[i];
        at += 1 + label.n;
    }
    if (at + 1 != wire.n) /* the root label ends the name, nothing follows */
        return SD_ERR_PARSE;
    *ret = span_of(to, n);
    return SD_OK;
}
