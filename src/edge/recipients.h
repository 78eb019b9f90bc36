/*
 * recipients.h - which queue a recipient reaches. Addresses are compared without regard to case; what follows "+" in the local
 * part is a token for the keeper (support+<token>@): an unknown one changes nothing. postmaster at our domains, and
 * <postmaster> alone, reach the first queue (RFC 5321 §4.5.1), unless a queue has that address itself. All else does not exist
 * here: nothing is ever relayed.
 */
#ifndef SD_EDGE_RECIPIENTS_H
#define SD_EDGE_RECIPIENTS_H

#include "core/config.h"
#include "edge/address.h"

#define QUEUES_MAX 256 /* in one configuration */
#define DOMAINS_MAX 64

struct queue {
    struct span name;
    struct span local; /* of its address */
    struct span domain;
};

struct queues {
    size_t count;
    struct queue queues[QUEUES_MAX];
    size_t domain_count;
    struct span domains[DOMAINS_MAX];
};

/* Borrows from config. SD_ERR_CONFIG: no queue, too many, or an address that is none. */
enum sd_err queues_configure(struct queues *queues, const struct config *config) SD_MUST_CHECK;
enum sd_err queues_add(struct queues *queues, struct span name, struct span address) SD_MUST_CHECK;

/* The queue, or NULL. *ret_token: what follows "+", empty when there is none; a part of path. */
const struct queue *queues_find(const struct queues *queues, const struct mail_path *path, struct span *ret_token);

#endif
