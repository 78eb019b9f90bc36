#include "clerk/work.h"
#include "clerk/batch.h"
#include "clerk/survey.h"
#include "core/ipc/keeper.h"
#include "core/log.h"
#include "store/setaside.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define KEEPER_MS 5000 /* stop must be through within 10 s: one question and one transaction */
#define STORE_MS 4000
#define SLICE_BYTES ((size_t)8 * 1024 * 1024) /* of damage, set aside in one transaction */
#define COUNT_EVERY_MS 1000

struct work {
    char *intake_dir, *store_dir;
    struct ipc_client *keeper;
    struct store *store;
    struct segment segment;
    bool placed;   /* the segment is the one to read on */
    uint64_t from; /* not placed: the lowest segment to look for */
    size_t limit;  /* records per question: 1 while one of them is suspected */
    int64_t reported_ns, counted_ns;
    bool filed; /* something since the last report */
    struct batch *batch;
    /* Shared with work_health. */
    _Atomic(const char *) problem;
    _Atomic int64_t problem_ns;
    _Atomic uint64_t waiting;
};

static int64_t ms_since(int64_t ns) {
    return (clock_mono_ns() - ns) / 1000000;
}

enum sd_err work_new(const char *intake_dir, const char *store_dir, struct ipc_client *keeper, struct work **ret) {
    struct work *work = calloc(1, sizeof *work);
    if (!work)
        return SD_ERR_NOMEM;
    work->segment.fd = -1;
    work->limit = BATCH_RECORDS;
    work->keeper = keeper;
    work->reported_ns = clock_mono_ns();
    work->intake_dir = strdup(intake_dir);
    work->store_dir = strdup(store_dir);
    work->batch = calloc(1, sizeof *work->batch);
    if (!work->intake_dir || !work->store_dir || !work->batch) {
        work_free(&work);
        return SD_ERR_NOMEM;
    }
    *ret = work;
    return SD_OK;
}

void work_free(struct work **ref) {
    struct work *work = *ref;
    if (!work)
        return;
    if (work->batch)
        batch_clear(work->batch);
    segment_close(&work->segment);
    store_close(&work->store);
    free(work->batch);
    free(work->intake_dir);
    free(work->store_dir);
    free(work);
    *ref = NULL;
}

/* ---- where we are ---- */

static struct intake_position here(const struct work *work) {
    return work->placed ? (struct intake_position){work->segment.number, work->segment.offset}
                        : (struct intake_position){work->from, 0};
}

/* The lowest segment there is. One below the stored position should be gone, and if it is not, it is read again: by object id
 * nothing is filed twice, and nothing is passed over should numbers ever have begun anew. */
static enum sd_err place(struct work *work) {
    struct intake_position stored;
    uint64_t number;
    if (work->placed)
        return SD_OK;
    enum sd_err err = position_get(work->store, &stored);
    if (err == SD_OK)
        err = segment_find(work->intake_dir, work->from, &number);
    if (err == SD_ERR_NOTFOUND)
        work->from = 0; /* the newest is never removed: somebody emptied the folder */
    if (err == SD_OK)
        err = segment_open(&work->segment, work->intake_dir, number, number == stored.segment ? stored.offset : 0);
    work->placed = err == SD_OK;
    return err;
}

/* A wholly filed segment goes away once there is a newer one. */
static void leave_segment(struct work *work) {
    uint64_t number = work->segment.number;
    enum sd_err err = segment_remove(work->intake_dir, number);
    if (err)
        log_warn("clerk.segment", "segment=%" PRIu64 " removed=no error=%s", number, sd_err_name(err));
    segment_close(&work->segment);
    work->placed = false;
    work->from = number + 1;
}

/* ---- filing ---- */

/* What says that the question itself is wrong, not that somebody is away: then each record is asked about alone, and one that
 * the keeper does not take even so is set aside. */
