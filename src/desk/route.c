/* What can be asked of the desk, and what each question needs before its handler sees it. What is not here does not exist. */
#include "desk/desk.h"
#include "desk/problem.h"
#include "desk/session.h"

/* Who may come in here at all; what they may is the keeper's business. */
enum access {
    ACCESS_SESSION, /* zero: whoever forgets to say so needs a whole session, or an API token */
    ACCESS_PERSON,  /* a whole session of a person: no token can do it */
    ACCESS_FACTORS, /* a session, also one that is limited to its own factors; no token */
    ACCESS_WHOEVER, /* any session or token: who it is */
    ACCESS_PUBLIC,
};

struct route {
    enum http_method method;
    const char *pattern; /* {id} matches one segment, and so does {page} */
    enum access access;
    bool csrf;
    size_t body_max; /* 0: no body is read */
    desk_handler *handler;
};

#define SIGN_IN_BODY ((size_t)8 * 1024)
#define CHANGE_BODY ((size_t)8 * 1024)
#define PASSKEY_BODY ((size_t)48 * 1024) /* an attestation of 16 KiB in base64url, and the rest */
#define RULES_BODY ((size_t)64 * 1024)
#define REPLY_BODY ((size_t)6 * 1024 * 1024 + 64 * 1024) /* 1 MiB of text may be all escapes, six bytes each; and the cc */

