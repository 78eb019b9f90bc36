#include "keeper/vault.h"
#include "core/codec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ROOT_INFO "sealdesk vault v1"

static enum sd_err root_write(const char *path, const struct secret *root) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(128);
    put_hex(&text, secret_span(root));
    buf_byte(&text, '\n');
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? SD_ERR_EXISTS : sd_err_from_errno(errno);
    ssize_t n = write(fd, text.p, text.n);
    enum sd_err err = n == (ssize_t)text.n && fsync(fd) == 0 ? SD_OK : SD_ERR_IO;
    (void)close(fd);
    return err;
}

static enum sd_err root_read(const char *path, struct secret *ret) {
    struct secret text SD_CLEANUP(secret_free) = {0}, root SD_CLEANUP(secret_free) = {0};
    enum sd_err err = secret_new(128, &text);
    if (err == SD_OK)
        err = secret_new(KEY_BYTES, &root);
    if (err)
        return err;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sd_err_from_errno(errno);
    ssize_t n = read(fd, text.p, text.n);
    (void)close(fd);
    if (n < 0)
        return SD_ERR_IO;
    err = hex_to_bytes(span_trim(span_of(text.p, (size_t)n)), root.p, KEY_BYTES);
    if (err)
        return SD_ERR_CONFIG;
    *ret = secret_take(&root);
    return SD_OK;
}

static enum sd_err root_key(const struct secret *root, struct secret *ret) {
    return crypt_hkdf(secret_span(root), SPAN_NONE, SPAN(ROOT_INFO), KEY_BYTES, ret);
}

static enum sd_err put_key(struct db *db, const char *name, const struct secret *under, const struct secret *key) {
    struct buf wrapped SD_CLEANUP(buf_free) = buf_new(256);
    enum sd_err err = crypt_wrap(secret_span(under), span_cstr(name), secret_span(key), &wrapped);
    if (err)
        return err;
    struct query q = db_query(db, SQL_KEY_PUT);
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

enum sd_err vault_create(const char *root_path, struct db *db) {
    struct secret root SD_CLEANUP(secret_free) = {0}, under SD_CLEANUP(secret_free) = {0};
    struct vault v SD_CLEANUP(vault_free) = {0};
    enum sd_err err = vault_random(&v);
    if (err == SD_OK)
        err = secret_random(KEY_BYTES, &root);
    if (err == SD_OK)
        err = root_write(root_path, &root);
    if (err == SD_OK)
        err = root_key(&root, &under);
    if (err == SD_OK)
        err = put_key(db, "vault", &under, &v.vault);
    if (err == SD_OK)
        err = put_key(db, "field", &v.vault, &v.field);
    return err ? err : put_key(db, "index", &v.vault, &v.index);
}

enum sd_err vault_load(const char *root_path, struct db *db, struct vault *ret) {
    struct secret root SD_CLEANUP(secret_free) = {0}, under SD_CLEANUP(secret_free) = {0};
    struct vault v = {0};
    enum sd_err err = root_read(root_path, &root);
    if (err == SD_OK)
        err = root_key(&root, &under);
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
