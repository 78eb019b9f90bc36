#include "courier/job.h"

#include "core/codec.h"
#include "core/ipc/keeper.h"
#include "core/limits.h"
#include "core/log.h"
#include "courier/body.h"
#include "courier/ledger.h"
#include "courier/receipt.h"

#include <string.h>

#define ARENA_BYTES ((size_t)16 * 1024 * 1024) /* a thousand receipts, results of a hundred recipients at a few hosts */
#define KEEPER_MS 30000
#define UNAVAILABLE_MS 5000 /* keeper or store away: soon again, this was no attempt */
#define BUSY_MS 5000        /* the destination has all the connections it gets */
#define REPORT_MS 10000     /* all is decided, the keeper is to hear of it: again when it does not */

struct attempt {
    struct courier *courier;
    const struct job *job;
    struct arena *arena;
    struct keeper_redeem_rep warrant; /* in the reply that job_run holds */
    struct delivery delivery;
    struct buf body;
};

void job_from_row(const struct outbound_row *row, struct job *ret) {
    struct job job = {.object = row->object,
                      .warrant = row->warrant,
                      .ticket = row->ticket,
                      .state = row->state,
                      .created_ms = row->created_ms};
    struct span status = span_sub(row->status, 0, OUTBOUND_STATUS_MAX);
    if (status.n)
        memcpy(job.status, status.p, status.n);
    *ret = job;
}

static void log_job(const struct job *job, enum log_level level, const char *event, const char *word) {
    struct buf id SD_CLEANUP(buf_free) = buf_new(64);
    put_hex(&id, object_id_span(&job->object));
    log_event(level, event, "object=%.*s %s", SPAN_FMT(buf_span(&id)), word);
}

/* ---- what is written ---- */

/* Not an attempt: the row as it was, a little later. */
static void come_back(struct courier *c, const struct job *job, int64_t in_ms) {
    struct ledger_entry entry = {.state = job->state, .next_ms = clock_unix_ms() + in_ms, .status = span_cstr(job->status)};
    enum sd_err err = ledger_write(c, job, &entry);
    if (err)
        log_job(job, LOG_LEVEL_WARN, "courier.postpone", sd_err_name(err)); /* it is due again when its lease ends */
}

static enum event_kind event_of(enum delivery_state state) {
    return state == DELIVERY_SENT ? EVENT_SENT : state == DELIVERY_FAILED ? EVENT_FAILED : EVENT_DEFERRED;
}

static void close_row(struct courier *c, const struct job *job, enum delivery_state state, struct span status) {
    struct ledger_entry entry = {.state = state, .status = status, .events = {event_of(state)}, .details = {status}};
    enum sd_err err = ledger_write(c, job, &entry);
    log_job(job, err ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "courier.done", err ? sd_err_name(err) : delivery_state_text(state));
}

/* ---- the outcome ---- */

struct outcome {
    enum delivery_state state; /* deferred, sent or failed */
    const char *status;
    const char *new_failure; /* somebody's delivery failed for good in this attempt */
    const char *tls;
};

static struct outcome outcome_of(const struct delivery *d) {
    const struct delivery_recipient *open = NULL, *failed = NULL;
    struct outcome o = {.state = DELIVERY_SENT, .status = "2.0.0", .tls = ""};
    for (size_t i = 0; i < d->count; i++) {
        const struct delivery_recipient *r = &d->recipients[i];
        if (!delivery_final(r) && (!open || r->tried))
            open = r;
        if (delivery_final(r) && reply_class(&r->reply) == 5) {
            failed = r;
            o.new_failure = r->tried ? r->reply.status : o.new_failure;
        }
        if (r->tls[0])
            o.tls = r->tls;
    }
    if (open || failed) {
        o.state = open ? DELIVERY_DEFERRED : DELIVERY_FAILED;
        o.status = open ? open->reply.status : failed->reply.status;
    }
    return o;
}

static enum sd_err tell_keeper(struct attempt *a, const struct outcome *o) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_delivered_rep rep;
    struct keeper_delivered_req req = {.warrant = warrant_id_span(&a->job->warrant),
                                       .state = (uint8_t)o->state,
                                       .status = span_cstr(o->status),
                                       .tls = span_cstr(o->tls),
                                       .last = o->state != DELIVERY_DEFERRED};
    return keeper_delivered_call(a->courier->keeper, &req, deadline_in_ms(KEEPER_MS), &msg, &rep);
}

static enum sd_err seal_receipts(struct attempt *a, struct span *receipts, size_t *ret_count) {
    size_t n = 0;
    for (size_t i = 0; i < a->delivery.count; i++) {
        struct buf sealed SD_CLEANUP(buf_free) = buf_new(RECEIPT_SEALED_BYTES);
        if (!a->delivery.recipients[i].tried)
            continue;
        enum sd_err err = receipt_seal(&a->delivery.recipients[i], clock_unix_ms(), a->warrant.receipt_key, &a->job->object,
                                       &sealed);
        if (err)
            return err;
        receipts[n++] = arena_span(a->arena, buf_span(&sealed));
    }
    *ret_count = n;
    return arena_err(a->arena);
}

