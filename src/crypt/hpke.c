#include "crypt/hpke_parts.h"
#include "crypt/kdf.h"

#include <stdlib.h>
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

/* Layout of what is sealed: enc (32), sequence number (u32, little endian), ciphertext and tag. */
#define SEQUENCE_BYTES 4

struct hpke_sender {
    uint8_t enc[KEY_BYTES];
    struct hpke_keys keys;
    uint32_t next;
};

/* RFC 9180 §5.2 ComputeNonce */
static void nonce_of(const struct hpke_keys *keys, uint32_t sequence, uint8_t ret[GCM_NONCE_BYTES]) {
    memcpy(ret, keys->nonce, GCM_NONCE_BYTES);
    for (size_t i = 0; i < SEQUENCE_BYTES; i++)
        ret[GCM_NONCE_BYTES - 1 - i] ^= (uint8_t)(sequence >> (8 * i));
}

static enum sd_err sender_start(EVP_PKEY *ephemeral, const uint8_t public_key[KEY_BYTES], struct span info,
                                struct hpke_sender *sender) {
    enum sd_err err = public_of(ephemeral, sender->enc);
    return err ? err : keys_for(ephemeral, public_key, sender->enc, public_key, info, &sender->keys);
}

enum sd_err hpke_sender_new(const uint8_t public_key[KEY_BYTES], struct span info, struct hpke_sender **ret) {
    const struct engine *e;
    enum sd_err err = engine_get(&e);
    if (err)
        return err;
    EVP_PKEY *ephemeral SD_CLEANUP(pkey_free) = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    struct hpke_sender *sender = calloc(1, sizeof *sender);
    if (!ephemeral || !sender)
        err = sender ? engine_failed() : SD_ERR_NOMEM;
    else
        err = sender_start(ephemeral, public_key, info, sender);
    if (err)
        hpke_sender_free(&sender);
    else
        *ret = sender;
    return err;
}

void hpke_sender_free(struct hpke_sender **sender) {
    if (*sender)
        explicit_bzero(*sender, sizeof **sender);
    free(*sender);
    *sender = NULL;
}

uint32_t hpke_sender_count(const struct hpke_sender *sender) {
    return sender->next;
}

enum sd_err hpke_sender_seal(struct hpke_sender *sender, struct span aad, struct span plain, struct buf *to) {
    uint8_t nonce[GCM_NONCE_BYTES];
    size_t before = to->n;
    if (sender->next == UINT32_MAX)
        return SD_ERR_LIMIT;
    nonce_of(&sender->keys, sender->next, nonce);
    buf_put(to, span_of(sender->enc, KEY_BYTES));
    buf_u32(to, sender->next);
    sender->next++; /* also when it fails: a nonce is never used twice */
    enum sd_err err = buf_err(to);
    if (!err)
        err = crypt_gcm_seal(span_of(sender->keys.key, KEY_BYTES), nonce, aad, plain, to);
    if (err)
        to->n = before;
    return err;
}

enum sd_err hpke_seal_with(EVP_PKEY *ephemeral, const uint8_t public_key[KEY_BYTES], struct span info, struct span aad,
                           struct span plain, struct buf *to) {
    struct hpke_sender sender = {0};
    enum sd_err err = sender_start(ephemeral, public_key, info, &sender);
    if (!err)
        err = hpke_sender_seal(&sender, aad, plain, to);
    explicit_bzero(&sender, sizeof sender);
    return err;
}

enum sd_err hpke_seal(const uint8_t public_key[KEY_BYTES], struct span info, struct span aad, struct span plain,
                      struct buf *to) {
    struct hpke_sender *sender SD_CLEANUP(hpke_sender_free) = NULL;
    enum sd_err err = hpke_sender_new(public_key, info, &sender);
    return err ? err : hpke_sender_seal(sender, aad, plain, to);
}

/* ---- the receiver ---- */

