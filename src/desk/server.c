#include "desk/server.h"
#include "core/log.h"
#include "desk/problem.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STOP_STEP_MS 20

struct server {
    struct desk *desk;
    const char *key_pem, *certificate_pem;
    struct MHD_Daemon *daemons[SERVER_LISTENERS_MAX];
    size_t count;
    atomic_uint busy;
};

/* One request on its way. */
struct conversation {
    struct server *server;
    struct http_request request;
    struct exchange x;
    const struct route *route; /* NULL: the response is a refusal already */
    struct buf body;
    size_t body_max;
    size_t discarded;
    struct deadline body_by;
    char client[64];
};

static void conversation_free(struct conversation *c) {
    buf_free(&c->body);
    buf_free(&c->x.response.body);
    arena_free(&c->x.arena);
    atomic_fetch_sub(&c->server->busy, 1);
    free(c);
}

static struct conversation *conversation_new(struct server *server) {
    struct conversation *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->server = server;
    c->x.arena = arena_new(EXCHANGE_ARENA_BYTES);
    if (!c->x.arena) {
        free(c);
        return NULL;
    }
    c->x.request = &c->request;
    c->x.response.body = buf_new(RESPONSE_BYTES_MAX);
    c->body_by = deadline_in_ms(SERVER_BODY_MS);
    atomic_fetch_add(&server->busy, 1);
    return c;
}

/* ---- the request ---- */

static enum http_method method_of(const char *name) {
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = {{"GET", HTTP_GET}, {"HEAD", HTTP_GET},    {"POST", HTTP_POST},
                   {"PUT", HTTP_PUT}, {"PATCH", HTTP_PATCH}, {"DELETE", HTTP_DELETE}};
    for (size_t i = 0; i < SD_COUNT(methods); i++)
        if (strcmp(methods[i].name, name) == 0)
            return methods[i].method;
    return HTTP_OTHER;
}

static enum MHD_Result take_header(void *cls, SD_UNUSED enum MHD_ValueKind kind, const char *name, size_t name_size,
                                   const char *value, size_t value_size) {
    struct http_request *r = cls;
    struct span key = span_of(name, name_size);
    struct {
        const char *name;
        struct span *field;
    } const known[] = {
#define X(field, text) {text, &r->field},
        HTTP_HEADER_LIST(X)
#undef X
    };
    for (size_t i = 0; i < SD_COUNT(known); i++) {
        if (!span_ieq(key, span_cstr(known[i].name)))
            continue;
        if (known[i].field->p)
            r->malformed = true; /* two readings of one request: none of them */
        *known[i].field = value ? span_of(value, value_size) : SPAN("");
    }
    return MHD_YES;
}

static enum MHD_Result take_param(void *cls, SD_UNUSED enum MHD_ValueKind kind, const char *name, size_t name_size,
                                  const char *value, size_t value_size) {
    struct http_request *r = cls;
    if (r->param_count == HTTP_PARAMS_MAX)
        r->malformed = true;
    else
        r->params[r->param_count++] = (struct http_param){span_of(name, name_size), span_of(value, value ? value_size : 0)};
    return MHD_YES;
}

static void take_client(struct MHD_Connection *connection, struct conversation *c) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *sa = info ? info->client_addr : NULL;
    const void *ip = !sa                         ? NULL
                     : sa->sa_family == AF_INET  ? (const void *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr
                     : sa->sa_family == AF_INET6 ? (const void *)&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr
                                                 : NULL;
    if (!ip || !inet_ntop(sa->sa_family, ip, c->client, sizeof c->client))
        (void)snprintf(c->client, sizeof c->client, "local");
    c->request.client = span_cstr(c->client);
}

static void take_request(struct MHD_Connection *connection, struct conversation *c, const char *url, const char *method) {
    c->request.method = method_of(method);
    c->request.path = span_cstr(url);
    c->request.tls = c->server->desk->tls;
    take_client(connection, c);
    (void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, take_header, &c->request);
    (void)MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, take_param, &c->request);
}

