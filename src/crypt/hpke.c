#include "crypt/hpke_parts.h"
#include "crypt/kdf.h"

#include <string.h>

static const uint8_t kem_suite[] = {'K', 'E', 'M', 0x00, 0x20}; /* DHKEM(X25519, HKDF-SHA256), RFC 9180 §7.1 */

void hpke_keys_wipe(struct hpke_keys *keys) {
    explicit_bzero(keys, sizeof *keys);
}

/* RFC 9180 §4 LabeledExtract */
static enum sd_err labeled_extract(struct span suite, struct span salt, struct span label, struct span key, struct key32 *ret) {
    return kdf_extract(salt, &(struct parts){{SPAN("HPKE-v1"), suite, label, key}, 4}, ret);
}

/* RFC 9180 §4 LabeledExpand; context in one or two pieces */
static enum sd_err labeled_expand(struct span suite, const struct key32 *prk, struct span label, struct span context,
                                  struct span context2, uint8_t *to, size_t n) {
    const uint8_t length[2] = {(uint8_t)(n >> 8), (uint8_t)n};
    const struct parts info = {{span_of(length, 2), SPAN("HPKE-v1"), suite, label, context, context2}, 6};
    return kdf_expand(prk, &info, to, n);
}

enum sd_err hpke_dh(EVP_PKEY *private_key, const uint8_t public_key[KEY_BYTES], struct key32 *ret) {
    size_t n = KEY_BYTES;
    struct key32 dh SD_CLEANUP(key32_wipe) = {0};
    EVP_PKEY *peer SD_CLEANUP(pkey_free) = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public_key, KEY_BYTES);
    EVP_PKEY_CTX *ctx SD_CLEANUP(pkey_ctx_free) = EVP_PKEY_CTX_new(private_key, NULL);
    if (!peer || !ctx || EVP_PKEY_derive_init(ctx) <= 0 || EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) <= 0)
        return engine_failed();
    if (EVP_PKEY_derive(ctx, dh.b, &n) <= 0 || n != KEY_BYTES)
        return engine_refused(SD_ERR_PARSE); /* X25519 fails only by an all-zero result */
    *ret = dh;
    return SD_OK;
}

enum sd_err hpke_shared_secret(const struct key32 *dh, const uint8_t enc[KEY_BYTES], const uint8_t public_key[KEY_BYTES],
                               struct key32 *ret) {
    struct key32 prk SD_CLEANUP(key32_wipe) = {0};
    struct span suite = span_of(kem_suite, sizeof kem_suite);
    enum sd_err err = labeled_extract(suite, SPAN_NONE, SPAN("eae_prk"), key32_span(dh), &prk);
    if (err)
        return err;
    return labeled_expand(suite, &prk, SPAN("shared_secret"), span_of(enc, KEY_BYTES), span_of(public_key, KEY_BYTES), ret->b,
                          KEY_BYTES);
}

