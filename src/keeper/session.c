#include "core/log.h"
#include "keeper/keeper.h"
#include "keeper/rights.h"

#include <string.h>

#define SAVE_AFTER_MS (60 * 1000) /* last use is written to disk at most this often */

void who_free(struct who *who) {
    buf_free(&who->name);
}

enum sd_err session_csrf(struct span token, struct sha256 *ret) {
    return crypt_hmac_sha256(token, SPAN("csrf"), ret);
}

static enum sd_err save_use(struct keeper *k, const struct sha256 *hash, int64_t now_ms, int64_t saved_ms) {
    struct query q = db_query(k->db, SQL_SESSION_USED);
    query_blob(&q, span_of(hash->b, SHA256_BYTES));
    query_int(&q, now_ms);
    enum sd_err err = query_run(&q);
    if (err || now_ms - saved_ms < SAVE_AFTER_MS)
        return err;
    q = db_query(k->db, SQL_SESSION_SAVE);
    query_int(&q, now_ms);
    query_blob(&q, span_of(hash->b, SHA256_BYTES));
    return query_run(&q);
}

static bool is_live(int64_t made_ms, int64_t used_ms, int64_t now_ms) {
    return now_ms - made_ms < SESSION_LIFE_MS && now_ms - used_ms < SESSION_IDLE_MS;
}

static void read_who(struct query *q, struct who *who, int64_t now_ms, int64_t *saved_ms) {
    int64_t made_ms = query_get_int(q, 1), used_ms = query_get_int(q, 3);
    *saved_ms = query_get_int(q, 2);
    if (!is_live(made_ms, used_ms > *saved_ms ? used_ms : *saved_ms, now_ms))
        return;
    int64_t role = query_get_int(q, 5);
    query_get_fixed(q, 0, who->person, ID_BYTES);
    buf_put(&who->name, query_get(q, 4));
    who->role = role > 0 && role <= ROLE_AUDITOR ? (enum person_role)role : ROLE_NOBODY;
    who->expires_ms = made_ms + SESSION_LIFE_MS < now_ms + SESSION_IDLE_MS ? made_ms + SESSION_LIFE_MS
                                                                           : now_ms + SESSION_IDLE_MS;
    who->verdict = SESSION_LIVE;
}

enum sd_err session_check(struct keeper *k, struct span token, struct who *ret) {
    struct sha256 hash;
    struct who who = {.name = buf_new(1024)};
    int64_t now_ms = k->spec.now_ms(), saved_ms = 0;
    if (token.n != SESSION_TOKEN_BYTES) {
        *ret = who;
        return SD_OK;
    }
    enum sd_err err = crypt_sha256(token, &hash);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_SESSION_GET);
    query_blob(&q, span_of(hash.b, SHA256_BYTES));
    if (query_row(&q))
        read_who(&q, &who, now_ms, &saved_ms);
    err = query_end(&q);
    if (err == SD_OK)
        err = buf_err(&who.name);
    if (err == SD_OK && who.verdict == SESSION_LIVE)
        err = save_use(k, &hash, now_ms, saved_ms);
    if (err)
        who_free(&who);
    else
        *ret = who;
    return err;
}

enum sd_err session_make(struct keeper *k, const uint8_t person[ID_BYTES], uint8_t ret_token[SESSION_TOKEN_BYTES]) {
    struct sha256 hash;
    random_bytes(ret_token, SESSION_TOKEN_BYTES);
    enum sd_err err = crypt_sha256(span_of(ret_token, SESSION_TOKEN_BYTES), &hash);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_SESSION_ADD);
    query_blob(&q, span_of(hash.b, SHA256_BYTES));
    query_blob(&q, span_of(person, ID_BYTES));
    query_int(&q, k->spec.now_ms());
    query_int(&q, k->spec.now_ms());
    return query_run(&q);
}

void session_expire(struct keeper *k) {
    struct query q = db_query(k->db, SQL_SESSION_EXPIRE);
    query_int(&q, k->spec.now_ms() - SESSION_LIFE_MS);
    enum sd_err err = query_run(&q);
    if (err == SD_OK) {
        q = db_query(k->db, SQL_SESSION_EXPIRE_USED);
        err = query_run(&q);
    }
    if (err)
        log_warn("keeper.session", "error=%s", sd_err_name(err));
}