static const struct route routes[] = {
    {HTTP_POST, "/api/v1/session", ACCESS_PUBLIC, false, SIGN_IN_BODY, api_session_create},
    {HTTP_GET, "/api/v1/session", ACCESS_WHOEVER, false, 0, api_session_get},
    {HTTP_DELETE, "/api/v1/session", ACCESS_FACTORS, true, 0, api_session_delete},
    {HTTP_POST, "/api/v1/session/challenge", ACCESS_PUBLIC, false, 0, api_session_challenge},
    {HTTP_POST, "/api/v1/session/passkey", ACCESS_PUBLIC, false, PASSKEY_BODY, api_session_passkey},
    {HTTP_POST, "/api/v1/enrolment", ACCESS_PUBLIC, false, SIGN_IN_BODY, api_enrolment_start},
    {HTTP_POST, "/api/v1/enrolment/challenge", ACCESS_PUBLIC, false, SIGN_IN_BODY, api_enrolment_challenge},
    {HTTP_POST, "/api/v1/enrolment/finish", ACCESS_PUBLIC, false, PASSKEY_BODY, api_enrolment_finish},
    {HTTP_GET, "/api/v1/passkeys", ACCESS_FACTORS, false, 0, api_passkeys_list},
    {HTTP_POST, "/api/v1/passkeys", ACCESS_FACTORS, true, PASSKEY_BODY, api_passkey_add},
    {HTTP_POST, "/api/v1/passkeys/challenge", ACCESS_FACTORS, true, 0, api_passkey_challenge},
    {HTTP_DELETE, "/api/v1/passkeys/{id}", ACCESS_FACTORS, true, 0, api_passkey_remove},
    {HTTP_POST, "/api/v1/recovery-codes", ACCESS_FACTORS, true, CHANGE_BODY, api_recovery_codes},
    {HTTP_POST, "/api/v1/password", ACCESS_FACTORS, true, CHANGE_BODY, api_password},
    {HTTP_POST, "/api/v1/step-up", ACCESS_FACTORS, true, PASSKEY_BODY, api_step_up},
    {HTTP_POST, "/api/v1/step-up/challenge", ACCESS_FACTORS, true, CHANGE_BODY, api_step_up_challenge},
    {HTTP_GET, "/api/v1/sessions", ACCESS_PERSON, false, 0, api_sessions_list},
    {HTTP_DELETE, "/api/v1/sessions", ACCESS_PERSON, true, 0, api_sessions_end},
    {HTTP_DELETE, "/api/v1/sessions/{id}", ACCESS_PERSON, true, 0, api_session_end},
    {HTTP_GET, "/api/v1/people", ACCESS_PERSON, false, 0, api_people_list},
    {HTTP_POST, "/api/v1/people", ACCESS_PERSON, true, CHANGE_BODY, api_person_invite},
    {HTTP_PATCH, "/api/v1/people/{id}", ACCESS_PERSON, true, CHANGE_BODY, api_person_change},
    {HTTP_DELETE, "/api/v1/people/{id}", ACCESS_PERSON, true, 0, api_person_remove},
    {HTTP_POST, "/api/v1/people/{id}/invitation", ACCESS_PERSON, true, 0, api_person_invite_again},
    {HTTP_POST, "/api/v1/people/{id}/reset", ACCESS_PERSON, true, 0, api_person_reset},
    {HTTP_GET, "/api/v1/roles", ACCESS_PERSON, false, 0, api_roles_list},
    {HTTP_PUT, "/api/v1/roles/{id}", ACCESS_PERSON, true, RULES_BODY, api_role_set},
    {HTTP_DELETE, "/api/v1/roles/{id}", ACCESS_PERSON, true, 0, api_role_remove},
    {HTTP_GET, "/api/v1/grants", ACCESS_PERSON, false, 0, api_grants_list},
    {HTTP_POST, "/api/v1/grants", ACCESS_PERSON, true, CHANGE_BODY, api_grant_add},
    {HTTP_DELETE, "/api/v1/grants/{id}", ACCESS_PERSON, true, 0, api_grant_remove},
    {HTTP_POST, "/api/v1/break-glass", ACCESS_PERSON, true, CHANGE_BODY, api_break_glass},
    {HTTP_GET, "/api/v1/explain", ACCESS_PERSON, false, 0, api_explain},
    {HTTP_GET, "/api/v1/who-can", ACCESS_PERSON, false, 0, api_who_can},
    {HTTP_GET, "/api/v1/tokens", ACCESS_PERSON, false, 0, api_tokens_list},
    {HTTP_POST, "/api/v1/tokens", ACCESS_PERSON, true, CHANGE_BODY, api_token_make},
    {HTTP_DELETE, "/api/v1/tokens/{id}", ACCESS_PERSON, true, 0, api_token_revoke},
    {HTTP_GET, "/api/v1/warrants", ACCESS_PERSON, false, 0, api_warrants_list},
    {HTTP_POST, "/api/v1/warrants", ACCESS_PERSON, true, CHANGE_BODY, api_warrant_issue},
    {HTTP_DELETE, "/api/v1/warrants/{id}", ACCESS_PERSON, true, 0, api_warrant_revoke},
    {HTTP_GET, "/api/v1/requests", ACCESS_PERSON, false, 0, api_requests_list},
    {HTTP_POST, "/api/v1/requests", ACCESS_PERSON, true, CHANGE_BODY, api_request_make},
    {HTTP_POST, "/api/v1/requests/{id}/approve", ACCESS_PERSON, true, 0, api_request_approve},
    {HTTP_POST, "/api/v1/requests/{id}/decline", ACCESS_PERSON, true, 0, api_request_decline},
    {HTTP_GET, "/api/v1/alarms", ACCESS_PERSON, false, 0, api_alarms_list},
    {HTTP_POST, "/api/v1/alarms/{id}/seen", ACCESS_PERSON, true, 0, api_alarm_seen},
    {HTTP_GET, "/api/v1/audit", ACCESS_PERSON, false, 0, api_audit},
    {HTTP_GET, "/api/v1/tickets", ACCESS_SESSION, false, 0, api_tickets_list},
    {HTTP_GET, "/api/v1/tickets/{id}", ACCESS_SESSION, false, 0, api_ticket_get},
    {HTTP_PATCH, "/api/v1/tickets/{id}", ACCESS_SESSION, true, CHANGE_BODY, api_ticket_change},
    {HTTP_DELETE, "/api/v1/tickets/{id}", ACCESS_PERSON, true, 0, api_ticket_destroy},
    {HTTP_GET, "/api/v1/tickets/{id}/timeline", ACCESS_SESSION, false, 0, api_timeline_get},
    {HTTP_POST, "/api/v1/tickets/{id}/replies", ACCESS_SESSION, true, REPLY_BODY, api_reply_create},
    {HTTP_GET, "/api/v1/messages/{id}", ACCESS_SESSION, false, 0, api_message_get},
    {HTTP_DELETE, "/api/v1/messages/{id}", ACCESS_PERSON, true, 0, api_message_destroy},
    {HTTP_GET, "/api/v1/messages/{id}/source", ACCESS_SESSION, false, 0, api_source_get},
    {HTTP_GET, "/api/v1/messages/{id}/html", ACCESS_SESSION, false, 0, api_message_html},
    {HTTP_GET, "/api/v1/messages/{id}/attachments", ACCESS_SESSION, false, 0, api_message_attachments},
    {HTTP_POST, "/api/v1/messages/{id}/release", ACCESS_PERSON, true, CHANGE_BODY, api_message_release},
    {HTTP_GET, "/api/v1/attachments/{id}", ACCESS_SESSION, false, 0, api_attachment_get},
    {HTTP_POST, "/api/v1/attachments/{id}/release", ACCESS_PERSON, true, CHANGE_BODY, api_attachment_release},
    {HTTP_GET, "/api/v1/attachments/{id}/preview", ACCESS_SESSION, false, 0, api_preview_state},
    {HTTP_POST, "/api/v1/attachments/{id}/preview", ACCESS_SESSION, true, 0, api_preview_want},
    {HTTP_GET, "/api/v1/attachments/{id}/preview/{page}", ACCESS_SESSION, false, 0, api_preview_page},
    {HTTP_GET, "/api/v1/quarantine", ACCESS_PERSON, false, 0, api_quarantine_list},
    {HTTP_GET, "/api/v1/incidents", ACCESS_PERSON, false, 0, api_incidents_list},
    {HTTP_POST, "/api/v1/incidents/{id}/close", ACCESS_PERSON, true, CHANGE_BODY, api_incident_close},
    {HTTP_GET, "/api/v1/openapi.json", ACCESS_PUBLIC, false, 0, api_openapi_get},
    {HTTP_GET, "/readyz", ACCESS_PUBLIC, false, 0, api_ready_get},
    {HTTP_GET, "/healthz", ACCESS_PUBLIC, false, 0, api_health_get},
    {HTTP_GET, "/", ACCESS_PUBLIC, false, 0, page_index},
    {HTTP_GET, "/desk.js", ACCESS_PUBLIC, false, 0, page_script},
    {HTTP_GET, "/sender.js", ACCESS_PUBLIC, false, 0, page_sender_script},
    {HTTP_GET, "/access.js", ACCESS_PUBLIC, false, 0, page_access_script},
    {HTTP_GET, "/account.js", ACCESS_PUBLIC, false, 0, page_account_script},
    {HTTP_GET, "/files.js", ACCESS_PUBLIC, false, 0, page_files_script},
    {HTTP_GET, "/desk.css", ACCESS_PUBLIC, false, 0, page_style},
    {HTTP_GET, "/icon.svg", ACCESS_PUBLIC, false, 0, page_icon},
};

