/* POST /api/v1/recovery-codes and /api/v1/password: what people change about themselves besides passkeys. */
#include "core/ipc/keeper.h"
#include "desk/form.h"

#define CODE_MAX 32
#define PASSWORD_MAX 1024

enum sd_err api_recovery_codes(struct desk *desk, struct exchange *x) {
    static const char *const known[] = {"totp"};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct form form SD_CLEANUP(form_free) = {0};
    struct keeper_recovery_make_rep rep;
    if (!form_read(x, known, SD_COUNT(known), &form))
        return SD_OK;
    struct keeper_recovery_make_req req = {
        .token = x->session.token, .origin = x->request->client, .totp = form_text(&form, "totp", CODE_MAX, FORM_OPTIONAL)};
    if (form_wrong(x, &form))
        return SD_OK;
    intend(x, VERB_FACTORS, SPAN_NONE);
    enum sd_err err = keeper_recovery_make_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (respond_wait(x, err))
        return SD_OK;
    if (err)
        return err;
    if (rep.problem.n)
        respond_refused(x, rep.problem);
    else
        respond_codes(x, rep.recovery);
    return SD_OK;
}

/* Wrong by the keeper's word: the present password was not right, the new one is not fit, or there were too many attempts. */
static void respond_unchanged(struct exchange *x, const struct keeper_password_change_rep *rep) {
    if (rep->retry_after_s == 0) {
        respond_refused(x, rep->problem);
        return;
    }
    respond_problem(x, PROBLEM_THROTTLED, rep->problem);
    x->response.retry_after_s = rep->retry_after_s;
}

enum sd_err api_password(struct desk *desk, struct exchange *x) {
    static const char *const known[] = {"old", "password"};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct form form SD_CLEANUP(form_free) = {0};
    struct keeper_password_change_rep rep;
    if (!form_read(x, known, SD_COUNT(known), &form))
        return SD_OK;
    struct keeper_password_change_req req = {.token = x->session.token,
                                             .origin = x->request->client,
                                             .old = form_text(&form, "old", PASSWORD_MAX, FORM_NEEDED),
                                             .password = form_text(&form, "password", PASSWORD_MAX, FORM_NEEDED)};
    if (form_wrong(x, &form))
        return SD_OK;
    intend(x, VERB_FACTORS, SPAN_NONE);
    enum sd_err err = keeper_password_change_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err)
        return err;
    if (rep.problem.n || rep.retry_after_s)
        respond_unchanged(x, &rep);
    else
        respond_empty(x);
    return SD_OK;
}
