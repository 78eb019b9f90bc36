/* intake_key.c - the keys that the edge seals letters to: a new one every 12 hours, destroyed when nothing needs it any more.
 */
#include "keeper/generation.h"
#include "keeper/handlers.h"

#include <string.h>

#define FRESH_MS (INT64_C(12) * 60 * 60 * 1000)
#define DESTROY_AFTER_MS (INT64_C(24) * 60 * 60 * 1000)
#define GRACE_MS (10 * 60 * 1000) /* after the edge took the next key: what it was still sealing has long been filed */

enum sd_err intake_key_make(struct keeper *k) {
    struct secret key SD_CLEANUP(secret_free) = {0};
    uint8_t id[ID_BYTES], public_key[KEY_BYTES];
    struct buf wrapped SD_CLEANUP(buf_free) = buf_new(256);
    random_bytes(id, sizeof id);
    enum sd_err err = hpke_keypair(&key, public_key);
    if (err == SD_OK)
        err = vault_wrap(&k->vault, "intake_key", span_of(id, sizeof id), secret_span(&key), &wrapped);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_INTAKE_PUT);
    query_blob(&q, span_of(id, sizeof id));
    query_blob(&q, span_of(public_key, sizeof public_key));
    query_blob(&q, buf_span(&wrapped));
    query_int(&q, k->spec.now_ms());
    query_int(&q, k->spec.now_ms() + FRESH_MS);
    return query_run(&q);
}

static enum sd_err unwrap_private(struct keeper *k, struct span id, struct secret *ret) {
    struct query q = db_query(k->db, SQL_INTAKE_PRIVATE);
    query_blob(&q, id);
    enum sd_err err = query_row(&q) ? vault_unwrap(&k->vault, "intake_key", id, query_get(&q, 0), ret) : SD_ERR_NOTFOUND;
    enum sd_err end = query_end(&q);
    return end ? end : err;
}

static enum sd_err make_receiver(struct keeper *k, struct span id, struct hpke_receiver **ret) {
    struct secret key SD_CLEANUP(secret_free) = {0};
    enum sd_err err = unwrap_private(k, id, &key);
    return err ? err : hpke_receiver_new(&key, INTAKE_INFO, ret);
}

enum sd_err intake_key_receiver(struct keeper *k, struct span id, struct hpke_receiver **ret) {
    for (size_t i = 0; i < SD_COUNT(k->intake_cache); i++)
        if (k->intake_cache[i].receiver && span_eq(id, span_of(k->intake_cache[i].id, ID_BYTES))) {
            *ret = k->intake_cache[i].receiver;
            return SD_OK;
        }
    struct hpke_receiver *receiver = NULL;
    enum sd_err err = id.n == ID_BYTES ? make_receiver(k, id, &receiver) : SD_ERR_NOTFOUND;
    if (err)
        return err;
    size_t at = k->intake_victim++ % SD_COUNT(k->intake_cache);
    hpke_receiver_free(&k->intake_cache[at].receiver);
    memcpy(k->intake_cache[at].id, id.p, ID_BYTES);
    k->intake_cache[at].receiver = receiver;
    *ret = receiver;
    return SD_OK;
}

struct newest {
    bool there;
    uint8_t id[ID_BYTES], public_key[KEY_BYTES];
    int64_t fresh_ms;
};

static enum sd_err find_newest(struct keeper *k, struct newest *ret) {
    struct query q = db_query(k->db, SQL_INTAKE_NEWEST);
    *ret = (struct newest){.there = query_row(&q)};
    if (ret->there) {
        query_get_fixed(&q, 0, ret->id, ID_BYTES);
        query_get_fixed(&q, 1, ret->public_key, KEY_BYTES);
        ret->fresh_ms = query_get_int(&q, 2);
    }
    return query_end(&q);
}

/* The edge says that it has the newest key: from here on the older ones only age. That the answer with it was sent is not
 * enough, because an answer can be lost and letters go on being sealed to the older key. */
static enum sd_err mark_older(struct keeper *k, const struct newest *newest) {
    struct query q = db_query(k->db, SQL_INTAKE_REPLACED);
    query_int(&q, k->spec.now_ms());
    query_blob(&q, span_of(newest->id, ID_BYTES));
    return query_run(&q);
}

