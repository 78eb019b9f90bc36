/*
 * sign_in.c - password and one-time code. Throttling is decided before anything is hashed; every attempt is counted as a
 * failure before it is tried. A person who is not there costs the same work and gets the same answer as a wrong password.
 */
#include "core/codec.h"
#include "keeper/handlers.h"
#include "keeper/throttle.h"
#include "keeper/totp.h"

#include <stdlib.h>
#include <string.h>

struct attempt {
    struct job job;
    struct ipc_call *call;
    struct keeper_sign_in_req req; /* spans in the call's message */
    struct sha256 account, address;
    int64_t address_before_ms;
    struct buf encoded;
    enum password_verdict verdict;
    enum sd_err err;
};

struct person_row {
    bool there;
    uint8_t id[ID_BYTES];
    struct buf name;
    enum person_role role;
    struct secret totp;
    struct totp_used used;
};

static void person_row_free(struct person_row *row) {
    buf_free(&row->name);
    secret_free(&row->totp);
}

/* ---- counting ---- */

static enum sd_err read_count(struct keeper *k, const struct sha256 *key, struct throttle *ret) {
    struct query q = db_query(k->db, SQL_THROTTLE_GET);
    *ret = (struct throttle){0};
    query_blob(&q, span_of(key->b, SHA256_BYTES));
    if (query_row(&q))
        *ret = (struct throttle){.failures = (uint32_t)query_get_int(&q, 0), .last_ms = query_get_int(&q, 1)};
    return query_end(&q);
}

static enum sd_err write_count(struct keeper *k, const struct sha256 *key, const struct throttle *t) {
    struct query q = db_query(k->db, SQL_THROTTLE_PUT);
    query_blob(&q, span_of(key->b, SHA256_BYTES));
    query_int(&q, t->failures);
    query_int(&q, t->last_ms);
    return query_run(&q);
}

/* 0 in *ret_wait_ms: counted as a failure, may be tried. */
static enum sd_err count_attempt(struct keeper *k, struct attempt *attempt, int64_t *ret_wait_ms) {
    struct throttle account, address;
    int64_t now_ms = k->spec.now_ms();
    enum sd_err err = read_count(k, &attempt->account, &account);
    if (err == SD_OK)
        err = read_count(k, &attempt->address, &address);
    if (err)
        return err;
    if (throttle_wait_ms(&address, now_ms) == 0)
        throttle_fade(&address, now_ms);
    int64_t wait = throttle_wait_ms(&account, now_ms), other = throttle_wait_ms(&address, now_ms);
    *ret_wait_ms = wait > other ? wait : other;
    if (*ret_wait_ms > 0)
        return SD_OK;
    attempt->address_before_ms = address.last_ms;
    throttle_charge(&account, now_ms);
    throttle_charge(&address, now_ms);
    err = db_begin(k->db);
    if (err)
        return err;
    err = write_count(k, &attempt->account, &account);
    if (err == SD_OK)
        err = write_count(k, &attempt->address, &address);
    return db_end(k->db, err);
}

/* After success: the account starts anew; the address only gets this attempt back, for others may sit behind it. */
static enum sd_err forgive(struct keeper *k, const struct attempt *attempt) {
    struct query q = db_query(k->db, SQL_THROTTLE_END);
    query_blob(&q, span_of(attempt->account.b, SHA256_BYTES));
    enum sd_err err = query_run(&q);
    if (err)
        return err;
    q = db_query(k->db, SQL_THROTTLE_REFUND);
    query_int(&q, attempt->address_before_ms);
    query_blob(&q, span_of(attempt->address.b, SHA256_BYTES));
    return query_run(&q);
}

/* ---- people ---- */

static enum sd_err read_person(struct keeper *k, struct query *q, struct person_row *row, struct buf *password) {
    int64_t role = query_get_int(q, 2);
    row->there = true;
    query_get_fixed(q, 0, row->id, ID_BYTES);
    buf_put(&row->name, query_get(q, 1));
    row->role = role > 0 && role <= ROLE_AUDITOR ? (enum person_role)role : ROLE_NOBODY;
    row->used = (struct totp_used){(uint64_t)query_get_int(q, 5)};
    struct span id = span_of(row->id, ID_BYTES);
    enum sd_err err = vault_unwrap(&k->vault, "person.totp", id, query_get(q, 4), &row->totp);
    if (err == SD_OK && password)
        err = vault_unwrap_buf(&k->vault, "person.password", id, query_get(q, 3), password);
    return err ? err : buf_err(&row->name);
}

