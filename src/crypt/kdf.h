/* kdf.h - HMAC over several pieces and the two halves of HKDF (RFC 5869), for crypt/ itself. */
#ifndef SD_CRYPT_KDF_H
#define SD_CRYPT_KDF_H

#include "crypt/engine.h"

#define HKDF_MAX_BYTES ((size_t)255 * SHA256_BYTES) /* RFC 5869 §2.3 */
#define HKDF_PARTS_MAX 8

struct parts {
    struct span part[HKDF_PARTS_MAX];
    size_t count;
};
void parts_add(struct parts *parts, struct span part); /* more than HKDF_PARTS_MAX: the count is one too high, and use fails */

enum sd_err kdf_hmac(struct span key, const struct parts *data, struct sha256 *ret) SD_MUST_CHECK;
/* RFC 5869 §2.2; the input keying material in pieces. */
enum sd_err kdf_extract(struct span salt, const struct parts *key, struct key32 *ret) SD_MUST_CHECK;
/* RFC 5869 §2.3: n bytes into `to`; at most HKDF_PARTS_MAX - 2 parts of info. */
enum sd_err kdf_expand(const struct key32 *prk, const struct parts *info, uint8_t *to, size_t n) SD_MUST_CHECK;

#endif
