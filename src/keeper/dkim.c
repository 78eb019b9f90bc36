/* dkim.c - the keys that our domains sign with: made, loaded, and their public halves as the DNS wants them. */
#include "core/codec.h"
#include "core/json_out.h"
#include "keeper/keeper.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define RSA_BITS 2048        /* RFC 8301 §3.2: at least 1024, should be 2048 */
#define ED25519_SPKI_HEAD 12 /* bytes of SubjectPublicKeyInfo before the key itself (RFC 8410 §4) */

static void put_selector(struct buf *to, enum sign_algorithm algorithm, int64_t now_ms) {
    time_t now = (time_t)(now_ms / 1000);
    struct tm tm = {0};
    (void)gmtime_r(&now, &tm);
    buf_printf(to, "sd-%s-%04d%02d", algorithm == SIGN_RSA_SHA256 ? "rsa" : "ed", tm.tm_year + 1900, tm.tm_mon + 1);
}

static void put_row_name(struct buf *to, struct span domain, struct span selector) {
    buf_put(to, selector);
    buf_byte(to, '.');
    buf_put(to, domain);
}

enum sd_err dkim_make(struct keeper *k, struct span domain, enum sign_algorithm algorithm) {
    struct secret private SD_CLEANUP(secret_free) = {0};
    struct buf public SD_CLEANUP(buf_free) = buf_new(1024), selector SD_CLEANUP(buf_free) = buf_new(64);
    struct buf row SD_CLEANUP(buf_free) = buf_new(512), wrapped SD_CLEANUP(buf_free) = buf_new(8192);
    enum sd_err err = sign_generate(algorithm, RSA_BITS, &private, &public);
    put_selector(&selector, algorithm, k->spec.now_ms());
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
    return query_run(&q);
}

static enum sd_err load_one(struct keeper *k, struct query *q, struct dkim_key *key) {
    struct secret private SD_CLEANUP(secret_free) = {0};
    struct buf row SD_CLEANUP(buf_free) = buf_new(512);
    *key = (struct dkim_key){.domain = buf_new(LIMIT_DOMAIN_BYTES),
                             .selector = buf_new(64),
                             .public_der = buf_new(1024),
                             .algorithm = (enum sign_algorithm)query_get_int(q, 2)};
    buf_put(&key->domain, query_get(q, 0));
    buf_put(&key->selector, query_get(q, 1));
    buf_put(&key->public_der, query_get(q, 3));
    put_row_name(&row, query_get(q, 0), query_get(q, 1));
    enum sd_err err = buf_err(&row);
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
    struct query q = db_query(k->db, SQL_DKIM_ALL);
    while (err == SD_OK && query_row(&q))
        err = k->dkim_count < DKIM_KEYS_MAX ? load_one(k, &q, &k->dkim[k->dkim_count++]) : SD_ERR_LIMIT;
    enum sd_err end = query_end(&q);
    return err ? err : end;
}

static void put_public(struct json_out *j, const struct dkim_key *key) {
    struct buf p SD_CLEANUP(buf_free) = buf_new(2048);
    /* RFC 6376 §3.6.1: RSA keys as SubjectPublicKeyInfo; RFC 8463 §4: Ed25519 keys as the 32 bytes alone. */
    struct span der = buf_span(&key->public_der);
    put_base64(&p, key->algorithm == SIGN_ED25519 ? span_from(der, ED25519_SPKI_HEAD) : der);
    json_begin_object(j, NULL);
    json_text(j, "domain", buf_span(&key->domain));
    json_text(j, "selector", buf_span(&key->selector));
    json_cstr(j, "algorithm", key->algorithm == SIGN_ED25519 ? "ed25519" : "rsa");
    json_text(j, "p", buf_span(&p));
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
        put_public(&j, &k->dkim[i]);
    json_end(&j);
    json_text(&j, "log", buf_span(&log));
    json_end(&j);
    return buf_err(to);
}
