/*
 * crypt.h - the cryptography Sealdesk uses, in its own words; the one place that calls OpenSSL (through EVP). TLS is in tls.h,
 * sealing of objects in seal.h.
 *
 * All functions are thread-safe. SD_ERR_FORGED says that data did not authenticate; SD_ERR_BUG that OpenSSL refused what it
 * must not refuse.
 */
#ifndef SD_CRYPT_CRYPT_H
#define SD_CRYPT_CRYPT_H

#include "core/buf.h"
#include "core/secret.h"

/* Loads the algorithms, which the first use does anyway; a process calls it before it confines itself. No configuration file of
 * OpenSSL is read, then or later. */
enum sd_err crypt_start(void) SD_MUST_CHECK;

#define SHA256_BYTES 32
#define KEY_BYTES 32 /* symmetric keys, X25519 keys, Ed25519 seeds */
#define GCM_TAG_BYTES 16
#define GCM_NONCE_BYTES 12

struct sha256 {
    uint8_t b[SHA256_BYTES];
};
enum sd_err crypt_sha256(struct span data, struct sha256 *ret) SD_MUST_CHECK;
enum sd_err crypt_sha1(struct span data, uint8_t ret[20]) SD_MUST_CHECK; /* TOTP's HMAC only builds on it; never a signature */
enum sd_err crypt_hmac_sha256(struct span key, struct span data, struct sha256 *ret) SD_MUST_CHECK;
enum sd_err crypt_hmac_sha1(struct span key, struct span data, uint8_t ret[20]) SD_MUST_CHECK; /* RFC 6238 */

/* Incremental SHA-256, for bodies that come in pieces. */
struct hash_stream;
enum sd_err hash_stream_new(struct hash_stream **ret) SD_MUST_CHECK;
enum sd_err hash_stream_add(struct hash_stream *h, struct span data) SD_MUST_CHECK;
enum sd_err hash_stream_end(struct hash_stream *h, struct sha256 *ret) SD_MUST_CHECK; /* and starts anew */
void hash_stream_free(struct hash_stream **h);

/* RFC 5869, SHA-256. info names the use. */
enum sd_err crypt_hkdf(struct span key, struct span salt, struct span info, size_t n, struct secret *ret) SD_MUST_CHECK;

/* AES-256-GCM. Appends ciphertext and tag; the nonce must never repeat under one key. */
enum sd_err crypt_gcm_seal(struct span key, const uint8_t nonce[GCM_NONCE_BYTES], struct span aad, struct span plain,
                           struct buf *to) SD_MUST_CHECK;
enum sd_err crypt_gcm_open(struct span key, const uint8_t nonce[GCM_NONCE_BYTES], struct span aad, struct span sealed,
                           struct buf *to) SD_MUST_CHECK;

/* A small record under a long-lived key: random nonce, ciphertext, tag. For rows of the keeper and wrapped keys. */
enum sd_err crypt_wrap(struct span key, struct span aad, struct span plain, struct buf *to) SD_MUST_CHECK;
enum sd_err crypt_unwrap(struct span key, struct span aad, struct span wrapped, struct secret *ret) SD_MUST_CHECK;
enum sd_err crypt_unwrap_buf(struct span key, struct span aad, struct span wrapped, struct buf *to) SD_MUST_CHECK;

/*
 * HPKE base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM (RFC 9180 §5). What is sealed is enc (32 bytes), the
 * sequence number (u32, little endian), the ciphertext and its tag. info: at most 64 bytes.
 */
enum sd_err hpke_keypair(struct secret *ret_private, uint8_t ret_public[KEY_BYTES]) SD_MUST_CHECK;
/* One record (sequence number 0). SD_ERR_PARSE for a public key of low order. */
enum sd_err hpke_seal(const uint8_t public_key[KEY_BYTES], struct span info, struct span aad, struct span plain,
                      struct buf *to) SD_MUST_CHECK;
