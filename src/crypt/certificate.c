/* A self-signed certificate: for the demo and for tests, where no authority can be asked. */
#include "crypt/tls.h"

#include "core/secret.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define DAYS_VALID 30

static bool set_names(X509 *certificate, struct span host) {
    char name[300];
    X509_NAME *subject = X509_get_subject_name(certificate);
    if (host.n > 64 || snprintf(name, sizeof name, "DNS:%.*s", SPAN_FMT(host)) >= (int)sizeof name)
        return false;
    X509_EXTENSION *alternative = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, name);
    bool good = alternative && X509_add_ext(certificate, alternative, -1) == 1 &&
                X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, host.p, (int)host.n, -1, 0) == 1 &&
                X509_set_issuer_name(certificate, subject) == 1;
    X509_EXTENSION_free(alternative);
    return good;
}

static bool fill(X509 *certificate, EVP_PKEY *key, struct span host) {
    uint64_t serial;
    random_bytes(&serial, sizeof serial);
    return X509_set_version(certificate, 2) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), DAYS_VALID * 86400L) && X509_set_pubkey(certificate, key) == 1 &&
           set_names(certificate, host) && X509_sign(certificate, key, EVP_sha256()) > 0;
}

static void put_bio(BIO *bio, struct buf *to) {
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);
    buf_put(to, span_of(p, n > 0 ? (size_t)n : 0));
}

enum sd_err tls_self_signed(struct span host, struct buf *certificate_pem, struct buf *key_pem) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    BIO *out[2] = {BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem())};
    bool good = key && certificate && out[0] && out[1] && fill(certificate, key, host) &&
                PEM_write_bio_X509(out[0], certificate) == 1 &&
                PEM_write_bio_PrivateKey(out[1], key, NULL, NULL, 0, NULL, NULL) == 1;
    if (good) {
        put_bio(out[0], certificate_pem);
        put_bio(out[1], key_pem);
    }
    BIO_free(out[0]);
    BIO_free(out[1]);
    X509_free(certificate);
    EVP_PKEY_free(key);
    if (!good)
        return SD_ERR_BUG;
    return buf_err(certificate_pem) ? buf_err(certificate_pem) : buf_err(key_pem);
}
