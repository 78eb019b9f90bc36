#include "crypt/backup_keys.h"

#define ARCHIVE_INFO SPAN("sealdesk backup v1")
#define ROOT_INFO SPAN("sealdesk root v1")
#define FILES_INFO SPAN("sealdesk backup files v1")
#define KEEPER_INFO SPAN("sealdesk backup keeper v1")

void backup_keys_free(struct backup_keys *keys) {
    secret_free(&keys->files);
    secret_free(&keys->keeper);
}

enum sd_err backup_keys_derive(const struct secret *archive, struct backup_keys *ret) {
    struct backup_keys keys = {0};
    enum sd_err err = crypt_hkdf(secret_span(archive), SPAN_NONE, FILES_INFO, KEY_BYTES, &keys.files);
    if (err == SD_OK)
        err = crypt_hkdf(secret_span(archive), SPAN_NONE, KEEPER_INFO, KEY_BYTES, &keys.keeper);
    if (err)
        backup_keys_free(&keys);
    else
        *ret = keys;
    return err;
}

static void put_stamp(const struct backup_stamp *stamp, struct buf *to) {
    buf_put(to, span_of(stamp->id, sizeof stamp->id));
    buf_u64(to, (uint64_t)stamp->made_ms);
    buf_u64(to, stamp->root_generation);
}

static enum sd_err unwrap(const struct secret *recovery, struct span info, struct span aad, struct span wrapped,
                          struct secret *ret) {
    struct buf key SD_CLEANUP(buf_free) = buf_new(KEY_BYTES);
    enum sd_err err = wrapped.n == BACKUP_WRAPPED_BYTES ? hpke_open(recovery, info, aad, wrapped, &key) : SD_ERR_FORGED;
    return err ? err : secret_copy(buf_span(&key), ret);
}

enum sd_err backup_key_wrap(const uint8_t recovery[KEY_BYTES], const uint8_t id[BACKUP_ID_BYTES], const struct secret *archive,
                            struct buf *to) {
    return hpke_seal(recovery, ARCHIVE_INFO, span_of(id, BACKUP_ID_BYTES), secret_span(archive), to);
}

enum sd_err backup_key_unwrap(const struct secret *recovery, const uint8_t id[BACKUP_ID_BYTES], struct span wrapped,
                              struct secret *ret) {
    return unwrap(recovery, ARCHIVE_INFO, span_of(id, BACKUP_ID_BYTES), wrapped, ret);
}

enum sd_err backup_root_wrap(const uint8_t recovery[KEY_BYTES], const struct backup_stamp *stamp, const struct secret *root,
                             struct buf *to) {
    struct buf aad SD_CLEANUP(buf_free) = buf_new(64);
    put_stamp(stamp, &aad);
    enum sd_err err = buf_err(&aad);
    return err ? err : hpke_seal(recovery, ROOT_INFO, buf_span(&aad), secret_span(root), to);
}

enum sd_err backup_root_unwrap(const struct secret *recovery, const struct backup_stamp *stamp, struct span wrapped,
                               struct secret *ret) {
    struct buf aad SD_CLEANUP(buf_free) = buf_new(64);
    put_stamp(stamp, &aad);
    enum sd_err err = buf_err(&aad);
    return err ? err : unwrap(recovery, ROOT_INFO, buf_span(&aad), wrapped, ret);
}
