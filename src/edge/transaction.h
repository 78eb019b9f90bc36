/*
 * transaction.h - one mail transaction (RFC 5321 §3.3): made by MAIL, freed in one place, transaction_free, whether it was
 * accepted, refused, reset or cut off. "No transaction" is NULL, so nothing of one can reach the next.
 */
#ifndef SD_EDGE_TRANSACTION_H
#define SD_EDGE_TRANSACTION_H

#include "core/arena.h"
#include "core/buf.h"
#include "edge/limit.h"
#include "edge/recipients.h"

struct recipient {
    struct recipient *next;
    struct span address;
    struct span token; /* empty when there is none */
    const struct queue *queue;
};

struct transaction {
    struct arena *arena;
    struct budget *budget;
    uint64_t charged;             /* bytes of the budget that body holds */
    uint64_t declared_bytes;      /* SIZE=, a hint */
    struct span mail_from;        /* empty for <> */
    struct recipient *recipients; /* in the order they came */
    struct recipient *last;
    size_t recipient_count;
    struct buf body; /* the message, dots removed */
};

enum sd_err transaction_new(struct span mail_from, struct budget *budget, struct transaction **ret) SD_MUST_CHECK;
/* Copies address and token. */
enum sd_err transaction_add(struct transaction *t, struct span address, struct span token,
                            const struct queue *queue) SD_MUST_CHECK;
bool transaction_has_queue(const struct transaction *t, const struct queue *queue);
/* The different queues among the recipients, at most max; the count. */
size_t transaction_queues(const struct transaction *t, const struct queue **to, size_t max);
/* The message is not needed any more; its bytes go back to the budget. */
void transaction_drop_body(struct transaction *t);
void transaction_free(struct transaction **t); /* takes NULL */

#endif
