/* /api/v1/step-up: a fresh gesture with a passkey, which buys one act. */
#include "core/ipc/keeper.h"
#include "desk/webauthn_json.h"

#define CODE_MAX 16

enum sd_err api_step_up_challenge(struct desk *desk, struct exchange *x) {
    static const char *const known[] = {"act", "object"};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct form form SD_CLEANUP(form_free) = {0};
    struct keeper_challenge_rep rep;
    if (!form_read(x, known, SD_COUNT(known), &form))
        return SD_OK;
    struct keeper_challenge_req req = {.token = x->session.token,
                                       .origin = x->request->client,
                                       .purpose = CHALLENGE_GESTURE,
                                       .verb = (uint8_t)form_verb(&form, "act"),
                                       .object = form_id(&form, "object", FORM_OPTIONAL)};
    if (form_wrong(x, &form))
        return SD_OK;
    enum sd_err err = keeper_challenge_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        respond_request_options(x, &rep);
    return err;
}

static enum sd_err ask(struct desk *desk, struct exchange *x, const struct keeper_step_up_req *req) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_step_up_rep rep;
    return keeper_step_up_call(desk->keeper, req, x->deadline, &msg, &rep);
}

enum sd_err api_step_up(struct desk *desk, struct exchange *x) {
    static const char *const known[] = {"act", "object", "credential", "totp"};
    struct form form SD_CLEANUP(form_free) = {0};
    if (!form_read(x, known, SD_COUNT(known), &form))
        return SD_OK;
    enum form_need need = form_has(&form, "totp") ? FORM_OPTIONAL : FORM_NEEDED;
    struct credential_in c = form_credential(&form, "credential", CREDENTIAL_ASSERTION, need);
    struct keeper_step_up_req req = {.token = x->session.token,
                                     .origin = x->request->client,
                                     .verb = (uint8_t)form_verb(&form, "act"),
                                     .object = form_id(&form, "object", FORM_OPTIONAL),
                                     .totp = form_text(&form, "totp", CODE_MAX, FORM_OPTIONAL),
                                     .challenge = c.challenge,
                                     .credential = c.id,
                                     .client_data = c.client_data,
                                     .authenticator_data = c.authenticator_data,
                                     .signature = c.signature};
    if (form_wrong(x, &form))
        return SD_OK;
    enum sd_err err = ask(desk, x, &req);
    if (respond_wait(x, err))
        return SD_OK;
    if (err && err != SD_ERR_DENIED)
        return err;
    if (err)
        respond_problem(x, PROBLEM_GESTURE, SPAN_NONE);
    else
        respond_empty(x);
    return SD_OK;
}
