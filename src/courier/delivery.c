#include "courier/delivery.h"

#include "core/limits.h"

#include <stdio.h>
#include <string.h>

#define DNS_MS 20000

/* The recipients that go to one destination. */
struct group {
    struct delivery_settings *settings;
    struct delivery *delivery;
    size_t members[LIMIT_RECIPIENTS];
    size_t count;
    struct smtp_reply failure; /* of the last host */
    struct span host;
};

enum host_outcome { HOST_NEXT, HOST_DONE, HOST_BUSY };

bool delivery_final(const struct delivery_recipient *recipient) {
    unsigned class = reply_class(&recipient->reply);
    return (recipient->settled || recipient->tried) && (class == 2 || class == 5);
}

static struct delivery_recipient *member(struct group *g, size_t i) {
    return &g->delivery->recipients[g->members[i]];
}

static void all_get(struct group *g, const struct smtp_reply *reply) {
    for (size_t i = 0; i < g->count; i++) {
        member(g, i)->tried = true;
        member(g, i)->reply = *reply;
        member(g, i)->host = g->host;
    }
}

static void take_results(struct group *g, const struct smtp_session *s, const struct smtp_recipient *results) {
    for (size_t i = 0; i < g->count; i++) {
        struct delivery_recipient *r = member(g, i);
        r->tried = true;
        r->reply = results[i].reply;
        r->host = g->host;
        r->certificate_valid = smtp_certificate_valid(s);
        (void)snprintf(r->tls, sizeof r->tls, "%s", smtp_tls_text(s));
    }
}

/* False: the server said nothing at all, so nothing happened. */
static bool send_over(struct group *g, struct smtp_session *s, enum sd_err *ret_err) {
    struct smtp_recipient *results = arena_array(g->delivery->arena, g->count, sizeof *results);
    bool untouched = false;
    if (!results) {
        *ret_err = SD_ERR_NOMEM;
        return true;
    }
    for (size_t i = 0; i < g->count; i++)
        results[i].address = member(g, i)->address;
    enum sd_err err = smtp_send(s, &g->delivery->message, results, g->count, &untouched);
    if (err == SD_OK || !untouched)
        take_results(g, s, results);
    else
        g->failure = results[0].reply;
    return !untouched;
}

/* The next address of the host, until one gives a session. A host whose TLS failed is not asked at its other addresses: one of
 * them may offer none, and that would be the clear text that was just ruled out. */
static struct smtp_session *open_session(struct group *g, const struct route_addresses *addresses) {
    for (size_t i = 0; i < addresses->count; i++) {
        struct smtp_session *s = NULL;
        enum smtp_failure why;
        enum sd_err err = smtp_open(&g->settings->smtp, &addresses->at[i], g->host, &s, &why, &g->failure);
        if (err == SD_OK)
            return s;
        if (err == SD_ERR_NOMEM)
            reply_local(&g->failure, 451, "4.3.0", "out of memory here");
        if (why == SMTP_TLS_FAILED)
            return NULL;
    }
    return NULL;
}

static enum sd_err find_addresses(struct group *g, uint16_t port, struct route_addresses *addresses) {
    if (g->settings->relay.is_unix) {
        addresses->count = 1;
        return wire_address_unix(g->settings->relay.host, &addresses->at[0]);
    }
    enum sd_err err = route_addresses(&g->settings->dns, g->host, port, deadline_in_ms(DNS_MS), g->delivery->arena, addresses);
    if (err == SD_OK && addresses->unknown && addresses->count == 0)
        reply_local(&g->failure, 451, "4.4.3", "the DNS does not say where the server is");
    else if (err == SD_OK && addresses->count == 0)
        reply_local(&g->failure, 451, "4.4.4", "the server has no address");
    return err;
}

static enum host_outcome use_session(struct group *g, size_t place, struct smtp_session *s, enum sd_err *ret_err) {
    bool done = s && send_over(g, s, ret_err);
    pool_give(g->settings->pool, place, s);
    return done ? HOST_DONE : HOST_NEXT;
}

