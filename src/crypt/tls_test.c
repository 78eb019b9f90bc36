#include "crypt/test_pki.h"
#include "crypt/tls.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "mx.example.test"
#define SOON deadline_in_ms(10000)

static struct identity root, middle, leaf, expired;
static struct tls_context *server;   /* leaf and middle */
static struct tls_context *trusting; /* a client that trusts root */

static void chain_of(const struct identity *first, const struct identity *second, struct buf *to) {
    buf_put(to, buf_span(&first->certificate_pem));
    buf_put(to, buf_span(&second->certificate_pem));
}

static int set_up(void **state) {
    (void)state;
    struct buf chain SD_CLEANUP(buf_free) = buf_new(65536);
    (void)signal(SIGPIPE, SIG_IGN);
    root = identity_new("root", NULL, NULL, 10);
    middle = identity_new("middle", &root, NULL, 10);
    leaf = identity_new("leaf", &middle, HOST, 10);
    expired = identity_new("expired", &middle, HOST, 0);
    chain_of(&leaf, &middle, &chain);
    return tls_server_context(buf_span(&chain), buf_span(&leaf.key_pem), &server) ||
           tls_client_context(buf_span(&root.certificate_pem), &trusting);
}

static int tear_down(void **state) {
    (void)state;
    tls_context_free(&server);
    tls_context_free(&trusting);
    identity_free(&root);
    identity_free(&middle);
    identity_free(&leaf);
    identity_free(&expired);
    return 0;
}

/* The other end of a socket pair, in a thread: a server that does what `talk` says. */
struct peer {
    pthread_t thread;
    int fd;  /* the peer's */
    int own; /* the test's */
    struct tls_context *context;
    enum sd_err (*talk)(struct tls_session *session, int fd);
    enum sd_err err;
};

static void *serve(void *arg) {
    struct peer *p = arg;
    struct tls_session *session = NULL;
    p->err = tls_accept(p->context, p->fd, SOON, &session);
    if (!p->err && p->talk)
        p->err = p->talk(session, p->fd);
    tls_free(&session, SOON);
    (void)close(p->fd);
    return ERR_peek_error() ? p : NULL; /* nothing may be left in the queue */
}

static void pair(int fds[2]) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

static void peer_start(struct peer *p, struct tls_context *context, enum sd_err (*talk)(struct tls_session *, int)) {
    int fds[2];
    pair(fds);
    *p = (struct peer){.fd = fds[0], .own = fds[1], .context = context, .talk = talk};
    assert_int_equal(pthread_create(&p->thread, NULL, serve, p), 0);
}

static enum sd_err peer_end(struct peer *p) {
    void *left = NULL;
    (void)close(p->own);
    assert_int_equal(pthread_join(p->thread, &left), 0);
    assert_null(left);
    return p->err;
}

/* Sends back what comes, until the orderly end. */
static enum sd_err echo(struct tls_session *session, int fd) {
    (void)fd;
    for (;;) {
        uint8_t bytes[5000];
        size_t n = 0;
        enum sd_err err = tls_read(session, bytes, sizeof bytes, SOON, &n);
        if (!err && n)
            err = tls_write(session, span_of(bytes, n), SOON);
        if (err || n == 0)
            return err;
    }
}

static enum sd_err goodbye(struct tls_session *session, int fd) {
    (void)fd;
    return tls_write(session, SPAN("bye"), SOON);
}

static enum sd_err hang_up(struct tls_session *session, int fd) {
    enum sd_err err = tls_write(session, SPAN("bye"), SOON);
    (void)shutdown(fd, SHUT_RDWR); /* without close_notify */
    return err;
}

static void read_exactly(struct tls_session *session, uint8_t *to, size_t n) {
    while (n) {
        size_t got = 0;
        assert_int_equal(tls_read(session, to, n, SOON, &got), SD_OK);
        assert_true(got > 0);
        to += got;
        n -= got;
    }
}