enum sd_err hpke_open(const struct secret *private_key, struct span info, struct span aad, struct span sealed,
                      struct buf *to) SD_MUST_CHECK;

/* Several records under one encapsulation: the second and later ones cost no X25519 (100 µs). Whoever holds the sender can read
 * what it sealed, so it is kept for a short time only. Not thread-safe. */
struct hpke_sender;
enum sd_err hpke_sender_new(const uint8_t public_key[KEY_BYTES], struct span info, struct hpke_sender **ret) SD_MUST_CHECK;
void hpke_sender_free(struct hpke_sender **sender);
uint32_t hpke_sender_count(const struct hpke_sender *sender); /* records sealed */
enum sd_err hpke_sender_seal(struct hpke_sender *sender, struct span aad, struct span plain, struct buf *to) SD_MUST_CHECK;

/* Opens records of any senders, and remembers the encapsulations of the last few. Not thread-safe. */
struct hpke_receiver;
enum sd_err hpke_receiver_new(const struct secret *private_key, struct span info, struct hpke_receiver **ret) SD_MUST_CHECK;
void hpke_receiver_free(struct hpke_receiver **receiver);
enum sd_err hpke_receiver_open(struct hpke_receiver *receiver, struct span aad, struct span sealed,
                               struct buf *to) SD_MUST_CHECK;

/* Signatures. Private keys are PKCS #8 DER in a secret; public keys SubjectPublicKeyInfo DER, or raw 32 bytes for Ed25519. */
enum sign_algorithm { SIGN_RSA_SHA256 = 1, SIGN_ED25519 = 2 };
/* rsa_bits: 2048 to 4096, else SD_ERR_LIMIT. Appends the SubjectPublicKeyInfo. */
enum sd_err sign_generate(enum sign_algorithm algorithm, unsigned rsa_bits, struct secret *ret_private,
                          struct buf *public_der) SD_MUST_CHECK;
/* A private key parsed once and used from several threads. SD_ERR_PARSE: no such key, or RSA under 1024 bits. */
struct signer;
enum sd_err signer_new(enum sign_algorithm algorithm, const struct secret *private_der, struct signer **ret) SD_MUST_CHECK;
void signer_free(struct signer **signer);
/* RSA: PKCS #1 v1.5 over SHA-256 of data; Ed25519: pure over data. Appends the signature. */
enum sd_err signer_sign(const struct signer *signer, struct span data, struct buf *to) SD_MUST_CHECK;

struct verify_key;
/* public_key: SPKI DER or bare PKCS #1 RSAPublicKey DER (both occur in DKIM), or 32 raw bytes for Ed25519. SD_ERR_PARSE;
 * SD_ERR_LIMIT for RSA over 8192 bits or with an exponent over 64 bits (a stranger's key must not cost us milliseconds). */
enum sd_err verify_key_new(enum sign_algorithm algorithm, struct span public_key, struct verify_key **ret) SD_MUST_CHECK;
/*
 * The same; recently asked-for keys are kept parsed, because to read one costs as much as to verify with it. Keyed by the exact
 * bytes; at most VERIFY_KEYS_KEPT of up to VERIFY_KEY_KEPT_BYTES, a newer one takes an older one's place. Freed like any other.
 */
#define VERIFY_KEYS_KEPT 512
#define VERIFY_KEY_KEPT_BYTES 600 /* RSA-4096; longer ones are read each time */
enum sd_err verify_key_recent(enum sign_algorithm algorithm, struct span public_key, struct verify_key **ret) SD_MUST_CHECK;
void verify_key_free(struct verify_key **key);
unsigned verify_key_bits(const struct verify_key *key); /* RSA modulus; 256 for Ed25519 */
/* SD_OK: the signature is good. SD_ERR_FORGED: it is not. */
enum sd_err verify_signature(const struct verify_key *key, struct span data, struct span signature) SD_MUST_CHECK;

#endif
