/* dkim.c - the keys that our domains sign with: made, loaded, and their public halves as the DNS wants them. */
#include "core/codec.h"
#include "core/json_out.h"
#include "core/log.h"
#include "keeper/keeper.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define RSA_BITS 2048        /* RFC 8301 §3.2: at least 1024, should be 2048 */
#define SELECTORS_MAX 100    /* of one domain in one month */
#define ED25519_SPKI_HEAD 12 /* bytes of SubjectPublicKeyInfo before the key itself (RFC 8410 §4) */

static enum sd_err is_taken(struct keeper *k, struct span domain, struct span selector, bool *ret) {
    struct query q = db_query(k->db, SQL_DKIM_NAMED);
    query_text(&q, domain);
    query_text(&q, selector);
    *ret = query_row(&q);
    return query_end(&q);
}

/* By algorithm and month; the second one of a month has a number. A selector is never used again while its key is published. */
static enum sd_err choose_selector(struct keeper *k, struct span domain, enum sign_algorithm algorithm, struct buf *to) {
    time_t now = (time_t)(k->spec.now_ms() / 1000);
    struct tm tm = {0};
    bool taken = true;
    enum sd_err err = SD_OK;
    (void)gmtime_r(&now, &tm);
    for (unsigned n = 1; err == SD_OK && taken && n < SELECTORS_MAX; n++) {
        buf_reset(to);
        buf_printf(to, "sd-%s-%04d%02d", algorithm == SIGN_RSA_SHA256 ? "rsa" : "ed", tm.tm_year + 1900, tm.tm_mon + 1);
        if (n > 1)
            buf_printf(to, "-%u", n);
        err = is_taken(k, domain, buf_span(to), &taken);
    }
    return err ? err : taken ? SD_ERR_LIMIT : buf_err(to);
}

static void put_row_name(struct buf *to, struct span domain, struct span selector) {
    buf_put(to, selector);
    buf_byte(to, '.');
    buf_put(to, domain);
}

enum sd_err dkim_make(struct keeper *k, struct span domain, enum sign_algorithm algorithm, int64_t from_ms) {
    struct secret private SD_CLEANUP(secret_free) = {0};
    struct buf public SD_CLEANUP(buf_free) = buf_new(1024), selector SD_CLEANUP(buf_free) = buf_new(64);
    struct buf row SD_CLEANUP(buf_free) = buf_new(512), wrapped SD_CLEANUP(buf_free) = buf_new(8192);
    enum sd_err err = choose_selector(k, domain, algorithm, &selector);
    if (err == SD_OK)
        err = sign_generate(algorithm, RSA_BITS, &private, &public);
    put_row_name(&row, domain, buf_span(&selector));
    if (err == SD_OK)
        err = buf_err(&row);
    if (err == SD_OK)
        err = vault_wrap(&k->vault, "dkim", buf_span(&row), secret_span(&private), &wrapped);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_DKIM_ADD);
    query_text(&q, domain);
    query_text(&q, buf_span(&selector));
    query_int(&q, algorithm);
    query_blob(&q, buf_span(&public));
    query_blob(&q, buf_span(&wrapped));
    query_int(&q, k->spec.now_ms());
    query_int(&q, from_ms);
    return query_run(&q);
}

static enum sd_err load_one(struct keeper *k, struct query *q, struct dkim_key *key) {
    struct secret private SD_CLEANUP(secret_free) = {0};
    struct buf row SD_CLEANUP(buf_free) = buf_new(512);
    *key = (struct dkim_key){.domain = buf_new(LIMIT_DOMAIN_BYTES),
                             .selector = buf_new(64),
                             .public_der = buf_new(1024),
                             .algorithm = (enum sign_algorithm)query_get_int(q, 2),
                             .made_ms = query_get_int(q, 5),
                             .from_ms = query_get_int(q, 6),
                             .ended_ms = query_get_int(q, 7)};
    buf_put(&key->domain, query_get(q, 0));
    buf_put(&key->selector, query_get(q, 1));
    buf_put(&key->public_der, query_get(q, 3));
    put_row_name(&row, query_get(q, 0), query_get(q, 1));
    enum sd_err err = buf_err(&row);
    if (query_get(q, 4).n == 0)
        return err; /* it has ended */
    if (err == SD_OK)
        err = vault_unwrap(&k->vault, "dkim", buf_span(&row), query_get(q, 4), &private);
    if (err == SD_OK)
        err = signer_new(key->algorithm, &private, &key->signer);
    return err;
}

