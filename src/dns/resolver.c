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
#define CNAME_HOPS_MAX 8 /* as many as public resolvers follow */

struct resolver {
    struct ub_ctx *ub;
    bool local_only;
};

struct resolver_query {
    struct resolver *resolver;
    resolver_callback *callback;
    void *ctx;
    int id;
    uint16_t type;
    unsigned hops;
    uint32_t ttl_s; /* the shortest on the way */
};

/* The library's own defaults are for a program that asks now and then. */
static const char *const options[][2] = {
    {"msg-cache-size:", "8m"},      {"rrset-cache-size:", "16m"},
    {"outgoing-range:", "512"},     {"num-queries-per-thread:", "1024"},
    {"outgoing-num-tcp:", "32"},    {"edns-buffer-size:", "1232"}, /* no fragments on the way: DNS flag day 2020 */
    {"qname-minimisation:", "yes"},                                /* RFC 9156: the root need not learn who writes to us */
    {"cache-max-ttl:", "86400"},    {"hide-identity:", "yes"},
};

/* Names that libunbound answers itself (RFC 6303, RFC 6761); a forwarder or local data may know them. */
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

/* libunbound reports a line that it cannot read as lack of memory. */
static enum sd_err add_record(void *ctx, const char *record) {
    return ub_ctx_data_add(ctx, record) == 0 ? SD_OK : SD_ERR_CONFIG;
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
    bool own_names = settings->local_only || *settings->forwarders;
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
    if (err == SD_OK && settings->local_only)
        err = taken(ub_ctx_zone_add(r->ub, ".", "static"), "dns.local_data");
    if (err == SD_OK)
        err = add_lines(r->ub, settings->local_data, add_record, "dns.local_data");
    return err;
}

enum sd_err resolver_new(const struct resolver_settings *settings, struct resolver **ret) {
    struct resolver *r = calloc(1, sizeof *r);
    if (!r)
        return SD_ERR_NOMEM;
    r->local_only = settings->local_only;
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

static uint32_t shorter_ttl(const struct resolver_query *query, const struct ub_result *result) {
    uint32_t ttl_s = result && result->ttl > 0 ? (uint32_t)result->ttl : 0;
    return ttl_s < query->ttl_s ? ttl_s : query->ttl_s;
}

static void answered(void *data, int err, struct ub_result *result);

static int ask(struct resolver_query *query, const struct question *question) {
    char text[QUESTION_TEXT_BYTES];
    question_text(question, text);
    return ub_resolve_async(query->resolver->ub, text, question->type, CLASS_IN, query, answered, &query->id);
}

/* libunbound follows CNAMEs but for those of local data, where it stops at the first (RFC 1034 §3.6.2 asks to go on). */
static bool ends_at_local_cname(const struct resolver_query *query, enum dns_outcome outcome, const struct ub_result *result) {
    return query->resolver->local_only && outcome == DNS_NODATA && result->canonname && query->type != DNS_CNAME;
}

static bool follow(struct resolver_query *query, const struct ub_result *result) {
    struct question next;
    if (query->hops++ >= CNAME_HOPS_MAX || question_from_text(result->canonname, query->type, &next))
        return false;
    query->ttl_s = shorter_ttl(query, result);
    return ask(query, &next) == 0;
}

static void deliver(struct resolver_query *query, enum dns_outcome outcome, const struct ub_result *result) {
    struct resolver_answer answer = {.outcome = outcome, .ttl_s = shorter_ttl(query, result)};
    if (outcome != DNS_TEMPFAIL)
        answer.secure = result->secure;
    if (outcome == DNS_FOUND) {
        answer.records = result->data;
        answer.bytes = result->len;
    }
    query->callback(query->ctx, &answer);
    free(query);
}

static void answered(void *data, int err, struct ub_result *result) {
    struct resolver_query *query = data;
    enum dns_outcome outcome = outcome_of(err, result);
    bool goes_on = false;
    if (ends_at_local_cname(query, outcome, result)) {
        goes_on = follow(query, result);
        outcome = DNS_TEMPFAIL; /* a loop, or a chain that is too long */
    }
    if (!goes_on)
        deliver(query, outcome, result);
    ub_resolve_free(result);
}

enum sd_err resolver_ask(struct resolver *resolver, const struct question *question, resolver_callback *callback, void *ctx,
                         struct resolver_query **ret) {
    struct resolver_query *query = malloc(sizeof *query);
    if (!query)
        return SD_ERR_NOMEM;
    *query = (struct resolver_query){
        .resolver = resolver, .callback = callback, .ctx = ctx, .type = question->type, .ttl_s = UINT32_MAX};
    if (ask(query, question) != 0) {
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