/* ---- the response ---- */

static void free_body(void *cls) {
    struct buf *body = cls;
    buf_free(body);
    free(body);
}

/* The library keeps the bytes until they are sent; then they are wiped. */
static struct MHD_Response *response_of(struct http_response *r) {
    if (r->fixed.p)
        return MHD_create_response_from_buffer(r->fixed.n, (void *)(uintptr_t)r->fixed.p, MHD_RESPMEM_PERSISTENT);
    struct buf *body = malloc(sizeof *body);
    if (!body)
        return NULL;
    *body = r->body;
    r->body = buf_new(RESPONSE_BYTES_MAX);
    struct MHD_Response *made = MHD_create_response_from_buffer_with_free_callback_cls(body->n, body->p, free_body, body);
    if (!made)
        free_body(body);
    return made;
}

static bool put_header(struct MHD_Response *made, const char *name, const char *value) {
    return MHD_add_response_header(made, name, value) == MHD_YES;
}

static bool put_span_header(struct MHD_Response *made, struct exchange *x, const char *name, struct span value) {
    if (value.n == 0)
        return true;
    const char *text = arena_cstr(x->arena, value);
    return text && put_header(made, name, text);
}

/* The page's own. frame-src: messages as their senders laid them out, in a frame without any rights. */
#define POLICY_PAGE                                                                                                            \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "          \
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"

