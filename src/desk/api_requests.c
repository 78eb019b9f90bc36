/* /api/v1/requests: acts that need a second person: asking, and deciding for somebody else. */
#include "core/ipc/keeper.h"
#include "core/json_out.h"
#include "desk/form.h"
#include "desk/present.h"
#include "desk/ticket_find.h"

#define REASON_MAX 256

static enum sd_err list(struct desk *desk, struct exchange *x, struct ipc_msg **msg, struct keeper_request_list_rep *rep) {
    struct keeper_request_list_req req = {.token = x->session.token, .origin = x->request->client};
    return keeper_request_list_call(desk->keeper, &req, x->deadline, msg, rep);
}

/* Whoever approves has to know whom it is about. Names of staff are no secret of a colleague. */
static enum sd_err name_people(struct desk *desk, struct exchange *x, struct ipc_list requests, struct names *names) {
    struct ipc_list_iter iter = ipc_list_start(requests);
    struct span item;
    enum sd_err err = SD_OK;
    while (err == SD_OK && ipc_list_next(&iter, &item)) {
        struct json_in *request SD_CLEANUP(in_free) = NULL;
        enum verb verb = VERB_NONE;
        if (in_read(item, &request) == SD_OK && verb_from(in_text(in_member(request, "verb")), &verb) &&
            verb_facts(verb)->scope == SCOPE_SYSTEM)
            err = names_ask(desk, x, names, in_text(in_member(request, "object")));
    }
    return err;
}

enum sd_err api_requests_list(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_request_list_rep rep;
    struct names names = {0};
    enum sd_err err = list(desk, x, &msg, &rep);
    if (err == SD_OK)
        err = name_people(desk, x, rep.requests, &names);
    if (err)
        return err;
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    json_items(&j, rep.requests);
    json_begin_object(&j, "names");
    for (size_t i = 0; i < names.count; i++)
        if (names.names[i].n)
            json_text(&j, arena_cstr(x->arena, names.ids[i]), names.names[i]);
    json_end(&j);
    json_end(&j);
    return SD_OK;
}

enum sd_err api_request_make(struct desk *desk, struct exchange *x) {
    static const char *const known[] = {"act", "object", "reason"};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct form form SD_CLEANUP(form_free) = {0};
    struct keeper_request_make_rep rep;
    if (!form_read(x, known, SD_COUNT(known), &form))
        return SD_OK;
    struct keeper_request_make_req req = {.token = x->session.token,
                                          .origin = x->request->client,
                                          .verb = (uint8_t)form_verb(&form, "act"),
                                          .object = form_id(&form, "object", FORM_OPTIONAL),
                                          .reason = form_text(&form, "reason", REASON_MAX, FORM_NEEDED)};
    if (form_wrong(x, &form))
        return SD_OK;
    enum sd_err err = keeper_request_make_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err)
        return err;
    if (rep.problem.n) {
        respond_refused(x, rep.problem);
        return SD_OK;
    }
    struct json_out j = respond_json(x, 201);
    json_begin_object(&j, NULL);
    json_hex(&j, "id", rep.request);
    json_end(&j);
    return SD_OK;
}

/* The gesture to decide is for the request's own act, bound to the request. */
static enum sd_err intend_deciding(struct desk *desk, struct exchange *x, const struct object_id *id) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_request_list_rep rep;
    enum sd_err err = list(desk, x, &msg, &rep);
    struct ipc_list_iter iter = ipc_list_start(err ? (struct ipc_list){0} : rep.requests);
    struct span item;
    while (err == SD_OK && ipc_list_next(&iter, &item)) {
        struct json_in *request SD_CLEANUP(in_free) = NULL;
        enum verb verb = VERB_NONE;
        if (in_read(item, &request) == SD_OK && span_eq(in_text(in_member(request, "id")), x->id) &&
            verb_from(in_text(in_member(request, "verb")), &verb)) {
            intend(x, verb, object_id_span(id));
            return SD_OK;
        }
    }
    return err ? err : SD_ERR_NOTFOUND;
}

static void respond_decided(struct exchange *x, bool approve, const struct keeper_request_decide_rep *rep) {
    if (rep->problem.n) {
        respond_refused(x, rep->problem);
        return;
    }
    if (!approve) {
        respond_empty(x);
        return;
    }
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    if (rep->code.n)
        json_text(&j, "code", rep->code);
    else
        json_put_null(&j, "code");
    json_end(&j);
}

static enum sd_err decide(struct desk *desk, struct exchange *x, bool approve) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_request_decide_rep rep;
    struct object_id id;
    enum sd_err err = path_id(x, &id);
    if (err)
        return err;
    struct keeper_request_decide_req req = {
        .token = x->session.token, .origin = x->request->client, .request = object_id_span(&id), .approve = approve};
    err = keeper_request_decide_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        respond_decided(x, approve, &rep);
    if (err != SD_ERR_GESTURE)
        return err;
    enum sd_err found = intend_deciding(desk, x, &id);
    return found ? found : err;
}

enum sd_err api_request_approve(struct desk *desk, struct exchange *x) {
    return decide(desk, x, true);
}

enum sd_err api_request_decline(struct desk *desk, struct exchange *x) {
    return decide(desk, x, false);
}
