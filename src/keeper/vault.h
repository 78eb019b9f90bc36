/*
 * vault.h - the keys above all others. keeper/root.key wraps the vault key; the vault key wraps the field key (columns that say
 * something about people or are keys themselves), the index key (HMACs by which addresses are found), and the key of each page.
 * So root and vault can be replaced by rewrapping a few rows. One thread.
 */
#ifndef SD_KEEPER_VAULT_H
#define SD_KEEPER_VAULT_H

#include "crypt/crypt.h"
#include "keeper/db.h"

struct vault {
    struct secret vault, field, index;
};

/* Makes root.key (0600, hexadecimal; SD_ERR_EXISTS) and the wrapped keys. */
enum sd_err vault_create(const char *root_path, struct db *db) SD_MUST_CHECK;
enum sd_err vault_load(const char *root_path, struct db *db, struct vault *ret) SD_MUST_CHECK;
/* For databases in memory: fresh keys, nothing stored. */
enum sd_err vault_random(struct vault *ret) SD_MUST_CHECK;
void vault_free(struct vault *vault);

/* A column's value: bound to its table and row, so that it cannot be moved. */
enum sd_err vault_wrap(const struct vault *vault, const char *table, struct span row, struct span plain,
                       struct buf *to) SD_MUST_CHECK;
enum sd_err vault_unwrap(const struct vault *vault, const char *table, struct span row, struct span wrapped,
                         struct secret *ret) SD_MUST_CHECK;
enum sd_err vault_unwrap_buf(const struct vault *vault, const char *table, struct span row, struct span wrapped,
                             struct buf *to) SD_MUST_CHECK;
/* HMAC of a person's address, a sign-in's account, an origin: use names which. */
enum sd_err vault_hmac(const struct vault *vault, const char *use, struct span value, struct sha256 *ret) SD_MUST_CHECK;

#endif
