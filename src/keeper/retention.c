#include "keeper/retention.h"
#include "core/log.h"
#include "keeper/permit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)
#define TIME_BYTES 32
#define SEGMENTS_AT_ONCE 64 /* a look reads so many, then lets others have the worker */

/* ---- settings ---- */

static const char *const keys[LEAF_CLASS_COUNT] = {[LEAF_CLASS_ACCESS] = "log.keep_access_days",
                                                   [LEAF_CLASS_SECURITY] = "log.keep_security_days",
                                                   [LEAF_CLASS_SYSTEM] = "log.keep_system_days"};

enum sd_err retention_from_config(const struct config *config, struct retention_settings *ret) {
    struct retention_settings settings = {0};
    for (size_t c = 0; c < SD_COUNT(keys); c++) {
        int64_t days = keys[c] ? config_int(config, keys[c]) : RETENTION_DAYS_MAX;
        if (days < RETENTION_DAYS_MIN || days > RETENTION_DAYS_MAX) {
            log_error("keeper.retention", "%s is out of range", keys[c]);
            return SD_ERR_CONFIG;
        }
        settings.keep_ms[c] = days * DAY_MS;
    }
    *ret = settings;
    return SD_OK;
}

void keeper_set_retention(struct keeper *k, const struct retention_settings *settings) {
    k->retention.settings = *settings;
    k->retention.set = true;
}

/* ---- what the worker does ---- */

/* Numbers of records: those below are told of by acts; of those below, the data is gone. */
struct frontiers {
    uint64_t told[LEAF_CLASS_COUNT], done[LEAF_CLASS_COUNT];
};

struct dropping {
    struct job job;
    const char *dir;
    struct frontiers at;
    char cutoff[LEAF_CLASS_COUNT][TIME_BYTES]; /* what is older is due */
    char stale[TIME_BYTES];                    /* a newest segment that is older ends */
    /* what came of it */
    struct frontiers next;
    uint64_t count[LEAF_CLASS_COUNT]; /* that acts are to tell of */
    uint64_t dropped;
    bool ends_segment;
    enum sd_err err;
};

static bool is_dropped_class(unsigned class) {
    return keys[class] != NULL;
}

static bool is_told(void *arg, uint64_t seq, struct span record) {
    const struct dropping *d = arg;
    enum leaf_class class = leaf_class_of(record);
    return is_dropped_class(class) && seq < d->at.told[class];
}

static bool unfinished(const struct dropping *d, uint64_t first, uint64_t end) {
    for (unsigned c = 0; c < LEAF_CLASS_COUNT; c++)
        if (is_dropped_class(c) && first < d->at.told[c] && end > d->at.done[c])
            return true;
    return false;
}

static void drop(struct dropping *d, const uint64_t *firsts, size_t count) {
    for (size_t i = 0; i + 1 < count && d->err == SD_OK; i++)
        if (unfinished(d, firsts[i], firsts[i + 1]))
            d->err = segment_drop(d->dir, firsts[i], is_told, d, &d->dropped);
    if (d->err == SD_OK)
        memcpy(d->next.done, d->at.told, sizeof d->next.done);
}

struct looked {
    uint64_t count[LEAF_CLASS_COUNT]; /* records that have their data */
    char newest[TIME_BYTES];          /* time of the youngest; empty: all are dropped */
};

static void keep_later(char to[TIME_BYTES], struct span time) {
    char text[TIME_BYTES] = {0};
    if (time.n >= sizeof text)
        return;
    memcpy(text, time.n ? (const char *)time.p : "", time.n);
    if (strcmp(text, to) > 0)
        memcpy(to, text, sizeof text);
}

static enum sd_err look_into(const char *dir, uint64_t first, struct looked *ret) {
    struct segment segment;
    struct span record;
    struct sha256 leaf;
    uint8_t hash[SHA256_BYTES];
    enum sd_err err = segment_open(dir, first, &segment);
    if (err)
        return err;
    *ret = (struct looked){0};
    while ((err = segment_next(&segment, &record, &leaf)) == SD_OK) {
        if (leaf_dropped(record, hash))
            continue;
        ret->count[leaf_class_of(record)]++;
        keep_later(ret->newest, leaf_time(record));
    }
    segment_close(&segment);
    return err == SD_ERR_NOTFOUND ? SD_OK : err;
}

