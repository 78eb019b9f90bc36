/*
 * POST /api/v1/attachments/{id}/release and /api/v1/messages/{id}/release: lets something be opened whatever was found in it.
 * The keeper decides, after a gesture for that very object; the store then shows the ticket's state as the keeper says it is.
 */
#include "core/ipc/keeper.h"
#include "desk/attachment.h"
#include "desk/form.h"
#include "desk/present.h"
#include "desk/ticket_find.h"

#define REASON_MAX 256

/* Within a transaction of its own. A ticket that another request has removed meanwhile has no state. */
static enum sd_err show_state(struct desk *desk, struct exchange *x, const struct ticket_id *ticket, enum ticket_state state) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = store_begin(lease.store, x->deadline);
    if (err == SD_OK)
        err = ticket_file_state(lease.store, ticket, state, clock_unix_ms());
    if (err == SD_OK)
        err = store_commit(lease.store);
    return err == SD_ERR_NOTFOUND ? SD_OK : err;
}

static enum sd_err respond_released(struct desk *desk, struct exchange *x, const struct keeper_release_rep *rep) {
    struct ticket_id ticket;
    enum sd_err err = ticket_id_from(rep->ticket, &ticket);
    if (err == SD_OK)
        err = show_state(desk, x, &ticket, (enum ticket_state)rep->ticket_state);
    if (err)
        return err;
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    put_id(&j, "ticket", ticket.b);
    json_cstr(&j, "ticket_state", ticket_state_text(rep->ticket_state));
    json_end(&j);
    return SD_OK;
}

static enum sd_err release(struct desk *desk, struct exchange *x, const struct object_id *object) {
    static const char *const known[] = {"reason"};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct form form SD_CLEANUP(form_free) = {0};
    struct keeper_release_rep rep;
    if (!form_read(x, known, SD_COUNT(known), &form))
        return SD_OK;
    struct keeper_release_req req = {.token = x->session.token,
                                     .origin = x->request->client,
                                     .object = object_id_span(object),
                                     .reason = form_text(&form, "reason", REASON_MAX, FORM_NEEDED)};
    if (form_wrong(x, &form))
        return SD_OK;
    intend(x, VERB_RELEASE, req.object);
    enum sd_err err = keeper_release_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err)
        return err;
    if (rep.problem.n == 0)
        return respond_released(desk, x, &rep);
    respond_refused(x, rep.problem);
    return SD_OK;
}

enum sd_err api_attachment_release(struct desk *desk, struct exchange *x) {
    struct attachment_row row;
    enum sd_err err = attachment_find(desk, x, &row);
    return err ? err : release(desk, x, &row.object);
}

enum sd_err api_message_release(struct desk *desk, struct exchange *x) {
    struct object_id id;
    enum sd_err err = path_message(desk, x, &id);
    return err ? err : release(desk, x, &id);
}