static bool match(const char *pattern, struct span path, struct exchange *x) {
    struct span_split want = span_split_start(span_cstr(pattern)), have = span_split_start(path);
    struct span w, h;
    for (;;) {
        bool more_wanted = span_split_next(&want, '/', &w), more = span_split_next(&have, '/', &h);
        if (!more_wanted || !more)
            return more_wanted == more;
        if (span_eq(w, SPAN("{id}")) && h.n)
            x->id = h;
        else if (span_eq(w, SPAN("{page}")) && h.n)
            x->page = h;
        else if (!span_eq(w, h))
            return false;
    }
}

/* NULL, with the refusal as the response, when nothing answers. */
static const struct route *find_route(struct exchange *x) {
    static const char *const names[] = {"", "GET", "POST", "PUT", "PATCH", "DELETE"};
    struct span allow = SPAN_NONE;
    for (size_t i = 0; i < SD_COUNT(routes); i++) {
        if (!match(routes[i].pattern, x->request->path, x))
            continue;
        if (routes[i].method == x->request->method)
            return &routes[i];
        allow = arena_printf(x->arena, "%.*s%s%s", SPAN_FMT(allow), allow.n ? ", " : "", names[routes[i].method]);
    }
    respond_problem(x, allow.n ? PROBLEM_METHOD : PROBLEM_NOT_FOUND, SPAN_NONE);
    x->response.allow = allow.n ? arena_cstr(x->arena, allow) : NULL;
    return NULL;
}

