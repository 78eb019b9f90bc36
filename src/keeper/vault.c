#include "keeper/vault.h"

#include <string.h>

#define ROOT_INFO "sealdesk vault v1"

static enum sd_err root_key(const struct secret *root, struct secret *ret) {
    return crypt_hkdf(secret_span(root), SPAN_NONE, SPAN(ROOT_INFO), KEY_BYTES, ret);
}

static enum sd_err put_key(struct db *db, const char *name, const struct secret *under, const struct secret *key) {
    struct buf wrapped SD_CLEANUP(buf_free) = buf_new(256);
    enum sd_err err = crypt_wrap(secret_span(under), span_cstr(name), secret_span(key), &wrapped);
    if (err)
        return err;
    struct query q = db_query(db, SQL_KEY_SET);
    query_text(&q, span_cstr(name));
    query_blob(&q, buf_span(&wrapped));
    return query_run(&q);
}

static enum sd_err get_key(struct db *db, const char *name, const struct secret *under, struct secret *ret) {
    struct query q = db_query(db, SQL_KEY_GET);
    query_text(&q, span_cstr(name));
    enum sd_err err = query_row(&q) ? crypt_unwrap(secret_span(under), span_cstr(name), query_get(&q, 0), ret)
                                    : SD_ERR_NOTFOUND;
    enum sd_err end = query_end(&q);
    return end ? end : err;
}

enum sd_err vault_random(struct vault *ret) {
    struct vault v = {0};
    enum sd_err err = secret_random(KEY_BYTES, &v.vault);
    if (err == SD_OK)
        err = secret_random(KEY_BYTES, &v.field);
    if (err == SD_OK)
        err = secret_random(KEY_BYTES, &v.index);
    if (err)
        vault_free(&v);
    else
        *ret = v;
    return err;
}

enum sd_err vault_create(struct db *db, const struct secret *root) {
    struct secret under SD_CLEANUP(secret_free) = {0};
    struct vault v SD_CLEANUP(vault_free) = {0};
    enum sd_err err = vault_random(&v);
    if (err == SD_OK)
        err = root_key(root, &under);
    if (err == SD_OK)
        err = put_key(db, "vault", &under, &v.vault);
    if (err == SD_OK)
        err = put_key(db, "field", &v.vault, &v.field);
    return err ? err : put_key(db, "index", &v.vault, &v.index);
}

enum sd_err vault_load(struct db *db, const struct secret *root, struct vault *ret) {
    struct secret under SD_CLEANUP(secret_free) = {0};
    struct vault v = {0};
    enum sd_err err = root_key(root, &under);
    if (err == SD_OK)
        err = get_key(db, "vault", &under, &v.vault);
    if (err == SD_OK)
        err = get_key(db, "field", &v.vault, &v.field);
    if (err == SD_OK)
        err = get_key(db, "index", &v.vault, &v.index);
    if (err)
        vault_free(&v);
    else
        *ret = v;
    return err;
}

enum sd_err vault_rewrap(struct db *db, const struct vault *vault, const struct secret *root) {
    struct secret under SD_CLEANUP(secret_free) = {0};
    enum sd_err err = root_key(root, &under);
    return err ? err : put_key(db, "vault", &under, &vault->vault);
}

enum sd_err vault_replace(struct db *db, const struct vault *vault, const struct secret *root, struct secret *ret_next) {
    struct secret under SD_CLEANUP(secret_free) = {0}, next SD_CLEANUP(secret_free) = {0};
    enum sd_err err = secret_random(KEY_BYTES, &next);
    if (err == SD_OK)
        err = root_key(root, &under);
    if (err == SD_OK)
        err = put_key(db, "vault", &under, &next);
    if (err == SD_OK)
        err = put_key(db, "field", &next, &vault->field);
    if (err == SD_OK)
        err = put_key(db, "index", &next, &vault->index);
    if (err == SD_OK)
        *ret_next = secret_take(&next);
    return err;
}

void vault_free(struct vault *vault) {
    secret_free(&vault->vault);
    secret_free(&vault->field);
    secret_free(&vault->index);
}

static void put_aad(struct buf *to, const char *table, struct span row) {
    buf_text(to, table);
    buf_byte(to, 0);
    buf_put(to, row);
}

enum sd_err vault_wrap(const struct vault *vault, const char *table, struct span row, struct span plain, struct buf *to) {
    struct buf aad SD_CLEANUP(buf_free) = buf_new(1024);
    put_aad(&aad, table, row);
    enum sd_err err = buf_err(&aad);
    return err ? err : crypt_wrap(secret_span(&vault->field), buf_span(&aad), plain, to);
}

enum sd_err vault_unwrap(const struct vault *vault, const char *table, struct span row, struct span wrapped,
                         struct secret *ret) {
    struct buf aad SD_CLEANUP(buf_free) = buf_new(1024);
    put_aad(&aad, table, row);
    enum sd_err err = buf_err(&aad);
    return err ? err : crypt_unwrap(secret_span(&vault->field), buf_span(&aad), wrapped, ret);
}

enum sd_err vault_unwrap_buf(const struct vault *vault, const char *table, struct span row, struct span wrapped,
                             struct buf *to) {
    struct buf aad SD_CLEANUP(buf_free) = buf_new(1024);
    put_aad(&aad, table, row);
    enum sd_err err = buf_err(&aad);
    return err ? err : crypt_unwrap_buf(secret_span(&vault->field), buf_span(&aad), wrapped, to);
}

enum sd_err vault_hmac(const struct vault *vault, const char *use, struct span value, struct sha256 *ret) {
    struct buf data SD_CLEANUP(buf_free) = buf_new(2048);
    put_aad(&data, use, value);
    enum sd_err err = buf_err(&data);
    return err ? err : crypt_hmac_sha256(secret_span(&vault->index), buf_span(&data), ret);
}
