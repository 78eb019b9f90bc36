/* GET /readyz, /healthz, /api/v1/openapi.json: for machines that look after this one. */
#include "core/ipc/keeper.h"
#include "core/json_out.h"
#include "desk/assets.h"
#include "desk/desk.h"

#define PROBE_MS 2000

/* A token that is none: a keeper at work refuses it, and whatever else comes back means that it is not at work. */
static bool keeper_answers(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    static const uint8_t nobody[32];
    struct keeper_session_req req = {.token = span_of(nobody, sizeof nobody), .origin = x->request->client};
    struct keeper_session_rep rep;
    if (ipc_client_broken(desk->keeper))
        return false;
    return keeper_session_call(desk->keeper, &req, deadline_in_ms(PROBE_MS), &msg, &rep) == SD_ERR_DENIED;
}

static bool store_opens(struct desk *desk) {
    struct lease lease SD_CLEANUP(lease_end) = {0};
    return lease_take(desk->stores, deadline_in_ms(PROBE_MS), &lease) == SD_OK;
}

enum sd_err api_ready_get(struct desk *desk, struct exchange *x) {
    bool keeper = keeper_answers(desk, x), store = store_opens(desk);
    struct json_out j = respond_json(x, keeper && store ? 200 : 503);
    if (!keeper || !store)
        x->response.retry_after_s = 1;
    json_begin_object(&j, NULL);
    json_bool(&j, "ready", keeper && store);
    json_begin_array(&j, "reasons");
    if (!keeper)
        json_cstr(&j, NULL, "the keeper does not answer");
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
