#include "crypt/tls.h"
#include "core/limits.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* Senders without forward secrecy have been gone for years; receivers without it still beat plain text (RFC 7435 §3). */
#define SERVER_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!eNULL:@SECLEVEL=1"
#define CLIENT_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:ECDHE+AES:DHE+AES:RSA+AES:!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=1"
#define VERIFY_SECURITY_LEVEL 2 /* chains under 112 bits (RSA-1024, SHA-1) are taken, and not called valid */

struct tls_context {
    SSL_CTX *ctx;
};

struct tls_session {
    SSL *ssl;
    int fd;
    bool broken; /* after a fatal error SSL_shutdown must not be called */
    bool peer_certificate_valid;
};

static void ssl_ctx_free(SSL_CTX **ctx) {
    SSL_CTX_free(*ctx);
    *ctx = NULL;
}

static void bio_free(BIO **bio) {
    (void)BIO_free(*bio);
    *bio = NULL;
}

static void x509_free(X509 **x509) {
    X509_free(*x509);
    *x509 = NULL;
}

static void evp_pkey_free(EVP_PKEY **pkey) {
    EVP_PKEY_free(*pkey);
    *pkey = NULL;
}

static enum sd_err refused(enum sd_err err) {
    ERR_clear_error();
    return err;
}

static SSL_CTX *new_ctx(const SSL_METHOD *method, const char *ciphers) {
    (void)OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL); /* what is negotiated is decided here, not by the host */
    SSL_CTX *ctx SD_CLEANUP(ssl_ctx_free) = SSL_CTX_new(method);
    if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) || !SSL_CTX_set_cipher_list(ctx, ciphers))
        return NULL;
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX *done = ctx;
    ctx = NULL;
    return done;
}

static enum sd_err wrap_ctx(SSL_CTX **ctx, struct tls_context **ret) {
    struct tls_context *context = malloc(sizeof *context);
    if (!context)
        return SD_ERR_NOMEM;
    context->ctx = *ctx;
    *ctx = NULL;
    *ret = context;
    return SD_OK;
}

/* Never asks on a terminal: an encrypted key file is a mistake of configuration. */
static int no_password(char *buf, int size, int writing, void *arg) {
    (void)buf, (void)size, (void)writing, (void)arg;
    return -1;
}

static BIO *pem_reader(struct span pem) {
    return pem.n && pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
}

/* True when reading stopped because no further PEM block is there, not in the midst of one. */
static bool at_pem_end(void) {
    unsigned long error = ERR_peek_last_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

static bool use_chain(SSL_CTX *ctx, struct span pem) {
    BIO *bio SD_CLEANUP(bio_free) = pem_reader(pem);
    X509 *leaf SD_CLEANUP(x509_free) = bio ? PEM_read_bio_X509_AUX(bio, NULL, no_password, NULL) : NULL;
    if (!leaf || !SSL_CTX_use_certificate(ctx, leaf))
        return false;
    ERR_clear_error();
    for (X509 *next; (next = PEM_read_bio_X509(bio, NULL, no_password, NULL));)
        if (!SSL_CTX_add0_chain_cert(ctx, next)) {
            X509_free(next);
            return false;
        }
    return at_pem_end();
}

static bool use_key(SSL_CTX *ctx, struct span pem) {
    BIO *bio SD_CLEANUP(bio_free) = pem_reader(pem);
    EVP_PKEY *key SD_CLEANUP(evp_pkey_free) = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    return key && SSL_CTX_use_PrivateKey(ctx, key) && SSL_CTX_check_private_key(ctx);
}

enum sd_err tls_server_context(struct span certificate_pem, struct span key_pem, struct tls_context **ret) {
    SSL_CTX *ctx SD_CLEANUP(ssl_ctx_free) = new_ctx(TLS_server_method(), SERVER_CIPHERS);
    if (!ctx)
        return refused(SD_ERR_BUG);
    if (!use_chain(ctx, certificate_pem) || !use_key(ctx, key_pem))
        return refused(SD_ERR_CONFIG);
    ERR_clear_error();
    return wrap_ctx(&ctx, ret);
}

static bool trust(SSL_CTX *ctx, struct span pem) {
    BIO *bio SD_CLEANUP(bio_free) = pem_reader(pem);
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    if (!bio)
        return false;
    ERR_clear_error();
    for (size_t anchors = 0;; anchors++) {
        X509 *anchor SD_CLEANUP(x509_free) = PEM_read_bio_X509(bio, NULL, no_password, NULL);
        if (!anchor)
            return anchors > 0 && at_pem_end();
        if (!X509_STORE_add_cert(store, anchor))
            return false;
    }
}

enum sd_err tls_client_context(struct span ca_pem, struct tls_context **ret) {
    SSL_CTX *ctx SD_CLEANUP(ssl_ctx_free) = new_ctx(TLS_client_method(), CLIENT_CIPHERS);
    if (!ctx)
        return refused(SD_ERR_BUG);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL); /* verified all the same; the result is recorded */
    X509_VERIFY_PARAM_set_auth_level(SSL_CTX_get0_param(ctx), VERIFY_SECURITY_LEVEL);
    if (ca_pem.n && !trust(ctx, ca_pem))
        return refused(SD_ERR_CONFIG);
    ERR_clear_error();
    return wrap_ctx(&ctx, ret);
}

void tls_context_free(struct tls_context **context) {
    if (!*context)
        return;
    SSL_CTX_free((*context)->ctx); /* sessions keep their own reference */
    free(*context);
    *context = NULL;
}

