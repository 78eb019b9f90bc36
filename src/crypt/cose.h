/*
 * cose.h - public keys of authenticators: a COSE_Key (RFC 9052 §7) as WebAuthn §5.8.5 and §6.5.1 narrow it, and signatures by
 * them. One form only: canonical CBOR, `alg` there, no optional member, no compressed point, the curve that belongs to the
 * algorithm.
 */
#ifndef SD_CRYPT_COSE_H
#define SD_CRYPT_COSE_H

#include "core/span.h"

/* As registered with IANA. RS1 (-65535) and all others are not taken. */
enum cose_algorithm {
    COSE_NONE = 0,
    COSE_ES256 = -7,   /* ECDSA, P-256, SHA-256 */
    COSE_EDDSA = -8,   /* Ed25519 */
    COSE_ES384 = -35,  /* ECDSA, P-384, SHA-384 */
    COSE_ES512 = -36,  /* ECDSA, P-521, SHA-512 */
    COSE_ED448 = -53,  /* fully specified, RFC 9864 */
    COSE_RS256 = -257, /* RSASSA-PKCS1-v1_5, SHA-256; 2048 to 8192 bits */
};

#define COSE_KEY_MAX 1100 /* RSA-8192: 1024 bytes of modulus, 8 of exponent, 14 around them */

struct cose_key;
/* SD_ERR_PARSE: no such key in that form, or a point that is on no curve. SD_ERR_UNSUPPORTED: another algorithm. SD_ERR_LIMIT:
 * RSA of a size or with an exponent that is not taken. */
enum sd_err cose_key_new(struct span cose, struct cose_key **ret) SD_MUST_CHECK;
void cose_key_free(struct cose_key **key);
enum cose_algorithm cose_key_algorithm(const struct cose_key *key);
/* What is worth asking once, before a key is stored: a sound modulus, a point of large order. SD_ERR_PARSE. */
enum sd_err cose_key_check(const struct cose_key *key) SD_MUST_CHECK;
/* SD_OK: the signature is good. SD_ERR_FORGED: it is not. ECDSA signatures are DER (WebAuthn §6.5.5). */
enum sd_err cose_verify(const struct cose_key *key, struct span data, struct span signature) SD_MUST_CHECK;

#endif
