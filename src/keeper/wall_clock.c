#include "keeper/wall_clock.h"
#include "core/log.h"
#include "keeper/permit.h"

#include <stdio.h>

/* The newest time there was, in meta: a restart forgets nothing. */
static enum sd_err read_newest(struct keeper *k, int64_t *ret) {
    uint64_t value = 0;
    struct query q = db_query(k->db, SQL_META_GET);
    query_text(&q, SPAN("clock"));
    enum sd_err err = query_row(&q) ? span_to_u64(query_get(&q, 0), &value) : SD_OK;
    enum sd_err end = query_end(&q);
    err = err ? err : end;
    if (err == SD_OK)
        *ret = value > INT64_MAX ? INT64_MAX : (int64_t)value;
    return err;
}

static enum sd_err write_newest(struct keeper *k, int64_t now_ms) {
    char text[32];
    int n = snprintf(text, sizeof text, "%lld", (long long)(now_ms < 0 ? 0 : now_ms));
    struct query q = db_query(k->db, SQL_META_PUT);
    query_text(&q, SPAN("clock"));
    query_blob(&q, span_of(text, (size_t)n));
    return query_run(&q);
}

/* What is over is so for good: its time becomes negative, or the row goes. */
static enum sd_err end_what_is_over(struct keeper *k, int64_t now_ms) {
    static const enum db_sql ends[] = {SQL_WARRANT_OVER, SQL_TOKEN_OVER, SQL_REQUEST_OVER, SQL_RULE_OVER};
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < SD_COUNT(ends) && err == SD_OK; i++) {
        struct query q = db_query(k->db, ends[i]);
        query_int(&q, now_ms);
        err = query_run(&q);
    }
    return err;
}

static enum sd_err save(struct keeper *k, int64_t now_ms) {
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = write_newest(k, now_ms);
    if (err == SD_OK)
        err = end_what_is_over(k, now_ms);
    rules_forget(k);
    return db_end(k->db, err);
}

static enum sd_err raise_alarm(struct keeper *k, int64_t now_ms) {
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = write_newest(k, now_ms);
    if (err == SD_OK)
        err = alarm_raise(k, &(struct alarm_new){.kind = ALARM_CLOCK}, &records);
    err = db_end(k->db, err ? err : records.err);
    return err ? err : records_submit(&records);
}

static enum sd_err look(struct keeper *k, int64_t now_ms) {
    enum sd_err err = k->clock.newest_ms ? SD_OK : read_newest(k, &k->clock.newest_ms);
    if (err)
        return err;
    if (now_ms < k->clock.newest_ms - CLOCK_BACK_MS) {
        err = raise_alarm(k, now_ms);
        if (err == SD_OK)
            k->clock.newest_ms = k->clock.saved_ms = now_ms; /* from here on */
        return err;
    }
    if (now_ms > k->clock.newest_ms)
        k->clock.newest_ms = now_ms;
    if (k->clock.saved_ms && now_ms - k->clock.saved_ms < CLOCK_SAVE_MS)
        return SD_OK;
    err = save(k, k->clock.newest_ms);
    if (err == SD_OK)
        k->clock.saved_ms = k->clock.newest_ms;
    return err;
}

void wall_clock_tick(struct keeper *k) {
    enum sd_err err = look(k, k->spec.now_ms());
    if (err)
        log_warn("keeper.clock", "error=%s", sd_err_name(err));
}
