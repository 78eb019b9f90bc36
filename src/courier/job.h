/*
 * job.h - one attempt at one message of the outbound table, from the warrant to the record of what happened.
 *
 * Order, so that a kill -9 at any time loses nothing: the servers answer; receipts and the row's next time are committed
 * together; the keeper is told; the row becomes sent or failed. After a kill between two of these steps the attempt is taken up
 * there: receipts say who has the message, and a row whose status is final (2.x or 5.x) needs no more than the report. The one
 * gap: killed, or the connection lost, between a server's acceptance and our commit, a message goes to that server's recipients
 * a second time. SMTP has no way to close it (RFC 1047).
 */
#ifndef SD_COURIER_JOB_H
#define SD_COURIER_JOB_H

#include "core/ipc/ipc.h"
#include "courier/delivery.h"
#include "courier/schedule.h"
#include "store/outbound.h"

#include <pthread.h>

#define JOB_MESSAGE_BYTES ((size_t)4 * 1024 * 1024) /* keeper.def lets a reply have 2 MiB */

struct courier {
    struct delivery_settings delivery;
    struct schedule schedule;
    struct ipc_client *keeper;
    pthread_mutex_t store_lock; /* one connection for all threads: only SQL happens under it */
    struct store *store;
};

struct job {
    struct object_id object;
    struct warrant_id warrant;
    struct ticket_id ticket;
    enum delivery_state state;
    int64_t created_ms;
    char status[OUTBOUND_STATUS_MAX + 1];
};

void job_from_row(const struct outbound_row *row, struct job *ret);
void job_run(struct courier *courier, const struct job *job);

#endif