static void talks_both_ways(void **state) {
    (void)state;
    struct peer p;
    struct tls_session *session = NULL;
    uint8_t back[3000];
    peer_start(&p, server, echo);
    assert_int_equal(tls_connect(trusting, p.own, SPAN(HOST), SOON, &session), SD_OK);
    struct tls_facts facts = tls_session_facts(session);
    assert_true(span_eq(facts.version, SPAN("TLSv1.3")));
    assert_true(span_starts(facts.cipher, SPAN("TLS_")));
    assert_true(facts.peer_certificate_valid);
    for (unsigned i = 0; i < 2000; i++) { /* far more than the socket's and TLS's buffers hold */
        uint8_t line[3000];
        memset(line, (int)(i & 0xff), sizeof line);
        assert_int_equal(tls_write(session, span_of(line, sizeof line), SOON), SD_OK);
        read_exactly(session, back, sizeof back);
        assert_memory_equal(back, line, sizeof line);
    }
    assert_int_equal(tls_write(session, SPAN("ab"), SOON), SD_OK);
    read_exactly(session, back, 1);
    assert_true(tls_pending(session));
    read_exactly(session, back, 1);
    assert_false(tls_pending(session));
    tls_free(&session, SOON);
    assert_null(session);
    assert_int_equal(peer_end(&p), SD_OK); /* it saw close_notify as the orderly end */
}

static enum sd_err take_a_megabyte(struct tls_session *session, int fd) {
    (void)fd;
    size_t total = 0;
    for (size_t n = 1; n; total += n) {
        uint8_t bytes[16384];
        enum sd_err err = tls_read(session, bytes, sizeof bytes, SOON, &n);
        if (err)
            return err;
    }
    return total == 1 << 20 ? SD_OK : SD_ERR_BUG;
}

static void writes_all_of_it(void **state) {
    (void)state;
    struct peer p;
    struct tls_session *session = NULL;
    struct buf much SD_CLEANUP(buf_free) = buf_new(1 << 20);
    buf_fill(&much, 'x', 1 << 20);
    peer_start(&p, server, take_a_megabyte);
    assert_int_equal(tls_connect(trusting, p.own, SPAN(HOST), SOON, &session), SD_OK);
    assert_int_equal(tls_write(session, buf_span(&much), SOON), SD_OK);
    tls_free(&session, SOON);
    assert_int_equal(peer_end(&p), SD_OK);
}

static bool valid(struct tls_context *server_context, struct tls_context *client, struct span host) {
    struct peer p;
    struct tls_session *session = NULL;
    peer_start(&p, server_context, NULL);
    assert_int_equal(tls_connect(client, p.own, host, SOON, &session), SD_OK); /* any certificate is taken */
    bool is_valid = tls_session_facts(session).peer_certificate_valid;
    tls_free(&session, SOON);
    assert_int_equal(peer_end(&p), SD_OK);
    return is_valid;
}

static void says_whether_the_certificate_is_valid(void **state) {
    (void)state;
    struct tls_context *no_anchors SD_CLEANUP(tls_context_free) = NULL;
    struct tls_context *late SD_CLEANUP(tls_context_free) = NULL;
    struct tls_context *no_chain SD_CLEANUP(tls_context_free) = NULL;
    struct buf chain SD_CLEANUP(buf_free) = buf_new(65536);
    chain_of(&expired, &middle, &chain);
    assert_int_equal(tls_client_context(SPAN_NONE, &no_anchors), SD_OK);
    assert_int_equal(tls_server_context(buf_span(&chain), buf_span(&expired.key_pem), &late), SD_OK);
    assert_int_equal(tls_server_context(buf_span(&leaf.certificate_pem), buf_span(&leaf.key_pem), &no_chain), SD_OK);
    assert_true(valid(server, trusting, SPAN(HOST)));
    assert_true(valid(server, trusting, SPAN("MX.example.test.")));
    assert_false(valid(server, trusting, SPAN("other.example.test")));
    assert_false(valid(server, trusting, SPAN("192.0.2.1")));
    assert_false(valid(server, trusting, SPAN_NONE));
    assert_false(valid(server, trusting, SPAN(HOST "\0.evil.test")));
    assert_false(valid(server, no_anchors, SPAN(HOST)));
    assert_false(valid(late, trusting, SPAN(HOST)));
    assert_false(valid(no_chain, trusting, SPAN(HOST)));
}

static void a_self_signed_certificate_serves(void **state) {
    (void)state;
    struct buf certificate SD_CLEANUP(buf_free) = buf_new(65536);
    struct buf key SD_CLEANUP(buf_free) = buf_new(65536);
    struct tls_context *own SD_CLEANUP(tls_context_free) = NULL;
    struct tls_context *pinned SD_CLEANUP(tls_context_free) = NULL;
    assert_int_equal(tls_self_signed(SPAN(HOST), &certificate, &key), SD_OK);
    assert_int_equal(tls_server_context(buf_span(&certificate), buf_span(&key), &own), SD_OK);
    assert_int_equal(tls_client_context(buf_span(&certificate), &pinned), SD_OK);
    assert_true(valid(own, pinned, SPAN(HOST)));
    assert_false(valid(own, trusting, SPAN(HOST)));
}

