/*
 * engine.h - what the files of crypt/ share: algorithms fetched once (a fetch by name costs more than hashing a short message),
 * and the translation of OpenSSL's failures. Not for other folders.
 */
#ifndef SD_CRYPT_ENGINE_H
#define SD_CRYPT_ENGINE_H

#include "crypt/crypt.h"

#include <openssl/evp.h>

struct engine {
    EVP_MD *sha256;
    EVP_MD *sha1;
    EVP_CIPHER *aes256gcm;
    EVP_MAC_CTX *hmac_sha256; /* templates, only ever duplicated */
    EVP_MAC_CTX *hmac_sha1;
};

/* The one engine of this process; SD_ERR_BUG when this OpenSSL lacks an algorithm. */
enum sd_err engine_get(const struct engine **ret) SD_MUST_CHECK;

/* After a failed OpenSSL call: empties this thread's error queue. SD_ERR_NOMEM, or SD_ERR_BUG for all else. */
enum sd_err engine_failed(void);
/* The same when the failure is the input's: empties the queue and gives err. */
enum sd_err engine_refused(enum sd_err err);

/* A symmetric key or shared secret on the stack. */
struct key32 {
    uint8_t b[KEY_BYTES];
};
void key32_wipe(struct key32 *key);
struct span key32_span(const struct key32 *key);

void md_ctx_free(EVP_MD_CTX **ctx);
void pkey_free(EVP_PKEY **pkey);
void pkey_ctx_free(EVP_PKEY_CTX **ctx);

#endif
