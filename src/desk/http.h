/*
 * http.h - one HTTP exchange as the handlers see it: no sockets, no library types, so that tests make requests by hand. The
 * server (mhd.c) fills the request and sends the response; everything borrowed lives in the exchange's arena or the library's
 * connection.
 */
#ifndef SD_DESK_HTTP_H
#define SD_DESK_HTTP_H

#include "core/arena.h"
#include "core/clock.h"
#include "core/ipc/ipc.h"
#include "core/ipc/states.h"

enum http_method { HTTP_OTHER, HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE };

/* Every header field that anything here reads; the server copies no other. */
#define HTTP_HEADER_LIST(X)                                                                                                    \
    X(host, "Host")                                                                                                            \
    X(origin, "Origin")                                                                                                        \
    X(authorization, "Authorization")                                                                                          \
    X(cookie, "Cookie")                                                                                                        \
    X(csrf, "X-CSRF-Token")                                                                                                    \
    X(if_match, "If-Match")                                                                                                    \
    X(idempotency_key, "Idempotency-Key")                                                                                      \
    X(content_type, "Content-Type")

#define HTTP_PARAMS_MAX 16 /* query parameters; no address of the API knows more than seven */

struct http_param {
    struct span name, value; /* percent-decoded */
};

struct http_request {
    enum http_method method;
    struct span path;
    struct http_param params[HTTP_PARAMS_MAX];
    size_t param_count;
#define X(field, name) struct span field;
    HTTP_HEADER_LIST(X)
#undef X
    struct span body;
    struct span client; /* the peer's address as text, at most 64 bytes */
    bool tls;
    bool malformed; /* a header field twice, too many parameters */
};

/* The value of a query parameter; false when it is absent. */
bool http_param(const struct http_request *request, const char *name, struct span *ret);

struct http_response {
    unsigned status;
    const char *type;        /* Content-Type */
    struct buf body;         /* what is sent, unless `fixed` is set */
    struct span fixed;       /* static bytes: the page */
    struct span etag;        /* with its quotes; in the arena */
    struct span set_cookie;  /* in the arena */
    struct span disposition; /* Content-Disposition */
    const char *policy;      /* Content-Security-Policy in the place of the page's; NULL: that one */
    unsigned retry_after_s;  /* 0: no field */
    const char *allow;       /* for 405 */
};

/* Of what strangers wrote: nothing runs, nothing is fetched, and it belongs to no origin. */
#define POLICY_HTML "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"
#define POLICY_FILE "default-src 'none'; frame-ancestors 'none'; sandbox"

#define RESPONSE_BYTES_MAX ((size_t)28 * 1024 * 1024)   /* the source of a 25 MiB letter with what we put on top */
#define EXCHANGE_ARENA_BYTES ((size_t)12 * 1024 * 1024) /* a page of 100 head cards, or one full-size answer and its parts */
#define EXCHANGE_MS 20000                               /* from the last byte of the request to the answer */

struct session {
    struct span token, csrf; /* raw; in the arena, wiped with it */
    struct span person, name;
    uint8_t role; /* enum person_role */
    struct ipc_list queues;
    int64_t expires_ms;
    enum factor factor; /* FACTOR_TOKEN: a machine with an API token, and no cookie */
    bool limited;       /* may only change their own factors */
    uint32_t verbs;     /* bits of enum verb, for display: the keeper decides on each act */
    uint32_t alarms;    /* not seen yet */
};

/* What the request is about to do, and to what: when the keeper wants a gesture or a second person, the answer names both. */
struct intent {
    enum verb verb;
    bool has_object;
    uint8_t object[16];
};

struct exchange {
    const struct http_request *request;
    struct http_response response;
    struct arena *arena;
    struct session session; /* of routes that need one */
    struct intent intent;   /* its zero names nothing that anybody may */
    struct span id;         /* what {id} of the route's pattern matched */
    struct span page;       /* and {page} */
    struct deadline deadline;
};

/* object: 16 bytes, or empty for the installation. */
void intend(struct exchange *x, enum verb verb, struct span object);

/* Starts the response: 200 and the JSON that `j` then writes. */
struct json_out;
struct json_out respond_json(struct exchange *x, unsigned status);

/* 204, nothing more to say. */
void respond_empty(struct exchange *x);

/* A strong entity tag of a revision: "17" with the quotes. */
void respond_etag(struct exchange *x, uint64_t revision);

#endif
