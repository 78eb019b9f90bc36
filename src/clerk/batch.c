#include "clerk/batch.h"
#include "clerk/filing.h"
#include "core/ipc/keeper.h"
#include "core/log.h"
#include "store/setaside.h"

#include <inttypes.h>

void batch_clear(struct batch *batch) {
    for (size_t i = 0; i < batch->count; i++)
        buf_free(&batch->items[i].body);
    ipc_msg_free(&batch->reply);
    batch->count = 0;
    batch->bytes = batch->question_bytes = 0;
}

/* ---- reading ---- */

/* False when this record must wait for the next question. */
static bool take(struct batch *batch, struct buf *body, const struct segment *segment) {
    struct batch_item *item = &batch->items[batch->count];
    *item = (struct batch_item){.where = {segment->number, segment->offset}};
    size_t question = 0;
    if (record_decode(buf_span(body), &item->record) != SD_OK)
        item->set_aside = "not a record";
    else
        question = item->record.header_bytes.n + item->record.sealed_card.n + 12; /* and three lengths */
    if (batch->count && batch->question_bytes + question > BATCH_QUESTION_BYTES)
        return false;
    item->body = *body;
    *body = buf_new(0);
    batch->bytes += item->body.n;
    batch->question_bytes += question;
    batch->count++;
    return true;
}

enum sd_err batch_read(struct batch *batch, struct segment *segment, size_t limit) {
    batch_clear(batch);
    batch->stopped_by = FRAME_RECORD;
    while (batch->count < limit && batch->count < BATCH_RECORDS && batch->bytes < BATCH_BYTES) {
        struct buf body SD_CLEANUP(buf_free) = buf_new(FRAME_BODY_MAX);
        enum frame_found found;
        uint64_t next;
        enum sd_err err = segment_next(segment, &body, &found, &next);
        if (err)
            return err;
        if (found != FRAME_RECORD) {
            batch->stopped_by = found;
            batch->stopped_until = next;
            break;
        }
        if (!take(batch, &body, segment))
            break;
        segment->offset = next;
    }
    batch->next = (struct intake_position){segment->number, segment->offset};
    return SD_OK;
}

/* ---- the keeper ---- */

static enum sd_err put_questions(const struct batch *batch, struct ipc_list *list, struct buf *raw) {
    for (size_t i = 0; i < batch->count; i++) {
        const struct batch_item *item = &batch->items[i];
        if (item->set_aside)
            continue;
        struct ipc_out card SD_CLEANUP(ipc_out_free) = ipc_out_new();
        enum sd_err err = cards_adopt_v1_encode(
            &card, &(struct cards_adopt_v1){.header = item->record.header_bytes, .sealed_card = item->record.sealed_card});
        if (err)
            return err;
        ipc_list_add(list, raw, buf_span(&card.body));
    }
    return buf_err(raw);
}

static enum sd_err take_answer(struct batch_item *item, struct span bytes) {
    struct cards_adopted_v1 answer;
    enum sd_err err = cards_adopted_v1_decode(bytes, NULL, &answer);
    if (err || !span_eq(answer.object, object_id_span(&item->record.object)) || answer.outcome > ADOPT_ALREADY ||
        answer.ticket_state > TICKET_SPAM || (answer.outcome != ADOPT_REFUSED && answer.queue.n == 0))
        return SD_ERR_PROTOCOL;
    item->answer = answer;
    if (answer.outcome == ADOPT_REFUSED)
        item->set_aside = "refused by the keeper";
    return SD_OK;
}

static enum sd_err take_answers(struct batch *batch, struct ipc_list results) {
    struct ipc_list_iter iter = ipc_list_start(results);
    struct span bytes;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->items[i].set_aside)
            continue;
        if (!ipc_list_next(&iter, &bytes) || take_answer(&batch->items[i], bytes) != SD_OK)
            return SD_ERR_PROTOCOL;
    }
    return iter.left ? SD_ERR_PROTOCOL : SD_OK;
}

enum sd_err batch_adopt(struct batch *batch, struct ipc_client *keeper, struct deadline deadline) {
    struct keeper_adopt_req req = {0};
    struct keeper_adopt_rep rep;
    struct buf raw SD_CLEANUP(buf_free) = buf_new(LIMIT_IPC_INLINE_BYTES + 4096);
    enum sd_err err = put_questions(batch, &req.records, &raw);
    if (err || req.records.count == 0)
        return err;
    err = keeper_adopt_call(keeper, &req, deadline, &batch->reply, &rep);
    return err ? err : take_answers(batch, rep.results);
}

/* ---- the store ---- */

static enum sd_err set_aside(struct store *store, const struct batch_item *item, int64_t now_ms) {
    struct set_aside_row row = {.at_ms = now_ms, .where = item->where, .reason = span_cstr(item->set_aside)};
    return set_aside_add(store, &row, buf_span(&item->body));
}

static enum sd_err file_all(struct batch *batch, struct store *store, int64_t now_ms) {
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < batch->count && err == SD_OK; i++) {
        struct batch_item *item = &batch->items[i];
        err = item->set_aside ? set_aside(store, item, now_ms) : file_record(store, &item->record, &item->answer, now_ms);
    }
    return err ? err : position_set(store, batch->next);
}

enum sd_err batch_file(struct batch *batch, struct store *store, int64_t now_ms, struct deadline deadline) {
    enum sd_err err = store_begin(store, deadline);
    if (err)
        return err;
    err = file_all(batch, store, now_ms);
    if (err == SD_OK)
        err = store_commit(store);
    else
        store_rollback(store);
    for (size_t i = 0; i < batch->count && err == SD_OK; i++)
        if (batch->items[i].set_aside)
            log_error("clerk.set_aside", "segment=%" PRIu64 " offset=%" PRIu64 " reason=\"%s\"", batch->items[i].where.segment,
                      batch->items[i].where.offset, batch->items[i].set_aside);
    return err;
}
