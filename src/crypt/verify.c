#include "crypt/verify.h"
#include "crypt/engine.h"

#include <openssl/asn1.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdlib.h>

/*
 * Keys come from strangers' DNS. OpenSSL's own SPKI decoder takes 140 µs, three times as long as the verification; so the two
 * envelopes are opened here and only the RSAPublicKey inside goes to OpenSSL. The limits bound what one verification can cost.
 */
#define RSA_MAX_BITS 8192
#define RSA_EXPONENT_MAX_BYTES 9 /* 64 bits and a sign byte; OpenSSL bounds it only for moduli over 3072 bits */
#define ED25519_KEY_BYTES 32

struct verify_key {
    enum sign_algorithm algorithm;
    EVP_PKEY *pkey;
    atomic_uint holders;
};

/* One element of the wanted universal type from the front of *rest; definite lengths only. */
static bool der_take(struct span *rest, int tag, struct span *ret_content) {
    const unsigned char *p = rest->p;
    long n = 0;
    int got_tag = 0;
    int class = 0;
    if (rest->n == 0 || rest->n > INT32_MAX)
        return false;
    int form = ASN1_get_object(&p, &n, &got_tag, &class, (long)rest->n);
    int expected_form = tag == V_ASN1_SEQUENCE ? V_ASN1_CONSTRUCTED : 0; /* 0x80 would be malformed; 1, of indefinite length */
    if (form != expected_form || got_tag != tag || class != V_ASN1_UNIVERSAL)
        return false;
    *ret_content = span_of(p, (size_t)n);
    *rest = span_from(*rest, (size_t)(p - rest->p) + (size_t)n);
    return true;
}

static bool der_is(struct span der, int tag, struct span *ret_content) {
    return der_take(&der, tag, ret_content) && der.n == 0;
}

/* SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) of the algorithm: the key inside its BIT STRING. */
static bool open_spki(struct span der, struct span oid, struct span *ret_key) {
    struct span outer, algorithm, id, bits, null_parameters;
    if (!der_is(der, V_ASN1_SEQUENCE, &outer) || !der_take(&outer, V_ASN1_SEQUENCE, &algorithm) ||
        !der_is(outer, V_ASN1_BIT_STRING, &bits))
        return false;
    if (!der_take(&algorithm, V_ASN1_OBJECT, &id) || !span_eq(id, oid))
        return false;
    if (algorithm.n && (!der_is(algorithm, V_ASN1_NULL, &null_parameters) || null_parameters.n))
        return false;
    if (bits.n < 2 || bits.p[0] != 0) /* a key is whole bytes */
        return false;
    *ret_key = span_from(bits, 1);
    return true;
}

/* RSAPublicKey (RFC 8017 §A.1.1) within our limits. */
static enum sd_err check_rsa(struct span der) {
    struct span outer, modulus, exponent;
    if (!der_is(der, V_ASN1_SEQUENCE, &outer) || !der_take(&outer, V_ASN1_INTEGER, &modulus) ||
        !der_is(outer, V_ASN1_INTEGER, &exponent))
        return SD_ERR_PARSE;
    return modulus.n > RSA_MAX_BITS / 8 + 1 || exponent.n > RSA_EXPONENT_MAX_BYTES ? SD_ERR_LIMIT : SD_OK;
}

static enum sd_err parse_rsa(struct span public_key, EVP_PKEY **ret) {
    struct span key = public_key;
    (void)open_spki(public_key, SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"),
                    &key); /* else bare: RFC 6376 errata allows both */
    enum sd_err err = check_rsa(key);
    if (err)
        return engine_refused(err);
    const unsigned char *p = key.p;
    EVP_PKEY *pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)key.n);
    if (!pkey)
        return engine_refused(SD_ERR_PARSE);
    *ret = pkey;
    return SD_OK;
}

static enum sd_err parse_ed25519(struct span public_key, EVP_PKEY **ret) {
    struct span key = public_key;
    if (public_key.n != ED25519_KEY_BYTES)
        (void)open_spki(public_key, SPAN("\x2b\x65\x70"), &key); /* RFC 8410 §3 */
    EVP_PKEY *pkey = key.n == ED25519_KEY_BYTES ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key.p, key.n) : NULL;
    if (!pkey)
        return engine_refused(SD_ERR_PARSE);
    *ret = pkey;
    return SD_OK;
}

enum sd_err verify_key_new(enum sign_algorithm algorithm, struct span public_key, struct verify_key **ret) {
    const struct engine *e;
    EVP_PKEY *pkey = NULL;
    enum sd_err err = engine_get(&e);
    if (!err)
        err = algorithm == SIGN_RSA_SHA256 ? parse_rsa(public_key, &pkey) : parse_ed25519(public_key, &pkey);
    if (err)
        return err;
    struct verify_key *key = calloc(1, sizeof *key);
    if (!key) {
        EVP_PKEY_free(pkey);
        return SD_ERR_NOMEM;
    }
    *key = (struct verify_key){algorithm, pkey, 1};
    *ret = key;
    return SD_OK;
}

struct verify_key *verify_key_hold(struct verify_key *key) {
    atomic_fetch_add_explicit(&key->holders, 1, memory_order_relaxed);
    return key;
}

void verify_key_free(struct verify_key **key) {
    if (!*key)
        return;
    if (atomic_fetch_sub_explicit(&(*key)->holders, 1, memory_order_acq_rel) == 1) {
        EVP_PKEY_free((*key)->pkey);
        free(*key);
    }
    *key = NULL;
}

unsigned verify_key_bits(const struct verify_key *key) {
    return key->algorithm == SIGN_ED25519 ? 256 : (unsigned)EVP_PKEY_get_bits(key->pkey);
}

enum sd_err verify_signature(const struct verify_key *key, struct span data, struct span signature) {
    const struct engine *e;
    enum sd_err err = engine_get(&e);
    if (err)
        return err;
    const EVP_MD *md = key->algorithm == SIGN_RSA_SHA256 ? e->sha256 : NULL;
    EVP_MD_CTX *ctx SD_CLEANUP(md_ctx_free) = EVP_MD_CTX_new();
    if (!ctx)
        return engine_failed();
    /* A modulus that cannot work (even, too small for the padding) fails in either call: no signature is good under it. */
    if (EVP_DigestVerifyInit(ctx, NULL, md, NULL, key->pkey) <= 0 ||
        EVP_DigestVerify(ctx, signature.p, signature.n, data.p, data.n) != 1)
        return engine_refused(SD_ERR_FORGED);
    return SD_OK;
}
