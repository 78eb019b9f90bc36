#include "keeper/challenge.h"

#include <string.h>

/* Used challenges are forgotten when they have run out. Were the clock then set back, they would be fresh again: so they are of
 * another run. */
static void watch_clock(struct keeper *k) {
    int64_t now_ms = k->spec.now_ms();
    if (k->challenge_seen_ms == 0 || now_ms < k->challenge_seen_ms)
        random_bytes(k->challenge_run, sizeof k->challenge_run);
    k->challenge_seen_ms = now_ms;
}

static enum sd_err mac(struct keeper *k, const struct challenge_bound *bound, struct span head, struct sha256 *ret) {
    struct buf data SD_CLEANUP(buf_free) = buf_new(512);
    buf_put(&data, span_of(k->challenge_run, sizeof k->challenge_run));
    buf_u8(&data, bound->purpose);
    buf_u8(&data, bound->verb);
    buf_blob(&data, bound->to);
    buf_blob(&data, bound->object);
    buf_put(&data, head);
    enum sd_err err = buf_err(&data);
    return err ? err : vault_hmac(&k->vault, "challenge", buf_span(&data), ret);
}

enum sd_err challenge_make(struct keeper *k, const struct challenge_bound *bound, uint8_t ret[CHALLENGE_BYTES]) {
    struct buf head SD_CLEANUP(buf_free) = buf_new(64);
    uint8_t nonce[CHALLENGE_NONCE_BYTES];
    struct sha256 tag;
    watch_clock(k);
    random_bytes(nonce, sizeof nonce);
    buf_u64(&head, (uint64_t)(k->spec.now_ms() + CHALLENGE_MS));
    buf_put(&head, span_of(nonce, sizeof nonce));
    enum sd_err err = buf_err(&head);
    if (err == SD_OK)
        err = mac(k, bound, buf_span(&head), &tag);
    if (err)
        return err;
    memcpy(ret, head.p, head.n);
    memcpy(ret + head.n, tag.b, SHA256_BYTES);
    return SD_OK;
}

struct parts {
    struct span head, nonce, tag;
    int64_t expires_ms;
};

static enum sd_err read_parts(struct span challenge, struct parts *ret) {
    struct reader r = reader_of(challenge);
    ret->expires_ms = (int64_t)read_u64(&r);
    ret->nonce = read_bytes(&r, CHALLENGE_NONCE_BYTES);
    ret->tag = read_bytes(&r, SHA256_BYTES);
    ret->head = span_sub(challenge, 0, CHALLENGE_BYTES - SHA256_BYTES);
    return reader_end(&r);
}

static enum sd_err was_used(struct keeper *k, struct span nonce, bool *ret) {
    struct query q = db_query(k->db, SQL_SPENT_GET);
    query_blob(&q, nonce);
    *ret = query_row(&q);
    return query_end(&q);
}

enum sd_err challenge_check(struct keeper *k, const struct challenge_bound *bound, struct span challenge,
                            enum challenge_verdict *ret) {
    struct parts parts;
    struct sha256 tag;
    bool used = true;
    int64_t now_ms = k->spec.now_ms();
    *ret = CHALLENGE_REFUSED;
    watch_clock(k);
    if (read_parts(challenge, &parts) != SD_OK)
        return SD_OK;
    enum sd_err err = mac(k, bound, parts.head, &tag);
    if (err || !span_eq_secret(parts.tag, span_of(tag.b, SHA256_BYTES)))
        return err;
    if (parts.expires_ms <= now_ms || parts.expires_ms > now_ms + CHALLENGE_MS)
        return SD_OK;
    err = was_used(k, parts.nonce, &used);
    if (err == SD_OK && !used)
        *ret = CHALLENGE_FRESH;
    return err;
}

static enum sd_err forget_over(struct keeper *k) {
    struct query q = db_query(k->db, SQL_SPENT_EXPIRE);
    query_int(&q, k->spec.now_ms());
    return query_run(&q);
}

enum sd_err challenge_spend(struct keeper *k, struct span challenge) {
    struct parts parts;
    enum sd_err err = read_parts(challenge, &parts);
    if (err == SD_OK)
        err = forget_over(k);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_SPENT_PUT);
    query_blob(&q, parts.nonce);
    query_int(&q, parts.expires_ms);
    return query_run(&q);
}