#define REMEMBERED 8 /* senders whose records come mixed: edges of before and after a restart, old and new contexts */

struct hpke_receiver {
    EVP_PKEY *own;
    uint8_t public_key[KEY_BYTES];
    uint8_t info[64];
    size_t info_n;
    size_t next; /* the oldest, to be replaced */
    struct {
        bool used;
        uint8_t enc[KEY_BYTES];
        struct hpke_keys keys;
    } known[REMEMBERED];
};

enum sd_err hpke_receiver_new(const struct secret *private_key, struct span info, struct hpke_receiver **ret) {
    const struct engine *e;
    if (private_key->n != KEY_BYTES || info.n > sizeof((struct hpke_receiver *)0)->info)
        return SD_ERR_BUG;
    enum sd_err err = engine_get(&e);
    if (err)
        return err;
    struct hpke_receiver *r = calloc(1, sizeof *r);
    if (!r)
        return SD_ERR_NOMEM;
    r->own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key->p, KEY_BYTES);
    err = r->own ? public_of(r->own, r->public_key) : engine_failed();
    if (info.n)
        memcpy(r->info, info.p, info.n);
    r->info_n = info.n;
    if (err)
        hpke_receiver_free(&r);
    else
        *ret = r;
    return err;
}

void hpke_receiver_free(struct hpke_receiver **receiver) {
    if (!*receiver)
        return;
    EVP_PKEY_free((*receiver)->own);
    explicit_bzero(*receiver, sizeof **receiver);
    free(*receiver);
    *receiver = NULL;
}

/* The keys of this encapsulation: remembered, or made now into *made. Remembered only once a record opened with them, so that
 * garbage drives nothing out. */
static enum sd_err receiver_keys(struct hpke_receiver *r, const uint8_t *enc, struct hpke_keys *made, bool *ret_known) {
    for (size_t i = 0; i < REMEMBERED; i++)
        if (r->known[i].used && memcmp(r->known[i].enc, enc, KEY_BYTES) == 0) {
            *made = r->known[i].keys;
            *ret_known = true;
            return SD_OK;
        }
    *ret_known = false;
    return keys_for(r->own, enc, enc, r->public_key, span_of(r->info, r->info_n), made);
}

static void remember(struct hpke_receiver *r, const uint8_t *enc, const struct hpke_keys *keys) {
    r->known[r->next].used = true;
    memcpy(r->known[r->next].enc, enc, KEY_BYTES);
    r->known[r->next].keys = *keys;
    r->next = (r->next + 1) % REMEMBERED;
}

enum sd_err hpke_receiver_open(struct hpke_receiver *receiver, struct span aad, struct span sealed, struct buf *to) {
    struct hpke_keys keys SD_CLEANUP(hpke_keys_wipe) = {0};
    uint8_t nonce[GCM_NONCE_BYTES];
    bool known = false;
    if (sealed.n < KEY_BYTES + SEQUENCE_BYTES + GCM_TAG_BYTES)
        return SD_ERR_FORGED;
    enum sd_err err = receiver_keys(receiver, sealed.p, &keys, &known);
    if (err)
        return err == SD_ERR_PARSE ? SD_ERR_FORGED : err;
    struct reader r = reader_of(span_from(sealed, KEY_BYTES));
    nonce_of(&keys, read_u32(&r), nonce);
    err = crypt_gcm_open(span_of(keys.key, KEY_BYTES), nonce, aad, r.rest, to);
    if (!err && !known)
        remember(receiver, sealed.p, &keys);
    return err;
}

enum sd_err hpke_open(const struct secret *private_key, struct span info, struct span aad, struct span sealed, struct buf *to) {
    struct hpke_receiver *receiver SD_CLEANUP(hpke_receiver_free) = NULL;
    enum sd_err err = hpke_receiver_new(private_key, info, &receiver);
    return err ? err : hpke_receiver_open(receiver, aad, sealed, to);
}
