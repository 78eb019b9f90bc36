#include "keeper/enrolment_code.h"
#include "keeper/codes.h"

static enum sd_err hmac_of(struct keeper *k, const struct secret *code, struct sha256 *ret) {
    return vault_hmac(&k->vault, "enrolment", secret_span(code), ret);
}

enum sd_err enrolment_code_make(struct keeper *k, struct buf *to, struct sha256 *ret_hmac) {
    struct secret code SD_CLEANUP(secret_free) = {0};
    enum sd_err err = code_make(CODE_ENROLMENT, &code);
    if (err == SD_OK)
        err = code_show(&code, to);
    return err ? err : hmac_of(k, &code, ret_hmac);
}

enum sd_err enrolment_code_hmac(struct keeper *k, struct span typed, struct sha256 *ret) {
    struct secret code SD_CLEANUP(secret_free) = {0};
    enum sd_err err = code_normalise(CODE_ENROLMENT, typed, &code);
    return err ? err : hmac_of(k, &code, ret);
}
