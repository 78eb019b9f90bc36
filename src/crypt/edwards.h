/* edwards.h - are 32 or 57 bytes a public key of Ed25519 or Ed448 at all? OpenSSL takes any bytes. Not for other folders. */
#ifndef SD_CRYPT_EDWARDS_H
#define SD_CRYPT_EDWARDS_H

#include "core/span.h"

#define ED25519_PUBLIC_BYTES 32
#define ED448_PUBLIC_BYTES 57

/* SD_ERR_PARSE: not in its one encoding, not on the curve, or of small order: under such a key anybody's signature is good. */
enum sd_err edwards_check(struct span public_key) SD_MUST_CHECK;

#endif