void dkim_free(struct keeper *k) {
    for (size_t i = 0; i < k->dkim_count; i++) {
        buf_free(&k->dkim[i].domain);
        buf_free(&k->dkim[i].selector);
        buf_free(&k->dkim[i].public_der);
        signer_free(&k->dkim[i].signer);
    }
    k->dkim_count = 0;
}

enum sd_err dkim_load(struct keeper *k) {
    enum sd_err err = SD_OK;
    dkim_free(k);
    k->dkim_changed = false;
    struct query q = db_query(k->db, SQL_DKIM_ALL);
    while (err == SD_OK && query_row(&q))
        err = k->dkim_count < DKIM_KEYS_MAX ? load_one(k, &q, &k->dkim[k->dkim_count++]) : SD_ERR_LIMIT;
    enum sd_err end = query_end(&q);
    return err ? err : end;
}

/* A signature that is being made holds its keys: what changed waits until none is. */
void dkim_tick(struct keeper *k) {
    if (!k->dkim_changed || !work_idle(&k->signatures))
        return;
    enum sd_err err = dkim_load(k);
    if (err)
        log_error("keeper.dkim", "error=%s", sd_err_name(err));
}

static bool signs(const struct dkim_key *key, int64_t now_ms) {
    return key->signer && key->from_ms <= now_ms && (key->ended_ms == 0 || now_ms < key->ended_ms);
}

const char *dkim_state(const struct dkim_key *key, int64_t now_ms) {
    return signs(key, now_ms) ? "signs" : key->ended_ms && key->ended_ms <= now_ms ? "ended" : "prepared";
}

size_t dkim_choose(struct keeper *k, struct span domain, const struct dkim_key *ret[2]) {
    static const enum sign_algorithm order[] = {SIGN_RSA_SHA256, SIGN_ED25519};
    int64_t now_ms = k->spec.now_ms();
    size_t n = 0;
    for (size_t a = 0; a < SD_COUNT(order); a++) {
        const struct dkim_key *best = NULL;
        for (size_t i = 0; i < k->dkim_count; i++) {
            const struct dkim_key *key = &k->dkim[i];
            if (key->algorithm == order[a] && span_eq(buf_span(&key->domain), domain) && signs(key, now_ms) &&
                (!best || key->from_ms > best->from_ms))
                best = key;
        }
        if (best)
            ret[n++] = best;
    }
    return n;
}

static void put_public(struct json_out *j, const struct dkim_key *key, int64_t now_ms) {
    struct buf p SD_CLEANUP(buf_free) = buf_new(2048);
    /* RFC 6376 §3.6.1: RSA keys as SubjectPublicKeyInfo; RFC 8463 §4: Ed25519 keys as the 32 bytes alone. */
    struct span der = buf_span(&key->public_der);
    put_base64(&p, key->algorithm == SIGN_ED25519 ? span_from(der, ED25519_SPKI_HEAD) : der);
    json_begin_object(j, NULL);
    json_text(j, "domain", buf_span(&key->domain));
    json_text(j, "selector", buf_span(&key->selector));
    json_cstr(j, "algorithm", key->algorithm == SIGN_ED25519 ? "ed25519" : "rsa");
    json_text(j, "p", buf_span(&p));
    json_cstr(j, "state", dkim_state(key, now_ms));
    if (key->from_ms && key->from_ms != DKIM_PREPARED)
        json_time(j, "from", key->from_ms);
    if (key->ended_ms)
        json_time(j, "ended", key->ended_ms);
    json_end(j);
}

enum sd_err keeper_public_json(struct keeper *k, struct buf *to) {
    struct buf log SD_CLEANUP(buf_free) = buf_new(1024);
    struct json_out j = json_out(to);
    enum sd_err err = note_verifier_key(&k->log_key, &log);
    if (err)
        return err;
    json_begin_object(&j, NULL);
    json_begin_array(&j, "dkim");
    for (size_t i = 0; i < k->dkim_count; i++)
        put_public(&j, &k->dkim[i], k->spec.now_ms());
    json_end(&j);
    json_text(&j, "log", buf_span(&log));
    json_end(&j);
    return buf_err(to);
}