/* Why result <= 0 came back, or SD_OK when the call is to be tried again because the socket became ready. */
static enum sd_err wait_or_fail(struct tls_session *s, int result, struct deadline deadline) {
    int saved_errno = errno;
    int why = SSL_get_error(s->ssl, result);
    enum sd_err err = SD_ERR_PROTOCOL;
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
        /* A peer that drips always has a byte ready: time is checked apart from readiness. */
        err = deadline_passed(deadline) ? SD_ERR_TIMEOUT
                                        : wait_fd(s->fd, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline);
    } else if (why == SSL_ERROR_ZERO_RETURN) {
        err = SD_ERR_CLOSED;
    } else if (why == SSL_ERROR_SYSCALL) {
        err = saved_errno ? sd_err_from_errno(saved_errno) : SD_ERR_CLOSED;
    } else if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        err = SD_ERR_CLOSED;
    }
    s->broken = s->broken || err != SD_OK;
    return err ? refused(err) : SD_OK;
}

static enum sd_err handshake(struct tls_session *s, struct deadline deadline) {
    for (;;) {
        ERR_clear_error();
        errno = 0;
        int result = SSL_do_handshake(s->ssl);
        if (result == 1)
            return SD_OK;
        enum sd_err err = wait_or_fail(s, result, deadline);
        if (err)
            return err;
    }
}

static void session_free(struct tls_session **session) {
    if (!*session)
        return;
    SSL_free((*session)->ssl);
    free(*session);
    *session = NULL;
}

static struct tls_session *session_new(const struct tls_context *context, int fd) {
    struct tls_session *s SD_CLEANUP(session_free) = calloc(1, sizeof *s);
    if (!s || !(s->ssl = SSL_new(context->ctx)) || !SSL_set_fd(s->ssl, fd))
        return NULL;
    s->fd = fd;
    struct tls_session *done = s;
    s = NULL;
    return done;
}

enum sd_err tls_accept(struct tls_context *context, int fd, struct deadline deadline, struct tls_session **ret) {
    struct tls_session *s SD_CLEANUP(session_free) = session_new(context, fd);
    if (!s)
        return refused(SD_ERR_NOMEM);
    SSL_set_accept_state(s->ssl);
    enum sd_err err = handshake(s, deadline);
    if (err)
        return err;
    *ret = s;
    s = NULL;
    return SD_OK;
}

/* The name to verify, and SNI unless it is an address (RFC 6066 §3). False: it is no name, so nothing can be valid for it. */
static bool set_host(SSL *ssl, struct span host) {
    char name[LIMIT_DOMAIN_BYTES + 1];
    if (span_ends(host, SPAN(".")))
        host.n--;
    if (host.n == 0 || host.n >= sizeof name || !span_is_ascii(host))
        return false;
    memcpy(name, host.p, host.n);
    name[host.n] = 0;
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, name))
        return true;
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, name, host.n) && SSL_set_tlsext_host_name(ssl, name);
}

enum sd_err tls_connect(struct tls_context *context, int fd, struct span host, struct deadline deadline,
                        struct tls_session **ret) {
    struct tls_session *s SD_CLEANUP(session_free) = session_new(context, fd);
    if (!s)
        return refused(SD_ERR_NOMEM);
    bool named = set_host(s->ssl, host);
    SSL_set_connect_state(s->ssl);
    enum sd_err err = handshake(s, deadline);
    if (err)
        return err;
    /* X509_V_OK is also what a session without a certificate has. */
    s->peer_certificate_valid = named && SSL_get0_peer_certificate(s->ssl) != NULL &&
                                SSL_get_verify_result(s->ssl) == X509_V_OK;
    *ret = s;
    s = NULL;
    return SD_OK;
}

struct tls_facts tls_session_facts(const struct tls_session *session) {
    return (struct tls_facts){
        .version = span_cstr(SSL_get_version(session->ssl)),
        .cipher = span_cstr(SSL_get_cipher_name(session->ssl)),
        .peer_certificate_valid = session->peer_certificate_valid,
    };
}

enum sd_err tls_read(struct tls_session *session, void *p, size_t n, struct deadline deadline, size_t *ret_n) {
    if (session->broken || n == 0)
        return SD_ERR_BUG;
    for (;;) {
        size_t got = 0;
        ERR_clear_error();
        errno = 0;
        int result = SSL_read_ex(session->ssl, p, n, &got);
        if (result <= 0 && SSL_get_error(session->ssl, result) == SSL_ERROR_ZERO_RETURN)
            got = 0;
        else if (result <= 0) {
            enum sd_err err = wait_or_fail(session, result, deadline);
            if (err)
                return err;
            continue;
        }
        *ret_n = got;
        return SD_OK;
    }
}

enum sd_err tls_write(struct tls_session *session, struct span bytes, struct deadline deadline) {
    if (session->broken)
        return SD_ERR_BUG;
    while (bytes.n) {
        size_t put = 0;
        ERR_clear_error();
        errno = 0;
        int result = SSL_write_ex(session->ssl, bytes.p, bytes.n, &put);
        enum sd_err err = result > 0 ? SD_OK : wait_or_fail(session, result, deadline);
        if (err)
            return err;
        bytes = span_from(bytes, put);
    }
    return SD_OK;
}

bool tls_pending(const struct tls_session *session) {
    return SSL_pending(session->ssl) > 0;
}

void tls_free(struct tls_session **session, struct deadline close_notify_by) {
    struct tls_session *s = *session;
    if (!s)
        return;
    for (enum sd_err err = SD_OK; !s->broken && !err;) {
        ERR_clear_error();
        errno = 0;
        int result = SSL_shutdown(s->ssl); /* 0: ours is sent; the peer's is not waited for */
        if (result >= 0)
            break;
        err = wait_or_fail(s, result, close_notify_by);
    }
    ERR_clear_error();
    session_free(session);
}