enum sd_err keeper_on_intake_key(void *ctx, struct ipc_call *call, const struct keeper_intake_key_req *req) {
    struct keeper *k = ctx;
    struct newest newest;
    if (!k->db || db_damaged(k->db))
        return SD_ERR_LOCKED; /* the edge goes on with the key it has */
    enum sd_err err = find_newest(k, &newest);
    if (err == SD_OK && !keeper_is_open(k) && !newest.there)
        return SD_ERR_LOCKED;
    /* A locked keeper makes no new one: the one there is goes on being used, as while the keeper is away. */
    if (err == SD_OK && keeper_is_open(k) && (!newest.there || newest.fresh_ms <= k->spec.now_ms())) {
        err = intake_key_make(k);
        if (err == SD_OK)
            err = find_newest(k, &newest);
    }
    if (err == SD_OK && span_eq(req->holds, span_of(newest.id, ID_BYTES)))
        err = mark_older(k, &newest);
    if (err)
        return err;
    keeper_intake_key_reply(call, &(struct keeper_intake_key_rep){.id = span_of(newest.id, ID_BYTES),
                                                                  .public_key = span_of(newest.public_key, KEY_BYTES),
                                                                  .fresh_until_ms = newest.fresh_ms});
    return SD_OK;
}

static bool is_named(struct ipc_list list, struct span id) {
    struct ipc_list_iter iter = ipc_list_start(list);
    struct span item;
    while (ipc_list_next(&iter, &item))
        if (span_eq(item, id))
            return true;
    return false;
}

static enum sd_err destroy(struct keeper *k, struct span id, struct records *records) {
    struct query q = db_query(k->db, SQL_INTAKE_DELETE);
    query_blob(&q, id);
    enum sd_err err = query_run(&q);
    for (size_t i = 0; i < SD_COUNT(k->intake_cache); i++)
        if (k->intake_cache[i].receiver && span_eq(id, span_of(k->intake_cache[i].id, ID_BYTES)))
            hpke_receiver_free(&k->intake_cache[i].receiver);
    records_add_changed(records, &(struct leaf){.actor = ACTOR_SYSTEM,
                                                .action = "destroy-intake-key",
                                                .object = "intake-key",
                                                .object_id = id,
                                                .outcome = OUTCOME_GRANTED});
    return err ? err : records->err;
}

#define DESTROY_AT_ONCE 16
static enum sd_err find_old(struct keeper *k, struct ipc_list named, uint8_t ids[DESTROY_AT_ONCE][ID_BYTES],
                            size_t *ret_count) {
    struct query q = db_query(k->db, SQL_INTAKE_OLD);
    size_t n = 0;
    query_int(&q, k->spec.now_ms() - DESTROY_AFTER_MS);
    query_int(&q, k->spec.now_ms() - GRACE_MS);
    while (n < DESTROY_AT_ONCE && query_row(&q))
        if (!is_named(named, query_get(&q, 0)))
            query_get_fixed(&q, 0, ids[n++], ID_BYTES);
    *ret_count = n;
    return query_end(&q);
}

enum sd_err keeper_on_intake_pending(void *ctx, struct ipc_call *call, const struct keeper_intake_pending_req *req) {
    struct keeper *k = ctx;
    uint8_t ids[DESTROY_AT_ONCE][ID_BYTES];
    size_t count = 0;
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    enum sd_err err = find_old(k, req->key_ids, ids, &count);
    if (err || count == 0) {
        if (!err)
            keeper_intake_pending_reply(call, &(struct keeper_intake_pending_rep){});
        return err;
    }
    err = db_begin(k->db);
    for (size_t i = 0; i < count && err == SD_OK; i++)
        err = destroy(k, span_of(ids[i], ID_BYTES), &records);
    err = db_end(k->db, err);
    if (err)
        return err;
    keeper_empty_wal(k); /* destroyed means gone from there too */
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    err = keeper_intake_pending_rep_encode(&out, &(struct keeper_intake_pending_rep){});
    return err ? err : records_send(&records, call, SD_OK, &out);
}
