/* /api/v1/incidents: what turned out to be malicious after it was let in, who had opened it, and what was done about it. */
#include "core/ipc/keeper.h"
#include "desk/form.h"

#define NOTE_MAX 256

enum sd_err api_incidents_list(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_incident_list_req req = {.token = x->session.token, .origin = x->request->client};
    struct keeper_incident_list_rep rep;
    if (!cursor_number(x, &req.before))
        return SD_OK;
    intend(x, VERB_ALARMS, SPAN_NONE);
    enum sd_err err = keeper_incident_list_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        respond_items_numbered(x, rep.incidents, rep.next);
    return err;
}

enum sd_err api_incident_close(struct desk *desk, struct exchange *x) {
    static const char *const known[] = {"note"};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct form form SD_CLEANUP(form_free) = {0};
    struct keeper_incident_close_req req = {.token = x->session.token, .origin = x->request->client};
    struct keeper_incident_close_rep rep;
    if (!path_number(x, &req.incident))
        return SD_ERR_NOTFOUND;
    if (!form_read(x, known, SD_COUNT(known), &form))
        return SD_OK;
    req.note = form_text(&form, "note", NOTE_MAX, FORM_NEEDED);
    if (form_wrong(x, &form))
        return SD_OK;
    intend(x, VERB_ALARMS, SPAN_NONE);
    enum sd_err err = keeper_incident_close_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        respond_empty(x);
    return err;
}
