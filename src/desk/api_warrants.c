/* /api/v1/warrants: work without a person, and who let it. */
#include "core/ipc/keeper.h"
#include "core/json_out.h"
#include "desk/form.h"
#include "desk/ticket_find.h"

#define PURPOSE_MAX 32
#define QUEUE_MAX 64
#define USES_MAX 1000000

enum sd_err api_warrants_list(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct span live = SPAN_NONE;
    struct keeper_warrant_list_req req = {.token = x->session.token, .origin = x->request->client};
    struct keeper_warrant_list_rep rep;
    req.live = http_param(x->request, "live", &live) && span_eq(live, SPAN("true"));
    if (!cursor_param(x, 16, &req.after))
        return SD_OK;
    intend(x, VERB_WARRANTS, SPAN_NONE);
    enum sd_err err = keeper_warrant_list_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        respond_items(x, rep.warrants, rep.next);
    return err;
}

static enum sd_err respond_issued(struct exchange *x, const struct keeper_warrant_issue_rep *rep) {
    if (rep->problem.n) {
        respond_refused(x, rep->problem);
        return SD_OK;
    }
    struct json_out j = respond_json(x, 201);
    json_begin_object(&j, NULL);
    json_hex(&j, "id", rep->warrant);
    json_end(&j);
    return SD_OK;
}

enum sd_err api_warrant_issue(struct desk *desk, struct exchange *x) {
    static const char *const known[] = {"purpose", "ticket", "queue", "uses", "expires_at"};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct form form SD_CLEANUP(form_free) = {0};
    struct keeper_warrant_issue_rep rep;
    if (!form_read(x, known, SD_COUNT(known), &form))
        return SD_OK;
    struct keeper_warrant_issue_req req = {.token = x->session.token,
                                           .origin = x->request->client,
                                           .purpose = form_text(&form, "purpose", PURPOSE_MAX, FORM_NEEDED),
                                           .ticket = form_id(&form, "ticket", FORM_OPTIONAL),
                                           .queue = form_text(&form, "queue", QUEUE_MAX, FORM_OPTIONAL),
                                           .uses = (uint32_t)form_number(&form, "uses", 1, USES_MAX, FORM_NEEDED),
                                           .expires_ms = form_time(&form, "expires_at", FORM_NEEDED)};
    if (form_wrong(x, &form))
        return SD_OK;
    intend(x, VERB_WARRANTS, SPAN_NONE);
    enum sd_err err = keeper_warrant_issue_call(desk->keeper, &req, x->deadline, &msg, &rep);
    return err ? err : respond_issued(x, &rep);
}

enum sd_err api_warrant_revoke(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_warrant_revoke_rep rep;
    struct object_id id;
    enum sd_err err = path_id(x, &id);
    if (err)
        return err;
    struct keeper_warrant_revoke_req req = {
        .token = x->session.token, .origin = x->request->client, .warrant = object_id_span(&id)};
    intend(x, VERB_WARRANTS, req.warrant);
    err = keeper_warrant_revoke_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        respond_empty(x);
    return err;
}
