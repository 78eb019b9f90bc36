#include "desk/webauthn_json.h"
#include "core/codec.h"
#include "core/json_out.h"

#define CLIENT_DATA_MAX 4096
#define AUTHENTICATOR_DATA_MAX 2048
#define SIGNATURE_MAX 1024
#define USER_MAX 64 /* WebAuthn §5.4.3 */
#define ATTESTATION_MAX 16384
#define CHALLENGE_MS (5 * 60 * 1000) /* as long as the keeper takes the challenge */

/* COSE algorithms (RFC 9053, RFC 8812) in the order of preference: ES256, EdDSA, RS256. */
static const int algorithms[] = {-7, -8, -257};

/* ---- in ---- */

static struct span decoded(const struct json_in *object, const char *name, size_t max, struct arena *arena) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(max);
    struct span text = in_text(in_member(object, name));
    if (text.n > max * 4 / 3 + 4 || base64url_decode(text, &raw) != SD_OK || buf_err(&raw) != SD_OK)
        return SPAN_NONE;
    return arena_span(arena, buf_span(&raw));
}

/* clientDataJSON repeats the challenge (§5.8.1); the keeper compares it with the one that it gave. */
static struct span challenge_of(struct span client_data, struct arena *arena) {
    struct json_in *value SD_CLEANUP(in_free) = NULL;
    if (in_read(client_data, &value) != SD_OK)
        return SPAN_NONE;
    return decoded(value, "challenge", CHALLENGE_MAX, arena);
}

static bool complete(const struct credential_in *c, enum credential_kind kind) {
    bool answered = kind == CREDENTIAL_ASSERTION ? c->authenticator_data.n && c->signature.n : c->attestation.n > 0;
    return c->id.n && c->client_data.n && c->challenge.n && answered;
}

struct credential_in form_credential(struct form *form, const char *name, enum credential_kind kind, enum form_need need) {
    const struct json_in *value = in_member(form->body, name), *response = in_member(value, "response");
    if (!form_has(form, name) && need == FORM_OPTIONAL)
        return (struct credential_in){0};
    struct credential_in c = {
        .there = true,
        .id = decoded(value, "rawId", CREDENTIAL_ID_MAX, form->arena),
        .client_data = decoded(response, "clientDataJSON", CLIENT_DATA_MAX, form->arena),
        .authenticator_data = decoded(response, "authenticatorData", AUTHENTICATOR_DATA_MAX, form->arena),
        .signature = decoded(response, "signature", SIGNATURE_MAX, form->arena),
        .user = decoded(response, "userHandle", USER_MAX, form->arena),
        .attestation = decoded(response, "attestationObject", ATTESTATION_MAX, form->arena),
    };
    c.challenge = challenge_of(c.client_data, form->arena);
    if (complete(&c, kind))
        return c;
    field_wrong(&form->errors, span_cstr(name), "credential", "What a passkey answered, in the JSON form of WebAuthn Level 3.");
    return (struct credential_in){0};
}

/* ---- out ---- */

static void put_bytes(struct json_out *j, const char *key, struct span bytes) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(2 * CREDENTIAL_ID_MAX);
    put_base64url(&text, bytes);
    json_text(j, key, buf_span(&text));
}

static void put_credentials(struct json_out *j, const char *key, struct ipc_list credentials) {
    struct ipc_list_iter iter = ipc_list_start(credentials);
    struct span id;
    json_begin_array(j, key);
    while (ipc_list_next(&iter, &id)) {
        json_begin_object(j, NULL);
        json_cstr(j, "type", "public-key");
        put_bytes(j, "id", id);
        json_end(j);
    }
    json_end(j);
}

void respond_request_options(struct exchange *x, const struct keeper_challenge_rep *rep) {
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    put_bytes(&j, "challenge", rep->challenge);
    json_text(&j, "rpId", rep->rp_id);
    json_int(&j, "timeout", CHALLENGE_MS);
    json_cstr(&j, "userVerification", "required");
    put_credentials(&j, "allowCredentials", rep->credentials);
    json_end(&j);
}

static void put_user(struct json_out *j, const struct keeper_challenge_rep *rep) {
    json_begin_object(j, "user");
    put_bytes(j, "id", rep->user);
    json_text(j, "name", rep->user_name);
    json_text(j, "displayName", rep->display_name);
    json_end(j);
}

static void put_algorithms(struct json_out *j) {
    json_begin_array(j, "pubKeyCredParams");
    for (size_t i = 0; i < SD_COUNT(algorithms); i++) {
        json_begin_object(j, NULL);
        json_cstr(j, "type", "public-key");
        json_int(j, "alg", algorithms[i]);
        json_end(j);
    }
    json_end(j);
}

void respond_creation_options(struct exchange *x, const struct keeper_challenge_rep *rep) {
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    put_bytes(&j, "challenge", rep->challenge);
    json_begin_object(&j, "rp");
    json_text(&j, "id", rep->rp_id);
    json_cstr(&j, "name", "Sealdesk");
    json_end(&j);
    put_user(&j, rep);
    put_algorithms(&j);
    json_int(&j, "timeout", CHALLENGE_MS);
    put_credentials(&j, "excludeCredentials", rep->credentials);
    json_begin_object(&j, "authenticatorSelection");
    json_cstr(&j, "residentKey", "required");
    json_bool(&j, "requireResidentKey", true);
    json_cstr(&j, "userVerification", "required");
    json_end(&j);
    json_cstr(&j, "attestation", "none");
    json_end(&j);
}
