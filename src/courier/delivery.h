/*
 * delivery.h - one attempt to hand one message to the servers of its recipients. Decides nothing about later attempts.
 */
#ifndef SD_COURIER_DELIVERY_H
#define SD_COURIER_DELIVERY_H

#include "courier/pool.h"
#include "courier/route.h"

#include <stdatomic.h>

struct delivery_settings {
    struct smtp_settings smtp;
    struct dns_source dns;
    struct pool *pool;
    int64_t place_ms; /* longest wait for a connection that others use */
    struct relay relay;
    uint16_t port;        /* of the recipients' servers */
    atomic_bool stopping; /* begin nothing new */
};

struct delivery_recipient {
    struct span address;
    bool settled; /* before this attempt: reply is its final one */
    bool tried;   /* in this attempt: reply says how it went */
    struct smtp_reply reply;
    struct span host; /* who answered; empty: nobody */
    char tls[64];     /* "" without TLS */
    bool certificate_valid;
};

struct delivery {
    struct smtp_message message;
    struct delivery_recipient *recipients; /* at most LIMIT_RECIPIENTS */
    size_t count;
    struct arena *arena;
    bool postponed; /* recipients were left untried: their server is busy with us, or we are stopping */
};

/* Tries all that are not settled, by destination. Errors are ours. */
enum sd_err delivery_try(struct delivery_settings *settings, struct delivery *delivery) SD_MUST_CHECK;

/* Over for good, one way or the other. */
bool delivery_final(const struct delivery_recipient *recipient);

#endif