/* password: the encoded hash is appended, unless NULL. */
static enum sd_err find_by_email(struct keeper *k, struct span email, struct person_row *row, struct buf *password) {
    uint8_t lower[LIMIT_ADDRESS_BYTES];
    size_t n = lower_case(email, lower, sizeof lower);
    row->name = buf_new(1024);
    struct query q = db_query(k->db, SQL_PERSON_BY_EMAIL);
    query_text(&q, span_of(lower, n));
    enum sd_err err = query_row(&q) ? read_person(k, &q, row, password) : SD_OK;
    enum sd_err end = query_end(&q);
    return end ? end : err;
}

/* ---- the answer ---- */

static struct leaf attempt_leaf(const struct attempt *attempt, const struct person_row *row) {
    struct leaf leaf = {.actor = ACTOR_PERSON,
                        .action = "sign-in",
                        .outcome = OUTCOME_REFUSED,
                        .reason = "failed",
                        .origin = attempt->req.origin};
    if (row->there)
        leaf.actor_id = span_of(row->id, ID_BYTES);
    return leaf;
}

static enum sd_err encode_outcome(struct ipc_out *out, uint8_t outcome, int64_t wait_ms) {
    struct keeper_sign_in_rep rep = {.outcome = outcome, .retry_after_s = (uint32_t)((wait_ms + 999) / 1000)};
    return keeper_sign_in_rep_encode(out, &rep);
}

static enum sd_err encode_success(struct keeper *k, const struct person_row *row, const struct who *who, struct span token,
                                  struct ipc_out *out) {
    struct sha256 csrf;
    struct buf id SD_CLEANUP(buf_free) = buf_new(64), raw SD_CLEANUP(buf_free) = buf_new(8192);
    struct keeper_sign_in_rep rep = {.outcome = SIGN_IN_OK,
                                     .token = token,
                                     .name = buf_span(&row->name),
                                     .role = (uint8_t)row->role,
                                     .expires_ms = k->spec.now_ms() + SESSION_IDLE_MS,
                                     .factor = (uint8_t)who->factor,
                                     .limited = who->limited};
    enum sd_err err = session_csrf(k, span_of(who->session, ID_BYTES), &csrf);
    if (err == SD_OK)
        err = session_queues(k, who, &raw, &rep.queues);
    if (err)
        return err;
    put_hex(&id, span_of(row->id, ID_BYTES));
    rep.person = buf_span(&id);
    rep.csrf = span_of(csrf.b, SHA256_BYTES);
    return keeper_sign_in_rep_encode(out, &rep);
}

static enum sd_err store_step(struct keeper *k, const struct person_row *row) {
    struct query q = db_query(k->db, SQL_PERSON_TOTP);
    query_int(&q, (int64_t)row->used.last);
    query_int(&q, 1); /* totp_before: whatever came before is used up */
    query_blob(&q, span_of(row->id, ID_BYTES));
    return query_run(&q);
}

static enum sd_err succeed(struct keeper *k, struct attempt *attempt, const struct person_row *row) {
    uint8_t token[SESSION_TOKEN_BYTES];
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct leaf leaf = attempt_leaf(attempt, row);
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    leaf.outcome = OUTCOME_GRANTED;
    leaf.reason = NULL;
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = store_step(k, row);
    if (err == SD_OK)
        err = forgive(k, attempt);
    struct session_new session = {.person = row->id, .origin = attempt->req.origin, .factor = FACTOR_TOTP};
    struct who who = {.verdict = SESSION_LIVE, .role = row->role, .factor = FACTOR_TOTP};
    memcpy(who.person, row->id, ID_BYTES);
    if (err == SD_OK)
        err = session_make(k, &session, who.session, token);
    if (err == SD_OK)
        err = encode_success(k, row, &who, span_of(token, sizeof token), &out);
    if (err == SD_OK)
        records_add_changed(&records, &leaf);
    err = db_end(k->db, err ? err : records.err);
    explicit_bzero(token, sizeof token);
    return err ? err : records_send(&records, attempt->call, SD_OK, &out);
}

