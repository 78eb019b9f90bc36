/* dkim_rotate.c - DKIM keys are replaced in two steps: a new one is made and published, and only when the world can see it does
 * it sign. */
#include "core/log.h"
#include "keeper/generation.h"
#include "keeper/keys.h"

#include <string.h>

/* Letters that were signed before are still on their way, and are looked at later (RFC 6376 §3.6.1: verifiers fetch the key
 * then). */
#define FORGET_MS (INT64_C(7) * 24 * 60 * 60 * 1000)

static void add_record(struct records *records, enum actor_kind by, const char *action, struct span domain,
                       struct span selector) {
    struct buf name SD_CLEANUP(buf_free) = buf_new(512);
    buf_put(&name, selector);
    buf_text(&name, "._domainkey.");
    buf_put(&name, domain);
    records_add_changed(records, &(struct leaf){.actor = by,
                                                .action = action,
                                                .object = "key",
                                                .outcome = OUTCOME_GRANTED,
                                                .reason = "dkim",
                                                .detail = buf_span(&name)});
}

static bool is_of(const struct dkim_key *key, struct span domain) {
    return span_eq(buf_span(&key->domain), domain);
}

/* ---- first step ---- */

static bool has_prepared(struct keeper *k, struct span domain, enum sign_algorithm algorithm) {
    for (size_t i = 0; i < k->dkim_count; i++)
        if (is_of(&k->dkim[i], domain) && k->dkim[i].algorithm == algorithm && k->dkim[i].from_ms == DKIM_PREPARED)
            return true;
    return false;
}

enum sd_err dkim_prepare(struct keeper *k, struct span domain, struct records *records) {
    static const enum sign_algorithm algorithms[] = {SIGN_RSA_SHA256, SIGN_ED25519};
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < SD_COUNT(algorithms) && err == SD_OK; i++) {
        if (has_prepared(k, domain, algorithms[i]))
            continue;
        if (k->dkim_count + SD_COUNT(algorithms) > DKIM_KEYS_MAX)
            return SD_ERR_LIMIT;
        err = dkim_make(k, domain, algorithms[i], DKIM_PREPARED);
        if (err == SD_OK)
            add_record(records, ACTOR_ROOT, "key-prepare", domain, SPAN("*"));
    }
    k->dkim_changed = true;
    return err ? err : records->err;
}

/* ---- second step ---- */

static enum sd_err set_from(struct keeper *k, enum db_sql sql, struct span domain, int64_t at_ms) {
    struct query q = db_query(k->db, sql);
    query_int(&q, at_ms);
    query_text(&q, domain);
    if (sql == SQL_DKIM_ACTIVATE)
        query_int(&q, DKIM_PREPARED);
    return query_run(&q);
}

enum sd_err dkim_activate(struct keeper *k, struct span domain, int64_t at_ms, struct records *records) {
    enum sd_err err = set_from(k, SQL_DKIM_SUPERSEDE, domain, at_ms);
    if (err == SD_OK)
        err = set_from(k, SQL_DKIM_ACTIVATE, domain, at_ms);
    if (err == SD_OK && db_changes(k->db) == 0)
        err = SD_ERR_NOTFOUND;
    if (err)
        return err;
    add_record(records, ACTOR_ROOT, "key-rotate", domain, SPAN("*"));
    k->dkim_changed = true;
    return records->err;
}

/* ---- the end ---- */

static enum sd_err wipe_one(struct keeper *k, struct span domain, struct span selector, struct records *records) {
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_DKIM_WIPE);
    query_text(&q, domain);
    query_text(&q, selector);
    err = query_run(&q);
    add_record(records, ACTOR_SYSTEM, "key-destroy", domain, selector);
    return db_end(k->db, err ? err : records->err);
}

/* False: there is none, or it failed. */
static bool wipe_next(struct keeper *k, struct records *records, enum sd_err *err) {
    struct buf domain SD_CLEANUP(buf_free) = buf_new(LIMIT_DOMAIN_BYTES), selector SD_CLEANUP(buf_free) = buf_new(64);
    struct query q = db_query(k->db, SQL_DKIM_OVER);
    query_int(&q, k->spec.now_ms());
    bool there = query_row(&q);
    if (there) {
        buf_put(&domain, query_get(&q, 0));
        buf_put(&selector, query_get(&q, 1));
    }
    *err = query_end(&q);
    if (*err == SD_OK && there)
        *err = wipe_one(k, buf_span(&domain), buf_span(&selector), records);
    return there && *err == SD_OK;
}

void dkim_expire(struct keeper *k) {
    struct records records SD_CLEANUP(records_free);
    enum sd_err err = SD_OK;
    records_start(&records, k);
    while (wipe_next(k, &records, &err))
        k->dkim_changed = true;
    struct query q = db_query(k->db, SQL_DKIM_FORGET);
    query_int(&q, k->spec.now_ms() - FORGET_MS);
    enum sd_err forgot = query_run(&q);
    if (db_changes(k->db))
        k->dkim_changed = true;
    if (records.first)
        keeper_empty_wal(k);
    enum sd_err sent = records_submit(&records);
    if (err || forgot || sent)
        log_warn("keeper.dkim", "error=%s", sd_err_name(err ? err : forgot ? forgot : sent));
}
