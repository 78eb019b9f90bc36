#include "keeper/webauthn_rig.h"
#include "core/codec.h"
#include "crypt/crypt.h"

#include <stdlib.h>
#include <string.h>

static void must(enum sd_err err) {
    if (err)
        abort();
}

void rig_answer_free(struct rig_answer *answer) {
    buf_free(&answer->json);
    buf_free(&answer->auth_data);
    buf_free(&answer->attestation);
    buf_free(&answer->signature);
    buf_free(&answer->public_key);
}

struct webauthn_expected rig_expected(void) {
    static const struct span origins[] = {{(const uint8_t *)"https://other.example.test", 26},
                                          {(const uint8_t *)RIG_ORIGIN, sizeof RIG_ORIGIN - 1}};
    return (struct webauthn_expected){
        .challenge = SPAN(RIG_CHALLENGE), .rp_id = SPAN(RIG_RP_ID), .origins = origins, .origin_count = 2};
}

void rig_put_json(struct buf *to, const char *template, const char *type) {
    for (const char *p = template; *p; p++) {
        if (p[0] == '$' && p[1] == 'T')
            buf_text(to, type);
        else if (p[0] == '$' && p[1] == 'C')
            put_base64url(to, SPAN(RIG_CHALLENGE));
        else {
            buf_byte(to, (uint8_t)*p);
            continue;
        }
        p++;
    }
}

static void put_be(struct buf *to, uint32_t v, unsigned bytes) {
    while (bytes--)
        buf_byte(to, (uint8_t)(v >> (8 * bytes)));
}

void rig_put_auth_data(struct buf *to, const struct rig_data *data) {
    struct sha256 hash;
    must(crypt_sha256(span_cstr(data->rp_id ? data->rp_id : RIG_RP_ID), &hash));
    buf_put(to, span_of(hash.b, SHA256_BYTES));
    buf_byte(to, data->flags);
    put_be(to, data->count, 4);
    buf_put(to, data->tail);
}

void rig_put_credential(struct buf *to, struct span id, const struct test_cose *key) {
    buf_fill(to, 0xaa, WEBAUTHN_AAGUID_BYTES);
    put_be(to, (uint32_t)id.n, 2);
    buf_put(to, id);
    test_cose_put(key, to);
}

static void put_head(struct buf *to, unsigned major, size_t n) {
    if (n < 24) {
        buf_byte(to, (uint8_t)(major << 5 | n));
    } else if (n < 256) {
        buf_byte(to, (uint8_t)(major << 5 | 24));
        put_be(to, (uint32_t)n, 1);
    } else {
        buf_byte(to, (uint8_t)(major << 5 | 25));
        put_be(to, (uint32_t)n, 2);
    }
}

void rig_put_attestation(struct buf *to, const char *format, struct span statement, struct span auth_data) {
    buf_put(to, SPAN("\xa3\x63"
                     "fmt"));
    put_head(to, 3, strlen(format));
    buf_text(to, format);
    buf_put(to, SPAN("\x67"
                     "attStmt"));
    buf_put(to, statement);
    buf_put(to, SPAN("\x68"
                     "authData"));
    put_head(to, 2, auth_data.n);
    buf_put(to, auth_data);
}

static struct rig_answer answer_new(void) {
    return (struct rig_answer){buf_new(8192), buf_new(8192), buf_new(65536), buf_new(2048), buf_new(2048)};
}

struct rig_answer rig_register(const struct test_cose *key, struct span id, const struct rig_data *data) {
    struct rig_answer answer = answer_new();
    struct buf tail SD_CLEANUP(buf_free) = buf_new(8192);
    struct rig_data whole = *data;
    if (!data->tail.p) {
        rig_put_credential(&tail, id, key);
        whole.tail = buf_span(&tail);
    }
    rig_put_json(&answer.json, data->json ? data->json : RIG_JSON, "webauthn.create");
    rig_put_auth_data(&answer.auth_data, &whole);
    rig_put_attestation(&answer.attestation, "none", SPAN("\xa0"), buf_span(&answer.auth_data));
    test_cose_put(key, &answer.public_key);
    must(buf_err(&answer.attestation));
    return answer;
}

struct rig_answer rig_assert(const struct test_cose *key, const struct rig_data *data) {
    struct rig_answer answer = answer_new();
    struct buf message SD_CLEANUP(buf_free) = buf_new(16384);
    struct sha256 hash;
    rig_put_json(&answer.json, data->json ? data->json : RIG_JSON, "webauthn.get");
    rig_put_auth_data(&answer.auth_data, data);
    must(crypt_sha256(buf_span(&answer.json), &hash));
    buf_put(&message, buf_span(&answer.auth_data));
    buf_put(&message, span_of(hash.b, SHA256_BYTES));
    test_cose_sign(key, buf_span(&message), &answer.signature);
    test_cose_put(key, &answer.public_key);
    must(buf_err(&answer.signature));
    return answer;
}

enum webauthn_verdict rig_judge_registration(const struct rig_answer *answer, const struct webauthn_expected *expected,
                                             struct webauthn_credential *ret) {
    enum webauthn_verdict verdict = WEBAUTHN_REFUSED;
    must(webauthn_register(buf_span(&answer->json), buf_span(&answer->attestation), expected, ret, &verdict));
    return verdict;
}

enum webauthn_verdict rig_judge_assertion(const struct rig_answer *answer, const struct webauthn_stored *stored,
                                          const struct webauthn_expected *expected, struct webauthn_use *ret) {
    enum webauthn_verdict verdict = WEBAUTHN_REFUSED;
    struct webauthn_assertion assertion = {buf_span(&answer->json), buf_span(&answer->auth_data), buf_span(&answer->signature)};
    must(webauthn_assert(&assertion, stored, expected, ret, &verdict));
    return verdict;
}