static enum sd_err blame(struct work *work, enum sd_err err) {
    struct batch *batch = work->batch;
    if (err != SD_ERR_PARSE && err != SD_ERR_LIMIT)
        return err;
    work->limit = 1;
    if (batch->count > 1)
        return err;
    batch->items[0].set_aside = "the keeper cannot read it";
    return SD_OK;
}

static enum sd_err adopt_and_file(struct work *work) {
    struct batch *batch = work->batch;
    bool alone = batch->count == 1;
    enum sd_err err = batch_adopt(batch, work->keeper, deadline_in_ms(KEEPER_MS));
    if (err)
        err = blame(work, err);
    else if (alone)
        work->limit = BATCH_RECORDS;
    if (err == SD_OK)
        err = batch_file(batch, work->store, clock_unix_ms(), deadline_in_ms(STORE_MS));
    if (err)
        return err;
    uint64_t waiting = atomic_load(&work->waiting);
    atomic_store(&work->waiting, waiting > batch->count ? waiting - batch->count : 0);
    work->filed = true;
    return SD_OK;
}

/* The rest of a segment that ended in a crash: nobody got a 250 for it. */
static void report_torn(const struct work *work) {
    log_warn("clerk.segment", "segment=%" PRIu64 " offset=%" PRIu64 " torn_bytes=%" PRIu64, work->segment.number,
             work->segment.offset, work->segment.size_bytes - work->segment.offset);
}

/* One slice of what is no frame into the store, and the position behind it. */
static enum sd_err set_aside_damage(struct work *work, uint64_t until) {
    uint64_t left = until - work->segment.offset;
    size_t n = left < SLICE_BYTES ? (size_t)left : SLICE_BYTES;
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(SLICE_BYTES);
    struct set_aside_row row = {.at_ms = clock_unix_ms(), .where = here(work), .reason = SPAN("damaged")};
    enum sd_err err = segment_bytes(&work->segment, work->segment.offset, n, &bytes);
    if (err == SD_OK)
        err = store_begin(work->store, deadline_in_ms(STORE_MS));
    if (err)
        return err;
    err = set_aside_add(work->store, &row, buf_span(&bytes));
    if (err == SD_OK)
        err = position_set(work->store, (struct intake_position){work->segment.number, work->segment.offset + n});
    if (err == SD_OK)
        err = store_commit(work->store);
    else
        store_rollback(work->store);
    if (err)
        return err;
    log_error("clerk.set_aside", "segment=%" PRIu64 " offset=%" PRIu64 " bytes=%zu reason=damaged", work->segment.number,
              work->segment.offset, n);
    work->segment.offset += n;
    return SD_OK;
}

/*
 * No record is left. In the newest segment the rest may still be growing, and damage up to its end may hide the beginning of
 * what is being written: both wait. newer was looked for before the segment was read, so its end is final.
 */
static enum sd_err at_stop(struct work *work, bool newer, bool *ret_more) {
    const struct batch *batch = work->batch;
    bool to_the_end = batch->stopped_until >= work->segment.size_bytes;
    *ret_more = newer;
    if (batch->stopped_by == FRAME_DAMAGED && (newer || !to_the_end)) {
        *ret_more = true;
        return set_aside_damage(work, batch->stopped_until);
    }
    if (batch->stopped_by == FRAME_DAMAGED)
        return SD_ERR_PARSE;
    if (newer && batch->stopped_by == FRAME_CUT)
        report_torn(work);
    if (newer)
        leave_segment(work);
    return SD_OK;
}

static enum sd_err next_batch(struct work *work, bool *ret_more) {
    uint64_t number, began = work->segment.offset;
    enum sd_err found = segment_find(work->intake_dir, work->segment.number + 1, &number);
    if (found && found != SD_ERR_NOTFOUND)
        return found;
    enum sd_err err = batch_read(work->batch, &work->segment, work->limit);
    if (err == SD_OK && work->batch->count == 0)
        return at_stop(work, found == SD_OK, ret_more);
    if (err == SD_OK)
        err = adopt_and_file(work);
    if (err)
        work->segment.offset = began; /* from the start again: the keeper knows what it has */
    *ret_more = true;
    return err;
}