static enum sd_err record(struct attempt *a, const struct outcome *o) {
    struct span receipts[LIMIT_RECIPIENTS];
    int64_t now_ms = clock_unix_ms();
    bool deferred = o->state == DELIVERY_DEFERRED;
    struct ledger_entry entry = {.receipts = receipts, .status = span_cstr(o->status), .state = a->job->state};
    entry.next_ms = now_ms + REPORT_MS;
    if (deferred) {
        entry.state = DELIVERY_DEFERRED;
        entry.next_ms = a->delivery.postponed ? now_ms + BUSY_MS
                                              : schedule_next(&a->courier->schedule, a->job->created_ms, now_ms);
        entry.events[0] = EVENT_DEFERRED;
        entry.details[0] = entry.status;
        if (o->new_failure) {
            entry.events[1] = EVENT_FAILED;
            entry.details[1] = span_cstr(o->new_failure);
        }
    }
    enum sd_err err = seal_receipts(a, receipts, &entry.receipt_count);
    return err ? err : ledger_write(a->courier, a->job, &entry);
}

/* Until the keeper has heard it, a finished row stays in the queue, with its final status. */
static void conclude(struct attempt *a) {
    struct outcome o = outcome_of(&a->delivery);
    enum sd_err err = record(a, &o);
    if (err) {
        log_job(a->job, LOG_LEVEL_ERROR, "courier.record", sd_err_name(err));
        return;
    }
    err = tell_keeper(a, &o);
    if (err && err != SD_ERR_DENIED)
        log_job(a->job, LOG_LEVEL_WARN, "courier.report", sd_err_name(err));
    else if (o.state != DELIVERY_DEFERRED)
        close_row(a->courier, a->job, o.state, span_cstr(o.status));
    else
        log_job(a->job, LOG_LEVEL_INFO, "courier.deferred", o.status);
}

/* ---- one attempt ---- */

static void refuse_rest(struct delivery *d, unsigned code, const char *status, const char *text) {
    for (size_t i = 0; i < d->count; i++) {
        struct delivery_recipient *r = &d->recipients[i];
        if (delivery_final(r))
            continue;
        r->tried = true;
        r->host = SPAN_NONE;
        reply_local(&r->reply, code, status, text);
    }
}

static bool anybody_waits(const struct delivery *d) {
    for (size_t i = 0; i < d->count; i++)
        if (!d->recipients[i].settled)
            return true;
    return false;
}

static bool anything_tried(const struct delivery *d) {
    for (size_t i = 0; i < d->count; i++)
        if (d->recipients[i].tried)
            return true;
    return false;
}

static enum sd_err take_recipients(struct attempt *a) {
    struct ipc_list_iter iter = ipc_list_start(a->warrant.recipients);
    struct span address;
    a->delivery.recipients = arena_array(a->arena, a->warrant.recipients.count + 1, sizeof *a->delivery.recipients);
    if (!a->delivery.recipients)
        return SD_ERR_NOMEM;
    while (a->delivery.count < LIMIT_RECIPIENTS && ipc_list_next(&iter, &address))
        a->delivery.recipients[a->delivery.count++].address = address;
    return SD_OK;
}

static enum sd_err take_receipts(struct attempt *a) {
    struct span *sealed = NULL;
    size_t count = 0;
    enum sd_err err = ledger_receipts(a->courier, &a->job->object, a->arena, &sealed, &count);
    for (size_t i = 0; i < count && err == SD_OK; i++)
        if (receipt_apply(sealed[i], a->warrant.receipt_key, &a->job->object, &a->delivery) != SD_OK)
            log_job(a->job, LOG_LEVEL_ERROR, "courier.receipt", "a receipt in the store was changed");
    return err;
}

/* The bytes that the warrant is for, and no others. SD_ERR_FORGED: the store has something else. */
static enum sd_err open_source(struct attempt *a, struct buf *source) {
    struct buf sealed SD_CLEANUP(buf_free) = buf_new(JOB_MESSAGE_BYTES + JOB_MESSAGE_BYTES / 64);
    struct sha256 digest;
    enum sd_err err = ledger_source(a->courier, &a->job->object, &sealed);
    if (err == SD_OK)
        err = open_facet(a->warrant.source_key, &a->job->object, FACET_SOURCE, buf_span(&sealed), JOB_MESSAGE_BYTES, source);
    if (err == SD_OK)
        err = crypt_sha256(buf_span(source), &digest);
    if (err == SD_OK && !span_eq_secret(span_of(digest.b, sizeof digest.b), a->warrant.digest))
        err = SD_ERR_FORGED;
    return err;
}

