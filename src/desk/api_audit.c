/* GET /api/v1/audit: the log, for those whose right that is. A reading begins with a gesture, and is itself in the log. */
#include "core/codec.h"
#include "core/ipc/keeper.h"
#include "core/json_out.h"
#include "desk/form.h"

static void put_next(struct json_out *j, uint64_t next, uint64_t size) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(8), cursor SD_CLEANUP(buf_free) = buf_new(16);
    buf_u64(&raw, next);
    put_base64url(&cursor, buf_span(&raw));
    if (next < size)
        json_text(j, "next", buf_span(&cursor));
    else
        json_put_null(j, "next");
}

static void respond_records(struct exchange *x, const struct keeper_audit_query_rep *rep) {
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    json_items(&j, rep->records);
    put_next(&j, rep->next, rep->size);
    json_int(&j, "size", (int64_t)rep->size);
    json_end(&j);
}

enum sd_err api_audit(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct span newest = SPAN_NONE;
    struct keeper_audit_query_req req = {.token = x->session.token, .origin = x->request->client};
    struct keeper_audit_query_rep rep;
    if (!cursor_number(x, &req.from))
        return SD_OK;
    req.newest = http_param(x->request, "newest", &newest) && span_eq(newest, SPAN("true"));
    intend(x, VERB_AUDIT, SPAN_NONE);
    enum sd_err err = keeper_audit_query_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        respond_records(x, &rep);
    return err;
}