/* Each class from where it stands: over segments that are due as a whole. False: none went on. */
static bool advance(struct dropping *d, uint64_t first, uint64_t end, const struct looked *looked) {
    bool any = false;
    for (unsigned c = 0; c < LEAF_CLASS_COUNT; c++) {
        if (!is_dropped_class(c) || d->next.told[c] != first || strcmp(looked->newest, d->cutoff[c]) >= 0)
            continue;
        d->count[c] += looked->count[c];
        d->next.told[c] = end;
        any = true;
    }
    return any;
}

static uint64_t lowest_told(const struct dropping *d) {
    uint64_t lowest = UINT64_MAX;
    for (unsigned c = 0; c < LEAF_CLASS_COUNT; c++)
        if (is_dropped_class(c) && d->next.told[c] < lowest)
            lowest = d->next.told[c];
    return lowest;
}

/* Segments before the lowest frontier are done with; between it and the highest they wait for some class only. */
static void look(struct dropping *d, const uint64_t *firsts, size_t count) {
    unsigned read = 0;
    struct looked looked = {0};
    for (size_t i = 0; i + 1 < count && d->err == SD_OK && read < SEGMENTS_AT_ONCE; i++) {
        if (firsts[i] < lowest_told(d))
            continue;
        d->err = look_into(d->dir, firsts[i], &looked);
        read++;
        if (d->err == SD_OK && !advance(d, firsts[i], firsts[i + 1], &looked) && firsts[i] >= lowest_told(d))
            break;
    }
    if (d->err == SD_OK && count && (d->err = look_into(d->dir, firsts[count - 1], &looked)) == SD_OK)
        d->ends_segment = looked.newest[0] && strcmp(looked.newest, d->stale) < 0;
}

static void dropping_run(struct job *job) {
    struct dropping *d = (struct dropping *)(void *)job;
    uint64_t *firsts = NULL;
    size_t count = 0;
    d->next = d->at;
    d->err = segment_list(d->dir, &firsts, &count);
    if (d->err == SD_OK && memcmp(d->at.told, d->at.done, sizeof d->at.told) != 0)
        drop(d, firsts, count);
    else if (d->err == SD_OK)
        look(d, firsts, count);
    free(firsts);
}

/* ---- what the keeper remembers ---- */

static enum sd_err get_number(struct keeper *k, const char *prefix, unsigned class, uint64_t *ret) {
    char name[64];
    struct query q = db_query(k->db, SQL_META_GET);
    (void)snprintf(name, sizeof name, "%s.%s", prefix, leaf_class_text(class));
    query_text(&q, span_cstr(name));
    enum sd_err err = query_row(&q) ? span_to_u64(query_get(&q, 0), ret) : SD_OK;
    enum sd_err end = query_end(&q);
    return end ? end : err;
}

static enum sd_err put_number(struct keeper *k, const char *prefix, unsigned class, uint64_t number) {
    char name[64], text[32];
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    struct query q = db_query(k->db, SQL_META_PUT);
    (void)snprintf(name, sizeof name, "%s.%s", prefix, leaf_class_text(class));
    query_text(&q, span_cstr(name));
    query_blob(&q, span_of(text, (size_t)n));
    return query_run(&q);
}

static enum sd_err get_frontiers(struct keeper *k, struct frontiers *ret) {
    enum sd_err err = SD_OK;
    for (unsigned c = 0; c < LEAF_CLASS_COUNT && err == SD_OK; c++) {
        err = get_number(k, "log_told", c, &ret->told[c]);
        if (err == SD_OK)
            err = get_number(k, "log_done", c, &ret->done[c]);
    }
    return err;
}

