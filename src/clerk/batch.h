/*
 * batch.h - the records of one step: read from the segment, answered by the keeper, filed.
 */
#ifndef SD_CLERK_BATCH_H
#define SD_CLERK_BATCH_H

#include "clerk/record.h"
#include "clerk/segment.h"
#include "store/position.h"

#define BATCH_RECORDS 64                      /* keeper.def: adopt */
#define BATCH_BYTES ((size_t)8 * 1024 * 1024) /* a batch ends with the record that passes it */
/* Headers and cards travel inline; one record alone always fits. And no more than the keeper, which serves the desk on the same
 * thread, gets through in a tenth of a second when every letter teaches it a domain. */
#define BATCH_QUESTION_BYTES ((size_t)24 * 1024)

struct batch_item {
    struct buf body;
    struct intake_position where;
    struct record record;           /* when set_aside is NULL */
    struct cards_adopted_v1 answer; /* points into the batch's reply */
    const char *set_aside;          /* why it cannot be filed */
};

struct batch {
    size_t count;
    size_t bytes, question_bytes;
    struct intake_position next; /* once all is filed */
    enum frame_found stopped_by; /* what is at `next`: FRAME_RECORD when the batch is just full */
    uint64_t stopped_until;      /* FRAME_DAMAGED: the offset where it ends */
    struct ipc_msg *reply;
    struct batch_item items[BATCH_RECORDS];
};

void batch_clear(struct batch *batch);
/* Reads on from the segment's offset, at most `limit` records. */
enum sd_err batch_read(struct batch *batch, struct segment *segment, size_t limit) SD_MUST_CHECK;

/* Offers all that can be offered. SD_ERR_PARSE, SD_ERR_LIMIT: the keeper does not take the question as it is. SD_ERR_PROTOCOL:
 * its answer does not fit. */
enum sd_err batch_adopt(struct batch *batch, struct ipc_client *keeper, struct deadline deadline) SD_MUST_CHECK;

/* One transaction: what was adopted, what is set aside, the position. */
enum sd_err batch_file(struct batch *batch, struct store *store, int64_t now_ms, struct deadline deadline) SD_MUST_CHECK;

#endif