static void count_waiting(struct work *work) {
    struct survey survey;
    if (work->counted_ns && ms_since(work->counted_ns) < COUNT_EVERY_MS)
        return;
    work->counted_ns = clock_mono_ns();
    if (survey_intake(work->intake_dir, here(work), false, &survey) == SD_OK)
        atomic_store(&work->waiting, survey.records);
}

static const char *problem_of(const struct work *work, enum sd_err err) {
    if (!work->store)
        return "the store cannot be opened";
    switch (err) {
    case SD_ERR_FULL:
        return "no space left for the store";
    case SD_ERR_LOCKED:
        return "the keeper is locked: mail waits in the intake";
    case SD_ERR_UNAVAILABLE:
    case SD_ERR_CLOSED:
    case SD_ERR_TIMEOUT:
        return "the keeper or the store does not answer";
    case SD_ERR_PARSE:
        return "the intake holds something that cannot be read";
    default:
        return "the intake cannot be filed";
    }
}

static void note(struct work *work, enum sd_err err) {
    const char *problem = err ? problem_of(work, err) : NULL, *before = atomic_load(&work->problem);
    if (problem && !before)
        atomic_store(&work->problem_ns, clock_mono_ns());
    if (problem != before)
        log_event(problem ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "clerk.work", "problem=\"%s\" error=%s",
                  problem ? problem : "none", sd_err_name(err));
    atomic_store(&work->problem, problem);
}

enum sd_err work_step(struct work *work, bool *ret_more) {
    bool more = false;
    enum sd_err err = work->store ? SD_OK : store_open(work->store_dir, &work->store);
    if (err == SD_OK)
        err = place(work);
    if (err == SD_ERR_NOTFOUND && work->store)
        err = SD_OK; /* nothing has ever come in */
    else if (err == SD_OK) {
        count_waiting(work);
        err = next_batch(work, &more);
    }
    batch_clear(work->batch);
    note(work, err);
    if (err == SD_OK)
        *ret_more = more;
    return err;
}

/* ---- reports ---- */

static void send_report(struct work *work, const struct survey *survey) {
    struct keeper_intake_pending_req req = {0};
    struct keeper_intake_pending_rep rep;
    struct ipc_msg *reply SD_CLEANUP(ipc_msg_free) = NULL;
    struct buf raw SD_CLEANUP(buf_free) = buf_new((size_t)SURVEY_KEYS * (KEY_ID_BYTES + 4));
    for (size_t i = 0; i < survey->key_count; i++)
        ipc_list_add(&req.key_ids, &raw, span_of(survey->keys[i], KEY_ID_BYTES));
    enum sd_err err = keeper_intake_pending_call(work->keeper, &req, deadline_in_ms(KEEPER_MS), &reply, &rep);
    if (err)
        log_warn("clerk.report", "error=%s", sd_err_name(err));
}

/* A report that leaves a key out destroys it: unless every unfiled record could be read, there is none. */
void work_report(struct work *work) {
    struct survey survey;
    bool soon = work->filed && ms_since(work->reported_ns) >= REPORT_AFTER_FILING_MS;
    if (!work->store || (!soon && ms_since(work->reported_ns) < REPORT_EVERY_MS))
        return;
    work->reported_ns = clock_mono_ns();
    enum sd_err err = survey_intake(work->intake_dir, here(work), true, &survey);
    if (err || !survey.complete)
        return;
    work->filed = false;
    send_report(work, &survey);
}

struct work_health work_health(struct work *work) {
    const char *problem = atomic_load(&work->problem);
    return (struct work_health){.problem = problem,
                                .problem_ms = problem ? ms_since(atomic_load(&work->problem_ns)) : 0,
                                .waiting = atomic_load(&work->waiting)};
}
