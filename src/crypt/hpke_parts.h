/* hpke_parts.h - the inner steps of HPKE (RFC 9180), apart so that they can be tested with the RFC's vectors. */
#ifndef SD_CRYPT_HPKE_PARTS_H
#define SD_CRYPT_HPKE_PARTS_H

#include "crypt/engine.h"

enum hpke_aead { HPKE_AES128GCM = 1, HPKE_AES256GCM = 2 }; /* RFC 9180 §7.3; we use the second */

struct hpke_keys {
    uint8_t key[KEY_BYTES]; /* the first 16 for AES-128-GCM */
    uint8_t nonce[GCM_NONCE_BYTES];
};
void hpke_keys_wipe(struct hpke_keys *keys);

/* X25519. SD_ERR_PARSE when public_key is a point of low order (RFC 9180 §7.1.4). */
enum sd_err hpke_dh(EVP_PKEY *private_key, const uint8_t public_key[KEY_BYTES], struct key32 *ret) SD_MUST_CHECK;
/* ExtractAndExpand of DHKEM (§4.1). */
enum sd_err hpke_shared_secret(const struct key32 *dh, const uint8_t enc[KEY_BYTES], const uint8_t public_key[KEY_BYTES],
                               struct key32 *ret) SD_MUST_CHECK;
/* KeySchedule in base mode (§5.1), without the exporter. */
enum sd_err hpke_key_schedule(enum hpke_aead aead, const struct key32 *shared, struct span info,
                              struct hpke_keys *ret) SD_MUST_CHECK;
/* hpke_seal with an ephemeral key given. */
enum sd_err hpke_seal_with(EVP_PKEY *ephemeral, const uint8_t public_key[KEY_BYTES], struct span info, struct span aad,
                           struct span plain, struct buf *to) SD_MUST_CHECK;

#endif
