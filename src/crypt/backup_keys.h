/*
 * backup_keys.h - the keys of one backup. A random archive key is wrapped to the offline recovery key (HPKE); from it come the
 * key of the archive's files, which the command line seals, and the key of the keeper's database, which the keeper seals before
 * it leaves. The root goes another way: wrapped by itself, into a file of its own.
 */
#ifndef SD_CRYPT_BACKUP_KEYS_H
#define SD_CRYPT_BACKUP_KEYS_H

#include "crypt/crypt.h"

#define BACKUP_ID_BYTES 16
#define BACKUP_WRAPPED_BYTES (KEY_BYTES + 4 + KEY_BYTES + GCM_TAG_BYTES) /* hpke_seal() of a key */

struct backup_keys {
    struct secret files, keeper;
};
void backup_keys_free(struct backup_keys *keys);
enum sd_err backup_keys_derive(const struct secret *archive, struct backup_keys *ret) SD_MUST_CHECK;

/* Appends. */
enum sd_err backup_key_wrap(const uint8_t recovery[KEY_BYTES], const uint8_t id[BACKUP_ID_BYTES], const struct secret *archive,
                            struct buf *to) SD_MUST_CHECK;
/* SD_ERR_FORGED: another recovery key, or another backup. */
enum sd_err backup_key_unwrap(const struct secret *recovery, const uint8_t id[BACKUP_ID_BYTES], struct span wrapped,
                              struct secret *ret) SD_MUST_CHECK;
/* What a root belongs to: all of it is authenticated. */
struct backup_stamp {
    uint8_t id[BACKUP_ID_BYTES];
    int64_t made_ms;
    uint64_t root_generation;
};
enum sd_err backup_root_wrap(const uint8_t recovery[KEY_BYTES], const struct backup_stamp *stamp, const struct secret *root,
                             struct buf *to) SD_MUST_CHECK;
enum sd_err backup_root_unwrap(const struct secret *recovery, const struct backup_stamp *stamp, struct span wrapped,
                               struct secret *ret) SD_MUST_CHECK;

#endif
