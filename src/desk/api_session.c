/* POST, GET and DELETE /api/v1/session: sign in, who am I, sign out. */
#include "core/ipc/keeper.h"
#include "desk/input.h"
#include "desk/problem.h"
#include "desk/session.h"

/* Bounds of keeper.def. What is longer is nobody's, and still goes to the keeper, so that it is counted and takes as long. */
#define EMAIL_MAX 320
#define PASSWORD_MAX 1024
#define TOTP_MAX 32

static struct span at_most(struct span s, size_t max) {
    return s.n > max ? SPAN_NONE : s;
}

enum sd_err sign_in_respond(struct desk *desk, struct exchange *x, unsigned outcome, struct span token,
                            uint32_t retry_after_s) {
    if (outcome == SIGN_IN_OK)
        return session_begin(desk, x, token);
    respond_problem(x,
                    outcome == SIGN_IN_THROTTLED ? PROBLEM_THROTTLED
                    : outcome == SIGN_IN_PASSKEY ? PROBLEM_SIGN_IN_PASSKEY
                                                 : PROBLEM_SIGN_IN_FAILED,
                    SPAN_NONE);
    if (outcome == SIGN_IN_THROTTLED)
        x->response.retry_after_s = retry_after_s ? retry_after_s : 1;
    return SD_OK;
}

enum sd_err api_session_create(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct json_in *body SD_CLEANUP(in_free) = NULL;
    struct keeper_sign_in_rep rep;
    if (in_body(x->request, &body) != SD_OK) {
        respond_problem(x, PROBLEM_MALFORMED, SPAN("The body is not a JSON object."));
        return SD_OK;
    }
    struct keeper_sign_in_req req = {.email = at_most(in_text(in_member(body, "email")), EMAIL_MAX),
                                     .password = at_most(in_text(in_member(body, "password")), PASSWORD_MAX),
                                     .totp = at_most(in_text(in_member(body, "totp")), TOTP_MAX),
                                     .origin = x->request->client};
    enum sd_err err = keeper_sign_in_call(desk->keeper, &req, x->deadline, &msg, &rep);
    return err && err != SD_ERR_DENIED
               ? err
               : sign_in_respond(desk, x, err ? SIGN_IN_FAILED : rep.outcome, rep.token, rep.retry_after_s);
}

enum sd_err api_session_get(SD_UNUSED struct desk *desk, struct exchange *x) {
    session_respond(x, 200);
    return SD_OK;
}

enum sd_err api_session_delete(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_sign_out_req req = {.token = x->session.token, .origin = x->request->client};
    struct keeper_sign_out_rep rep;
    enum sd_err err = keeper_sign_out_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err && err != SD_ERR_DENIED)
        return err;
    x->response.set_cookie = session_set_cookie(desk, SPAN_NONE, x->arena);
    respond_empty(x);
    return SD_OK;
}
