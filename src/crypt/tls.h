/*
 * tls.h - TLS for SMTP (OpenSSL). Blocking by deadline over a non-blocking socket. TLS 1.2 is the floor; compression and
 * renegotiation off; SSL_MODE_RELEASE_BUFFERS so that an idle session costs little. A context is shared; a session belongs to
 * one thread. OpenSSL writes with write(2): the process ignores SIGPIPE.
 *
 * SD_ERR_CLOSED: the peer went away without close_notify, so what it sent may be cut short; SD_ERR_PROTOCOL: its TLS is wrong
 * or shares no version or cipher with ours; SD_ERR_TIMEOUT. After any error the session can only be freed.
 */
#ifndef SD_CRYPT_TLS_H
#define SD_CRYPT_TLS_H

#include "core/clock.h"

struct tls_context; /* shared by all sessions of a process; thread-safe */
struct tls_session;

struct tls_facts {
    struct span version;         /* "TLSv1.3" */
    struct span cipher;          /* "TLS_AES_256_GCM_SHA384" */
    bool peer_certificate_valid; /* client side: chain and host name verified */
};

/* Certificate chain and key in PEM, already read from their files (before confinement). */
enum sd_err tls_server_context(struct span certificate_pem, struct span key_pem, struct tls_context **ret) SD_MUST_CHECK;
/* Opportunistic client: any certificate is taken and what verification said is in tls_facts (RFC 7435). ca_pem: trust anchors
 * to judge by, may be empty. */
enum sd_err tls_client_context(struct span ca_pem, struct tls_context **ret) SD_MUST_CHECK;
void tls_context_free(struct tls_context **context);

/* Handshakes on fd (set non-blocking by the caller). host: SNI and the name to verify, client only. */
enum sd_err tls_accept(struct tls_context *context, int fd, struct deadline deadline, struct tls_session **ret) SD_MUST_CHECK;
enum sd_err tls_connect(struct tls_context *context, int fd, struct span host, struct deadline deadline,
                        struct tls_session **ret) SD_MUST_CHECK;
struct tls_facts tls_session_facts(const struct tls_session *session);
/* At least one byte; *ret_n = 0 is an orderly end. */
enum sd_err tls_read(struct tls_session *session, void *p, size_t n, struct deadline deadline, size_t *ret_n) SD_MUST_CHECK;
enum sd_err tls_write(struct tls_session *session, struct span bytes, struct deadline deadline) SD_MUST_CHECK; /* all of it */
bool tls_pending(const struct tls_session *session);                          /* decrypted bytes wait */
void tls_free(struct tls_session **session, struct deadline close_notify_by); /* sends close_notify; does not close fd */

/* A P-256 key and a certificate for this host name that it signs itself, valid for 30 days; appended as PEM. Demo and tests. */
enum sd_err tls_self_signed(struct span host, struct buf *certificate_pem, struct buf *key_pem) SD_MUST_CHECK;

#endif