static void an_end_without_close_notify_is_no_end(void **state) {
    (void)state;
    for (int orderly = 0; orderly < 2; orderly++) {
        struct peer p;
        struct tls_session *session = NULL;
        uint8_t bytes[10];
        size_t n = 99;
        peer_start(&p, server, orderly ? goodbye : hang_up);
        assert_int_equal(tls_connect(trusting, p.own, SPAN(HOST), SOON, &session), SD_OK);
        read_exactly(session, bytes, 3);
        assert_int_equal(tls_read(session, bytes, sizeof bytes, SOON, &n), orderly ? SD_OK : SD_ERR_CLOSED);
        assert_int_equal(n, orderly ? 0 : 99);
        if (!orderly)
            assert_int_equal(tls_read(session, bytes, sizeof bytes, SOON, &n), SD_ERR_BUG);
        assert_int_equal(ERR_peek_error(), 0);
        tls_free(&session, SOON);
        (void)peer_end(&p);
    }
}

static enum sd_err accept_after(struct span first, bool close_too) {
    int fds[2];
    struct tls_session *session = NULL;
    pair(fds);
    assert_int_equal(write(fds[1], first.p, first.n), (ssize_t)first.n);
    if (close_too)
        (void)shutdown(fds[1], SHUT_WR);
    enum sd_err err = tls_accept(server, fds[0], deadline_in_ms(60), &session);
    assert_null(session);
    assert_int_equal(ERR_peek_error(), 0);
    (void)close(fds[0]);
    (void)close(fds[1]);
    return err;
}

static void broken_handshakes(void **state) {
    (void)state;
    assert_int_equal(accept_after(SPAN("EHLO mail.example.test\r\n"), false), SD_ERR_PROTOCOL);
    assert_int_equal(accept_after(SPAN(""), false), SD_ERR_TIMEOUT);
    assert_int_equal(accept_after(SPAN("\x16\x03\x01\x02"), false), SD_ERR_TIMEOUT);
    assert_int_equal(accept_after(SPAN(""), true), SD_ERR_CLOSED);
    assert_int_equal(accept_after(SPAN("\x16\x03\x01\x02"), true), SD_ERR_CLOSED);
}

static void *drip(void *arg) {
    int fd = *(int *)arg;
    static const uint8_t hello[200] = {0x16, 0x03, 0x01, 0x3f, 0xff, 0x01, 0x00, 0x3f, 0xfb, 0x03, 0x03};
    for (size_t i = 0; i < sizeof hello && write(fd, hello + i, 1) == 1; i++)
        (void)usleep(5000);
    return NULL;
}

static void a_dripping_peer_is_cut_off_in_time(void **state) {
    (void)state;
    int fds[2];
    pthread_t dripping;
    struct tls_session *session = NULL;
    pair(fds);
    assert_int_equal(pthread_create(&dripping, NULL, drip, &fds[1]), 0);
    int64_t before = clock_mono_ns();
    assert_int_equal(tls_accept(server, fds[0], deadline_in_ms(100), &session), SD_ERR_TIMEOUT);
    assert_true(clock_mono_ns() - before < 800 * 1000000ll);
    (void)close(fds[0]);
    assert_int_equal(pthread_join(dripping, NULL), 0);
    (void)close(fds[1]);
}

static void reads_and_writes_end_at_the_deadline(void **state) {
    (void)state;
    struct peer p;
    struct tls_session *session = NULL;
    uint8_t byte;
    size_t n = 99;
    struct buf much SD_CLEANUP(buf_free) = buf_new(8 << 20);
    buf_fill(&much, 'x', 8 << 20);
    peer_start(&p, server, echo); /* stops reading when we do not read its echo */
    assert_int_equal(tls_connect(trusting, p.own, SPAN(HOST), SOON, &session), SD_OK);
    assert_int_equal(tls_read(session, &byte, 1, deadline_in_ms(30), &n), SD_ERR_TIMEOUT);
    assert_int_equal(n, 99);
    tls_free(&session, SOON);
    (void)peer_end(&p);
    peer_start(&p, server, echo);
    assert_int_equal(tls_connect(trusting, p.own, SPAN(HOST), SOON, &session), SD_OK);
    assert_int_equal(tls_write(session, buf_span(&much), deadline_in_ms(100)), SD_ERR_TIMEOUT);
    tls_free(&session, SOON);
    assert_int_not_equal(peer_end(&p), SD_OK);
}

