#include "keeper/recovery.h"
#include "keeper/codes.h"

static enum sd_err hash_of(struct keeper *k, struct span person, const struct secret *code, struct sha256 *ret) {
    struct buf data SD_CLEANUP(buf_free) = buf_new(64);
    buf_put(&data, person);
    buf_put(&data, secret_span(code));
    enum sd_err err = buf_err(&data);
    return err ? err : vault_hmac(&k->vault, "recovery", buf_span(&data), ret);
}

enum sd_err recovery_forget(struct keeper *k, struct span person) {
    struct query q = db_query(k->db, SQL_RECOVERY_FORGET);
    query_blob(&q, person);
    return query_run(&q);
}

static enum sd_err add_one(struct keeper *k, struct span person, struct buf *raw, struct ipc_list *list) {
    struct secret code SD_CLEANUP(secret_free) = {0};
    struct buf shown SD_CLEANUP(buf_free) = buf_new(32);
    struct sha256 hash;
    enum sd_err err = code_make(CODE_RECOVERY, &code);
    if (err == SD_OK)
        err = code_show(&code, &shown);
    if (err == SD_OK)
        err = hash_of(k, person, &code, &hash);
    if (err)
        return err;
    ipc_list_add(list, raw, buf_span(&shown));
    struct query q = db_query(k->db, SQL_RECOVERY_ADD);
    query_blob(&q, span_of(hash.b, SHA256_BYTES));
    query_blob(&q, person);
    err = query_run(&q);
    return err ? err : buf_err(raw);
}

enum sd_err recovery_renew(struct keeper *k, struct span person, struct buf *raw, struct ipc_list *ret) {
    enum sd_err err = recovery_forget(k, person);
    for (unsigned i = 0; i < RECOVERY_CODES && err == SD_OK; i++)
        err = add_one(k, person, raw, ret);
    return err;
}

enum sd_err recovery_check(struct keeper *k, struct span person, struct span typed, struct recovery_found *ret) {
    struct secret code SD_CLEANUP(secret_free) = {0};
    *ret = (struct recovery_found){.verdict = RECOVERY_REFUSED};
    enum sd_err err = code_normalise(CODE_RECOVERY, typed, &code);
    if (err == SD_OK)
        err = hash_of(k, person, &code, &ret->hash);
    if (err)
        return err == SD_ERR_PARSE ? SD_OK : err;
    struct query q = db_query(k->db, SQL_RECOVERY_GET);
    query_blob(&q, span_of(ret->hash.b, SHA256_BYTES));
    query_blob(&q, person);
    if (query_row(&q))
        ret->verdict = RECOVERY_GOOD;
    return query_end(&q);
}

enum sd_err recovery_spend(struct keeper *k, const struct recovery_found *found) {
    struct query q = db_query(k->db, SQL_RECOVERY_SPEND);
    query_blob(&q, span_of(found->hash.b, SHA256_BYTES));
    return query_run(&q);
}
