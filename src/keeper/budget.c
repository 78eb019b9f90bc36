#include "keeper/budget.h"
#include "core/log.h"
#include "keeper/permit.h"

#include <stdlib.h>
#include <string.h>

#define MINUTE_MS (60 * 1000)
#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)
#define BOUGHT_MS (10 * MINUTE_MS) /* how long what a gesture bought lifts the minute's limit */
#define PLACES 1024                /* people who act at the same time; more share by turns */

struct count {
    uint32_t minute, day;
};

struct use {
    bool there, changed, alarmed;
    uint8_t person[ID_BYTES];
    int64_t minute, day;    /* which they are */
    struct count counts[2]; /* by enum budget_kind */
    int64_t bought_ms;      /* when a gesture last lifted the minute's limit */
    bool bought_day;
};

struct budget {
    struct use of[PLACES];
};

static struct use *place_of(struct budget *budget, const uint8_t person[ID_BYTES]) {
    uint32_t at = (uint32_t)person[0] | (uint32_t)person[1] << 8; /* ids are random */
    return &budget->of[at % PLACES];
}

static enum sd_err save(struct keeper *k, struct use *use) {
    struct query q = db_query(k->db, SQL_BUDGET_PUT);
    query_blob(&q, span_of(use->person, ID_BYTES));
    query_int(&q, use->day);
    query_int(&q, use->counts[BUDGET_OPENS].day);
    query_int(&q, use->counts[BUDGET_HEADS].day);
    query_int(&q, use->bought_day);
    enum sd_err err = query_run(&q);
    if (err == SD_OK)
        use->changed = false;
    return err;
}

static enum sd_err load(struct keeper *k, const uint8_t person[ID_BYTES], struct use *use) {
    struct use fresh = {.there = true};
    memcpy(fresh.person, person, ID_BYTES);
    struct query q = db_query(k->db, SQL_BUDGET_GET);
    query_blob(&q, span_of(person, ID_BYTES));
    if (query_row(&q)) {
        fresh.day = query_get_int(&q, 0);
        fresh.counts[BUDGET_OPENS].day = (uint32_t)query_get_int(&q, 1);
        fresh.counts[BUDGET_HEADS].day = (uint32_t)query_get_int(&q, 2);
        fresh.bought_day = query_get_int(&q, 3) != 0;
    }
    enum sd_err err = query_end(&q);
    if (err == SD_OK)
        *use = fresh;
    return err;
}

/* A clock that goes back begins no new minute and no new day: what was counted counts on, until the next one of the time that
 * is now. */
static void turn_page(struct use *use, int64_t now_ms) {
    int64_t minute = now_ms / MINUTE_MS, day = now_ms / DAY_MS;
    if (minute > use->minute) {
        use->counts[BUDGET_OPENS].minute = use->counts[BUDGET_HEADS].minute = 0;
        use->alarmed = false;
    }
    if (day > use->day) {
        use->counts[BUDGET_OPENS].day = use->counts[BUDGET_HEADS].day = 0;
        use->bought_day = false;
    }
    use->minute = minute;
    use->day = day;
}

static enum sd_err find(struct keeper *k, const struct who *who, struct use **ret) {
    if (!k->budget)
        k->budget = calloc(1, sizeof *k->budget);
    if (!k->budget)
        return SD_ERR_NOMEM;
    struct use *use = place_of(k->budget, who->person);
    enum sd_err err = SD_OK;
    if (!use->there || memcmp(use->person, who->person, ID_BYTES) != 0) {
        err = use->there && use->changed ? save(k, use) : SD_OK;
        if (err == SD_OK)
            err = load(k, who->person, use);
    }
    if (err)
        return err;
    turn_page(use, k->spec.now_ms());
    *ret = use;
    return SD_OK;
}

struct limits {
    uint64_t minute, day;
};

static struct limits limits_of(const struct keeper *k, const struct who *who, enum budget_kind kind) {
    const struct budget_limits *base = &k->access.budget;
    uint64_t times = who->role <= ROLE_AUDITOR ? k->access.budget_times[who->role] : 1;
    if (kind == BUDGET_OPENS)
        return (struct limits){base->opens_per_minute * times, base->opens_per_day * times};
    return (struct limits){base->heads_per_minute * times, base->heads_per_day * times};
}

