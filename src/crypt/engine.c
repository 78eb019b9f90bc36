#include "crypt/engine.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <pthread.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct engine engine;
static bool complete;

static EVP_MAC_CTX *hmac_template(EVP_MAC *hmac, char *digest) {
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    if (ctx && !EVP_MAC_CTX_set_params(ctx, params)) {
        EVP_MAC_CTX_free(ctx);
        ctx = NULL;
    }
    return ctx;
}

/* No configuration file: what is used is decided here and not by the host, and nothing is read from a confined process. */
static void fetch_all(void) {
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    char sha256[] = "SHA256";
    char sha1[] = "SHA1";
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    engine = (struct engine){
        .sha256 = EVP_MD_fetch(NULL, "SHA256", NULL),
        .sha1 = EVP_MD_fetch(NULL, "SHA1", NULL),
        .aes256gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL),
        .hmac_sha256 = hmac_template(hmac, sha256),
        .hmac_sha1 = hmac_template(hmac, sha1),
    };
    EVP_MAC_free(hmac); /* the templates hold it */
    complete = engine.sha256 && engine.sha1 && engine.aes256gcm && engine.hmac_sha256 && engine.hmac_sha1;
}

enum sd_err engine_get(const struct engine **ret) {
    (void)pthread_once(&once, fetch_all);
    if (!complete)
        return engine_failed();
    *ret = &engine;
    return SD_OK;
}

enum sd_err engine_failed(void) {
    bool no_memory = ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
    return engine_refused(no_memory ? SD_ERR_NOMEM : SD_ERR_BUG);
}

enum sd_err engine_refused(enum sd_err err) {
    ERR_clear_error();
    return err;
}

void key32_wipe(struct key32 *key) {
    explicit_bzero(key, sizeof *key);
}

struct span key32_span(const struct key32 *key) {
    return span_of(key->b, sizeof key->b);
}

void md_ctx_free(EVP_MD_CTX **ctx) {
    EVP_MD_CTX_free(*ctx);
    *ctx = NULL;
}

void pkey_free(EVP_PKEY **pkey) {
    EVP_PKEY_free(*pkey);
    *pkey = NULL;
}

void pkey_ctx_free(EVP_PKEY_CTX **ctx) {
    EVP_PKEY_CTX_free(*ctx);
    *ctx = NULL;
}

/* One of each, so that providers and the random generator are loaded too. */
enum sd_err crypt_start(void) {
    struct secret private_key SD_CLEANUP(secret_free) = {0};
    uint8_t public_key[KEY_BYTES];
    struct sha256 digest;
    enum sd_err err = crypt_hmac_sha256(SPAN("start"), SPAN("start"), &digest);
    return err ? err : hpke_keypair(&private_key, public_key);
}