/* Whose fault is which: a store that is away comes back; a message that is not the signed one, or cannot leave as it is, never.
 */
static enum sd_err take_message(struct attempt *a) {
    struct buf source SD_CLEANUP(buf_free) = buf_new(JOB_MESSAGE_BYTES);
    enum sd_err err = open_source(a, &source);
    if (err == SD_ERR_FORGED || err == SD_ERR_NOTFOUND || err == SD_ERR_LIMIT || err == SD_ERR_PARSE) {
        log_job(a->job, LOG_LEVEL_ERROR, "courier.integrity", "the stored message is not the one that was signed");
        refuse_rest(&a->delivery, 554, "5.7.7", "the stored message is not the one that was signed");
        return SD_OK;
    }
    if (err)
        return err;
    err = body_for_data(buf_span(&source), &a->body);
    if (err == SD_ERR_PARSE) {
        log_job(a->job, LOG_LEVEL_ERROR, "courier.content", "bare CR or LF in the message");
        refuse_rest(&a->delivery, 554, "5.6.0", "the message has line ends that servers read differently");
        return SD_OK;
    }
    a->delivery.message = (struct smtp_message){.mail_from = a->warrant.mail_from,
                                                .wire_body = buf_span(&a->body),
                                                .size_bytes = source.n,
                                                .is_8bit = body_is_8bit(buf_span(&source))};
    return err;
}

static enum sd_err attempt(struct attempt *a) {
    a->delivery.arena = a->arena;
    enum sd_err err = take_recipients(a);
    if (err == SD_OK)
        err = take_receipts(a);
    if (err || !anybody_waits(&a->delivery))
        return err;
    err = take_message(a);
    if (err == SD_OK)
        err = delivery_try(&a->courier->delivery, &a->delivery);
    if (anything_tried(&a->delivery)) {
        if (err) /* what was answered before we ran short must be recorded */
            log_job(a->job, LOG_LEVEL_ERROR, "courier.attempt", sd_err_name(err));
        err = SD_OK;
    }
    if (err == SD_OK && schedule_over(&a->courier->schedule, a->job->created_ms, clock_unix_ms()) && !a->delivery.postponed)
        refuse_rest(&a->delivery, 554, "5.4.7", "no server took the message in time");
    return err;
}

static void run_with_warrant(struct attempt *a) {
    if (!span_eq(a->warrant.object, object_id_span(&a->job->object)) || a->warrant.recipients.count == 0) {
        log_job(a->job, LOG_LEVEL_ERROR, "courier.warrant", "it is not for this message");
        close_row(a->courier, a->job, DELIVERY_FAILED, SPAN("5.7.1"));
        return;
    }
    enum sd_err err = attempt(a);
    if (err)
        log_job(a->job, LOG_LEVEL_WARN, "courier.attempt", sd_err_name(err));
    if (err || (anybody_waits(&a->delivery) && !anything_tried(&a->delivery)))
        come_back(a->courier, a->job, a->delivery.postponed ? BUSY_MS : UNAVAILABLE_MS);
    else
        conclude(a);
}

/* The keeper gives nothing for this warrant. Spent, because we were killed between report and record: the status says how it
 * ended. Otherwise nobody permits this message, and it does not leave. */
static void run_without_warrant(struct courier *c, const struct job *job) {
    if (job->status[0] == '2' || job->status[0] == '5') {
        close_row(c, job, job->status[0] == '2' ? DELIVERY_SENT : DELIVERY_FAILED, span_cstr(job->status));
        return;
    }
    log_job(job, LOG_LEVEL_ERROR, "courier.warrant", "refused by the keeper");
    close_row(c, job, DELIVERY_FAILED, SPAN("5.7.1"));
}

void job_run(struct courier *courier, const struct job *job) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct arena *arena SD_CLEANUP(arena_free) = arena_new(ARENA_BYTES);
    struct attempt a = {
        .courier = courier, .job = job, .arena = arena, .body = buf_new(JOB_MESSAGE_BYTES + JOB_MESSAGE_BYTES / 2)};
    struct keeper_redeem_req req = {.warrant = warrant_id_span(&job->warrant)};
    enum sd_err err = arena ? keeper_redeem_call(courier->keeper, &req, deadline_in_ms(KEEPER_MS), &msg, &a.warrant)
                            : SD_ERR_NOMEM;
    if (err == SD_OK)
        run_with_warrant(&a);
    else if (err == SD_ERR_DENIED || err == SD_ERR_NOTFOUND)
        run_without_warrant(courier, job);
    else
        come_back(courier, job, UNAVAILABLE_MS);
    buf_free(&a.body);
}
