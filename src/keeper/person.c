#include "keeper/person.h"

#include <string.h>

void person_free(struct person *person) {
    buf_free(&person->name);
    buf_free(&person->email);
    buf_free(&person->password);
    secret_free(&person->totp);
}

static enum sd_err unwrap_factors(struct keeper *k, struct query *q, struct person *person) {
    struct span id = span_of(person->id, ID_BYTES), password = query_get(q, 3), totp = query_get(q, 4);
    enum sd_err err = SD_OK;
    if (totp.n)
        err = vault_unwrap(&k->vault, "person.totp", id, totp, &person->totp);
    if (err == SD_OK && password.n)
        err = vault_unwrap_buf(&k->vault, "person.password", id, password, &person->password);
    return err;
}

static enum sd_err read_person(struct keeper *k, struct query *q, struct person *person) {
    int64_t role = query_get_int(q, 2), state = query_get_int(q, 6);
    person->there = true;
    query_get_fixed(q, 0, person->id, ID_BYTES);
    buf_put(&person->name, query_get(q, 1));
    buf_put(&person->email, query_get(q, 7));
    person->role = role > 0 && role <= ROLE_AUDITOR ? (enum person_role)role : ROLE_NOBODY;
    person->state = state == PERSON_INVITED || state == PERSON_ACTIVE ? (enum person_state)state : PERSON_SUSPENDED;
    person->used = (struct totp_used){(uint64_t)query_get_int(q, 5)};
    return unwrap_factors(k, q, person);
}

/* Ends the query. */
static enum sd_err find(struct keeper *k, struct query *q, struct person *ret) {
    struct person person = {
        .name = buf_new(1024), .email = buf_new(LIMIT_ADDRESS_BYTES), .password = buf_new(PASSWORD_HASH_MAX)};
    enum sd_err err = query_row(q) ? read_person(k, q, &person) : SD_OK, end = query_end(q);
    err = end ? end : err;
    if (err == SD_OK)
        err = buf_err(&person.name);
    if (err == SD_OK)
        err = buf_err(&person.password);
    if (err)
        person_free(&person);
    else
        *ret = person;
    return err;
}

enum sd_err person_by_id(struct keeper *k, struct span id, struct person *ret) {
    struct query q = db_query(k->db, SQL_PERSON_WHOLE);
    query_blob(&q, id);
    return find(k, &q, ret);
}

enum sd_err person_by_email(struct keeper *k, struct span email, struct person *ret) {
    uint8_t lower[LIMIT_ADDRESS_BYTES];
    size_t n = lower_case(email, lower, sizeof lower);
    struct query q = db_query(k->db, SQL_PERSON_BY_EMAIL);
    query_text(&q, span_of(lower, n));
    return find(k, &q, ret);
}

bool person_may_enter(const struct person *person) {
    return person->there && person->state == PERSON_ACTIVE && person->role != ROLE_NOBODY;
}

bool role_needs_passkey(const struct keeper *k, enum person_role role) {
    return k->access.passkey_roles >> role & 1;
}

enum sd_err person_check_totp(struct keeper *k, struct person *person, struct span typed, enum totp_verdict *ret) {
    static const uint8_t nobody[TOTP_SECRET_BYTES] = {1};
    bool has = person->there && person->totp.n;
    enum totp_verdict verdict = TOTP_REFUSED;
    struct span secret = has ? secret_span(&person->totp) : span_of(nobody, sizeof nobody);
    enum sd_err err = totp_check(secret, typed, k->spec.now_ms(), &person->used, &verdict);
    if (err == SD_OK)
        *ret = has ? verdict : TOTP_REFUSED;
    return err;
}

enum sd_err person_store_step(struct keeper *k, const struct person *person) {
    struct query q = db_query(k->db, SQL_PERSON_TOTP);
    query_int(&q, (int64_t)person->used.last);
    query_blob(&q, span_of(person->id, ID_BYTES));
    return query_run(&q);
}

enum sd_err person_signed_in(struct keeper *k, struct span id) {
    struct query q = db_query(k->db, SQL_PERSON_USED);
    query_int(&q, k->spec.now_ms());
    query_blob(&q, id);
    return query_run(&q);
}
