/* /api/v1/alarms: what people are told at once. */
#include "core/ipc/keeper.h"
#include "desk/form.h"

enum sd_err api_alarms_list(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_alarm_list_req req = {.token = x->session.token, .origin = x->request->client};
    struct keeper_alarm_list_rep rep;
    if (!cursor_number(x, &req.before))
        return SD_OK;
    enum sd_err err = keeper_alarm_list_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        respond_items_numbered(x, rep.alarms, rep.next);
    return err;
}

enum sd_err api_alarm_seen(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_alarm_seen_req req = {.token = x->session.token, .origin = x->request->client};
    struct keeper_alarm_seen_rep rep;
    if (!path_number(x, &req.alarm))
        return SD_ERR_NOTFOUND;
    enum sd_err err = keeper_alarm_seen_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        respond_empty(x);
    return err;
}
