/*
 * POST /api/v1/enrolment, …/challenge, …/finish: somebody new, or with a new start, by a printed link and a typed code. The
 * link alone does nothing: programs that follow links cannot type the code.
 */
#include "core/ipc/keeper.h"
#include "core/ipc/states.h"
#include "core/json_out.h"
#include "desk/qr.h"
#include "desk/webauthn_json.h"

#define LINK_BYTES 32
#define CODE_MAX 32
#define PASSWORD_MAX 1024
#define PASSKEY_NAME_MAX 64

/* ENROL_* that is not OK. */
static void respond_failed(struct exchange *x, unsigned outcome, uint32_t retry_after_s) {
    respond_problem(x, outcome == ENROL_THROTTLED ? PROBLEM_THROTTLED : PROBLEM_ENROLMENT, SPAN_NONE);
    if (outcome == ENROL_THROTTLED)
        x->response.retry_after_s = retry_after_s ? retry_after_s : 1;
}

/* A link that is none is answered as one that is over. */
static struct span link_of(struct form *form) {
    struct span link = form_bytes(form, "link", LINK_BYTES, FORM_NEEDED);
    if (form->errors.count == 0 && link.n != LINK_BYTES)
        field_wrong(&form->errors, SPAN("link"), "unknown", "Not a link to enrol by.");
    return link;
}

/* otpauth://totp/…?secret=…&…: for who types it. */
static struct span secret_of(struct span otpauth) {
    size_t at = span_search(otpauth, SPAN("secret="));
    struct span rest = span_from(otpauth, at < otpauth.n ? at + 7 : otpauth.n);
    return span_sub(rest, 0, span_find(rest, '&'));
}

static enum sd_err respond_started(struct exchange *x, const struct keeper_enrol_start_rep *rep) {
    struct buf svg SD_CLEANUP(buf_free) = buf_new(QR_SVG_MAX);
    enum sd_err err = qr_svg(rep->otpauth, &svg);
    if (err)
        return err;
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    json_text(&j, "email", rep->email);
    json_text(&j, "name", rep->name);
    json_cstr(&j, "role", person_role_text(rep->role));
    json_bool(&j, "passkey_needed", rep->passkey_needed);
    json_text(&j, "otpauth", rep->otpauth);
    json_text(&j, "secret", secret_of(rep->otpauth));
    json_text(&j, "qr", buf_span(&svg));
    json_end(&j);
    return SD_OK;
}

enum sd_err api_enrolment_start(struct desk *desk, struct exchange *x) {
    static const char *const known[] = {"link", "code"};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct form form SD_CLEANUP(form_free) = {0};
    struct keeper_enrol_start_rep rep;
    if (!form_read(x, known, SD_COUNT(known), &form))
        return SD_OK;
    struct keeper_enrol_start_req req = {
        .link = link_of(&form), .code = form_text(&form, "code", CODE_MAX, FORM_NEEDED), .origin = x->request->client};
    if (form_wrong(x, &form))
        return SD_OK;
    enum sd_err err = keeper_enrol_start_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err == SD_OK && rep.outcome == ENROL_OK)
        return respond_started(x, &rep);
    if (err && err != SD_ERR_DENIED)
        return err;
    respond_failed(x, err ? ENROL_NO : rep.outcome, err ? 0 : rep.retry_after_s);
    return SD_OK;
}

enum sd_err api_enrolment_challenge(struct desk *desk, struct exchange *x) {
    static const char *const known[] = {"link", "code"};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct form form SD_CLEANUP(form_free) = {0};
    struct keeper_challenge_rep rep;
    if (!form_read(x, known, SD_COUNT(known), &form))
        return SD_OK;
    struct keeper_challenge_req req = {.origin = x->request->client,
                                       .purpose = CHALLENGE_ENROL,
                                       .link = link_of(&form),
                                       .code = form_text(&form, "code", CODE_MAX, FORM_NEEDED)};
    if (form_wrong(x, &form))
        return SD_OK;
    enum sd_err err = keeper_challenge_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (respond_wait(x, err))
        return SD_OK;
    if (err == SD_OK)
        respond_creation_options(x, &rep);
    if (err == SD_ERR_DENIED)
        respond_failed(x, ENROL_NO, 0);
    return err == SD_ERR_DENIED ? SD_OK : err;
}

enum sd_err api_enrolment_finish(struct desk *desk, struct exchange *x) {
    static const char *const known[] = {"link", "code", "password", "totp", "passkey_name", "credential"};
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct form form SD_CLEANUP(form_free) = {0};
    struct keeper_enrol_finish_rep rep;
    if (!form_read(x, known, SD_COUNT(known), &form))
        return SD_OK;
    struct credential_in c = form_credential(&form, "credential", CREDENTIAL_REGISTRATION, FORM_OPTIONAL);
    struct keeper_enrol_finish_req req = {
        .link = link_of(&form),
        .code = form_text(&form, "code", CODE_MAX, FORM_NEEDED),
        .origin = x->request->client,
        .password = form_text(&form, "password", PASSWORD_MAX, FORM_NEEDED),
        .totp = form_text(&form, "totp", CODE_MAX, FORM_OPTIONAL),
        .passkey_name = form_text(&form, "passkey_name", PASSKEY_NAME_MAX, c.there ? FORM_NEEDED : FORM_OPTIONAL),
        .challenge = c.challenge,
        .client_data = c.client_data,
        .attestation = c.attestation};
    if (form_wrong(x, &form))
        return SD_OK;
    enum sd_err err = keeper_enrol_finish_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err && err != SD_ERR_DENIED)
        return err;
    if (err)
        respond_failed(x, ENROL_NO, 0);
    else if (rep.problem.n)
        respond_refused(x, rep.problem);
    else
        respond_codes(x, rep.recovery);
    return SD_OK;
}
