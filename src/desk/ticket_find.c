#include "desk/ticket_find.h"
#include "core/ipc/keeper.h"
#include "desk/input.h"
#include "desk/session.h"
#include "store/message.h"

enum sd_err path_id(const struct exchange *x, struct object_id *ret) {
    return id_from_text(x->id, ret) == SD_OK ? SD_OK : SD_ERR_NOTFOUND;
}

enum sd_err path_ticket(struct desk *desk, struct exchange *x, struct ticket_row *ret) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    struct object_id id;
    struct ticket_id ticket;
    enum sd_err err = path_id(x, &id);
    if (err == SD_OK)
        err = ticket_id_from(object_id_span(&id), &ticket);
    if (err == SD_OK)
        err = lease_take(desk->stores, x->deadline, &lease);
    return err ? err : ticket_get(lease.store, &ticket, x->arena, ret);
}

enum sd_err path_message(struct desk *desk, struct exchange *x, struct object_id *ret) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    struct message_row row;
    enum sd_err err = path_id(x, ret);
    if (err == SD_OK)
        err = lease_take(desk->stores, x->deadline, &lease);
    return err ? err : message_get(lease.store, ret, x->arena, &row);
}

enum sd_err ticket_find(struct desk *desk, struct exchange *x, struct ticket_row *ret) {
    struct ticket_row row;
    enum sd_err err = path_ticket(desk, x, &row);
    if (err == SD_OK && !session_has_queue(&x->session, row.queue))
        err = SD_ERR_NOTFOUND;
    if (err == SD_OK)
        *ret = row;
    return err;
}

enum sd_err ticket_named(struct desk *desk, struct exchange *x, struct span text, struct ticket_row *ret) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    struct object_id id;
    struct ticket_id ticket;
    uint64_t number = 0;
    bool by_number = text.n < 16 && span_to_u64(text, &number) == SD_OK;
    if (!by_number && (id_from_text(text, &id) != SD_OK || ticket_id_from(object_id_span(&id), &ticket) != SD_OK))
        return SD_ERR_NOTFOUND;
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    if (err)
        return err;
    return by_number ? ticket_get_number(lease.store, (int64_t)number, x->arena, ret)
                     : ticket_get(lease.store, &ticket, x->arena, ret);
}

enum sd_err ticket_seen(struct desk *desk, struct exchange *x, const struct ticket_row *row) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_act_req req = {
        .token = x->session.token, .origin = x->request->client, .ticket = ticket_id_span(&row->id), .action = ACTION_LIST};
    struct keeper_act_rep rep;
    return keeper_act_call(desk->keeper, &req, x->deadline, &msg, &rep);
}
