/*
 * webauthn.h - the relying party's part of WebAuthn Level 3: is a new credential to be stored (§7.1), is an assertion good
 * (§7.2)? Pure: no I/O, no database, no clock. Whether the challenge was issued to this session, is fresh and unused, whether
 * the credential belongs to this person, and whether its id is unknown so far, is the caller's.
 *
 * Attestation is asked for as `none`: we let in whatever authenticator a person has. `none` must have an empty statement; any
 * other well-formed format is taken as unattested: its statement is not evaluated, and nothing is believed because of it, the
 * aaguid included.
 *
 * Client extensions' outputs are not read: we ask for none. What the authenticator adds (flag ED) must be well-formed.
 */
#ifndef SD_KEEPER_WEBAUTHN_H
#define SD_KEEPER_WEBAUTHN_H

#include "crypt/cose.h"
#include "keeper/client_data.h"

#define WEBAUTHN_ID_MAX 1023           /* §4, credential id */
#define WEBAUTHN_ATTESTATION_MAX 16384 /* bytes; a chain of five certificates of a TPM takes 8 KB */
#define WEBAUTHN_AUTH_DATA_MAX 2048    /* bytes of an assertion's; 37 without extensions */
#define WEBAUTHN_SIGNATURE_MAX 1024    /* RSA-8192 */
#define WEBAUTHN_AAGUID_BYTES 16
#define WEBAUTHN_CHALLENGE_MIN 16 /* §13.4.3 */

/* name, number, word, sentence. The sentence is for the log and the person's screen; only GOOD lets anyone in. */
#define WEBAUTHN_VERDICT_LIST(X)                                                                                               \
    X(REFUSED, 0, "refused", "The passkey was not checked.")                                                                   \
    X(GOOD, 1, "good", "The passkey is good.")                                                                                 \
    X(CLIENT_DATA, 2, "client-data", "What the browser says about the passkey cannot be read in one way only.")                \
    X(TYPE, 3, "type", "The browser's answer is of another kind than was asked for.")                                          \
    X(CHALLENGE, 4, "challenge", "The answer is to another question than was asked.")                                          \
    X(ORIGIN, 5, "origin", "The passkey was used on another web page.")                                                        \
    X(CROSS_ORIGIN, 6, "cross-origin", "The passkey was used inside another web page.")                                        \
    X(TOKEN_BINDING, 7, "token-binding", "The browser claims Token Binding, which no connection here has.")                    \
    X(ATTESTATION, 8, "attestation", "The authenticator's answer cannot be read.")                                             \
    X(STATEMENT, 9, "statement", "The answer says that it has no attestation, and has one.")                                   \
    X(AUTH_DATA, 10, "auth-data", "The authenticator's data is malformed.")                                                    \
    X(RP_ID, 11, "rp-id", "The passkey belongs to another site.")                                                              \
    X(NOT_PRESENT, 12, "not-present", "Nobody was at the authenticator.")                                                      \
    X(NOT_VERIFIED, 13, "not-verified", "The authenticator did not ask who is there (PIN, finger, face).")                     \
    X(BACKUP_FLAGS, 14, "backup-flags", "The passkey says that it is backed up, and that it cannot be.")                       \
    X(BACKUP_CHANGED, 15, "backup-changed", "The passkey has changed whether it can be backed up.")                            \
    X(NO_CREDENTIAL, 16, "no-credential", "The answer has no passkey in it.")                                                  \
    X(CREDENTIAL_IN_ASSERTION, 17, "credential-in-assertion", "The answer has a new passkey in it, where none may be.")        \
    X(CREDENTIAL_ID, 18, "credential-id", "The passkey's id is empty or too long.")                                            \
    X(KEY, 19, "key", "The passkey's public key is malformed or unsound.")                                                     \
    X(ALGORITHM, 20, "algorithm", "The passkey uses an algorithm that was not offered.")                                       \
    X(EXTENSIONS, 21, "extensions", "What the authenticator adds about extensions is malformed.")                              \
    X(SIGNATURE, 22, "signature", "The signature is not by this passkey.")                                                     \
    X(CLONED, 23, "cloned", "The passkey's counter has gone back: there may be a copy of it.")

enum webauthn_verdict {
#define X(name, number, word, sentence) WEBAUTHN_##name = number,
    WEBAUTHN_VERDICT_LIST(X)
#undef X
};
const char *webauthn_word(enum webauthn_verdict verdict);
const char *webauthn_sentence(enum webauthn_verdict verdict);

/* What was asked. All false is the strict way, and ours. */
struct webauthn_expected {
    struct span challenge; /* the bytes that were issued */
    struct span rp_id;     /* a domain, ASCII, lower case */
    const struct span *origins;
    size_t origin_count;
    bool unverified_user; /* take an answer without the flag UV: only what was asked for with another userVerification */
    bool cross_origin;    /* take crossOrigin:true and a topOrigin, which is not looked at */
};

/* A new credential. The spans borrow from the attestation object. */
struct webauthn_credential {
    struct span id;         /* 1 to WEBAUTHN_ID_MAX bytes */
    struct span public_key; /* a COSE_Key, at most COSE_KEY_MAX bytes; to be stored as it is */
    struct span aaguid;     /* as claimed */
    enum cose_algorithm algorithm;
    uint32_t sign_count;
    bool user_verified, backup_eligible, backed_up;
};

/* *ret is written only with WEBAUTHN_GOOD. An error is ours: SD_ERR_NOMEM, SD_ERR_BUG (an expectation that cannot be met
 * safely: a short challenge, no origin). A key of RSA takes 2 ms to look at, one of 8192 bits 0.1 s; all others 0.2 ms. */
enum sd_err webauthn_register(struct span client_data_json, struct span attestation_object,
                              const struct webauthn_expected *expected, struct webauthn_credential *ret,
                              enum webauthn_verdict *ret_verdict) SD_MUST_CHECK;

struct webauthn_assertion {
    struct span client_data_json, authenticator_data, signature;
};

/* Of the credential that was found by the assertion's id. */
struct webauthn_stored {
    struct span public_key;
    uint32_t sign_count;
    bool backup_eligible;
};

/* To be stored before the answer. */
struct webauthn_use {
    uint32_t sign_count;
    bool user_verified, backed_up;
};

/* As above. WEBAUTHN_CLONED (§6.1.1): all else is good, and *ret is written too, for the record; it lets nobody in. */
enum sd_err webauthn_assert(const struct webauthn_assertion *assertion, const struct webauthn_stored *stored,
                            const struct webauthn_expected *expected, struct webauthn_use *ret,
                            enum webauthn_verdict *ret_verdict) SD_MUST_CHECK;

#endif
