/*
 * resolver.h - libunbound, set up once and asked without waiting. Its worker is a thread that starts with the first question,
 * so resolver_new can be called before confinement and everything it reads is read by then.
 *
 * One thread asks and processes; answers come as calls of the callback from inside resolver_process.
 */
#ifndef SD_DNS_RESOLVER_H
#define SD_DNS_RESOLVER_H

#include "dns/question.h"

struct resolver;

struct resolver_settings {
    const char *forwarders; /* IP@PORT, comma-separated; "": ask from the root servers on */
    struct span anchor;     /* DNSSEC trust anchor, zone-file lines; empty: nothing is secure */
};

/* Records of an answer, borrowed for the time of the callback. */
struct resolver_answer {
    enum dns_outcome outcome;
    bool secure;
    uint32_t ttl_s;
    char **records;   /* NULL ends */
    const int *bytes; /* of each */
};
typedef void resolver_callback(void *ctx, const struct resolver_answer *answer);

/* SD_ERR_CONFIG: a setting that libunbound does not take; the log says which. */
enum sd_err resolver_new(const struct resolver_settings *settings, struct resolver **ret) SD_MUST_CHECK;
void resolver_free(struct resolver **resolver);

int resolver_fd(const struct resolver *resolver); /* readable: call resolver_process */
enum sd_err resolver_process(struct resolver *resolver) SD_MUST_CHECK;

/* A question in flight: from ask until its callback was called or cancel. */
struct resolver_query;
enum sd_err resolver_ask(struct resolver *resolver, const struct question *question, resolver_callback *callback, void *ctx,
                         struct resolver_query **ret) SD_MUST_CHECK;
void resolver_cancel(struct resolver_query **query);

#endif