enum sd_err hpke_key_schedule(enum hpke_aead aead, const struct key32 *shared, struct span info, struct hpke_keys *ret) {
    const uint8_t suite_bytes[] = {'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, (uint8_t)aead};
    struct span suite = span_of(suite_bytes, sizeof suite_bytes);
    struct {
        uint8_t mode; /* base */
        struct key32 psk_id_hash;
        struct key32 info_hash;
    } context = {0};
    struct key32 secret SD_CLEANUP(key32_wipe) = {0};
    struct span context_bytes = span_of(&context, sizeof context);
    enum sd_err err = labeled_extract(suite, SPAN_NONE, SPAN("psk_id_hash"), SPAN_NONE, &context.psk_id_hash);
    if (!err)
        err = labeled_extract(suite, SPAN_NONE, SPAN("info_hash"), info, &context.info_hash);
    if (!err)
        err = labeled_extract(suite, key32_span(shared), SPAN("secret"), SPAN_NONE, &secret);
    if (!err)
        err = labeled_expand(suite, &secret, SPAN("key"), context_bytes, SPAN_NONE, ret->key,
                             aead == HPKE_AES128GCM ? 16 : KEY_BYTES);
    if (!err)
        err = labeled_expand(suite, &secret, SPAN("base_nonce"), context_bytes, SPAN_NONE, ret->nonce, GCM_NONCE_BYTES);
    return err;
}

static enum sd_err keys_for(EVP_PKEY *own, const uint8_t *peer, const uint8_t *enc, const uint8_t *public_key, struct span info,
                            struct hpke_keys *ret) {
    struct key32 dh SD_CLEANUP(key32_wipe) = {0};
    struct key32 shared SD_CLEANUP(key32_wipe) = {0};
    enum sd_err err = hpke_dh(own, peer, &dh);
    if (!err)
        err = hpke_shared_secret(&dh, enc, public_key, &shared);
    return err ? err : hpke_key_schedule(HPKE_AES256GCM, &shared, info, ret);
}

static enum sd_err public_of(const EVP_PKEY *pkey, uint8_t ret[KEY_BYTES]) {
    size_t n = KEY_BYTES;
    return EVP_PKEY_get_raw_public_key(pkey, ret, &n) && n == KEY_BYTES ? SD_OK : engine_failed();
}

enum sd_err hpke_keypair(struct secret *ret_private, uint8_t ret_public[KEY_BYTES]) {
    struct secret private_key SD_CLEANUP(secret_free) = {0};
    size_t n = KEY_BYTES;
    enum sd_err err = secret_new(KEY_BYTES, &private_key);
    if (err)
        return err;
    EVP_PKEY *pkey SD_CLEANUP(pkey_free) = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    if (!pkey || !EVP_PKEY_get_raw_private_key(pkey, private_key.p, &n) || n != KEY_BYTES)
        return engine_failed();
    err = public_of(pkey, ret_public);
    if (!err)
        *ret_private = secret_take(&private_key);
    return err;
}

enum sd_err hpke_seal_with(EVP_PKEY *ephemeral, const uint8_t public_key[KEY_BYTES], struct span info, struct span aad,
                           struct span plain, struct buf *to) {
    uint8_t enc[KEY_BYTES];
    struct hpke_keys keys SD_CLEANUP(hpke_keys_wipe) = {0};
    enum sd_err err = public_of(ephemeral, enc);
    if (!err)
        err = keys_for(ephemeral, public_key, enc, public_key, info, &keys);
    if (err)
        return err;
    size_t before = to->n;
    buf_put(to, span_of(enc, sizeof enc));
    err = buf_err(to);
    if (!err)
        err = crypt_gcm_seal(span_of(keys.key, KEY_BYTES), keys.nonce, aad, plain, to);
    if (err)
        to->n = before;
    return err;
}

enum sd_err hpke_seal(const uint8_t public_key[KEY_BYTES], struct span info, struct span aad, struct span plain,
                      struct buf *to) {
    const struct engine *e;
    enum sd_err err = engine_get(&e);
    if (err)
        return err;
    EVP_PKEY *ephemeral SD_CLEANUP(pkey_free) = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    return ephemeral ? hpke_seal_with(ephemeral, public_key, info, aad, plain, to) : engine_failed();
}

enum sd_err hpke_open(const struct secret *private_key, struct span info, struct span aad, struct span sealed, struct buf *to) {
    uint8_t public_key[KEY_BYTES];
    struct hpke_keys keys SD_CLEANUP(hpke_keys_wipe) = {0};
    const struct engine *e;
    if (private_key->n != KEY_BYTES)
        return SD_ERR_BUG;
    if (sealed.n < KEY_BYTES + GCM_TAG_BYTES)
        return SD_ERR_FORGED;
    enum sd_err err = engine_get(&e);
    if (err)
        return err;
    EVP_PKEY *own SD_CLEANUP(pkey_free) = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key->p, KEY_BYTES);
    if (!own)
        return engine_failed();
    err = public_of(own, public_key);
    if (!err)
        err = keys_for(own, sealed.p, sealed.p, public_key, info, &keys);
    if (err)
        return err == SD_ERR_PARSE ? SD_ERR_FORGED : err;
    return crypt_gcm_open(span_of(keys.key, KEY_BYTES), keys.nonce, aad, span_from(sealed, KEY_BYTES), to);
}
