/*
 * vault.h - the keys above all others. The root secret (root.h) wraps the vault key; the vault key wraps the field key (columns
 * that say something about people or are keys themselves), the index key (HMACs by which addresses are found), and the key of
 * each page. So root and vault can be replaced by rewrapping a few rows. One thread.
 */
#ifndef SD_KEEPER_VAULT_H
#define SD_KEEPER_VAULT_H

#include "crypt/crypt.h"
#include "keeper/db.h"

struct vault {
    struct secret vault, field, index;
};

/* The wrapped keys of a new installation; the root is root.h's. */
enum sd_err vault_create(struct db *db, const struct secret *root) SD_MUST_CHECK;
/* SD_ERR_FORGED: this root is another one. SD_ERR_NOTFOUND: there are no keys. */
enum sd_err vault_load(struct db *db, const struct secret *root, struct vault *ret) SD_MUST_CHECK;
/* Within a transaction: the keys of the vault, but for pages, under a new vault key and that under this root. The present one
 * stays in force until the caller has committed and puts *ret_next in its place. */
enum sd_err vault_replace(struct db *db, const struct vault *vault, const struct secret *root,
                          struct secret *ret_next) SD_MUST_CHECK;
/* Within a transaction: the vault key under a new root. */
enum sd_err vault_rewrap(struct db *db, const struct vault *vault, const struct secret *root) SD_MUST_CHECK;
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