enum sd_err person_queues(struct keeper *k, const uint8_t person[ID_BYTES], struct buf *raw, struct ipc_list *ret) {
    struct query q = db_query(k->db, SQL_PERSON_QUEUES);
    query_blob(&q, span_of(person, ID_BYTES));
    while (query_row(&q))
        ipc_list_add(ret, raw, query_get(&q, 0));
    enum sd_err err = query_end(&q);
    return err ? err : buf_err(raw);
}

enum sd_err person_has_queue(struct keeper *k, const uint8_t person[ID_BYTES], struct span queue, bool *ret) {
    struct query q = db_query(k->db, SQL_PERSON_HAS_QUEUE);
    query_blob(&q, span_of(person, ID_BYTES));
    query_text(&q, queue);
    bool has = query_row(&q);
    enum sd_err err = query_end(&q);
    if (err == SD_OK)
        *ret = has;
    return err;
}

struct leaf leaf_by(const struct who *who, struct span origin, const char *action) {
    struct leaf leaf = {.actor = ACTOR_PERSON, .action = action, .origin = origin, .outcome = OUTCOME_REFUSED};
    if (who->verdict == SESSION_LIVE)
        leaf.actor_id = span_of(who->person, ID_BYTES);
    else
        leaf.reason = "no-session";
    return leaf;
}

enum sd_err ticket_find(struct keeper *k, struct span id, struct ticket *ret) {
    struct query q = db_query(k->db, SQL_TICKET_GET);
    *ret = (struct ticket){0};
    query_blob(&q, id);
    if (id.n == ID_BYTES && query_row(&q)) {
        struct span queue = span_sub(query_get(&q, 0), 0, sizeof ret->queue_bytes);
        ret->there = true;
        memcpy(ret->id, id.p, ID_BYTES);
        memcpy(ret->queue_bytes, queue.p, queue.n);
        ret->queue = span_of(ret->queue_bytes, queue.n);
        ret->state = (enum ticket_state)query_get_int(&q, 1);
    }
    return query_end(&q);
}

enum sd_err ticket_for(struct keeper *k, const struct who *who, struct span id, struct ticket *ret) {
    bool has = false;
    if (who->verdict != SESSION_LIVE)
        return SD_ERR_DENIED;
    enum sd_err err = ticket_find(k, id, ret);
    if (err == SD_OK && ret->there)
        err = person_has_queue(k, who->person, ret->queue, &has);
    if (err == SD_OK && right_ticket(who->role, has) != RIGHT_GRANTED)
        err = SD_ERR_DENIED;
    return err;
}

enum sd_err queue_find(struct keeper *k, struct span name, struct queue_row *ret) {
    struct query q = db_query(k->db, SQL_QUEUE_GET);
    *ret = (struct queue_row){0};
    query_text(&q, name);
    if (query_row(&q)) {
        struct span address = span_sub(query_get(&q, 0), 0, sizeof ret->address_bytes);
        ret->there = true;
        memcpy(ret->address_bytes, address.p, address.n);
        ret->address = span_of(ret->address_bytes, address.n);
        ret->active = query_get_int(&q, 1) != 0;
    }
    return query_end(&q);
}

size_t lower_case(struct span s, uint8_t *to, size_t max) {
    size_t n = s.n < max ? s.n : max;
    for (size_t i = 0; i < n; i++)
        to[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (uint8_t)(s.p[i] | 0x20) : s.p[i];
    return n;
}

bool is_address(struct span s) {
    size_t at = span_rfind(s, '@');
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f || s.p[i] == '<' || s.p[i] == '>' || s.p[i] == ',')
            return false;
    return s.n <= LIMIT_ADDRESS_BYTES && at > 0 && at + 1 < s.n;
}

enum sd_err participant_hash(struct keeper *k, struct span address, struct sha256 *ret) {
    uint8_t lower[LIMIT_ADDRESS_BYTES];
    if (address.n > sizeof lower)
        return SD_ERR_LIMIT;
    size_t n = lower_case(address, lower, sizeof lower);
    return vault_hmac(&k->vault, "person", span_of(lower, n), ret);
}
