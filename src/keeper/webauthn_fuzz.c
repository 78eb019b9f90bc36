/*
 * Both ceremonies over any bytes. Input: u8 flags, then blobs (u32 length): client data, attestation object or authenticator
 * data, signature, public key. Challenge, rp id and origin are fixed, as in the seeds. What comes back GOOD must be within its
 * limits.
 */
#include "keeper/webauthn.h"

#include <stdlib.h>

#define BLOB_MAX 65536
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct webauthn_expected expect(uint8_t flags) {
    static const struct span origin = {(const uint8_t *)"https://desk.example.test", 25};
    return (struct webauthn_expected){.challenge = SPAN("0123456789abcdef0123456789ABCDEF"),
                                      .rp_id = SPAN("desk.example.test"),
                                      .origins = &origin,
                                      .origin_count = 1,
                                      .unverified_user = flags & 2,
                                      .cross_origin = flags & 4};
}

static void registration(uint8_t flags, struct span json, struct span object) {
    struct webauthn_expected expected = expect(flags);
    struct webauthn_credential c = {0};
    enum webauthn_verdict verdict = WEBAUTHN_REFUSED;
    if (webauthn_register(json, object, &expected, &c, &verdict) != SD_OK || !webauthn_sentence(verdict))
        abort();
    if (verdict != WEBAUTHN_GOOD)
        return;
    if (c.id.n == 0 || c.id.n > WEBAUTHN_ID_MAX || c.public_key.n > COSE_KEY_MAX || c.algorithm == COSE_NONE ||
        (c.backed_up && !c.backup_eligible) || (!c.user_verified && !expected.unverified_user))
        abort();
}

static void assertion(uint8_t flags, const struct webauthn_assertion *answer, struct span public_key) {
    struct webauthn_expected expected = expect(flags);
    struct webauthn_stored stored = {public_key, flags >> 5, flags & 8};
    struct webauthn_use use = {0};
    enum webauthn_verdict verdict = WEBAUTHN_REFUSED;
    if (webauthn_assert(answer, &stored, &expected, &use, &verdict) != SD_OK || !webauthn_word(verdict))
        abort();
    if (verdict == WEBAUTHN_GOOD && (use.sign_count || stored.sign_count) && use.sign_count <= stored.sign_count)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct reader r = reader_of(span_of(data, size));
    uint8_t flags = read_u8(&r);
    struct webauthn_assertion answer = {read_blob(&r, BLOB_MAX), read_blob(&r, BLOB_MAX), SPAN_NONE};
    answer.signature = read_blob(&r, BLOB_MAX);
    struct span public_key = read_blob(&r, BLOB_MAX);
    if (r.err)
        return 0;
    if (flags & 1)
        registration(flags, answer.client_data_json, answer.authenticator_data);
    else
        assertion(flags, &answer, public_key);
    return 0;
}
