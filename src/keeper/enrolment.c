#include "keeper/enrolment.h"
#include "keeper/enrolment_code.h"

#include <string.h>

void enrolment_free(struct enrolment *enrolment) {
    person_free(&enrolment->person);
    secret_free(&enrolment->totp);
}

enum sd_err enrolment_forget(struct keeper *k, struct span person) {
    struct query q = db_query(k->db, SQL_ENROLMENT_FORGET);
    query_blob(&q, person);
    return query_run(&q);
}

static enum sd_err new_totp(struct keeper *k, struct span hash, struct buf *to) {
    struct secret totp SD_CLEANUP(secret_free) = {0};
    enum sd_err err = secret_random(TOTP_SECRET_BYTES, &totp);
    return err ? err : vault_wrap(&k->vault, "enrolment.totp", hash, secret_span(&totp), to);
}

enum sd_err enrolment_make(struct keeper *k, struct span person, const struct sha256 *code, struct enrolment_made *ret) {
    struct buf totp SD_CLEANUP(buf_free) = buf_new(256);
    struct sha256 hash;
    int64_t now_ms = k->spec.now_ms();
    random_bytes(ret->link, sizeof ret->link);
    ret->expires_ms = now_ms + k->access.enrol_ms;
    enum sd_err err = crypt_sha256(span_of(ret->link, sizeof ret->link), &hash);
    if (err == SD_OK)
        err = new_totp(k, span_of(hash.b, SHA256_BYTES), &totp);
    if (err == SD_OK)
        err = enrolment_forget(k, person);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_ENROLMENT_ADD);
    query_blob(&q, span_of(hash.b, SHA256_BYTES));
    query_blob(&q, person);
    query_blob(&q, span_of(code->b, SHA256_BYTES));
    query_blob(&q, buf_span(&totp));
    query_int(&q, now_ms);
    query_int(&q, ret->expires_ms);
    return query_run(&q);
}

/* ---- looking one up ---- */

struct row {
    bool live;
    uint8_t person[ID_BYTES];
    struct sha256 code;
    struct secret totp;
};

static void row_free(struct row *row) {
    secret_free(&row->totp);
}

/* One that was made in the future is of a clock that was set back since: nobody can say how old it is. */
static bool in_time(const struct keeper *k, int64_t made_ms, int64_t expires_ms) {
    int64_t now_ms = k->spec.now_ms();
    return made_ms <= now_ms + SESSION_AHEAD_MS && now_ms < expires_ms;
}

static enum sd_err find_row(struct keeper *k, const struct sha256 *hash, struct row *ret) {
    struct span key = span_of(hash->b, SHA256_BYTES);
    struct query q = db_query(k->db, SQL_ENROLMENT_GET);
    enum sd_err err = SD_OK;
    *ret = (struct row){0};
    query_blob(&q, key);
    if (query_row(&q)) {
        query_get_fixed(&q, 0, ret->person, ID_BYTES);
        query_get_fixed(&q, 1, ret->code.b, SHA256_BYTES);
        ret->live = query_get_int(&q, 5) < ENROL_WRONG_MAX && in_time(k, query_get_int(&q, 3), query_get_int(&q, 4));
        err = vault_unwrap(&k->vault, "enrolment.totp", key, query_get(&q, 2), &ret->totp);
    }
    enum sd_err end = query_end(&q);
    return end ? end : err;
}

static enum sd_err count_wrong(struct keeper *k, const struct sha256 *hash) {
    struct query q = db_query(k->db, SQL_ENROLMENT_WRONG);
    query_blob(&q, span_of(hash->b, SHA256_BYTES));
    return query_run(&q);
}

static enum sd_err check_code(struct keeper *k, const struct sha256 *hash, const struct row *row, struct span typed,
                              bool *ret) {
    struct sha256 code = {0};
    enum sd_err err = enrolment_code_hmac(k, typed, &code);
    if (err && err != SD_ERR_PARSE)
        return err;
    *ret = err == SD_OK && span_eq_secret(span_of(code.b, SHA256_BYTES), span_of(row->code.b, SHA256_BYTES));
    return *ret ? SD_OK : count_wrong(k, hash);
}

static bool may_enrol(const struct person *person) {
    return person->there && person->role != ROLE_NOBODY && person->state != PERSON_SUSPENDED;
}

enum sd_err enrolment_check(struct keeper *k, struct span link, struct span code, struct enrolment *ret) {
    struct row row SD_CLEANUP(row_free) = {0};
    bool right = false;
    *ret = (struct enrolment){.verdict = ENROLMENT_NONE};
    if (link.n != ENROL_LINK_BYTES)
        return SD_OK;
    enum sd_err err = crypt_sha256(link, &ret->hash);
    if (err == SD_OK)
        err = find_row(k, &ret->hash, &row);
    if (err == SD_OK && row.live)
        err = check_code(k, &ret->hash, &row, code, &right);
    if (err || !right)
        return err;
    err = person_by_id(k, span_of(row.person, ID_BYTES), &ret->person);
    if (err || !may_enrol(&ret->person))
        return err;
    ret->totp = secret_take(&row.totp);
    ret->verdict = ENROLMENT_LIVE;
    return SD_OK;
}

enum sd_err enrolment_again(struct keeper *k, const struct enrolment *enrolment, bool *ret_live) {
    struct row row SD_CLEANUP(row_free) = {0};
    struct person person SD_CLEANUP(person_free) = {0};
    struct span id = span_of(enrolment->person.id, ID_BYTES);
    enum sd_err err = find_row(k, &enrolment->hash, &row);
    if (err == SD_OK)
        err = person_by_id(k, id, &person);
    if (err == SD_OK)
        *ret_live = row.live && span_eq(id, span_of(row.person, ID_BYTES)) && may_enrol(&person);
    return err;
}