/* An idle session that the server has meanwhile given up says nothing about the server: then a new one is opened. */
static enum host_outcome try_host(struct group *g, uint16_t port, enum sd_err *ret_err) {
    char name[LIMIT_DOMAIN_BYTES + 8];
    struct smtp_session *s = NULL;
    struct route_addresses addresses = {0};
    size_t place = 0;
    int n = snprintf(name, sizeof name, "%.*s:%u", SPAN_FMT(g->host), port);
    struct span destination = span_of(name, n > 0 && n < (int)sizeof name ? (size_t)n : 0);
    if (pool_take(g->settings->pool, destination, deadline_in_ms(g->settings->place_ms), &place, &s) != SD_OK)
        return HOST_BUSY;
    if (s && send_over(g, s, ret_err)) {
        pool_give(g->settings->pool, place, s);
        return HOST_DONE;
    }
    smtp_close(&s);
    *ret_err = find_addresses(g, port, &addresses);
    return use_session(g, place, *ret_err ? NULL : open_session(g, &addresses), ret_err);
}

static enum sd_err try_hosts(struct group *g, const struct span *hosts, size_t count, uint16_t port) {
    for (size_t i = 0; i < count; i++) {
        enum sd_err err = SD_OK;
        g->host = hosts[i];
        enum host_outcome outcome = try_host(g, port, &err);
        if (outcome == HOST_BUSY)
            g->delivery->postponed = true;
        if (err || outcome != HOST_NEXT)
            return err;
    }
    all_get(g, &g->failure);
    return SD_OK;
}

static enum sd_err try_domain(struct group *g, struct span domain) {
    struct route route;
    struct delivery_settings *s = g->settings;
    enum sd_err err = route_for_domain(&s->dns, domain, s->smtp.hostname, deadline_in_ms(DNS_MS), g->delivery->arena, &route);
    if (err)
        return err;
    if (route.count == 0) {
        all_get(g, &route.refusal);
        return SD_OK;
    }
    return try_hosts(g, route.hosts, route.count, s->port);
}

static struct span domain_of(struct span address) {
    return span_from(address, span_rfind(address, '@') + 1);
}

static bool waits(const struct delivery *d, size_t i) {
    return !d->recipients[i].settled && !d->recipients[i].tried;
}

/* All that wait and go where the first of them goes. */
static void gather(struct group *g, size_t first) {
    struct delivery *d = g->delivery;
    struct span domain = domain_of(d->recipients[first].address);
    for (size_t i = first; i < d->count && g->count < LIMIT_RECIPIENTS; i++)
        if (waits(d, i) && (g->settings->relay.is_set || span_ieq(domain, domain_of(d->recipients[i].address))))
            g->members[g->count++] = i;
}

static enum sd_err try_group(struct delivery_settings *settings, struct delivery *d, size_t first) {
    struct group g = {.settings = settings, .delivery = d};
    gather(&g, first);
    if (!settings->relay.is_set)
        return try_domain(&g, domain_of(d->recipients[first].address));
    struct span host = span_cstr(settings->relay.host);
    return try_hosts(&g, &host, 1, settings->relay.port);
}

static void refuse_bad_addresses(struct delivery *d) {
    for (size_t i = 0; i < d->count; i++) {
        bool ok = smtp_address_ok(d->recipients[i].address) &&
                  (d->message.mail_from.n == 0 || smtp_address_ok(d->message.mail_from));
        if (ok || !waits(d, i))
            continue;
        d->recipients[i].tried = true;
        reply_local(&d->recipients[i].reply, 553, "5.1.3", "the address cannot be used in SMTP");
    }
}

/* A recipient that is untried after its group was tried is one whose server is busy: not asked for twice in one attempt. */
enum sd_err delivery_try(struct delivery_settings *settings, struct delivery *d) {
    bool asked[LIMIT_RECIPIENTS] = {0};
    enum sd_err err = SD_OK;
    refuse_bad_addresses(d);
    for (size_t i = 0; i < d->count && err == SD_OK; i++) {
        if (!waits(d, i) || asked[i])
            continue;
        if (atomic_load(&settings->stopping)) {
            d->postponed = true;
            break;
        }
        for (size_t k = i; k < d->count; k++)
            asked[k] = asked[k] || settings->relay.is_set ||
                       span_ieq(domain_of(d->recipients[i].address), domain_of(d->recipients[k].address));
        err = try_group(settings, d, i);
    }
    return err;
}
