/*
 * webauthn_json.h - passkeys as browsers and this API exchange them: the JSON forms of WebAuthn Level 3 §5.1.8 to §5.1.10.
 * Nothing is verified here: the keeper does that. What an authenticator signed is only taken apart, and the challenge found in
 * it.
 */
#ifndef SD_DESK_WEBAUTHN_JSON_H
#define SD_DESK_WEBAUTHN_JSON_H

#include "desk/form.h"

#include "core/ipc/keeper.h"

#define CREDENTIAL_ID_MAX 1023 /* WebAuthn §4, and keeper.def */
#define CHALLENGE_MAX 128

/* A credential of a request's body; empty spans when it was none. Spans live as long as the form's exchange. */
struct credential_in {
    bool there;
    struct span id, client_data, challenge;
    struct span authenticator_data, signature, user; /* AuthenticationResponseJSON */
    struct span attestation;                         /* RegistrationResponseJSON */
};
enum credential_kind { CREDENTIAL_ASSERTION, CREDENTIAL_REGISTRATION };
struct credential_in form_credential(struct form *form, const char *name, enum credential_kind kind, enum form_need need);

/* 200 and PublicKeyCredentialRequestOptionsJSON, or PublicKeyCredentialCreationOptionsJSON. */
void respond_request_options(struct exchange *x, const struct keeper_challenge_rep *rep);
void respond_creation_options(struct exchange *x, const struct keeper_challenge_rep *rep);

#endif
