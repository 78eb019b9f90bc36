/*
 * queue.h - takes what is due from the store and has it done: one scheduler thread, workers made when there is work. Rows in
 * hand are leased for a short time, so that those of a courier that died are due again soon; this process knows its own and
 * takes none twice.
 */
#ifndef SD_COURIER_QUEUE_H
#define SD_COURIER_QUEUE_H

#include "courier/job.h"

/* Those that talk and those that wait for a place (pool.h), a worker each. Under LIMIT_LIST_ITEMS, so that a page of due rows
 * always has others too. */
#define QUEUE_IN_HAND_MAX 64
#define QUEUE_LEASE_MS 30000 /* a courier that starts takes up what a dead one had leased */
#define QUEUE_IDLE_MS 30000  /* looks again although no bell rang */

struct queue;

enum sd_err queue_new(struct courier *courier, struct queue **ret) SD_MUST_CHECK;
enum sd_err queue_start(struct queue *queue) SD_MUST_CHECK; /* makes the scheduler */
void queue_bell(struct queue *queue, int fd);               /* an eventfd that says: something is due; owns fd */

struct queue_state {
    uint64_t waiting; /* held, queued, deferred */
    bool store_ok;
};
struct queue_state queue_state(struct queue *queue);

/* Nothing new begins; SD_OK when all in hand came to an end by the deadline. */
enum sd_err queue_stop(struct queue *queue, struct deadline deadline) SD_MUST_CHECK;

#endif
