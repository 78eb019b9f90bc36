#include "keeper/attempts.h"
#include "core/log.h"
#include "core/network.h"

#include <stdlib.h>
#include <string.h>

/* An IPv6 address stands for its /64: whoever has one has them all. */
static enum sd_err origin_hash(struct keeper *k, struct span origin, struct sha256 *ret) {
    uint8_t ip[16];
    if (ip_parse(origin, ip) != SD_OK)
        return vault_hmac(&k->vault, "origin", origin, ret);
    return vault_hmac(&k->vault, "origin", span_of(ip, ip_is_v4(ip) ? 16 : 8), ret);
}

enum sd_err attempt_by_account(struct keeper *k, struct span email, struct span origin, struct attempt_count *ret) {
    uint8_t lower[LIMIT_ADDRESS_BYTES];
    size_t n = lower_case(email, lower, sizeof lower);
    *ret = (struct attempt_count){0};
    enum sd_err err = vault_hmac(&k->vault, "account", span_of(lower, n), &ret->subject);
    return err ? err : origin_hash(k, origin, &ret->address);
}

enum sd_err attempt_by_person(struct keeper *k, struct span person, struct span origin, struct attempt_count *ret) {
    *ret = (struct attempt_count){0};
    enum sd_err err = vault_hmac(&k->vault, "own-factors", person, &ret->subject);
    return err ? err : origin_hash(k, origin, &ret->address);
}

/* ---- on disk ---- */

static enum sd_err write_count(struct keeper *k, const struct sha256 *key, const struct throttle *t) {
    struct query q = db_query(k->db, SQL_THROTTLE_PUT);
    query_blob(&q, span_of(key->b, SHA256_BYTES));
    query_int(&q, t->failures);
    query_int(&q, t->last_ms);
    return query_run(&q);
}

/* A failure that lies in the future was counted before the clock was set back: it counts as of now, for good, or everybody who
 * waits would go on waiting until the clock is there again. */
static enum sd_err read_count(struct keeper *k, const struct sha256 *key, struct throttle *ret) {
    struct query q = db_query(k->db, SQL_THROTTLE_GET);
    *ret = (struct throttle){0};
    query_blob(&q, span_of(key->b, SHA256_BYTES));
    if (query_row(&q))
        *ret = (struct throttle){.failures = (uint32_t)query_get_int(&q, 0), .last_ms = query_get_int(&q, 1)};
    enum sd_err err = query_end(&q);
    if (err || !throttle_catch_up(ret, k->spec.now_ms()))
        return err;
    return write_count(k, key, ret);
}

enum sd_err attempt_charge(struct keeper *k, struct attempt_count *attempt, int64_t *ret_wait_ms) {
    struct throttle subject, address;
    int64_t now_ms = k->spec.now_ms();
    enum sd_err err = read_count(k, &attempt->subject, &subject);
    if (err == SD_OK)
        err = read_count(k, &attempt->address, &address);
    if (err)
        return err;
    if (throttle_wait_ms(&address, now_ms) == 0)
        throttle_fade(&address, now_ms);
    int64_t wait = throttle_wait_ms(&subject, now_ms), other = throttle_wait_ms(&address, now_ms);
    *ret_wait_ms = wait > other ? wait : other;
    if (*ret_wait_ms > 0)
        return SD_OK;
    attempt->address_before_ms = address.last_ms;
    throttle_charge(&subject, now_ms);
    throttle_charge(&address, now_ms);
    attempt->failures = subject.failures;
    err = db_begin(k->db);
    if (err)
        return err;
    err = write_count(k, &attempt->subject, &subject);
    if (err == SD_OK)
        err = write_count(k, &attempt->address, &address);
    return db_end(k->db, err);
}

enum sd_err attempt_forgive(struct keeper *k, const struct attempt_count *attempt) {
    struct query q = db_query(k->db, SQL_THROTTLE_END);
    query_blob(&q, span_of(attempt->subject.b, SHA256_BYTES));
    enum sd_err err = query_run(&q);
    if (err)
        return err;
    q = db_query(k->db, SQL_THROTTLE_REFUND);
    query_int(&q, attempt->address_before_ms);
    query_blob(&q, span_of(attempt->address.b, SHA256_BYTES));
    return query_run(&q);
}

/* ---- in memory ---- */

static enum sd_err seat_of(struct keeper *k, struct span origin, struct address_seat **ret) {
    struct sha256 hash;
    uint32_t at;
    if (!k->address_seats)
        k->address_seats = calloc(ADDRESS_SEATS, sizeof *k->address_seats);
    enum sd_err err = k->address_seats ? origin_hash(k, origin, &hash) : SD_ERR_NOMEM;
    if (err)
        return err;
    memcpy(&at, hash.b, sizeof at);
    struct address_seat *seat = &k->address_seats[at % ADDRESS_SEATS];
    if (memcmp(seat->mark, hash.b + sizeof at, sizeof seat->mark) != 0) {
        *seat = (struct address_seat){0};
        memcpy(seat->mark, hash.b + sizeof at, sizeof seat->mark);
    }
    *ret = seat;
    return SD_OK;
}

enum sd_err address_charge(struct keeper *k, struct span origin, int64_t *ret_wait_ms) {
    struct address_seat *seat;
    int64_t now_ms = k->spec.now_ms();
    enum sd_err err = seat_of(k, origin, &seat);
    if (err)
        return err;
    (void)throttle_catch_up(&seat->throttle, now_ms);
    if (throttle_wait_ms(&seat->throttle, now_ms) == 0)
        throttle_fade(&seat->throttle, now_ms);
    *ret_wait_ms = throttle_wait_ms(&seat->throttle, now_ms);
    if (*ret_wait_ms == 0)
        throttle_charge(&seat->throttle, now_ms);
    return SD_OK;
}

enum sd_err address_forgive(struct keeper *k, struct span origin) {
    struct address_seat *seat;
    enum sd_err err = seat_of(k, origin, &seat);
    if (err == SD_OK && seat->throttle.failures > 0)
        seat->throttle.failures--;
    return err;
}

/* ---- those that have to wait, in the log ---- */

#define MINUTE_MS 60000

static enum sd_err record_rest(struct keeper *k, uint32_t rest) {
    struct records records SD_CLEANUP(records_free);
    struct buf number SD_CLEANUP(buf_free) = buf_new(16);
    records_start(&records, k);
    buf_printf(&number, "%u", rest);
    records_add(&records, &(struct leaf){.actor = ACTOR_SYSTEM,
                                         .action = "sign-in",
                                         .outcome = OUTCOME_REFUSED,
                                         .reason = "throttled, so many more in a minute:",
                                         .detail = buf_span(&number)});
    return records_submit(&records);
}

void attempts_tick(struct keeper *k) {
    int64_t minute = k->spec.now_ms() / MINUTE_MS;
    if (minute == k->throttled.minute)
        return;
    uint32_t count = k->throttled.count;
    k->throttled.minute = minute;
    k->throttled.count = 0;
    enum sd_err err = count > THROTTLED_RECORDS ? record_rest(k, count - THROTTLED_RECORDS) : SD_OK;
    if (err)
        log_warn("keeper.throttle", "error=%s", sd_err_name(err));
}

enum sd_err attempt_answer(struct keeper *k, struct ipc_call *call, struct ipc_out *out, const struct leaf *leaf,
                           bool throttled) {
    attempts_tick(k);
    if (!throttled || ++k->throttled.count <= THROTTLED_RECORDS)
        return answer_recorded(k, call, out, leaf);
    ipc_answer(call, out);
    return SD_OK;
}
