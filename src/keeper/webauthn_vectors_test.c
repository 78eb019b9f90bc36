/* The fifteen pairs of WebAuthn Level 3, "Test Vectors", read in place: what they allow we allow when asked to, and only then.
 */
#include "core/codec.h"
#include "keeper/webauthn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define FIELD_MAX 4096

struct field {
    uint8_t b[FIELD_MAX];
    size_t n;
};

static struct span field_span(const struct field *f) {
    return span_of(f->b, f->n);
}

static void read_field(const json_t *object, const char *name, struct field *ret) {
    const char *hex = json_string_value(json_object_get(object, name));
    assert_non_null(hex);
    ret->n = strlen(hex) / 2;
    assert_true(ret->n <= FIELD_MAX);
    assert_int_equal(hex_to_bytes(span_cstr(hex), ret->b, ret->n), SD_OK);
}

struct vector {
    struct field challenge, json, attestation, id;                     /* of the registration */
    struct field get_challenge, get_json, auth_data, signature, flags; /* of the assertion */
    int64_t algorithm;
    bool verified, get_verified, cross_origin;
};

static void read_vector(const json_t *json, struct vector *v) {
    const json_t *registration = json_object_get(json, "registration"), *get = json_object_get(json, "authentication");
    const json_t *derived = json_object_get(json, "derived");
    read_field(registration, "challenge", &v->challenge);
    read_field(registration, "clientDataJSON", &v->json);
    read_field(registration, "attestationObject", &v->attestation);
    read_field(derived, "credential_id", &v->id);
    read_field(get, "challenge", &v->get_challenge);
    read_field(get, "clientDataJSON", &v->get_json);
    read_field(get, "authenticatorData", &v->auth_data);
    read_field(get, "signature", &v->signature);
    v->algorithm = json_integer_value(json_object_get(derived, "alg"));
    v->verified = json_integer_value(json_object_get(derived, "reg_flags")) & 4;
    v->get_verified = json_integer_value(json_object_get(derived, "auth_flags")) & 4;
    v->cross_origin = strstr(json_string_value(json_object_get(derived, "client_data_create")), "\"crossOrigin\":true");
}

static const struct span origin = {(const uint8_t *)"https://example.org", 19};

static struct webauthn_expected expect(const struct field *challenge) {
    return (struct webauthn_expected){
        .challenge = field_span(challenge), .rp_id = SPAN("example.org"), .origins = &origin, .origin_count = 1};
}

static enum webauthn_verdict registration(const struct vector *v, const struct webauthn_expected *expected,
                                          struct webauthn_credential *ret) {
    enum webauthn_verdict verdict = WEBAUTHN_REFUSED;
    assert_int_equal(webauthn_register(field_span(&v->json), field_span(&v->attestation), expected, ret, &verdict), SD_OK);
    return verdict;
}

static enum webauthn_verdict assertion(const struct vector *v, const struct webauthn_stored *stored,
                                       const struct webauthn_expected *expected) {
    enum webauthn_verdict verdict = WEBAUTHN_REFUSED;
    struct webauthn_assertion answer = {field_span(&v->get_json), field_span(&v->auth_data), field_span(&v->signature)};
    struct webauthn_use use;
    assert_int_equal(webauthn_assert(&answer, stored, expected, &use, &verdict), SD_OK);
    return verdict;
}

/* The strict verdict first: the vectors have no user verification here and there, and two are in a frame. */
static enum webauthn_verdict strict_verdict(bool verified, bool cross_origin) {
    if (cross_origin)
        return WEBAUTHN_CROSS_ORIGIN;
    return verified ? WEBAUTHN_GOOD : WEBAUTHN_NOT_VERIFIED;
}

static void check_vector(const struct vector *v) {
    struct webauthn_expected expected = expect(&v->challenge), get = expect(&v->get_challenge);
    struct webauthn_credential credential = {0};
    assert_int_equal(registration(v, &expected, &credential), strict_verdict(v->verified, v->cross_origin));
    expected.unverified_user = get.unverified_user = true;
    expected.cross_origin = v->cross_origin;
    assert_int_equal(registration(v, &expected, &credential), WEBAUTHN_GOOD);
    assert_true(span_eq(credential.id, field_span(&v->id)));
    assert_int_equal(credential.algorithm, v->algorithm);
    struct webauthn_stored stored = {credential.public_key, credential.sign_count, credential.backup_eligible};
    get.cross_origin = v->cross_origin;
    assert_int_equal(assertion(v, &stored, &get), WEBAUTHN_GOOD);
    get.cross_origin = get.unverified_user = false;
    assert_int_equal(assertion(v, &stored, &get), strict_verdict(v->get_verified, v->cross_origin));
}

/* Under the most lenient expectations. */
static void check_damage(struct vector *v) {
    struct webauthn_expected expected = expect(&v->challenge), get = expect(&v->get_challenge);
    struct webauthn_credential credential = {0}, other;
    expected.unverified_user = expected.cross_origin = get.unverified_user = get.cross_origin = true;
    struct field whole = v->attestation;
    for (v->attestation.n = 0; v->attestation.n < whole.n; v->attestation.n++)
        assert_int_not_equal(registration(v, &expected, &other), WEBAUTHN_GOOD);
    assert_int_equal(registration(v, &expected, &credential), WEBAUTHN_GOOD);
    struct webauthn_stored stored = {credential.public_key, credential.sign_count, credential.backup_eligible};
    struct field *fields[] = {&v->get_json, &v->auth_data, &v->signature};
    for (size_t i = 0; i < SD_COUNT(fields); i++) {
        size_t n = fields[i]->n;
        for (fields[i]->n = 0; fields[i]->n < n; fields[i]->n++)
            assert_int_not_equal(assertion(v, &stored, &get), WEBAUTHN_GOOD);
        for (size_t at = 0; at < n; at++) {
            fields[i]->b[at] ^= (uint8_t)(1 << at % 8);
            assert_int_not_equal(assertion(v, &stored, &get), WEBAUTHN_GOOD);
            fields[i]->b[at] ^= (uint8_t)(1 << at % 8);
        }
    }
    assert_int_equal(assertion(v, &stored, &get), WEBAUTHN_GOOD);
}

static json_t *load(const char *corpora) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/webauthn/w3c-vectors.json", corpora ? corpora : "");
    json_t *doc = json_load_file(path, 0, NULL);
    if (!doc)
        print_message("skipped: no vectors in %s\n", path);
    return doc;
}

static void each(void **state, void check(struct vector *)) {
    static struct vector v;
    json_t *doc = load(*state), *vector;
    size_t i;
    if (!doc)
        skip();
    assert_int_equal(json_array_size(json_object_get(doc, "vectors")), 15);
    json_array_foreach(json_object_get(doc, "vectors"), i, vector) {
        read_vector(vector, &v);
        print_message("%s\n", json_string_value(json_object_get(vector, "name")));
        check(&v);
    }
    json_decref(doc);
}

static void check_whole(struct vector *v) {
    check_vector(v);
}

static void vectors(void **state) {
    each(state, check_whole);
}

static void vectors_damaged(void **state) {
    each(state, check_damage);
}

int main(int argc, char **argv) {
    char *corpora = argc > 1 ? argv[1] : NULL;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(vectors, corpora),
        cmocka_unit_test_prestate(vectors_damaged, corpora),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
