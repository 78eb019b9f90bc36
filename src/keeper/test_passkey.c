#include "keeper/test_passkey.h"
#include "core/codec.h"
#include "crypt/crypt.h"
#include "crypt/test_cose.h"

#include <stdlib.h>
#include <string.h>

#define PASSKEYS 256

static struct test_passkey passkeys[PASSKEYS];
static size_t passkey_count;

static void must(bool done) {
    if (!done)
        abort();
}

struct test_passkey *test_passkey_new(const char *origin, const char *rp_id) {
    must(passkey_count < PASSKEYS);
    struct test_passkey *passkey = &passkeys[passkey_count++];
    *passkey = (struct test_passkey){
        .key = test_cose_new(COSE_ES256, 0), .counts = true, .flags = TEST_UP | TEST_UV, .origin = origin, .rp_id = rp_id};
    random_bytes(passkey->id, sizeof passkey->id);
    return passkey;
}

void test_answer_free(struct test_answer *answer) {
    buf_free(&answer->client_data);
    buf_free(&answer->authenticator_data);
    buf_free(&answer->attestation);
    buf_free(&answer->signature);
}

static struct test_answer answer_new(void) {
    return (struct test_answer){buf_new(4096), buf_new(2048), buf_new(4096), buf_new(1024)};
}

/* WebAuthn §5.8.1.1 */
static void put_client_data(struct buf *to, const struct test_passkey *passkey, const char *type, struct span challenge) {
    buf_printf(to, "{\"type\":\"%s\",\"challenge\":\"", type);
    put_base64url(to, challenge);
    buf_printf(to, "\",\"origin\":\"%s\",\"crossOrigin\":false}", passkey->origin);
}

/* §6.1 */
static void put_authenticator_data(struct buf *to, const struct test_passkey *passkey, uint8_t flags) {
    struct sha256 hash;
    must(crypt_sha256(span_cstr(passkey->rp_id), &hash) == SD_OK);
    buf_put(to, span_of(hash.b, SHA256_BYTES));
    buf_byte(to, passkey->flags | flags);
    for (unsigned i = 4; i-- > 0;)
        buf_byte(to, (uint8_t)(passkey->count >> (8 * i)));
}

/* §6.5.1 */
static void put_credential(struct buf *to, const struct test_passkey *passkey) {
    buf_fill(to, 0, 16); /* aaguid */
    buf_byte(to, 0);
    buf_byte(to, TEST_PASSKEY_ID_BYTES);
    buf_put(to, span_of(passkey->id, TEST_PASSKEY_ID_BYTES));
    test_cose_put(passkey->key, to);
}

static void put_attestation(struct buf *to, struct span authenticator_data) {
    buf_put(to, SPAN("\xa3\x63"
                     "fmt\x64none\x67"
                     "attStmt\xa0\x68"
                     "authData\x58"));
    must(authenticator_data.n < 256);
    buf_byte(to, (uint8_t)authenticator_data.n);
    buf_put(to, authenticator_data);
}

struct test_answer test_passkey_create(struct test_passkey *passkey, struct span challenge, struct span user) {
    struct test_answer answer = answer_new();
    must(user.n <= sizeof passkey->user);
    memcpy(passkey->user, user.p, user.n);
    passkey->user_bytes = user.n;
    put_client_data(&answer.client_data, passkey, "webauthn.create", challenge);
    put_authenticator_data(&answer.authenticator_data, passkey, TEST_AT);
    put_credential(&answer.authenticator_data, passkey);
    put_attestation(&answer.attestation, buf_span(&answer.authenticator_data));
    must(buf_err(&answer.attestation) == SD_OK);
    return answer;
}

struct test_answer test_passkey_get(struct test_passkey *passkey, struct span challenge) {
    struct test_answer answer = answer_new();
    struct buf message SD_CLEANUP(buf_free) = buf_new(4096);
    struct sha256 hash;
    if (passkey->counts)
        passkey->count++;
    put_client_data(&answer.client_data, passkey, "webauthn.get", challenge);
    put_authenticator_data(&answer.authenticator_data, passkey, 0);
    must(crypt_sha256(buf_span(&answer.client_data), &hash) == SD_OK);
    buf_put(&message, buf_span(&answer.authenticator_data));
    buf_put(&message, span_of(hash.b, SHA256_BYTES));
    test_cose_sign(passkey->key, buf_span(&message), &answer.signature);
    must(buf_err(&answer.signature) == SD_OK);
    return answer;
}