static bool lifted(const struct use *use, int64_t now_ms) {
    return use->bought_ms && now_ms >= use->bought_ms && now_ms - use->bought_ms < BOUGHT_MS;
}

static bool fits(const struct use *use, enum budget_kind kind, uint32_t n, struct limits limits, int64_t now_ms) {
    uint64_t minute = limits.minute * (lifted(use, now_ms) ? 2 : 1), day = limits.day * (use->bought_day ? 2 : 1);
    return use->counts[kind].minute + (uint64_t)n <= minute && use->counts[kind].day + (uint64_t)n <= day;
}

/* Would a gesture help that was not bought yet? */
static bool for_sale(const struct use *use, enum budget_kind kind, uint32_t n, struct limits limits, int64_t now_ms) {
    struct use bought = *use;
    if (use->counts[kind].minute + (uint64_t)n > limits.minute && !lifted(use, now_ms))
        bought.bought_ms = now_ms;
    if (use->counts[kind].day + (uint64_t)n > limits.day)
        bought.bought_day = true;
    return fits(&bought, kind, n, limits, now_ms);
}

static enum sd_err buy(struct keeper *k, const struct who *who, struct use *use, enum budget_kind kind, uint32_t n,
                       struct limits limits, enum sd_err *ret_status) {
    struct permission permission;
    enum sd_err err = permit(k, who, &(struct demand){.verb = VERB_EXCEED}, &permission);
    if (err)
        return err;
    *ret_status = permission.status ? SD_ERR_BUDGET : SD_OK;
    if (permission.status)
        return SD_OK;
    if (use->counts[kind].minute + (uint64_t)n > limits.minute)
        use->bought_ms = k->spec.now_ms();
    if (use->counts[kind].day + (uint64_t)n > limits.day)
        use->bought_day = true;
    return SD_OK;
}

enum sd_err budget_charge(struct keeper *k, const struct who *who, enum budget_kind kind, uint32_t n, enum sd_err *ret_status,
                          bool *ret_alarm) {
    struct use *use = NULL;
    int64_t now_ms = k->spec.now_ms();
    struct limits limits = limits_of(k, who, kind);
    enum sd_err err = find(k, who, &use);
    *ret_status = SD_OK;
    *ret_alarm = false;
    if (err)
        return err;
    if (!fits(use, kind, n, limits, now_ms)) {
        *ret_status = SD_ERR_SPENT;
        if (who->factor != FACTOR_TOKEN && for_sale(use, kind, n, limits, now_ms))
            err = buy(k, who, use, kind, n, limits, ret_status);
        if (err || *ret_status) {
            *ret_alarm = *ret_status == SD_ERR_SPENT && !use->alarmed;
            use->alarmed = use->alarmed || *ret_alarm;
            return err;
        }
    }
    use->counts[kind].minute += n;
    use->counts[kind].day += n;
    use->changed = true;
    return SD_OK;
}

enum sd_err budget_refuse(struct keeper *k, struct ipc_call *call, const struct who *who, enum sd_err status, bool alarm,
                          struct leaf *leaf) {
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    leaf->outcome = OUTCOME_REFUSED;
    leaf->reason = status == SD_ERR_SPENT ? "budget-spent" : "budget";
    enum sd_err err = SD_OK;
    if (alarm) {
        err = db_begin(k->db);
        if (err)
            return err;
        err = alarm_raise(k, &(struct alarm_new){.kind = ALARM_BUDGET, .person = span_of(who->person, ID_BYTES)}, &records);
        err = db_end(k->db, err);
    }
    if (err)
        return err;
    records_add(&records, leaf);
    return records_send(&records, call, status, NULL);
}

void budget_save(struct keeper *k) {
    enum sd_err err = SD_OK;
    bool begun = false;
    for (size_t i = 0; k->budget && i < PLACES && err == SD_OK; i++) {
        struct use *use = &k->budget->of[i];
        if (!use->there)
            continue;
        turn_page(use, k->spec.now_ms());
        if (!use->changed)
            continue;
        if (!begun)
            err = db_begin(k->db);
        begun = true;
        if (err == SD_OK)
            err = save(k, use);
    }
    if (begun)
        err = db_end(k->db, err);
    if (err)
        log_warn("keeper.budget", "error=%s", sd_err_name(err));
}

void budget_free(struct keeper *k) {
    free(k->budget);
    k->budget = NULL;
}
