#include "keeper/audit.h"
#include "core/clock.h"
#include "core/log.h"
#include "keeper/audit_files.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROUND_ENTRIES 1024 /* of at most MERKLE_LEAF_MAX each: one round stays within audit_files' limit */

struct audit {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct audit_entry *first, **last; /* submitted */
    struct audit_entry *done, **done_last;
    size_t backlog, backlog_bytes;
    bool stopping, failing, end_segment;
    struct merkle_range range; /* durable; written by the log's thread under the lock */
    struct audit_files files;  /* the log's thread alone */
    struct deadline checkpoint_due;
    uint64_t checkpoint_size;
    uint8_t note[NOTE_MAX_BYTES]; /* the newest checkpoint; under the lock */
    size_t note_n;
    void (*wake)(void *arg);
    void *arg;
};

struct audit_entry *audit_entry_new(void) {
    struct audit_entry *entry = calloc(1, sizeof *entry);
    if (entry) {
        entry->rest = buf_new(MERKLE_LEAF_MAX - 64);
        entry->out = ipc_out_new();
    }
    return entry;
}

void audit_entry_free(struct audit_entry *entry) {
    if (!entry)
        return;
    buf_free(&entry->rest);
    ipc_out_free(&entry->out);
    free(entry);
}

/* What files->note holds, for everybody. */
static void show_checkpoint(struct audit *audit) {
    struct reader note = reader_of(buf_span(&audit->files.note));
    audit->checkpoint_size = audit->files.checkpoint.size;
    pthread_mutex_lock(&audit->lock);
    for (audit->note_n = 0; note.rest.n && audit->note_n < sizeof audit->note; audit->note_n++)
        audit->note[audit->note_n] = read_u8(&note);
    pthread_mutex_unlock(&audit->lock);
}

enum sd_err audit_open(const struct audit_spec *spec, struct audit **ret, uint64_t *ret_trimmed, bool *ret_damaged) {
    struct audit *audit = calloc(1, sizeof *audit);
    if (!audit)
        return SD_ERR_NOMEM;
    pthread_mutex_init(&audit->lock, NULL);
    cond_init_monotonic(&audit->more);
    audit->last = &audit->first;
    audit->done_last = &audit->done;
    audit->wake = spec->wake;
    audit->arg = spec->arg;
    audit->files = (struct audit_files){
        .dir = spec->dir, .key = spec->key, .signer = spec->signer, .fd = -1, .note = buf_new(NOTE_MAX_BYTES)};
    enum sd_err err = audit_files_recover(&audit->files, &audit->range, ret_trimmed, ret_damaged);
    show_checkpoint(audit);
    audit->checkpoint_due = deadline_in_ms(AUDIT_CHECKPOINT_MS);
    if (err)
        audit_close(&audit);
    else
        *ret = audit;
    return err;
}

/* What waits for an entry, taken out of it: once the entry is on the finished list, the loop may free it. */
struct waiting {
    struct ipc_call *call;
    struct ipc_out out;
    enum sd_err status;
};

static struct waiting take_waiting(struct audit_entry *entry) {
    struct waiting waiting = {entry->call, entry->out, entry->err ? entry->err : entry->status};
    entry->call = NULL;
    entry->out = ipc_out_new();
    return waiting;
}

static void answer(struct waiting *waiting) {
    if (waiting->call && waiting->status)
        ipc_refuse(waiting->call, waiting->status);
    else if (waiting->call)
        ipc_answer(waiting->call, &waiting->out);
    ipc_out_free(&waiting->out);
}

static void free_chain(struct audit_entry *entry) {
    while (entry) {
        struct audit_entry *next = entry->next;
        entry->err = SD_ERR_UNAVAILABLE;
        struct waiting waiting = take_waiting(entry);
        answer(&waiting);
        audit_entry_free(entry);
        entry = next;
    }
}

void audit_close(struct audit **audit) {
    if (!*audit)
        return;
    free_chain((*audit)->first);
    free_chain((*audit)->done);
    if ((*audit)->files.fd >= 0)
        (void)close((*audit)->files.fd);
    tiles_free(&(*audit)->files.tiles);
    buf_free(&(*audit)->files.note);
    pthread_cond_destroy(&(*audit)->more);
    pthread_mutex_destroy(&(*audit)->lock);
    free(*audit);
    *audit = NULL;
}

void audit_submit(struct audit *audit, struct audit_entry *first) {
    pthread_mutex_lock(&audit->lock);
    *audit->last = first;
    for (; first; first = first->next) {
        audit->backlog++;
        first->bytes = first->rest.n + first->out.body.n;
        audit->backlog_bytes += first->bytes;
        audit->last = &first->next;
    }
    pthread_cond_signal(&audit->more);
    pthread_mutex_unlock(&audit->lock);
}

size_t audit_backlog(struct audit *audit) {
    pthread_mutex_lock(&audit->lock);
    size_t n = audit->backlog;
    pthread_mutex_unlock(&audit->lock);
    return n;
}

bool audit_full(struct audit *audit) {
    pthread_mutex_lock(&audit->lock);
    bool full = audit->backlog >= AUDIT_BACKLOG_MAX || audit->backlog_bytes >= AUDIT_BACKLOG_BYTES;
    pthread_mutex_unlock(&audit->lock);
    return full;
}

bool audit_failing(struct audit *audit) {
    pthread_mutex_lock(&audit->lock);
    bool failing = audit->failing;
    pthread_mutex_unlock(&audit->lock);
    return failing;
}