/* A browser names the page that a changing request comes from (Fetch §3.2); it has to be one of ours. */
static bool same_origin(const struct http_request *r) {
    if (r->method == HTTP_GET || r->origin.n == 0)
        return true;
    struct span host = r->origin;
    if (span_starts(host, SPAN("https://")))
        host = span_from(host, 8);
    else if (span_starts(host, SPAN("http://")) && !r->tls)
        host = span_from(host, 7);
    else
        return false; /* "null" and what is no web page */
    return host.n && span_ieq(host, r->host);
}

static bool is_json(struct span content_type) {
    struct span type = span_trim(span_sub(content_type, 0, span_find(content_type, ';')));
    return span_ieq(type, SPAN("application/json"));
}

/* A machine has no cookie that another site could ride on, and no page that it comes from. */
static bool by_bearer(const struct exchange *x, const struct route *route) {
    return route->access != ACCESS_PUBLIC && session_proof(x->request) == PROOF_BEARER;
}

/* True: this session may not come in here, and the response says why. */
static bool refuse_session(struct exchange *x, const struct route *route) {
    bool token = x->session.factor == FACTOR_TOKEN;
    if (x->session.limited && route->access != ACCESS_FACTORS && route->access != ACCESS_WHOEVER)
        respond_problem(x, PROBLEM_LIMITED, SPAN_NONE);
    else if (token && (route->access == ACCESS_PERSON || route->access == ACCESS_FACTORS))
        respond_problem(x, PROBLEM_PERSON, SPAN_NONE);
    else if (route->csrf && !token && !session_csrf_right(x))
        respond_problem(x, PROBLEM_CSRF, SPAN_NONE);
    else
        return false;
    return true;
}

/* The first reason to refuse, in the order in which they may be told. */
static bool refuse(struct desk *desk, struct exchange *x, const struct route *route) {
    enum sd_err err = SD_OK;
    if (!by_bearer(x, route) && !same_origin(x->request))
        respond_problem(x, PROBLEM_ORIGIN, SPAN_NONE);
    else if (route->access != ACCESS_PUBLIC && (err = session_load(desk, x)) == SD_ERR_DENIED)
        respond_problem(x, PROBLEM_NOT_SIGNED_IN, SPAN_NONE);
    else if (err)
        respond_error(x, err);
    else if (route->access != ACCESS_PUBLIC && refuse_session(x, route))
        return true;
    else if (route->body_max && !is_json(x->request->content_type))
        respond_problem(x, PROBLEM_MEDIA_TYPE, SPAN_NONE);
    else
        return false;
    return true;
}

bool desk_gate(struct desk *desk, struct exchange *x, const struct route **ret_route, size_t *ret_body_max) {
    x->deadline = deadline_in_ms(EXCHANGE_MS);
    if (x->request->malformed || session_proof(x->request) == PROOF_AMBIGUOUS) {
        respond_problem(x, PROBLEM_MALFORMED, SPAN_NONE);
        return false;
    }
    const struct route *route = find_route(x);
    if (!route || refuse(desk, x, route))
        return false;
    *ret_route = route;
    *ret_body_max = route->body_max;
    return true;
}

void desk_handle(struct desk *desk, struct exchange *x, const struct route *route) {
    x->deadline = deadline_in_ms(EXCHANGE_MS);
    enum sd_err err = route->handler(desk, x);
    if (err == SD_OK)
        err = arena_err(x->arena);
    if (err == SD_OK)
        err = buf_err(&x->response.body);
    if (err)
        respond_error(x, err);
}
