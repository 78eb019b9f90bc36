/*
 * DELETE /api/v1/tickets/{id} and /api/v1/messages/{id}: for good. The keeper destroys the keys, after a gesture and a second
 * person's approval; then the store forgets what is noise.
 */
#include "core/ipc/keeper.h"
#include "desk/problem.h"
#include "desk/ticket_find.h"
#include "store/message.h"
#include "store/remove.h"

static enum sd_err destroy(struct desk *desk, struct exchange *x, struct keeper_destroy_req *req) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_destroy_rep rep;
    req->token = x->session.token;
    req->origin = x->request->client;
    intend(x, VERB_PURGE, req->ticket.n ? req->ticket : req->object);
    return keeper_destroy_call(desk->keeper, req, x->deadline, &msg, &rep);
}

/* Within a transaction of its own. What another request has removed meanwhile is removed. */
static enum sd_err forget(struct desk *desk, struct exchange *x, const struct ticket_id *ticket,
                          const struct object_id *message) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = store_begin(lease.store, x->deadline);
    if (err == SD_OK)
        err = ticket ? ticket_remove(lease.store, ticket) : message_remove(lease.store, message, clock_unix_ms());
    if (err == SD_ERR_NOTFOUND)
        err = SD_OK;
    if (err == SD_OK)
        err = store_commit(lease.store);
    if (err == SD_OK)
        respond_empty(x);
    return err;
}

enum sd_err api_ticket_destroy(struct desk *desk, struct exchange *x) {
    struct ticket_row row;
    enum sd_err err = path_ticket(desk, x, &row);
    if (err == SD_OK)
        err = destroy(desk, x, &(struct keeper_destroy_req){.ticket = ticket_id_span(&row.id)});
    return err ? err : forget(desk, x, &row.id, NULL);
}

enum sd_err api_message_destroy(struct desk *desk, struct exchange *x) {
    struct object_id id;
    enum sd_err err = path_message(desk, x, &id);
    if (err == SD_OK)
        err = destroy(desk, x, &(struct keeper_destroy_req){.object = object_id_span(&id)});
    return err ? err : forget(desk, x, NULL, &id);
}
