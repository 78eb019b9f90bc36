/* gcm.h - AES-256-GCM with one key for many chunks, for crypt/ itself. */
#ifndef SD_CRYPT_GCM_H
#define SD_CRYPT_GCM_H

#include "crypt/engine.h"

struct gcm {
    EVP_CIPHER_CTX *ctx;
};

enum gcm_direction { GCM_OPEN = 0, GCM_SEAL = 1 };

/* key: KEY_BYTES. */
enum sd_err gcm_start(struct gcm *gcm, enum gcm_direction direction, struct span key) SD_MUST_CHECK;
void gcm_end(struct gcm *gcm); /* wipes the key schedule */

/* Writes plain.n + GCM_TAG_BYTES. */
enum sd_err gcm_seal(struct gcm *gcm, const uint8_t nonce[GCM_NONCE_BYTES], struct span aad, struct span plain,
                     uint8_t *to) SD_MUST_CHECK;
/* Writes sealed.n - GCM_TAG_BYTES; on SD_ERR_FORGED they are zeros. */
enum sd_err gcm_open(struct gcm *gcm, const uint8_t nonce[GCM_NONCE_BYTES], struct span aad, struct span sealed,
                     uint8_t *to) SD_MUST_CHECK;

#endif
