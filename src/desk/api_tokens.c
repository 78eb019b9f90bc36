/* /api/v1/tokens: a machine's way in, with some of its owner's rights. */
#include "core/codec.h"
#include "core/ipc/keeper.h"
#include "core/json_out.h"
#include "desk/form.h"
#include "desk/session.h"
#include "desk/ticket_find.h"

#define NAME_MAX 64
#define QUEUES_MAX 64
#define ADDRESSES_MAX 16
#define WORD_MAX 64

enum sd_err api_tokens_list(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct span all = SPAN_NONE;
    struct keeper_token_list_req req = {.token = x->session.token, .origin = x->request->client};
    struct keeper_token_list_rep rep;
    req.all = http_param(x->request, "all", &all) && span_eq(all, SPAN("true"));
    if (!cursor_param(x, 16, &req.after))
        return SD_OK;
    enum sd_err err = keeper_token_list_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        respond_items(x, rep.tokens, rep.next);
    return err;
}

/* The one time that it is shown. */
static void respond_token(struct exchange *x, const struct keeper_token_make_rep *rep) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(64);
    buf_text(&text, API_TOKEN_PREFIX);
    put_base64url(&text, rep->secret);
    struct json_out j = respond_json(x, 201);
    json_begin_object(&j, NULL);
    json_hex(&j, "id", rep->id);
    json_text(&j, "token", buf_span(&text));
    json_end(&j);
}

enum sd_err api_token_make(struct desk *desk, struct exchange *x) {
    static const char *const known[] = {"name", "verbs", "queues", "addresses", "expires_at"};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct form form SD_CLEANUP(form_free) = {0};
    struct buf queues SD_CLEANUP(buf_free) = buf_new(8192), addresses SD_CLEANUP(buf_free) = buf_new(8192);
    struct keeper_token_make_rep rep;
    if (!form_read(x, known, SD_COUNT(known), &form))
        return SD_OK;
    struct keeper_token_make_req req = {.token = x->session.token,
                                        .origin = x->request->client,
                                        .name = form_text(&form, "name", NAME_MAX, FORM_NEEDED),
                                        .verbs = form_verbs(&form, in_member(form.body, "verbs"), "verbs"),
                                        .queues = form_list(&form, "queues", QUEUES_MAX, WORD_MAX, &queues),
                                        .addresses = form_list(&form, "addresses", ADDRESSES_MAX, WORD_MAX, &addresses),
                                        .expires_ms = form_time(&form, "expires_at", FORM_NEEDED)};
    if (form_wrong(x, &form))
        return SD_OK;
    intend(x, VERB_TOKENS, SPAN_NONE);
    enum sd_err err = keeper_token_make_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err)
        return err;
    if (rep.problem.n)
        respond_refused(x, rep.problem);
    else
        respond_token(x, &rep);
    return SD_OK;
}

enum sd_err api_token_revoke(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_token_revoke_rep rep;
    struct object_id id;
    enum sd_err err = path_id(x, &id);
    if (err)
        return err;
    struct keeper_token_revoke_req req = {.token = x->session.token, .origin = x->request->client, .id = object_id_span(&id)};
    intend(x, VERB_PEOPLE, req.id);
    err = keeper_token_revoke_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        respond_empty(x);
    return err;
}
