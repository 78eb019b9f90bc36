/* /api/v1/sessions: where one is signed in, and ending it; with the right to, the same for others. */
#include "core/ipc/keeper.h"
#include "core/json_out.h"
#include "desk/form.h"
#include "desk/ticket_find.h"

#define PERSON_MAX 320

static bool person_param(const struct exchange *x, struct span *ret) {
    *ret = SPAN_NONE;
    return !http_param(x->request, "person", ret) || (ret->n <= PERSON_MAX && span_is_utf8(*ret));
}

enum sd_err api_sessions_list(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_session_list_req req = {.token = x->session.token, .origin = x->request->client};
    struct keeper_session_list_rep rep;
    if (!person_param(x, &req.person))
        return SD_ERR_NOTFOUND;
    if (!cursor_param(x, 16, &req.after))
        return SD_OK;
    enum sd_err err = keeper_session_list_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        respond_items(x, rep.sessions, rep.next);
    return err;
}

static enum sd_err end(struct desk *desk, struct exchange *x, struct span session, struct span person, uint32_t *ret_ended) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_session_end_req req = {
        .token = x->session.token, .origin = x->request->client, .session = session, .person = person};
    struct keeper_session_end_rep rep;
    enum sd_err err = keeper_session_end_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        *ret_ended = rep.ended;
    return err;
}

enum sd_err api_session_end(struct desk *desk, struct exchange *x) {
    struct object_id id;
    uint32_t ended = 0;
    enum sd_err err = path_id(x, &id);
    if (err == SD_OK)
        err = end(desk, x, object_id_span(&id), SPAN_NONE, &ended);
    if (err == SD_OK)
        respond_empty(x);
    return err;
}

/* All of one's own but this one, or all of a person. */
enum sd_err api_sessions_end(struct desk *desk, struct exchange *x) {
    struct span person;
    uint32_t ended = 0;
    if (!person_param(x, &person))
        return SD_ERR_NOTFOUND;
    enum sd_err err = end(desk, x, SPAN_NONE, person, &ended);
    if (err)
        return err;
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    json_int(&j, "ended", ended);
    json_end(&j);
    return SD_OK;
}
