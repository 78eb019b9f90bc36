#include "dns/resolver.h"

#include "core/log.h"
#include "dns/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unbound.h>

#define CLASS_IN 1
#define RCODE_NOERROR 0
#define RCODE_NXDOMAIN 3

struct resolver {
    struct ub_ctx *ub;
};

struct resolver_query {
    struct resolver *resolver;
    resolver_callback *callback;
    void *ctx;
    int id;
};

/* The library's own defaults are for a program that asks now and then. */
static const char *const options[][2] = {
    {"msg-cache-size:", "8m"},      {"rrset-cache-size:", "16m"},
    {"outgoing-range:", "512"},     {"num-queries-per-thread:", "1024"},
    {"outgoing-num-tcp:", "32"},    {"edns-buffer-size:", "1232"}, /* no fragments on the way: DNS flag day 2020 */
    {"qname-minimisation:", "yes"},                                /* RFC 9156: the root need not learn who writes to us */
    {"cache-max-ttl:", "86400"},    {"hide-identity:", "yes"},
};

/* Names that libunbound answers itself (RFC 6303, RFC 6761); a forwarder may know them. */
static const char *const forwarder_options[][2] = {
    {"unblock-lan-zones:", "yes"},
    {"insecure-lan-zones:", "yes"},
};
static const char *const builtin_zones[] = {"localhost.", "127.in-addr.arpa.", "test.", "invalid.",
                                            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa."};

static enum sd_err taken(int rc, const char *what) {
    if (rc == 0)
        return SD_OK;
    log_error("dns.setup", "refused=%s reason=\"%s\"", what, ub_strerror(rc));
    return rc == UB_NOMEM ? SD_ERR_NOMEM : SD_ERR_CONFIG;
}

static enum sd_err set_options(struct ub_ctx *ub, const char *const (*list)[2], size_t count) {
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < count && err == SD_OK; i++)
        err = taken(ub_ctx_set_option(ub, list[i][0], list[i][1]), list[i][0]);
    return err;
}

static enum sd_err add_forwarders(struct ub_ctx *ub, const char *list) {
    struct span_split split = span_split_start(span_cstr(list));
    struct span part;
    enum sd_err err = SD_OK;
    while (err == SD_OK && span_split_next(&split, ',', &part)) {
        char address[64]; /* the longest IPv6 address, a zone, and a port */
        struct span trimmed = span_trim(part);
        if (trimmed.n == 0)
            continue;
        if (trimmed.n >= sizeof address)
            return taken(UB_SYNTAX, "dns.resolver");
        memcpy(address, trimmed.p, trimmed.n);
        address[trimmed.n] = 0;
        err = taken(ub_ctx_set_fwd(ub, address), "dns.resolver");
    }
    return err;
}

static enum sd_err add_anchor(void *ctx, const char *record) {
    return taken(ub_ctx_add_ta(ctx, record), "dns.trust_anchor");
}

static enum sd_err remove_builtin_zones(struct ub_ctx *ub) {
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < SD_COUNT(builtin_zones) && err == SD_OK; i++)
        err = taken(ub_ctx_zone_remove(ub, builtin_zones[i]), builtin_zones[i]);
    return err;
}

static enum sd_err add_lines(struct ub_ctx *ub, struct span file, zone_add *add, const char *key) {
    size_t line = 0;
    enum sd_err err = zone_read(file, add, ub, &line);
    if (err)
        log_error("dns.setup", "key=%s line=%zu error=%s", key, line, sd_err_name(err));
    return err;
}

/* Options, forwarders and anchors come before zones: the first zone makes the library settle its configuration. */
static enum sd_err set_up(struct resolver *r, const struct resolver_settings *settings) {
    bool own_names = *settings->forwarders;
    enum sd_err err = taken(ub_ctx_debugout(r->ub, NULL), "log"); /* it would print names that letters brought */
    if (err == SD_OK)
        err = taken(ub_ctx_async(r->ub, 1), "threads");
    if (err == SD_OK)
        err = set_options(r->ub, options, SD_COUNT(options));
    if (err == SD_OK && own_names)
        err = set_options(r->ub, forwarder_options, SD_COUNT(forwarder_options));
    if (err == SD_OK)
        err = add_forwarders(r->ub, settings->forwarders);
    if (err == SD_OK)
        err = add_lines(r->ub, settings->anchor, add_anchor, "dns.trust_anchor");
    if (err == SD_OK && own_names)
        err = remove_builtin_zones(r->ub);
    return err;
}

enum sd_err resolver_new(const struct resolver_settings *settings, struct resolver **ret) {
    struct resolver *r = calloc(1, sizeof *r);
    if (!r)
        return SD_ERR_NOMEM;
    r->ub = ub_ctx_create();
    enum sd_err err = r->ub ? set_up(r, settings) : SD_ERR_NOMEM;
    if (err)
        resolver_free(&r);
    else
        *ret = r;
    return err;
}

void resolver_free(struct resolver **resolver) {
    if (*resolver)
        ub_ctx_delete((*resolver)->ub);
    free(*resolver);
    *resolver = NULL;
}

int resolver_fd(const struct resolver *resolver) {
    return ub_fd(resolver->ub);
}

enum sd_err resolver_process(struct resolver *resolver) {
    return ub_process(resolver->ub) == 0 ? SD_OK : SD_ERR_IO;
}

/* Unknown is not "no": whatever is neither data nor a clean denial is a temporary failure. */
static enum dns_outcome outcome_of(int err, const struct ub_result *result) {
    if (err || !result || result->bogus)
        return DNS_TEMPFAIL;
    if (result->rcode == RCODE_NXDOMAIN)
        return DNS_NXDOMAIN;
    if (result->rcode != RCODE_NOERROR)
        return DNS_TEMPFAIL;
    return result->havedata ? DNS_FOUND : DNS_NODATA;
}

static void answered(void *data, int err, struct ub_result *result) {
    struct resolver_query *query = data;
    struct resolver_answer answer = {.outcome = outcome_of(err, result)};
    if (answer.outcome != DNS_TEMPFAIL) {
        answer.secure = result->secure;
        answer.ttl_s = result->ttl > 0 ? (uint32_t)result->ttl : 0;
    }
    if (answer.outcome == DNS_FOUND) {
        answer.records = result->data;
        answer.bytes = result->len;
    }
    query->callback(query->ctx, &answer);
    free(query);
    ub_resolve_free(result);
}

enum sd_err resolver_ask(struct resolver *resolver, const struct question *question, resolver_callback *callback, void *ctx,
                         struct resolver_query **ret) {
    char text[QUESTION_TEXT_BYTES];
    struct resolver_query *query = malloc(sizeof *query);
    if (!query)
        return SD_ERR_NOMEM;
    *query = (struct resolver_query){.resolver = resolver, .callback = callback, .ctx = ctx};
    question_text(question, text);
    if (ub_resolve_async(resolver->ub, text, question->type, CLASS_IN, query, answered, &query->id) != 0) {
        free(query);
        return SD_ERR_IO;
    }
    *ret = query;
    return SD_OK;
}

void resolver_cancel(struct resolver_query **query) {
    if (*query)
        (void)ub_cancel((*query)->resolver->ub, (*query)->id);
    free(*query);
    *query = NULL;
}
