#include "core/log.h"
#include "keeper/api_token.h"
#include "keeper/permit.h"
#include "keeper/person.h"

#include <string.h>

#define SAVE_AFTER_MS (60 * 1000) /* last use is written to disk at most this often */

void who_free(struct who *who) {
    buf_free(&who->name);
    buf_free(&who->token_queues);
}

enum sd_err session_csrf(struct keeper *k, struct span session, struct sha256 *ret) {
    return vault_hmac(&k->vault, "csrf", session, ret);
}

/* ---- who is it ---- */

static enum sd_err save_use(struct keeper *k, struct span id, int64_t now_ms, int64_t saved_ms) {
    struct query q = db_query(k->db, SQL_SESSION_USED);
    query_blob(&q, id);
    query_int(&q, now_ms);
    enum sd_err err = query_run(&q);
    if (err || now_ms - saved_ms < SAVE_AFTER_MS)
        return err;
    q = db_query(k->db, SQL_SESSION_SAVE);
    query_int(&q, now_ms);
    query_blob(&q, id);
    return query_run(&q);
}

bool session_is_live(int64_t made_ms, int64_t used_ms, int64_t now_ms) {
    bool ahead = made_ms - now_ms > SESSION_AHEAD_MS || used_ms - now_ms > SESSION_AHEAD_MS;
    return !ahead && now_ms - made_ms < SESSION_LIFE_MS && now_ms - used_ms < SESSION_IDLE_MS;
}

static enum person_role role_from(int64_t role) {
    return role > 0 && role <= ROLE_AUDITOR ? (enum person_role)role : ROLE_NOBODY;
}

/* Whether a passkey is needed may have changed since: a new role, a new setting. */
static bool is_limited(const struct keeper *k, const struct who *who, bool stored) {
    return stored || (role_needs_passkey(k, who->role) && who->factor != FACTOR_PASSKEY);
}

static void read_session(struct keeper *k, struct query *q, struct who *who, int64_t *saved_ms) {
    int64_t now_ms = k->spec.now_ms();
    int64_t made_ms = query_get_int(q, 2), used_ms = query_get_int(q, 4);
    *saved_ms = query_get_int(q, 3);
    query_get_fixed(q, 0, who->session, ID_BYTES);
    query_get_fixed(q, 1, who->person, ID_BYTES);
    buf_put(&who->name, query_get(q, 8));
    who->replaced_ms = query_get_int(q, 5);
    who->factor = (enum factor)query_get_int(q, 6);
    who->role = role_from(query_get_int(q, 9));
    who->limited = is_limited(k, who, query_get_int(q, 7) != 0);
    who->expires_ms = made_ms + SESSION_LIFE_MS < now_ms + SESSION_IDLE_MS ? made_ms + SESSION_LIFE_MS
                                                                           : now_ms + SESSION_IDLE_MS;
    if (query_get_int(q, 10) == PERSON_ACTIVE && session_is_live(made_ms, used_ms > *saved_ms ? used_ms : *saved_ms, now_ms))
        who->verdict = SESSION_LIVE;
}

static enum sd_err find_session(struct keeper *k, enum db_sql sql, const struct sha256 *hash, struct who *who, bool *ret_there,
                                int64_t *ret_saved_ms) {
    struct query q = db_query(k->db, sql);
    query_blob(&q, span_of(hash->b, SHA256_BYTES));
    *ret_there = query_row(&q);
    if (*ret_there)
        read_session(k, &q, who, ret_saved_ms);
    enum sd_err err = query_end(&q);
    return err ? err : buf_err(&who->name);
}

/* A token that was replaced a while ago is known to its owner's browser no more: whoever has it has stolen it, or lost theirs
 * to who did. Neither goes on. */
static enum sd_err end_replayed(struct keeper *k, struct who *who) {
    struct records records SD_CLEANUP(records_free);
    struct span person = span_of(who->person, ID_BYTES);
    records_start(&records, k);
    who->verdict = SESSION_NONE;
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = session_end(k, span_of(who->session, ID_BYTES));
    if (err == SD_OK)
        err = alarm_raise(k, &(struct alarm_new){.kind = ALARM_TOKEN_REPLAYED, .person = person}, &records);
    err = db_end(k->db, err ? err : records.err);
    return err ? err : records_submit(&records);
}

static enum sd_err check_replaced(struct keeper *k, const struct sha256 *hash, struct who *who, int64_t *ret_saved_ms) {
    bool there = false;
    enum sd_err err = find_session(k, SQL_SESSION_BEFORE, hash, who, &there, ret_saved_ms);
    if (err || !there || who->verdict != SESSION_LIVE || k->spec.now_ms() - who->replaced_ms < SESSION_OVERLAP_MS)
        return err;
    return end_replayed(k, who);
}

static enum sd_err check_session(struct keeper *k, const struct sha256 *hash, struct who *who, bool *ret_there) {
    int64_t saved_ms = 0;
    enum sd_err err = find_session(k, SQL_SESSION_GET, hash, who, ret_there, &saved_ms);
    if (err == SD_OK && !*ret_there)
        err = check_replaced(k, hash, who, &saved_ms);
    if (err == SD_OK && who->verdict == SESSION_LIVE)
        err = save_use(k, span_of(who->session, ID_BYTES), k->spec.now_ms(), saved_ms);
    *ret_there = *ret_there || who->verdict == SESSION_LIVE;
    return err;
}