static bool put_common_headers(struct MHD_Response *made, bool tls) {
    static const char *const common[][2] = {
        {"Cache-Control", "no-store"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Strict-Transport-Security", "max-age=31536000"}, /* last: with TLS only (RFC 6797 §7.2) */
    };
    bool good = true;
    for (size_t i = 0; i < SD_COUNT(common) - (tls ? 0 : 1); i++)
        good = good && put_header(made, common[i][0], common[i][1]);
    return good;
}

static bool put_own_headers(struct MHD_Response *made, struct exchange *x) {
    const struct http_response *r = &x->response;
    char seconds[16];
    (void)snprintf(seconds, sizeof seconds, "%u", r->retry_after_s);
    return put_header(made, "Content-Security-Policy", r->policy ? r->policy : POLICY_PAGE) &&
           (!r->type || put_header(made, "Content-Type", r->type)) && put_span_header(made, x, "ETag", r->etag) &&
           put_span_header(made, x, "Set-Cookie", r->set_cookie) &&
           put_span_header(made, x, "Content-Disposition", r->disposition) &&
           (!r->allow || put_header(made, "Allow", r->allow)) &&
           (!r->retry_after_s || put_header(made, "Retry-After", seconds));
}

static enum MHD_Result send_response(struct MHD_Connection *connection, struct conversation *c) {
    unsigned status = c->x.response.status;
    struct MHD_Response *made = response_of(&c->x.response);
    if (!made)
        return MHD_NO;
    enum MHD_Result sent = MHD_NO;
    if (put_common_headers(made, c->request.tls) && put_own_headers(made, &c->x))
        sent = MHD_queue_response(connection, status, made);
    MHD_destroy_response(made);
    return sent;
}

/* ---- the conversation ---- */

static bool too_large(struct MHD_Connection *connection, size_t max) {
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    uint64_t n = 0;
    return length && (span_to_u64(span_cstr(length), &n) != SD_OK || n > max);
}

/* The header is here: decide, before a byte of the body is kept. */
static enum MHD_Result begin(struct MHD_Connection *connection, struct conversation *c) {
    if (!desk_gate(c->server->desk, &c->x, &c->route, &c->body_max)) {
        c->route = NULL;
        return too_large(connection, SERVER_DISCARD_BYTES) ? send_response(connection, c) : MHD_YES;
    }
    c->body = buf_new(c->body_max ? c->body_max : 1);
    if (!too_large(connection, c->body_max ? c->body_max : SERVER_DISCARD_BYTES))
        return MHD_YES;
    respond_problem(&c->x, PROBLEM_TOO_LARGE, SPAN_NONE);
    c->route = NULL;
    return send_response(connection, c);
}

/* A piece of the body. What is refused is still read, up to a limit, because a client that is cut off while it sends does not
 * see the answer. */
static enum MHD_Result take_body(struct conversation *c, const char *data, size_t n) {
    if (deadline_passed(c->body_by))
        return MHD_NO;
    if (c->route && c->body_max && n > c->body_max - c->body.n) {
        respond_problem(&c->x, PROBLEM_TOO_LARGE, SPAN_NONE);
        c->route = NULL;
    }
    if (c->route && c->body_max) {
        buf_put(&c->body, span_of(data, n));
        return MHD_YES;
    }
    c->discarded += n;
    return c->discarded > SERVER_DISCARD_BYTES ? MHD_NO : MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                  SD_UNUSED const char *version, const char *upload, size_t *upload_size, void **state) {
    struct conversation *c = *state;
    if (!c) {
        c = conversation_new(cls);
        if (!c)
            return MHD_NO;
        *state = c;
        take_request(connection, c, url, method);
        return begin(connection, c);
    }
    if (*upload_size) {
        enum MHD_Result taken = take_body(c, upload, *upload_size);
        *upload_size = 0;
        return taken;
    }
    if (c->route) {
        c->request.body = buf_span(&c->body);
        if (buf_err(&c->body) == SD_OK)
            desk_handle(c->server->desk, &c->x, c->route);
        else
            respond_error(&c->x, SD_ERR_NOMEM);
    }
    return send_response(connection, c);
}

static void on_completed(SD_UNUSED void *cls, SD_UNUSED struct MHD_Connection *connection, void **state,
                         SD_UNUSED enum MHD_RequestTerminationCode why) {
    struct conversation *c = *state;
    if (c)
        conversation_free(c);
    *state = NULL;
}

/* ---- start and stop ---- */

enum sd_err server_new(struct desk *desk, const char *key_pem, const char *certificate_pem, struct server **ret) {
    struct server *server = calloc(1, sizeof *server);
    if (!server)
        return SD_ERR_NOMEM;
    server->desk = desk;
    server->key_pem = key_pem;
    server->certificate_pem = certificate_pem;
    *ret = server;
    return SD_OK;
}

static struct MHD_Daemon *start_daemon(struct server *server, int fd) {
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)server->key_pem},
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)server->certificate_pem},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t) "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    if (server->key_pem)
        flags |= MHD_USE_TLS;
    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED,
                            on_completed, server, MHD_OPTION_CONNECTION_LIMIT, (unsigned)SERVER_CONNECTIONS,
                            MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)SERVER_CONNECTIONS_PER_IP,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SERVER_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            SERVER_HEADER_BYTES, MHD_OPTION_THREAD_STACK_SIZE, (size_t)256 * 1024, MHD_OPTION_STRICT_FOR_CLIENT,
                            1, MHD_OPTION_ARRAY, server->key_pem ? tls : none, MHD_OPTION_END);
}

enum sd_err server_listen(struct server *server, int fd) {
    struct MHD_Daemon *daemon = server->count < SERVER_LISTENERS_MAX ? start_daemon(server, fd) : NULL;
    if (!daemon) {
        (void)close(fd);
        log_error("desk.listen", "tls=%d", server->key_pem != NULL);
        return server->key_pem ? SD_ERR_CONFIG : SD_ERR_IO;
    }
    server->daemons[server->count++] = daemon;
    return SD_OK;
}

void server_stop(struct server *server, struct deadline deadline) {
    for (size_t i = 0; i < server->count; i++)
        (void)MHD_quiesce_daemon(server->daemons[i]);
    while (atomic_load(&server->busy) > 0 && !deadline_passed(deadline))
        (void)usleep(STOP_STEP_MS * 1000);
}
