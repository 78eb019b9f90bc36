/* What people type: a password with what is known of them, a recovery or enrolment code, a one-time code. Input: u8 kind; for a
 * password, u8 length of the context and the context. */
#include "keeper/codes.h"
#include "keeper/password.h"
#include "keeper/totp.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void password(struct reader *r) {
    struct span context = read_bytes(r, read_u8(r));
    const char *problem = r->err ? "" : password_problem_for(r->rest, context, &context, 1);
    if (problem && !*problem && !r->err)
        abort(); /* refused without a word */
}

/* A normal form is its own normal form, also as it is shown. */
static void code(enum code_kind kind, struct span typed) {
    struct secret once SD_CLEANUP(secret_free) = {0}, again SD_CLEANUP(secret_free) = {0};
    struct buf shown SD_CLEANUP(buf_free) = buf_new(64);
    if (code_normalise(kind, typed, &once) != SD_OK)
        return;
    if (code_show(&once, &shown) != SD_OK || code_normalise(kind, buf_span(&shown), &again) != SD_OK ||
        !span_eq(secret_span(&once), secret_span(&again)))
        abort();
}

static void one_time_code(struct span typed) {
    struct totp_used used = {.last = 7};
    enum totp_verdict verdict = TOTP_REFUSED;
    if (totp_check(SPAN("12345678901234567890"), typed, INT64_C(1790000000000), &used, &verdict) != SD_OK)
        abort();
    if ((verdict == TOTP_GOOD) != (used.last != 7))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct reader r = reader_of(span_of(data, size));
    switch (read_u8(&r) % 4) {
    case 0:
        password(&r);
        break;
    case 1:
        code(CODE_RECOVERY, r.rest);
        break;
    case 2:
        code(CODE_ENROLMENT, r.rest);
        break;
    default:
        one_time_code(r.rest);
    }
    return 0;
}