void audit_checkpoint(struct audit *audit, struct buf *to) {
    pthread_mutex_lock(&audit->lock);
    buf_put(to, span_of(audit->note, audit->note_n));
    pthread_mutex_unlock(&audit->lock);
}

void audit_end_segment(struct audit *audit) {
    pthread_mutex_lock(&audit->lock);
    audit->end_segment = true;
    pthread_mutex_unlock(&audit->lock);
}

void audit_stop(struct audit *audit) {
    pthread_mutex_lock(&audit->lock);
    audit->stopping = true;
    pthread_cond_signal(&audit->more);
    pthread_mutex_unlock(&audit->lock);
}

void audit_range(struct audit *audit, struct merkle_range *ret) {
    pthread_mutex_lock(&audit->lock);
    *ret = audit->range;
    pthread_mutex_unlock(&audit->lock);
}

struct audit_entry *audit_finished(struct audit *audit) {
    pthread_mutex_lock(&audit->lock);
    struct audit_entry *entries = audit->done;
    audit->done = NULL;
    audit->done_last = &audit->done;
    pthread_mutex_unlock(&audit->lock);
    return entries;
}

static struct audit_entry *take_submitted(struct audit *audit, struct deadline deadline, bool *ret_stopping) {
    deadline = deadline_sooner(deadline, audit->checkpoint_due);
    struct timespec until = {deadline.at_ns / 1000000000, deadline.at_ns % 1000000000};
    pthread_mutex_lock(&audit->lock);
    while (!audit->first && !audit->stopping)
        if (pthread_cond_timedwait(&audit->more, &audit->lock, &until) == ETIMEDOUT)
            break;
    struct audit_entry *entries = audit->first, **cut = &audit->first;
    for (size_t i = 0; i < ROUND_ENTRIES && *cut; i++)
        cut = &(*cut)->next;
    audit->first = *cut;
    *cut = NULL;
    if (!audit->first)
        audit->last = &audit->first;
    *ret_stopping = audit->stopping;
    if (entries && audit->end_segment) {
        audit->files.end_segment = true;
        audit->end_segment = false;
    }
    pthread_mutex_unlock(&audit->lock);
    return entries;
}

static void put_finished(struct audit *audit, struct audit_entry *entry) {
    static const uint8_t none[16];
    bool indexed = !entry->err && memcmp(entry->ticket, none, sizeof none) != 0;
    if (!entry->outbox && !indexed) {
        audit_entry_free(entry);
        return;
    }
    if (!entry->err)
        buf_free(&entry->rest); /* it is in the log; one that is not is offered again */
    pthread_mutex_lock(&audit->lock);
    *audit->done_last = entry;
    audit->done_last = &entry->next;
    pthread_mutex_unlock(&audit->lock);
}

/* Answers go out in order, each after its entry can be found: who is answered and asks for the history sees it there. */
static void finish(struct audit *audit, struct audit_entry *entries, enum sd_err err) {
    size_t count = 0, bytes = 0;
    while (entries) {
        struct audit_entry *entry = entries;
        bytes += entry->bytes;
        entries = entry->next;
        entry->next = NULL;
        entry->err = err;
        struct waiting waiting = take_waiting(entry);
        put_finished(audit, entry);
        answer(&waiting);
        count++;
    }
    pthread_mutex_lock(&audit->lock);
    audit->backlog -= count;
    audit->backlog_bytes -= bytes;
    pthread_mutex_unlock(&audit->lock);
}

static enum sd_err write_checkpoint(struct audit *audit) {
    audit->checkpoint_due = deadline_in_ms(AUDIT_CHECKPOINT_MS);
    if (audit->range.size == audit->checkpoint_size)
        return SD_OK;
    enum sd_err err = audit_files_checkpoint(&audit->files, &audit->range);
    if (err)
        log_error("keeper.checkpoint", "error=%s", sd_err_name(err));
    else
        show_checkpoint(audit);
    return err;
}

/* One checkpoint for all who asked for one. */
static void answer_with_checkpoint(struct audit *audit, struct audit_entry *entries) {
    enum sd_err err = SD_ERR_TIMEOUT; /* not made yet */
    for (struct audit_entry *e = entries; e; e = e->next) {
        if (!e->with_checkpoint)
            continue;
        err = err == SD_ERR_TIMEOUT ? write_checkpoint(audit) : err;
        e->status = err ? err : e->with_checkpoint(&e->out, buf_span(&audit->files.note));
    }
}

static void write_entries(struct audit *audit, struct audit_entry *entries) {
    struct merkle_range range = audit->range; /* only this thread changes it */
    enum sd_err err = audit_files_write(&audit->files, &range, entries);
    if (err)
        log_error("keeper.log", "error=%s", sd_err_name(err));
    pthread_mutex_lock(&audit->lock);
    if (!err)
        audit->range = range;
    audit->failing = err != SD_OK;
    pthread_mutex_unlock(&audit->lock);
    if (!err)
        answer_with_checkpoint(audit, entries);
    finish(audit, entries, err);
}

bool audit_turn(struct audit *audit, struct deadline deadline) {
    bool stopping;
    struct audit_entry *entries = take_submitted(audit, deadline, &stopping);
    if (entries)
        write_entries(audit, entries);
    bool ended = stopping && !entries;
    if (ended || deadline_passed(audit->checkpoint_due))
        (void)!write_checkpoint(audit); /* logged; tried again in a minute */
    if (entries && audit->wake)
        audit->wake(audit->arg);
    return !ended;
}
