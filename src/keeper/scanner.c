#include "keeper/scanner.h"
#include "keeper/verdict.h"

#include <stdio.h>

#define MINUTE_MS (INT64_C(60) * 1000)
#define DAY_MS (24 * 60 * MINUTE_MS)
#define SAID_MS (5 * MINUTE_MS) /* inspectors say it every minute: one that was not heard of for so long is gone */
#define TRIES_AT_ONCE 2         /* what has failed more often may be what brings the scanner down: it keeps its place */
#define EPOCHS_A_DAY 200        /* signatures come a few times a day; each epoch costs a record and scans */

/* ---- epochs ---- */

enum sd_err epoch_of(struct keeper *k, struct span engine, int64_t *ret) {
    struct query q = db_query(k->db, SQL_EPOCH_OF);
    query_text(&q, engine);
    *ret = query_row(&q) ? query_get_int(&q, 0) : 0;
    return query_end(&q);
}

enum sd_err epoch_newest(struct keeper *k, int64_t *ret) {
    struct query q = db_query(k->db, SQL_EPOCH_NEWEST);
    *ret = query_row(&q) ? query_get_int(&q, 0) : 0;
    return query_end(&q);
}

static bool may_begin_epoch(struct keeper *k) {
    int64_t day = k->spec.now_ms() / DAY_MS;
    if (day != k->scanner.epoch_day) {
        k->scanner.epoch_day = day;
        k->scanner.epochs = 0;
    }
    return k->scanner.epochs++ < EPOCHS_A_DAY;
}

static enum sd_err begin_epoch(struct keeper *k, struct span engine, int64_t *ret) {
    struct query q = db_query(k->db, SQL_EPOCH_ADD);
    query_text(&q, engine);
    query_int(&q, k->spec.now_ms());
    enum sd_err err = query_run(&q);
    if (err == SD_OK)
        *ret = db_last_id(k->db);
    return err;
}

struct span epoch_text(int64_t epoch, struct epoch_word *word) {
    int n = epoch ? snprintf(word->text, sizeof word->text, "epoch %lld", (long long)epoch) : 0;
    return span_of(word->text, (size_t)n);
}

/* ---- how it is ---- */

enum scanner_standing scanner_standing(const struct keeper *k) {
    enum scanner_standing standing = SCANNER_UNKNOWN;
    int64_t now_ms = k->spec.now_ms();
    for (size_t i = 0; i < INSPECTORS_MAX; i++) {
        const struct scanner_said *said = &k->scanner.said[i];
        if (said->at_ms == 0 || now_ms - said->at_ms > SAID_MS)
            continue;
        enum scanner_standing its = !said->configured ? SCANNER_NONE : said->up ? SCANNER_UP : SCANNER_DOWN;
        standing = its > standing ? its : standing;
    }
    return standing;
}

int64_t scan_again_ms(const struct keeper *k, int64_t tries) {
    static const int64_t minutes[] = {1, 5, 15, 30, 60};
    size_t last = SD_COUNT(minutes) - 1, at = tries > 0 && (uint64_t)tries < last ? (size_t)tries : tries > 0 ? last : 0;
    return k->spec.now_ms() + minutes[at] * MINUTE_MS;
}

/* When what is known of it as a whole has changed: several inspectors say the same. New signatures are news, too. */
static bool is_news(struct keeper *k, bool *ret_up) {
    enum scanner_standing standing = scanner_standing(k);
    *ret_up = standing == SCANNER_UP;
    if (standing != SCANNER_UP && standing != SCANNER_DOWN)
        return false; /* there is none to be up or down */
    bool news = !k->scanner.told || k->scanner.told_up != *ret_up;
    k->scanner.told = true;
    k->scanner.told_up = *ret_up;
    return news;
}

/* It is back: what waited for it does not wait for its turn. */
static enum sd_err scan_now(struct keeper *k) {
    struct query q = db_query(k->db, SQL_SCAN_NOW);
    query_int(&q, k->spec.now_ms());
    query_int(&q, TRIES_AT_ONCE);
    return query_run(&q);
}

static enum sd_err answer_news(struct keeper *k, struct ipc_call *call, int64_t epoch, bool up, bool news) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct epoch_word word;
    struct leaf leaf = {.actor = ACTOR_SYSTEM,
                        .action = "scanner",
                        .object = "scanner",
                        .outcome = up ? OUTCOME_GRANTED : OUTCOME_FAILED,
                        .reason = up ? "up" : "down",
                        .detail = up ? epoch_text(epoch, &word) : SPAN_NONE};
    if (!news) {
        keeper_scanner_reply(call, &(struct keeper_scanner_rep){});
        return SD_OK;
    }
    enum sd_err err = keeper_scanner_rep_encode(&out, &(struct keeper_scanner_rep){});
    return err ? err : answer_recorded(k, call, &out, &leaf);
}

enum sd_err keeper_on_scanner(void *ctx, struct ipc_call *call, const struct keeper_scanner_req *req) {
    struct keeper *k = ctx;
    int64_t epoch = 0;
    bool up = false;
    if (!verdict_text_fits(req->engine))
        return SD_ERR_PARSE;
    k->scanner.said[ipc_conn_instance(call->conn) % INSPECTORS_MAX] =
        (struct scanner_said){.configured = req->configured, .up = req->configured && req->up, .at_ms = k->spec.now_ms()};
    enum sd_err err = req->engine.n ? epoch_of(k, req->engine, &epoch) : SD_OK;
    bool begins = err == SD_OK && req->engine.n && epoch == 0 && may_begin_epoch(k);
    if (begins)
        err = begin_epoch(k, req->engine, &epoch);
    if (err)
        return err;
    bool news = is_news(k, &up);
    if (news && up)
        err = scan_now(k);
    return err ? err : answer_news(k, call, epoch, up, news || (begins && up));
}