static enum sd_err fail(struct keeper *k, struct attempt *attempt, const struct person_row *row) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct leaf leaf = attempt_leaf(attempt, row);
    enum sd_err err = encode_outcome(&out, SIGN_IN_FAILED, 0);
    return err ? err : answer_recorded(k, attempt->call, &out, &leaf);
}

/* Password and code are both looked at whatever the other is. */
static enum sd_err decide(struct keeper *k, struct attempt *attempt) {
    static const uint8_t nobody[TOTP_SECRET_BYTES] = {1};
    struct person_row row SD_CLEANUP(person_row_free) = {0};
    enum totp_verdict code = TOTP_REFUSED;
    enum sd_err err = attempt->err ? attempt->err : find_by_email(k, attempt->req.email, &row, NULL);
    if (err)
        return err;
    struct span secret = row.there ? secret_span(&row.totp) : span_of(nobody, sizeof nobody);
    err = totp_check(secret, attempt->req.totp, k->spec.now_ms(), &row.used, &code);
    if (err)
        return err;
    bool good = row.there && row.role != ROLE_NOBODY && attempt->verdict == PASSWORD_RIGHT && code == TOTP_GOOD;
    return good ? succeed(k, attempt, &row) : fail(k, attempt, &row);
}

static void attempt_free(struct attempt *attempt) {
    buf_free(&attempt->encoded);
    free(attempt);
}

static void hash_attempt(struct job *job) {
    struct attempt *attempt = (struct attempt *)(void *)job;
    attempt->err = password_verify(buf_span(&attempt->encoded), attempt->req.password, &attempt->verdict);
}

static void attempt_done(struct keeper *k, struct job *job) {
    struct attempt *attempt = (struct attempt *)(void *)job;
    enum sd_err err = decide(k, attempt);
    if (err)
        ipc_refuse(attempt->call, err);
    attempt_free(attempt);
}

static enum sd_err answer_throttled(struct keeper *k, struct ipc_call *call, struct attempt *attempt, int64_t wait_ms) {
    struct person_row nobody = {0};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct leaf leaf = attempt_leaf(attempt, &nobody);
    leaf.reason = "throttled";
    enum sd_err err = encode_outcome(&out, SIGN_IN_THROTTLED, wait_ms);
    return err ? err : answer_recorded(k, call, &out, &leaf);
}

static enum sd_err prepare(struct keeper *k, const struct keeper_sign_in_req *req, struct attempt *attempt) {
    uint8_t lower[LIMIT_ADDRESS_BYTES];
    size_t n = lower_case(req->email, lower, sizeof lower);
    struct person_row row SD_CLEANUP(person_row_free) = {0};
    enum sd_err err = vault_hmac(&k->vault, "account", span_of(lower, n), &attempt->account);
    if (err == SD_OK)
        err = vault_hmac(&k->vault, "origin", req->origin, &attempt->address);
    if (err == SD_OK)
        err = find_by_email(k, req->email, &row, &attempt->encoded);
    if (err == SD_OK && !row.there)
        buf_put(&attempt->encoded, buf_span(&k->dummy_password));
    return err ? err : buf_err(&attempt->encoded);
}

static enum sd_err start(struct keeper *k, struct ipc_call *call, struct attempt *attempt, bool *ret_kept) {
    int64_t wait_ms = 0;
    if (work_full(&k->sign_ins))
        return SD_ERR_BUSY; /* before it is counted: a flood must not lock people out of their accounts for free */
    enum sd_err err = prepare(k, &attempt->req, attempt);
    if (err == SD_OK)
        err = count_attempt(k, attempt, &wait_ms);
    if (err || wait_ms > 0)
        return err ? err : answer_throttled(k, call, attempt, wait_ms);
    attempt->call = call;
    err = work_add(&k->sign_ins, &attempt->job);
    *ret_kept = err == SD_OK;
    return err;
}

enum sd_err keeper_on_sign_in(void *ctx, struct ipc_call *call, const struct keeper_sign_in_req *req) {
    struct keeper *k = ctx;
    bool kept = false;
    struct attempt *attempt = calloc(1, sizeof *attempt);
    if (!attempt)
        return SD_ERR_NOMEM;
    attempt->job = (struct job){.run = hash_attempt, .done = attempt_done};
    attempt->req = *req;
    attempt->encoded = buf_new(PASSWORD_HASH_MAX);
    enum sd_err err = start(k, call, attempt, &kept);
    if (!kept)
        attempt_free(attempt);
    return err;
}
