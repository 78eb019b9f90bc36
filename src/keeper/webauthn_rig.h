/*
 * webauthn_rig.h - a browser and an authenticator for tests, both able to lie: every part of an answer can be another than it
 * should be, and is signed all the same. For tests only.
 */
#ifndef SD_KEEPER_WEBAUTHN_RIG_H
#define SD_KEEPER_WEBAUTHN_RIG_H

#include "core/buf.h"
#include "crypt/test_cose.h"
#include "keeper/webauthn.h"

#define RIG_RP_ID "desk.example.test"
#define RIG_ORIGIN "https://desk.example.test"
#define RIG_CHALLENGE "0123456789abcdef0123456789ABCDEF"
/* $T the type, $C the challenge in base64url. */
#define RIG_JSON "{\"type\":\"$T\",\"challenge\":\"$C\",\"origin\":\"" RIG_ORIGIN "\",\"crossOrigin\":false}"

enum { RIG_UP = 1, RIG_UV = 4, RIG_BE = 8, RIG_BS = 16, RIG_AT = 64, RIG_ED = 128 };

/* What the authenticator says; NULL and 0 are the good way. */
struct rig_data {
    const char *json;  /* RIG_JSON */
    const char *rp_id; /* RIG_RP_ID */
    uint8_t flags;     /* as they are */
    uint32_t count;
    struct span tail; /* behind the counter */
};

struct rig_answer {
    struct buf json, auth_data, attestation, signature, public_key;
};
void rig_answer_free(struct rig_answer *answer);

struct webauthn_expected rig_expected(void);
void rig_put_json(struct buf *to, const char *template, const char *type);
void rig_put_auth_data(struct buf *to, const struct rig_data *data);
/* aaguid, id and the key. */
void rig_put_credential(struct buf *to, struct span id, const struct test_cose *key);
/* {"fmt", "attStmt", "authData"}; statement: encoded. */
void rig_put_attestation(struct buf *to, const char *format, struct span statement, struct span auth_data);

/* data->tail NULL: the credential of key with id. */
struct rig_answer rig_register(const struct test_cose *key, struct span id, const struct rig_data *data);
struct rig_answer rig_assert(const struct test_cose *key, const struct rig_data *data);

enum webauthn_verdict rig_judge_registration(const struct rig_answer *answer, const struct webauthn_expected *expected,
                                             struct webauthn_credential *ret);
enum webauthn_verdict rig_judge_assertion(const struct rig_answer *answer, const struct webauthn_stored *stored,
                                          const struct webauthn_expected *expected, struct webauthn_use *ret);

#endif
