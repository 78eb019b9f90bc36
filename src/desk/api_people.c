/* /api/v1/people: who works here, by those with the right "people". Each change is one act, and needs one gesture. */
#include "core/codec.h"
#include "core/ipc/keeper.h"
#include "core/json_out.h"
#include "desk/form.h"

#define EMAIL_MAX 320
#define NAME_MAX 256
#define WORD_MAX 64
#define REASON_MAX 256
#define ROLES_MAX 64

enum sd_err api_people_list(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_person_list_req req = {.token = x->session.token, .origin = x->request->client};
    struct keeper_person_list_rep rep;
    if (!cursor_param(x, EMAIL_MAX, &req.after))
        return SD_OK;
    if (!span_is_utf8(req.after))
        return SD_ERR_NOTFOUND;
    enum sd_err err = keeper_person_list_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK)
        respond_items(x, rep.people, rep.next);
    return err;
}

/* What somebody enrols by: shown once. The link is for the page's address, behind the "#", where no server sees it. */
struct invitation {
    struct span person, link, code;
    int64_t expires_ms;
};

static void respond_invitation(struct exchange *x, unsigned status, const struct invitation *invitation) {
    struct buf link SD_CLEANUP(buf_free) = buf_new(64);
    put_base64url(&link, invitation->link);
    struct json_out j = respond_json(x, status);
    json_begin_object(&j, NULL);
    if (invitation->person.n)
        json_text(&j, "id", invitation->person);
    json_text(&j, "link", buf_span(&link));
    if (invitation->code.n)
        json_text(&j, "code", invitation->code);
    json_time(&j, "expires_at", invitation->expires_ms);
    json_end(&j);
}

enum sd_err api_person_invite(struct desk *desk, struct exchange *x) {
    static const char *const known[] = {"email", "name", "role", "queues", "reason"};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct form form SD_CLEANUP(form_free) = {0};
    struct buf queues SD_CLEANUP(buf_free) = buf_new(LIMIT_IPC_INLINE_BYTES);
    struct keeper_person_invite_rep rep;
    if (!form_read(x, known, SD_COUNT(known), &form))
        return SD_OK;
    struct keeper_person_invite_req req = {.token = x->session.token,
                                           .origin = x->request->client,
                                           .email = form_text(&form, "email", EMAIL_MAX, FORM_NEEDED),
                                           .name = form_text(&form, "name", NAME_MAX, FORM_NEEDED),
                                           .role = form_text(&form, "role", 32, FORM_NEEDED),
                                           .queues = form_list(&form, "queues", ROLES_MAX, WORD_MAX, &queues),
                                           .reason = form_text(&form, "reason", REASON_MAX, FORM_OPTIONAL)};
    if (form_wrong(x, &form))
        return SD_OK;
    intend(x, VERB_PEOPLE, SPAN_NONE);
    enum sd_err err = keeper_person_invite_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err)
        return err;
    if (rep.problem.n)
        respond_refused(x, rep.problem);
    else
        respond_invitation(x, 201, &(struct invitation){rep.person, rep.link, rep.code, rep.expires_ms});
    return SD_OK;
}

/* The act's object: the person's id, when the path is one. */
static void intend_on_person(struct exchange *x, enum verb verb) {
    struct object_id id;
    bool is_id = id_from_text(x->id, &id) == SD_OK;
    intend(x, verb, is_id ? object_id_span(&id) : SPAN_NONE);
}

static enum sd_err change(struct desk *desk, struct exchange *x, struct keeper_person_change_req *req) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_person_change_rep rep;
    if (x->id.n > EMAIL_MAX || !span_is_utf8(x->id))
        return SD_ERR_NOTFOUND;
    req->token = x->session.token;
    req->origin = x->request->client;
    req->person = x->id;
    intend_on_person(x, VERB_PEOPLE);
    enum sd_err err = keeper_person_change_call(desk->keeper, req, x->deadline, &msg, &rep);
    if (err)
        return err;
    if (rep.problem.n)
        respond_refused(x, rep.problem);
    else if (req->what == PERSON_INVITE)
        respond_invitation(x, 201, &(struct invitation){.link = rep.link, .code = rep.code, .expires_ms = rep.expires_ms});
    else
        respond_empty(x);
    return SD_OK;
}

/* What the one member besides `reason` asks for. */
static void read_change(struct form *form, struct buf *raw, struct keeper_person_change_req *req) {
    if (form_has(form, "suspended")) {
        req->what = in_true(in_member(form->body, "suspended")) ? PERSON_SUSPEND : PERSON_RESUME;
    } else if (form_has(form, "role")) {
        req->what = PERSON_ROLE;
        req->value = form_text(form, "role", 32, FORM_NEEDED);
    } else if (form_has(form, "queues")) {
        req->what = PERSON_QUEUES;
        req->queues = form_list(form, "queues", ROLES_MAX, WORD_MAX, raw);
    } else if (form_has(form, "roles")) {
        req->what = PERSON_ROLES;
        req->queues = form_list(form, "roles", ROLES_MAX, 32, raw);
    } else {
        req->what = PERSON_NAME;
        req->value = form_text(form, "name", NAME_MAX, FORM_NEEDED);
    }
}

enum sd_err api_person_change(struct desk *desk, struct exchange *x) {
    static const char *const known[] = {"suspended", "role", "queues", "roles", "name", "reason"};
    struct form form SD_CLEANUP(form_free) = {0};
    struct buf raw SD_CLEANUP(buf_free) = buf_new(LIMIT_IPC_INLINE_BYTES);
    struct keeper_person_change_req req = {0};
    if (!form_read(x, known, SD_COUNT(known), &form))
        return SD_OK;
    size_t members = in_count(form.body) - (in_kind(in_member(form.body, "reason")) != IN_ABSENT);
    req.reason = form_text(&form, "reason", REASON_MAX, FORM_OPTIONAL);
    read_change(&form, &raw, &req);
    if (members != 1)
        field_wrong(&form.errors, SPAN(""), "one-at-a-time", "Send one of suspended, role, queues, roles and name.");
    return form_wrong(x, &form) ? SD_OK : change(desk, x, &req);
}

enum sd_err api_person_remove(struct desk *desk, struct exchange *x) {
    return change(desk, x, &(struct keeper_person_change_req){.what = PERSON_REMOVE});
}

/* A new link and code for who has not enrolled yet. */
enum sd_err api_person_invite_again(struct desk *desk, struct exchange *x) {
    return change(desk, x, &(struct keeper_person_change_req){.what = PERSON_INVITE});
}

/* The link alone: whoever approved the request has the code, and passes it on. */
enum sd_err api_person_reset(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_factors_reset_req req = {.token = x->session.token, .origin = x->request->client, .person = x->id};
    struct keeper_factors_reset_rep rep;
    if (x->id.n > EMAIL_MAX || !span_is_utf8(x->id))
        return SD_ERR_NOTFOUND;
    intend_on_person(x, VERB_RESET);
    enum sd_err err = keeper_factors_reset_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err)
        return err;
    if (rep.problem.n)
        respond_refused(x, rep.problem);
    else
        respond_invitation(x, 201, &(struct invitation){.link = rep.link, .expires_ms = rep.expires_ms});
    return SD_OK;
}
