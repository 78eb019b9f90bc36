/* What can be asked of the desk, and what each question needs before its handler sees it. What is not here does not exist. */
#include "desk/desk.h"
#include "desk/problem.h"
#include "desk/session.h"

enum access {
    ACCESS_SESSION, /* zero: whoever forgets to say so needs a session */
    ACCESS_PUBLIC,
};

struct route {
    enum http_method method;
    const char *pattern; /* {id} matches one segment */
    enum access access;
    bool csrf;
    size_t body_max; /* 0: no body is read */
    desk_handler *handler;
};

#define SIGN_IN_BODY ((size_t)8 * 1024)
#define CHANGE_BODY ((size_t)8 * 1024)
#define REPLY_BODY ((size_t)6 * 1024 * 1024 + 64 * 1024) /* 1 MiB of text may be all escapes, six bytes each; and the cc */

static const struct route routes[] = {
    {HTTP_POST, "/api/v1/session", ACCESS_PUBLIC, false, SIGN_IN_BODY, api_session_create},
    {HTTP_GET, "/api/v1/session", ACCESS_SESSION, false, 0, api_session_get},
    {HTTP_DELETE, "/api/v1/session", ACCESS_SESSION, true, 0, api_session_delete},
    {HTTP_GET, "/api/v1/tickets", ACCESS_SESSION, false, 0, api_tickets_list},
    {HTTP_GET, "/api/v1/tickets/{id}", ACCESS_SESSION, false, 0, api_ticket_get},
    {HTTP_PATCH, "/api/v1/tickets/{id}", ACCESS_SESSION, true, CHANGE_BODY, api_ticket_change},
    {HTTP_GET, "/api/v1/tickets/{id}/timeline", ACCESS_SESSION, false, 0, api_timeline_get},
    {HTTP_POST, "/api/v1/tickets/{id}/replies", ACCESS_SESSION, true, REPLY_BODY, api_reply_create},
    {HTTP_GET, "/api/v1/messages/{id}", ACCESS_SESSION, false, 0, api_message_get},
    {HTTP_GET, "/api/v1/messages/{id}/source", ACCESS_SESSION, false, 0, api_source_get},
    {HTTP_GET, "/api/v1/openapi.json", ACCESS_PUBLIC, false, 0, api_openapi_get},
    {HTTP_GET, "/readyz", ACCESS_PUBLIC, false, 0, api_ready_get},
    {HTTP_GET, "/healthz", ACCESS_PUBLIC, false, 0, api_health_get},
    {HTTP_GET, "/", ACCESS_PUBLIC, false, 0, page_index},
    {HTTP_GET, "/desk.js", ACCESS_PUBLIC, false, 0, page_script},
    {HTTP_GET, "/sender.js", ACCESS_PUBLIC, false, 0, page_sender_script},
    {HTTP_GET, "/desk.css", ACCESS_PUBLIC, false, 0, page_style},
    {HTTP_GET, "/icon.svg", ACCESS_PUBLIC, false, 0, page_icon},
};

static bool match(const char *pattern, struct span path, struct span *ret_id) {
    struct span_split want = span_split_start(span_cstr(pattern)), have = span_split_start(path);
    struct span w, h;
    for (;;) {
        bool more_wanted = span_split_next(&want, '/', &w), more = span_split_next(&have, '/', &h);
        if (!more_wanted || !more)
            return more_wanted == more;
        if (span_eq(w, SPAN("{id}")) && h.n)
            *ret_id = h;
        else if (!span_eq(w, h))
            return false;
    }
}

/* NULL, with the refusal as the response, when nothing answers. */
static const struct route *find_route(struct exchange *x) {
    static const char *const names[] = {"", "GET", "POST", "PATCH", "DELETE"};
    struct span allow = SPAN_NONE;
    for (size_t i = 0; i < SD_COUNT(routes); i++) {
        if (!match(routes[i].pattern, x->request->path, &x->id))
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

/* The first reason to refuse, in the order in which they may be told. */
static bool refuse(struct desk *desk, struct exchange *x, const struct route *route) {
    enum sd_err err = SD_OK;
    if (!same_origin(x->request))
        respond_problem(x, PROBLEM_ORIGIN, SPAN_NONE);
    else if (route->access != ACCESS_PUBLIC && (err = session_load(desk, x)) == SD_ERR_DENIED)
        respond_problem(x, PROBLEM_NOT_SIGNED_IN, SPAN_NONE);
    else if (err)
        respond_error(x, err);
    else if (route->csrf && !session_csrf_right(x))
        respond_problem(x, PROBLEM_CSRF, SPAN_NONE);
    else if (route->body_max && !is_json(x->request->content_type))
        respond_problem(x, PROBLEM_MEDIA_TYPE, SPAN_NONE);
    else
        return false;
    return true;
}

bool desk_gate(struct desk *desk, struct exchange *x, const struct route **ret_route, size_t *ret_body_max) {
    x->deadline = deadline_in_ms(EXCHANGE_MS);
    if (x->request->malformed) {
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
