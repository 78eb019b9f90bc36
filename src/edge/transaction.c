#include "edge/transaction.h"

#include <stdlib.h>

#define ARENA_MAX ((size_t)128 * 1024) /* LIMIT_RECIPIENTS addresses of LIMIT_ADDRESS_BYTES, and their nodes */

enum sd_err transaction_new(struct span mail_from, struct budget *budget, struct transaction **ret) {
    struct transaction *t = calloc(1, sizeof *t);
    if (!t)
        return SD_ERR_NOMEM;
    t->arena = arena_new(ARENA_MAX);
    t->budget = budget;
    t->body = buf_new(LIMIT_MESSAGE_BYTES);
    if (t->arena)
        t->mail_from = arena_span(t->arena, mail_from);
    enum sd_err err = t->arena ? arena_err(t->arena) : SD_ERR_NOMEM;
    if (err)
        transaction_free(&t);
    else
        *ret = t;
    return err;
}

enum sd_err transaction_add(struct transaction *t, struct span address, struct span token, const struct queue *queue) {
    struct recipient *recipient = ARENA_NEW(t->arena, struct recipient);
    if (!recipient)
        return SD_ERR_NOMEM;
    *recipient =
        (struct recipient){.address = arena_span(t->arena, address), .token = arena_span(t->arena, token), .queue = queue};
    enum sd_err err = arena_err(t->arena);
    if (err)
        return err;
    if (t->last)
        t->last->next = recipient;
    else
        t->recipients = recipient;
    t->last = recipient;
    t->recipient_count++;
    return SD_OK;
}

bool transaction_has_queue(const struct transaction *t, const struct queue *queue) {
    for (const struct recipient *r = t->recipients; r; r = r->next)
        if (r->queue == queue)
            return true;
    return false;
}

/* A recipient is the first of its queue when no earlier one has it. */
static bool is_first_of_queue(const struct transaction *t, const struct recipient *recipient) {
    const struct recipient *r = t->recipients;
    while (r != recipient && r->queue != recipient->queue)
        r = r->next;
    return r == recipient;
}

size_t transaction_queues(const struct transaction *t, const struct queue **to, size_t max) {
    size_t n = 0;
    for (const struct recipient *r = t->recipients; r; r = r->next)
        if (is_first_of_queue(t, r) && n < max)
            to[n++] = r->queue;
    return n;
}

void transaction_drop_body(struct transaction *t) {
    buf_free(&t->body);
    budget_give(t->budget, t->charged);
    t->charged = 0;
}

void transaction_free(struct transaction **t) {
    if (!*t)
        return;
    transaction_drop_body(*t);
    arena_free(&(*t)->arena);
    free(*t);
    *t = NULL;
}
