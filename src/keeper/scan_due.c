/*
 * scan_due.c - which letters are to be looked into: those that were not yet, and, when signatures changed since, those with
 * attachments that came of late, and all of which something was opened. Each call looks at a bounded number of rows and goes on
 * where the one before ended; what was handed out comes again later, as long as no verdict about it came in.
 */
#include "keeper/scanner.h"

#include <string.h>

#define HANDED_OUT 32                     /* keeper.def */
#define LOOKED_AT_MAX 512                 /* rows of one call */
#define PASS_MS (INT64_C(60) * 60 * 1000) /* until letters that were handed out, and not judged, are looked for again */

struct due {
    struct buf raw;
    struct ipc_list list;
};

static void due_free(struct due *due) {
    buf_free(&due->raw);
}

/* ---- not looked into yet ---- */

struct candidate {
    uint8_t id[ID_BYTES];
    int64_t tries;
};

static enum sd_err find_unscanned(struct keeper *k, enum db_sql sql, struct candidate found[HANDED_OUT], size_t *ret_count) {
    struct query q = db_query(k->db, sql);
    size_t count = 0;
    query_int(&q, k->spec.now_ms());
    query_int(&q, HANDED_OUT);
    while (count < HANDED_OUT && query_row(&q)) {
        query_get_fixed(&q, 0, found[count].id, ID_BYTES);
        found[count++].tries = query_get_int(&q, 1);
    }
    *ret_count = count;
    return query_end(&q);
}

static enum sd_err put_off(struct keeper *k, const struct candidate *candidate) {
    struct query q = db_query(k->db, SQL_SCAN_PUT_OFF);
    query_int(&q, scan_again_ms(k, candidate->tries + 1));
    query_blob(&q, span_of(candidate->id, ID_BYTES));
    return query_run(&q);
}

/* Without a scanner what nobody has looked into at all is, for its structure. */
static enum sd_err hand_out_unscanned(struct keeper *k, enum scanner_standing standing, struct due *due) {
    struct candidate found[HANDED_OUT];
    size_t count = 0;
    enum sd_err err = find_unscanned(k, standing == SCANNER_UP ? SQL_SCAN_DUE : SQL_SCAN_UNSEEN, found, &count);
    if (err || count == 0)
        return err;
    err = db_begin_lazy(k->db); /* lost in a crash, it is handed out a little earlier */
    if (err)
        return err;
    for (size_t i = 0; i < count && err == SD_OK; i++) {
        err = put_off(k, &found[i]);
        ipc_list_add(&due->list, &due->raw, span_of(found[i].id, ID_BYTES));
    }
    return db_end(k->db, err);
}

/* ---- scanned in an earlier epoch ---- */

static void begin_pass(struct keeper *k, int64_t epoch) {
    k->hunt.epoch = epoch;
    k->hunt.stage = HUNT_RECENT;
    k->hunt.before = INT64_MAX;
}

/* A new epoch begins a pass, and so does an hour after the last one: what was handed out may have come to nothing. */
static void go_on(struct keeper *k, int64_t epoch) {
    int64_t since_ms = k->spec.now_ms() - k->hunt.ended_ms;
    if (k->hunt.epoch != epoch || (k->hunt.stage == HUNT_ENDED && (since_ms >= PASS_MS || since_ms < 0)))
        begin_pass(k, epoch);
}

static void end_stage(struct keeper *k) {
    k->hunt.before = INT64_MAX;
    k->hunt.stage = k->hunt.stage == HUNT_RECENT ? HUNT_OPENED : HUNT_ENDED;
    if (k->hunt.stage == HUNT_ENDED)
        k->hunt.ended_ms = k->spec.now_ms();
}

static bool is_prey(struct query *q, int64_t epoch) {
    return query_get_int(q, 2) < epoch && query_get_int(q, 4) == 0 && query_get_int(q, 5) == 0;
}

static enum sd_err hunt_stage(struct keeper *k, unsigned *left, struct due *due) {
    bool recent = k->hunt.stage == HUNT_RECENT, more = true;
    int64_t since_ms = k->spec.now_ms() - k->scan.retro_ms;
    struct query q = db_query(k->db, recent ? SQL_HUNT_RECENT : SQL_HUNT_OPENED);
    query_int(&q, k->hunt.before);
    query_int(&q, *left);
    while (*left && due->list.count < HANDED_OUT && (more = query_row(&q))) {
        if (recent && query_get_int(&q, 3) < since_ms) {
            more = false; /* objects are numbered as they came: the others are older */
            break;
        }
        (*left)--;
        k->hunt.before = query_get_int(&q, 0);
        bool seen = !recent && query_get_int(&q, 6) && query_get_int(&q, 3) >= since_ms; /* in the stage before */
        if (is_prey(&q, k->hunt.epoch) && !seen)
            ipc_list_add(&due->list, &due->raw, query_get(&q, 1));
    }
    enum sd_err err = query_end(&q);
    if (err == SD_OK && !more && *left)
        end_stage(k);
    return err;
}

static enum sd_err hunt(struct keeper *k, struct due *due) {
    unsigned left = LOOKED_AT_MAX;
    int64_t epoch = 0;
    enum sd_err err = epoch_newest(k, &epoch);
    if (err || epoch == 0)
        return err;
    go_on(k, epoch);
    while (err == SD_OK && k->hunt.stage != HUNT_ENDED && left && due->list.count < HANDED_OUT)
        err = hunt_stage(k, &left, due);
    return err;
}

enum sd_err keeper_on_scan_due(void *ctx, struct ipc_call *call, SD_UNUSED const struct keeper_scan_due_req *req) {
    struct keeper *k = ctx;
    enum scanner_standing standing = scanner_standing(k);
    struct due retry SD_CLEANUP(due_free) = {.raw = buf_new(4096)}, prey SD_CLEANUP(due_free) = {.raw = buf_new(4096)};
    enum sd_err err = SD_OK;
    if (standing == SCANNER_UP || standing == SCANNER_NONE)
        err = hand_out_unscanned(k, standing, &retry);
    if (err == SD_OK && standing == SCANNER_UP)
        err = hunt(k, &prey);
    if (err == SD_OK)
        err = buf_err(&retry.raw) ? buf_err(&retry.raw) : buf_err(&prey.raw);
    if (err == SD_OK)
        keeper_scan_due_reply(call, &(struct keeper_scan_due_rep){.retry = retry.list, .hunt = prey.list});
    return err;
}
