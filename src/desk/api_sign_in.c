/* POST /api/v1/session/challenge and /api/v1/session/passkey: signing in with a passkey alone. */
#include "core/ipc/keeper.h"
#include "desk/session.h"
#include "desk/webauthn_json.h"

enum sd_err api_session_challenge(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_challenge_req req = {.origin = x->request->client, .purpose = CHALLENGE_SIGN_IN};
    struct keeper_challenge_rep rep;
    enum sd_err err = keeper_challenge_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        respond_request_options(x, &rep);
    return err;
}

enum sd_err api_session_passkey(struct desk *desk, struct exchange *x) {
    static const char *const known[] = {"credential"};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct form form SD_CLEANUP(form_free) = {0};
    struct keeper_passkey_sign_in_rep rep;
    if (!form_read(x, known, SD_COUNT(known), &form))
        return SD_OK;
    struct credential_in c = form_credential(&form, "credential", CREDENTIAL_ASSERTION, FORM_NEEDED);
    if (form_wrong(x, &form))
        return SD_OK;
    struct keeper_passkey_sign_in_req req = {.origin = x->request->client,
                                             .challenge = c.challenge,
                                             .credential = c.id,
                                             .client_data = c.client_data,
                                             .authenticator_data = c.authenticator_data,
                                             .signature = c.signature,
                                             .user = c.user};
    enum sd_err err = keeper_passkey_sign_in_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err && err != SD_ERR_DENIED)
        return err;
    return sign_in_respond(desk, x, err ? SIGN_IN_FAILED : rep.outcome, rep.token, rep.retry_after_s);
}
