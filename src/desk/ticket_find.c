#include "desk/ticket_find.h"
#include "desk/input.h"
#include "desk/session.h"

enum sd_err path_id(const struct exchange *x, struct object_id *ret) {
    return id_from_text(x->id, ret) == SD_OK ? SD_OK : SD_ERR_NOTFOUND;
}

enum sd_err ticket_find(struct desk *desk, struct exchange *x, struct ticket_row *ret) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    struct object_id id;
    struct ticket_id ticket;
    struct ticket_row row;
    enum sd_err err = path_id(x, &id);
    if (err == SD_OK)
        err = ticket_id_from(span_of(id.b, sizeof id.b), &ticket);
    if (err == SD_OK)
        err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = ticket_get(lease.store, &ticket, x->arena, &row);
    if (err == SD_OK && !session_has_queue(&x->session, row.queue))
        err = SD_ERR_NOTFOUND;
    if (err == SD_OK)
        *ret = row;
    return err;
}
