/* GET /readyz, /healthz, /api/v1/openapi.json: for machines that look after this one. */
#include "core/ipc/keeper.h"
#include "core/json_out.h"
#include "desk/assets.h"
#include "desk/desk.h"

#define PROBE_MS 2000

/* Appends why it opens and signs nothing; nothing when it does. */
static void ask_keeper(struct desk *desk, struct buf *why) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_state_rep rep;
    enum sd_err err = ipc_client_broken(desk->keeper) ? SD_ERR_UNAVAILABLE : SD_OK;
    if (err == SD_OK)
        err = keeper_state_call(desk->keeper, &(struct keeper_state_req){}, deadline_in_ms(PROBE_MS), &msg, &rep);
    if (err)
        buf_text(why, "the keeper does not answer");
    else
        buf_put(why, rep.reason);
}

static bool store_opens(struct desk *desk) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    return lease_take(desk->stores, deadline_in_ms(PROBE_MS), &lease) == SD_OK;
}

enum sd_err api_ready_get(struct desk *desk, struct exchange *x) {
    struct buf why SD_CLEANUP(buf_free) = buf_new(512);
    ask_keeper(desk, &why);
    bool keeper = why.n == 0, store = store_opens(desk);
    struct json_out j = respond_json(x, keeper && store ? 200 : 503);
    if (!keeper || !store)
        x->response.retry_after_s = 1;
    json_begin_object(&j, NULL);
    json_bool(&j, "ready", keeper && store);
    json_begin_array(&j, "reasons");
    if (!keeper)
        json_text(&j, NULL, buf_span(&why));
    if (!store)
        json_cstr(&j, NULL, "the store cannot be opened");
    json_end(&j);
    json_end(&j);
    return SD_OK;
}

/* This process answers: no more is said. */
enum sd_err api_health_get(SD_UNUSED struct desk *desk, struct exchange *x) {
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    json_bool(&j, "alive", true);
    json_end(&j);
    return SD_OK;
}

enum sd_err api_openapi_get(SD_UNUSED struct desk *desk, struct exchange *x) {
    x->response.status = 200;
    x->response.type = "application/json";
    x->response.fixed = asset_openapi();
    return SD_OK;
}
