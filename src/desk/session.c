#include "desk/session.h"
#include "core/codec.h"
#include "core/ipc/keeper.h"
#include "core/ipc/states.h"
#include "core/json_out.h"

/* The prefix makes browsers refuse the cookie unless it is Secure, for this host alone and for every path (RFC 6265bis
 * §4.1.3.2). */
#define COOKIE_PLAIN "sealdesk"
#define COOKIE_TLS "__Host-sealdesk"

#define TOKEN_BYTES 32

static struct span decode_token(struct span text, struct arena *arena) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(TOKEN_BYTES);
    if (base64url_decode(text, &raw) != SD_OK || raw.n != TOKEN_BYTES)
        return SPAN_NONE;
    return arena_span(arena, buf_span(&raw));
}

struct span session_cookie(const struct http_request *request, struct arena *arena) {
    struct span want = request->tls ? SPAN(COOKIE_TLS "=") : SPAN(COOKIE_PLAIN "=");
    struct span_split split = span_split_start(request->cookie);
    struct span pair;
    while (span_split_next(&split, ';', &pair)) {
        pair = span_trim(pair);
        if (span_starts(pair, want))
            return decode_token(span_from(pair, want.n), arena);
    }
    return SPAN_NONE;
}

struct span session_set_cookie(const struct desk *desk, struct span token, struct arena *arena) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(64);
    put_base64url(&text, token);
    return arena_printf(arena, "%s=%.*s; HttpOnly; SameSite=Strict; Path=/%s%s", desk->tls ? COOKIE_TLS : COOKIE_PLAIN,
                        SPAN_FMT(buf_span(&text)), desk->tls ? "; Secure" : "", token.n ? "" : "; Max-Age=0");
}

void session_copy(struct exchange *x, struct span token, struct span csrf, struct span person, struct span name) {
    x->session.token = arena_span(x->arena, token);
    x->session.csrf = arena_span(x->arena, csrf);
    x->session.person = arena_span(x->arena, person);
    x->session.name = arena_span(x->arena, name);
}

enum sd_err session_load(struct desk *desk, struct exchange *x) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_session_req req = {.token = session_cookie(x->request, x->arena), .origin = x->request->client};
    struct keeper_session_rep rep;
    if (req.token.n == 0)
        return SD_ERR_DENIED;
    enum sd_err err = keeper_session_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err)
        return err;
    session_copy(x, req.token, rep.csrf, rep.person, rep.name);
    x->session.role = rep.role;
    x->session.queues = (struct ipc_list){arena_span(x->arena, rep.queues.raw), rep.queues.count};
    x->session.expires_ms = rep.expires_ms;
    return arena_err(x->arena);
}

bool session_csrf_right(const struct exchange *x) {
    struct span sent = decode_token(x->request->csrf, x->arena);
    return sent.n == TOKEN_BYTES && span_eq_secret(sent, x->session.csrf);
}

bool session_has_queue(const struct session *session, struct span queue) {
    struct ipc_list_iter iter = ipc_list_start(session->queues);
    struct span item;
    while (ipc_list_next(&iter, &item))
        if (span_eq(item, queue))
            return true;
    return false;
}

static void put_user(struct json_out *j, const struct session *session) {
    json_begin_object(j, "user");
    json_text(j, "id", session->person);
    json_text(j, "name", session->name);
    json_cstr(j, "role", person_role_text(session->role));
    json_begin_array(j, "queues");
    struct ipc_list_iter iter = ipc_list_start(session->queues);
    struct span queue;
    while (ipc_list_next(&iter, &queue))
        json_text(j, NULL, queue);
    json_end(j);
    json_end(j);
}

void session_respond(struct exchange *x, unsigned status) {
    struct buf csrf SD_CLEANUP(buf_free) = buf_new(64);
    put_base64url(&csrf, x->session.csrf);
    struct json_out j = respond_json(x, status);
    json_begin_object(&j, NULL);
    json_text(&j, "csrf", buf_span(&csrf));
    put_user(&j, &x->session);
    json_time(&j, "expires_at", x->session.expires_ms);
    json_end(&j);
}
