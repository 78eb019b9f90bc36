/* GET /api/v1/messages/{id}/source: the message as it is stored, for those who need the bytes. */
#include "desk/attachment.h"
#include "desk/ticket_find.h"

static enum sd_err find_message(struct desk *desk, struct exchange *x, struct object_id *id, struct message_row *row) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = path_id(x, id);
    if (err == SD_OK)
        err = lease_take(desk->stores, x->deadline, &lease);
    return err ? err : message_get(lease.store, id, x->arena, row);
}

static enum sd_err send_source(struct desk *desk, struct exchange *x, const struct object_id *id, struct span key) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    enum sd_err err = lease_take(desk->stores, x->deadline, &lease);
    if (err == SD_OK)
        err = read_facet(lease.store, id, FACET_SOURCE, key, SOURCE_PLAIN_MAX, &x->response.body);
    if (err)
        return err;
    x->response.status = 200;
    x->response.type = "message/rfc822";
    x->response.policy = POLICY_FILE;
    x->response.disposition = SPAN("attachment; filename=\"message.eml\""); /* a browser saves it, and shows nothing of it */
    return SD_OK;
}

enum sd_err api_source_get(struct desk *desk, struct exchange *x) {
    struct object_id id;
    struct message_row row;
    struct span key;
    enum sd_err err = find_message(desk, x, &id, &row);
    if (err == SD_OK)
        err = read_key(desk, x, &id, FACET_SOURCE, &key, NULL);
    if (err == SD_ERR_UNSUPPORTED)
        return respond_unfit(desk, x, &id, &id, WANTED_SOURCE);
    if (err == SD_OK)
        err = place_take(&desk->sources, x->deadline);
    if (err)
        return err;
    err = send_source(desk, x, &id, key);
    (void)sem_post(&desk->sources);
    return err;
}