enum sd_err session_check(struct keeper *k, struct span token, struct span origin, struct who *ret) {
    struct sha256 hash;
    bool there = false;
    struct who who = {.name = buf_new(1024), .token_queues = buf_new(8192)};
    if (token.n != SESSION_TOKEN_BYTES) {
        *ret = who;
        return SD_OK;
    }
    enum sd_err err = crypt_sha256(token, &hash);
    if (err == SD_OK)
        err = check_session(k, &hash, &who, &there);
    if (err == SD_OK && !there)
        err = api_token_check(k, &hash, origin, &who);
    if (err)
        who_free(&who);
    else
        *ret = who;
    return err;
}

/* ---- making, replacing, ending ---- */

static enum sd_err new_token(uint8_t ret_token[SESSION_TOKEN_BYTES], struct sha256 *ret_hash) {
    random_bytes(ret_token, SESSION_TOKEN_BYTES);
    return crypt_sha256(span_of(ret_token, SESSION_TOKEN_BYTES), ret_hash);
}

enum sd_err session_make(struct keeper *k, const struct session_new *session, uint8_t ret_id[ID_BYTES],
                         uint8_t ret_token[SESSION_TOKEN_BYTES]) {
    struct sha256 hash;
    int64_t now_ms = k->spec.now_ms();
    random_bytes(ret_id, ID_BYTES);
    enum sd_err err = new_token(ret_token, &hash);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_SESSION_ADD);
    query_blob(&q, span_of(ret_id, ID_BYTES));
    query_blob(&q, span_of(hash.b, SHA256_BYTES));
    query_int(&q, now_ms);
    query_blob(&q, span_of(session->person, ID_BYTES));
    query_int(&q, now_ms);
    query_int(&q, now_ms);
    query_text(&q, session->origin);
    query_int(&q, session->factor);
    query_int(&q, session->limited);
    return query_run(&q);
}

enum sd_err session_replace(struct keeper *k, const struct who *who, uint8_t ret_token[SESSION_TOKEN_BYTES],
                            bool *ret_replaced) {
    struct sha256 hash;
    int64_t now_ms = k->spec.now_ms();
    *ret_replaced = who->factor != FACTOR_TOKEN && now_ms - who->replaced_ms >= SESSION_REPLACE_MS;
    if (!*ret_replaced)
        return SD_OK;
    enum sd_err err = new_token(ret_token, &hash);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_SESSION_REPLACE);
    query_blob(&q, span_of(hash.b, SHA256_BYTES));
    query_int(&q, now_ms);
    query_blob(&q, span_of(who->session, ID_BYTES));
    return query_run(&q);
}

enum sd_err session_make_whole(struct keeper *k, const struct who *who, uint8_t ret_token[SESSION_TOKEN_BYTES]) {
    struct sha256 hash;
    enum sd_err err = new_token(ret_token, &hash);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_SESSION_WHOLE);
    query_int(&q, FACTOR_PASSKEY);
    query_blob(&q, span_of(hash.b, SHA256_BYTES));
    query_int(&q, k->spec.now_ms());
    query_blob(&q, span_of(who->session, ID_BYTES));
    return query_run(&q);
}

enum sd_err session_end(struct keeper *k, struct span session) {
    struct query q = db_query(k->db, SQL_SESSION_END);
    query_blob(&q, session);
    return query_run(&q);
}

enum sd_err session_end_all(struct keeper *k, struct span person, const uint8_t *keep, uint32_t *ret_ended) {
    struct query q = db_query(k->db, SQL_SESSION_END_PERSON);
    query_blob(&q, person);
    query_blob(&q, keep ? span_of(keep, ID_BYTES) : SPAN_NONE);
    enum sd_err err = query_run(&q);
    if (err == SD_OK)
        *ret_ended = db_changes(k->db);
    return err;
}

void session_expire(struct keeper *k) {
    struct query q = db_query(k->db, SQL_SESSION_EXPIRE);
    query_int(&q, k->spec.now_ms() - SESSION_LIFE_MS);
    query_int(&q, k->spec.now_ms() + SESSION_AHEAD_MS);
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

enum sd_err session_queues(struct keeper *k, const struct who *who, struct buf *raw, struct ipc_list *ret) {
    struct query q = db_query(k->db, SQL_QUEUE_ACTIVE);
    enum sd_err err = SD_OK;
    while (err == SD_OK && ret->count < SESSION_QUEUES_MAX && query_row(&q)) {
        struct demand demand = {.verb = VERB_LIST, .queue = query_get(&q, 0)};
        bool may = false;
        for (unsigned c = 0; c < CATEGORY_COUNT && !may && err == SD_OK; c++) {
            demand.category = (enum category)c;
            err = permit_peek(k, who, &demand, &may);
        }
        if (err == SD_OK && may)
            ipc_list_add(ret, raw, demand.queue);
    }
    enum sd_err end = query_end(&q);
    err = err ? err : end;
    return err ? err : buf_err(raw);
}

struct leaf leaf_by(const struct who *who, struct span origin, const char *action) {
    struct leaf leaf = {.actor = ACTOR_PERSON, .action = action, .origin = origin, .outcome = OUTCOME_REFUSED};
    if (who->verdict == SESSION_LIVE)
        leaf.actor_id = span_of(who->person, ID_BYTES);
    else
        leaf.reason = "no-session";
    return leaf;
}

/* What is none of ours is taken for the strictest. */
enum category category_stored(int64_t value) {
    return value >= 0 && value < CATEGORY_COUNT ? (enum category)value : CATEGORY_SPECIAL;
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
        ret->category = category_stored(query_get_int(&q, 2));
    }
    return query_end(&q);
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
