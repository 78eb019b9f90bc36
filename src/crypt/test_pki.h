/* test_pki.h - certificates made for one test run: P-256 keys, a chain of any length. For tests only. */
#ifndef SD_CRYPT_TEST_PKI_H
#define SD_CRYPT_TEST_PKI_H

#include "core/buf.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct identity {
    X509 *certificate;
    EVP_PKEY *key;
    struct buf certificate_pem;
    struct buf key_pem;
};

static inline void identity_free(struct identity *id) {
    X509_free(id->certificate);
    EVP_PKEY_free(id->key);
    buf_free(&id->certificate_pem);
    buf_free(&id->key_pem);
}

static inline void take_pem(BIO *bio, struct buf *to) {
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);
    assert_true(n > 0);
    *to = buf_new(65536);
    buf_put(to, span_of(p, (size_t)n));
    (void)BIO_free(bio);
}

static inline void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
    assert_non_null(extension);
    assert_true(X509_add_ext(certificate, extension, -1));
    X509_EXTENSION_free(extension);
}

/* issuer NULL: signed by itself. host NULL: a certificate authority. days: validity from a day ago. */
static inline struct identity identity_new(const char *name, const struct identity *issuer, const char *host, long days) {
    struct identity id = {.certificate = X509_new(), .key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")};
    X509 *c = id.certificate;
    static long serial = 1;
    char alternative[300];
    assert_true(c && id.key && X509_set_version(c, 2) && X509_set_pubkey(c, id.key));
    assert_true(ASN1_INTEGER_set(X509_get_serialNumber(c), serial++));
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(c), -86400));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(c), (days - 1) * 86400 + 3600));
    X509_NAME *subject = X509_get_subject_name(c);
    assert_true(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0));
    assert_true(X509_set_issuer_name(c, issuer ? X509_get_subject_name(issuer->certificate) : subject));
    add_extension(c, issuer ? issuer->certificate : c, NID_basic_constraints, host ? "CA:FALSE" : "critical,CA:TRUE");
    if (host) {
        (void)snprintf(alternative, sizeof alternative, "DNS:%s", host);
        add_extension(c, c, NID_subject_alt_name, alternative);
    }
    assert_true(X509_sign(c, issuer ? issuer->key : id.key, EVP_sha256()));
    BIO *pem = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio_X509(pem, c));
    take_pem(pem, &id.certificate_pem);
    pem = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio_PrivateKey(pem, id.key, NULL, NULL, 0, NULL, NULL));
    take_pem(pem, &id.key_pem);
    return id;
}

#endif