/* An act that is not yet durable in the log, but for the crash after which it will be. */
static enum sd_err act_is_waiting(struct keeper *k, bool *ret) {
    struct query q = db_query(k->db, SQL_OUTBOX_ACT);
    query_blob(&q, SPAN("\"action\":\"" LEAF_ACTION_DROPPED "\""));
    *ret = query_row(&q);
    return query_end(&q);
}

static void add_act(struct records *records, const struct dropping *d, unsigned class) {
    struct buf detail SD_CLEANUP(buf_free) = buf_new(256);
    buf_printf(&detail, "from %llu below %llu: %llu records", (unsigned long long)d->at.told[class],
               (unsigned long long)d->next.told[class], (unsigned long long)d->count[class]);
    struct leaf leaf = {.actor = ACTOR_SYSTEM,
                        .action = LEAF_ACTION_DROPPED,
                        .object = "log",
                        .outcome = OUTCOME_GRANTED,
                        .reason = leaf_class_text(class),
                        .detail = buf_span(&detail)};
    records_add_changed(records, &leaf);
}

static enum sd_err remember(struct keeper *k, const struct dropping *d) {
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    for (unsigned c = 0; c < LEAF_CLASS_COUNT && err == SD_OK; c++) {
        err = put_number(k, "log_told", c, d->next.told[c]);
        if (err == SD_OK)
            err = put_number(k, "log_done", c, d->next.done[c]);
        if (err == SD_OK && d->count[c])
            add_act(&records, d, c);
        err = err ? err : records.err;
    }
    err = db_end(k->db, err);
    return err ? err : records_submit(&records);
}

static void dropping_done(struct keeper *k, struct job *job) {
    struct dropping *d = (struct dropping *)(void *)job;
    bool changed = memcmp(&d->at, &d->next, sizeof d->at) != 0;
    enum sd_err err = d->err;
    if (err == SD_OK && changed)
        err = remember(k, d);
    if (err)
        log_error("keeper.retention", "error=%s", sd_err_name(err));
    else if (d->dropped)
        log_info("keeper.retention", "dropped=%llu", (unsigned long long)d->dropped);
    if (err == SD_OK && changed)
        k->retention.looked_ms = 0; /* and on, when what was recorded is durable */
    if (err == SD_OK && d->ends_segment)
        audit_end_segment(k->audit);
    k->retention.busy = false;
    free(d);
}

static void put_time(char to[TIME_BYTES], int64_t unix_ms) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(TIME_BYTES - 1);
    put_rfc3339(&text, unix_ms);
    memset(to, 0, TIME_BYTES);
    if (text.n)
        memcpy(to, text.p, text.n);
}

static enum sd_err start_dropping(struct keeper *k) {
    struct dropping *d = calloc(1, sizeof *d);
    int64_t now_ms = k->spec.now_ms();
    if (!d)
        return SD_ERR_NOMEM;
    *d = (struct dropping){.job = {.run = dropping_run, .done = dropping_done}, .dir = (const char *)k->log_dir.p};
    for (unsigned c = 0; c < LEAF_CLASS_COUNT; c++)
        put_time(d->cutoff[c], now_ms - k->retention.settings.keep_ms[c]);
    put_time(d->stale, now_ms - SEGMENT_DAYS * DAY_MS);
    enum sd_err err = get_frontiers(k, &d->at);
    if (err == SD_OK)
        err = work_add(&k->checks, &d->job);
    k->retention.busy = err == SD_OK;
    if (err)
        free(d);
    return err;
}

void retention_tick(struct keeper *k) {
    int64_t now_ms = k->spec.now_ms();
    bool waiting = false;
    if (!k->retention.set || k->retention.busy || now_ms - k->retention.looked_ms < RETENTION_MS)
        return;
    enum sd_err err = act_is_waiting(k, &waiting);
    if (err == SD_OK && waiting)
        return;
    k->retention.looked_ms = now_ms;
    if (err == SD_OK)
        err = start_dropping(k);
    if (err && err != SD_ERR_BUSY)
        log_error("keeper.retention", "error=%s", sd_err_name(err));
}