/* A client of OpenSSL's own, blocking, with settings that ours never has. */
static SSL *raw_client(int fd, int max_version, const char *ciphers) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(ctx);
    assert_true(SSL_CTX_set_cipher_list(ctx, ciphers));
    assert_true(SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION) && SSL_CTX_set_max_proto_version(ctx, max_version));
    SSL *ssl = SSL_new(ctx);
    assert_non_null(ssl);
    SSL_CTX_free(ctx);
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
    assert_true(SSL_set_fd(ssl, fd));
    return ssl;
}

static void old_versions_and_weak_ciphers_are_refused(void **state) {
    (void)state;
    static const struct {
        int version;
        const char *ciphers;
        bool good;
    } cases[] = {{TLS1_2_VERSION, "ALL:@SECLEVEL=0", true},    {TLS1_1_VERSION, "ALL:@SECLEVEL=0", false},
                 {TLS1_VERSION, "ALL:@SECLEVEL=0", false},     {TLS1_2_VERSION, "aNULL:@SECLEVEL=0", false},
                 {TLS1_2_VERSION, "eNULL:@SECLEVEL=0", false}, {TLS1_2_VERSION, "kRSA:@SECLEVEL=0", false}};
    for (size_t i = 0; i < SD_COUNT(cases); i++) {
        struct peer p;
        peer_start(&p, server, NULL);
        SSL *ssl = raw_client(p.own, cases[i].version, cases[i].ciphers);
        assert_int_equal(SSL_connect(ssl) == 1, cases[i].good);
        ERR_clear_error();
        SSL_free(ssl);
        assert_int_equal(peer_end(&p), cases[i].good ? SD_OK : SD_ERR_PROTOCOL);
    }
}

static void renegotiation_is_refused(void **state) {
    (void)state;
    struct peer p;
    peer_start(&p, server, echo);
    SSL *ssl = raw_client(p.own, TLS1_2_VERSION, "ALL");
    assert_int_equal(SSL_connect(ssl), 1);
    assert_int_equal(SSL_renegotiate(ssl), 1);
    assert_int_not_equal(SSL_do_handshake(ssl), 1);
    ERR_clear_error();
    SSL_free(ssl);
    (void)peer_end(&p);
}

static void wrong_files_are_a_matter_of_configuration(void **state) {
    (void)state;
    struct tls_context *context = NULL;
    struct buf cut SD_CLEANUP(buf_free) = buf_new(65536);
    struct buf locked SD_CLEANUP(buf_free) = {0};
    BIO *pem = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio_PKCS8PrivateKey(pem, leaf.key, EVP_aes_256_cbc(), "secret", 6, NULL, NULL));
    take_pem(pem, &locked);
    buf_put(&cut, buf_span(&leaf.certificate_pem));
    buf_put(&cut, span_sub(buf_span(&middle.certificate_pem), 0, 200));
    const struct {
        struct span certificate;
        struct span key;
    } cases[] = {
        {buf_span(&leaf.certificate_pem), buf_span(&root.key_pem)}, /* not its key */
        {buf_span(&leaf.certificate_pem), SPAN("no key")},
        {buf_span(&leaf.certificate_pem), SPAN_NONE},
        {buf_span(&leaf.certificate_pem), buf_span(&locked)}, /* must fail, not ask */
        {SPAN_NONE, buf_span(&leaf.key_pem)},
        {SPAN("no certificate"), buf_span(&leaf.key_pem)},
        {buf_span(&cut), buf_span(&leaf.key_pem)}, /* the chain ends in the midst of a block */
    };
    for (size_t i = 0; i < SD_COUNT(cases); i++)
        assert_int_equal(tls_server_context(cases[i].certificate, cases[i].key, &context), SD_ERR_CONFIG);
    assert_int_equal(tls_client_context(buf_span(&cut), &context), SD_ERR_CONFIG);
    assert_int_equal(tls_client_context(SPAN("no anchors"), &context), SD_ERR_CONFIG);
    assert_null(context);
    assert_int_equal(ERR_peek_error(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(talks_both_ways),
        cmocka_unit_test(writes_all_of_it),
        cmocka_unit_test(says_whether_the_certificate_is_valid),
        cmocka_unit_test(a_self_signed_certificate_serves),
        cmocka_unit_test(an_end_without_close_notify_is_no_end),
        cmocka_unit_test(broken_handshakes),
        cmocka_unit_test(a_dripping_peer_is_cut_off_in_time),
        cmocka_unit_test(reads_and_writes_end_at_the_deadline),
        cmocka_unit_test(old_versions_and_weak_ciphers_are_refused),
        cmocka_unit_test(renegotiation_is_refused),
        cmocka_unit_test(wrong_files_are_a_matter_of_configuration),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
