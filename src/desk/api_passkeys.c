/* /api/v1/passkeys: one's own passkeys. */
#include "core/codec.h"
#include "core/ipc/keeper.h"
#include "core/json_out.h"
#include "crypt/crypt.h"
#include "desk/session.h"
#include "desk/webauthn_json.h"

#define PASSKEY_NAME_MAX 64
#define CODE_MAX 32
#define PERSON_MAX 32

enum sd_err api_passkeys_list(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct span person = SPAN_NONE;
    struct keeper_passkey_list_rep rep;
    if (http_param(x->request, "person", &person) && person.n > PERSON_MAX)
        return SD_ERR_NOTFOUND;
    struct keeper_passkey_list_req req = {.token = x->session.token, .origin = x->request->client, .person = person};
    enum sd_err err = keeper_passkey_list_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        respond_items(x, rep.passkeys, SPAN_NONE);
    return err;
}

enum sd_err api_passkey_challenge(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_challenge_req req = {
        .token = x->session.token, .origin = x->request->client, .purpose = CHALLENGE_ADD, .verb = VERB_FACTORS};
    struct keeper_challenge_rep rep;
    enum sd_err err = keeper_challenge_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        respond_creation_options(x, &rep);
    return err;
}

/* A limited session is whole from here on, under another token: whoever had a copy of the old one has nothing. */
static enum sd_err respond_added(struct desk *desk, struct exchange *x, const struct keeper_passkey_add_rep *rep) {
    struct buf id SD_CLEANUP(buf_free) = buf_new(2 * CREDENTIAL_ID_MAX);
    if (rep->problem.n) {
        respond_refused(x, rep->problem);
        return SD_OK;
    }
    if (rep->new_token.n)
        x->response.set_cookie = session_set_cookie(desk, rep->new_token, x->arena);
    put_base64url(&id, rep->passkey);
    struct json_out j = respond_json(x, 201);
    json_begin_object(&j, NULL);
    json_text(&j, "id", buf_span(&id));
    json_end(&j);
    return SD_OK;
}

enum sd_err api_passkey_add(struct desk *desk, struct exchange *x) {
    static const char *const known[] = {"name", "credential", "totp"};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct form form SD_CLEANUP(form_free) = {0};
    struct keeper_passkey_add_rep rep;
    if (!form_read(x, known, SD_COUNT(known), &form))
        return SD_OK;
    struct credential_in c = form_credential(&form, "credential", CREDENTIAL_REGISTRATION, FORM_NEEDED);
    struct keeper_passkey_add_req req = {.token = x->session.token,
                                         .origin = x->request->client,
                                         .name = form_text(&form, "name", PASSKEY_NAME_MAX, FORM_NEEDED),
                                         .totp = form_text(&form, "totp", CODE_MAX, FORM_OPTIONAL),
                                         .challenge = c.challenge,
                                         .client_data = c.client_data,
                                         .attestation = c.attestation};
    if (form_wrong(x, &form))
        return SD_OK;
    intend(x, VERB_FACTORS, SPAN_NONE);
    enum sd_err err = keeper_passkey_add_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (respond_wait(x, err))
        return SD_OK;
    return err ? err : respond_added(desk, x, &rep);
}

/* A gesture is bound to what is to go: ids of passkeys are longer than what a gesture names, so to their hash. */
static enum sd_err intend_removal(struct exchange *x, struct span passkey) {
    struct sha256 hash;
    enum sd_err err = crypt_sha256(passkey, &hash);
    if (err == SD_OK)
        intend(x, VERB_FACTORS, span_of(hash.b, sizeof x->intent.object));
    return err;
}

enum sd_err api_passkey_remove(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct buf id SD_CLEANUP(buf_free) = buf_new(CREDENTIAL_ID_MAX);
    struct keeper_passkey_remove_rep rep;
    if (base64url_decode(x->id, &id) != SD_OK || buf_err(&id) != SD_OK || id.n == 0)
        return SD_ERR_NOTFOUND;
    struct keeper_passkey_remove_req req = {.token = x->session.token, .origin = x->request->client, .passkey = buf_span(&id)};
    enum sd_err err = intend_removal(x, req.passkey);
    if (err == SD_OK)
        err = keeper_passkey_remove_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err)
        return err;
    if (rep.problem.n)
        respond_refused(x, rep.problem);
    else
        respond_empty(x);
    return SD_OK;
}
