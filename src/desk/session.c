#include "desk/session.h"
#include "core/codec.h"
#include "core/ipc/keeper.h"
#include "core/ipc/states.h"
#include "core/json_out.h"

#include <string.h>

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

/* As text; empty when there is none. */
static struct span cookie_value(const struct http_request *request) {
    struct span want = request->tls ? SPAN(COOKIE_TLS "=") : SPAN(COOKIE_PLAIN "=");
    struct span_split split = span_split_start(request->cookie);
    struct span pair;
    while (span_split_next(&split, ';', &pair)) {
        pair = span_trim(pair);
        if (span_starts(pair, want))
            return span_from(pair, want.n);
    }
    return SPAN_NONE;
}

struct span session_cookie(const struct http_request *request, struct arena *arena) {
    return decode_token(cookie_value(request), arena);
}

struct span session_set_cookie(const struct desk *desk, struct span token, struct arena *arena) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(64);
    put_base64url(&text, token);
    return arena_printf(arena, "%s=%.*s; HttpOnly; SameSite=Strict; Path=/%s%s", desk->tls ? COOKIE_TLS : COOKIE_PLAIN,
                        SPAN_FMT(buf_span(&text)), desk->tls ? "; Secure" : "", token.n ? "" : "; Max-Age=0");
}

static struct span bearer_of(const struct http_request *request) {
    struct span value = span_trim(request->authorization);
    return span_istarts(value, SPAN("Bearer ")) ? span_trim(span_from(value, 7)) : SPAN_NONE;
}

enum proof session_proof(const struct http_request *request) {
    bool bearer = bearer_of(request).n > 0, cookie = cookie_value(request).n > 0;
    if (bearer && cookie)
        return PROOF_AMBIGUOUS;
    return bearer ? PROOF_BEARER : cookie ? PROOF_COOKIE : PROOF_NONE;
}

/* Copies that outlive the keeper's message. */
static enum sd_err copy_session(struct exchange *x, struct span token, const struct keeper_session_rep *rep) {
    x->session = (struct session){.token = arena_span(x->arena, token),
                                  .csrf = arena_span(x->arena, rep->csrf),
                                  .person = arena_span(x->arena, rep->person),
                                  .name = arena_span(x->arena, rep->name),
                                  .role = rep->role,
                                  .queues = {arena_span(x->arena, rep->queues.raw), rep->queues.count},
                                  .expires_ms = rep->expires_ms,
                                  .factor = (enum factor)rep->factor,
                                  .limited = rep->limited,
                                  .verbs = rep->verbs,
                                  .alarms = rep->alarms};
    return arena_err(x->arena);
}

enum sd_err session_take(struct desk *desk, struct exchange *x, struct span token) {
    struct ipc_msg *msg SD_CLEANUP(ipc_msg_free) = NULL;
    struct keeper_session_req req = {.token = token, .origin = x->request->client};
    struct keeper_session_rep rep;
    enum sd_err err = keeper_session_call(desk->keeper, &req, x->deadline, &msg, &rep);
    if (err)
        return err;
    bool replaced = rep.new_token.n == TOKEN_BYTES;
    err = copy_session(x, replaced ? rep.new_token : token, &rep);
    if (err == SD_OK && replaced)
        x->response.set_cookie = session_set_cookie(desk, x->session.token, x->arena);
    return err;
}

enum sd_err session_begin(struct desk *desk, struct exchange *x, struct span token) {
    enum sd_err err = session_take(desk, x, token);
    if (err)
        return err;
    x->response.set_cookie = session_set_cookie(desk, x->session.token, x->arena);
    session_respond(x, 201);
    return arena_err(x->arena);
}

/* A cookie never carries an API token, nor a bearer a session: each is one thing. */
enum sd_err session_load(struct desk *desk, struct exchange *x) {
    bool is_bearer = session_proof(x->request) == PROOF_BEARER;
    struct span bearer = bearer_of(x->request), token = SPAN_NONE;
    if (!is_bearer)
        token = session_cookie(x->request, x->arena);
    else if (span_starts(bearer, SPAN(API_TOKEN_PREFIX)))
        token = decode_token(span_from(bearer, strlen(API_TOKEN_PREFIX)), x->arena);
    if (token.n == 0)
        return SD_ERR_DENIED;
    enum sd_err err = session_take(desk, x, token);
    return err == SD_OK && is_bearer != (x->session.factor == FACTOR_TOKEN) ? SD_ERR_DENIED : err;
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

static void put_verbs(struct json_out *j, const char *key, uint32_t verbs) {
    json_begin_array(j, key);
    for (unsigned v = 1; v < VERB_COUNT; v++)
        if (verbs >> v & 1)
            json_cstr(j, NULL, verb_text(v));
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
    json_cstr(&j, "factor", factor_text(x->session.factor));
    json_bool(&j, "limited", x->session.limited);
    put_verbs(&j, "rights", x->session.verbs);
    json_int(&j, "alarms", x->session.alarms);
    json_end(&j);
}
