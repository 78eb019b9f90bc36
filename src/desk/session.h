/* session.h - the cookie, the keeper's word on it, and the token that a changing request has to repeat. */
#ifndef SD_DESK_SESSION_H
#define SD_DESK_SESSION_H

#include "desk/desk.h"

/* Fills x->session from the cookie. SD_ERR_DENIED: nobody is signed in. */
enum sd_err session_load(struct desk *desk, struct exchange *x) SD_MUST_CHECK;
bool session_csrf_right(const struct exchange *x);
bool session_has_queue(const struct session *session, struct span queue);

/* The cookie's raw token, or an empty span. */
struct span session_cookie(const struct http_request *request, struct arena *arena);
/* Set-Cookie that gives the token, or (empty token) takes it away. */
struct span session_set_cookie(const struct desk *desk, struct span token, struct arena *arena);

/* Copies that outlive the keeper's message. */
void session_copy(struct exchange *x, struct span token, struct span csrf, struct span person, struct span name);
/* {csrf,user{…},expires_at} */
void session_respond(struct exchange *x, unsigned status);

#endif
