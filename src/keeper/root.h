/*
 * root.h - the root secret and where it is between two starts: keeper/root.key as it is (0600), or keeper/root.sealed, wrapped
 * by a key that comes from a systemd credential or from a passphrase. On disk there is the present generation only.
 *
 * A root is replaced in three steps around the commit that wraps the vault key anew: stage, commit, settle. After a crash
 * between any two of them one of the two files fits the database; whoever loads tries both and settles what was left undone.
 */
#ifndef SD_KEEPER_ROOT_H
#define SD_KEEPER_ROOT_H

#include "crypt/crypt.h"
#include "keeper/password.h"

#define ROOT_SOURCE_LIST(X)                                                                                                    \
    X(FILE, "file")                                                                                                            \
    X(CREDENTIAL, "credential")                                                                                                \
    X(PASSPHRASE, "passphrase")
enum root_source {
#define X(name, text) ROOT_##name,
    ROOT_SOURCE_LIST(X)
#undef X
};
const char *root_source_text(enum root_source source);
/* keeper.root of the configuration: "file", "credential:NAME", "passphrase". SD_ERR_CONFIG (logged). */
enum sd_err root_source_from(const char *setting, enum root_source *ret) SD_MUST_CHECK;

#define ROOT_SALT_BYTES 16
#define ROOT_CREDENTIAL_MIN_BYTES 16 /* 128 bits, if they are random */
#define ROOT_CREDENTIAL_MAX_BYTES 1024

/* What opens a sealed root, and was derived with its salt. */
struct root_wrapper {
    struct secret key; /* empty: none */
    uint8_t salt[ROOT_SALT_BYTES];
    struct password_cost cost; /* of a passphrase */
};

struct root {
    struct secret secret;
    enum root_source source; /* as it is on the disk */
    struct root_wrapper wrapper;
};
void root_free(struct root *root);

/* Whichever of the two files of a replacement. */
enum root_copy { ROOT_PRESENT, ROOT_NEXT };

/* keeper/root.key of a new installation. SD_ERR_EXISTS. */
enum sd_err root_create(const char *dir, struct root *ret) SD_MUST_CHECK;
bool root_is_there(const char *dir, enum root_source source, enum root_copy copy);
/* SD_ERR_NOTFOUND; SD_ERR_DENIED: others may read it; SD_ERR_CONFIG: it holds no root. */
enum sd_err root_read(const char *dir, enum root_copy copy, struct root *ret) SD_MUST_CHECK;
/* The same of the sealed file. SD_ERR_FORGED: the passphrase or credential is another. A passphrase takes as long as a
 * password. */
enum sd_err root_unseal(const char *dir, enum root_copy copy, struct span opener, struct root *ret) SD_MUST_CHECK;
/* A wrapper with a new salt, for a root that is to be sealed. */
enum sd_err root_wrapper_new(enum root_source source, struct span opener, struct password_cost cost,
                             struct root_wrapper *ret) SD_MUST_CHECK;

/* The file of the next generation beside the present one, durable. */
enum sd_err root_stage(const char *dir, const struct root *next) SD_MUST_CHECK;
/* It takes the present one's place, which is overwritten. */
enum sd_err root_settle(const char *dir, enum root_source source) SD_MUST_CHECK;
void root_unstage(const char *dir, enum root_source source);
/* What is left of another way of keeping it is overwritten and removed. */
void root_remove(const char *dir, enum root_source source);

#endif
