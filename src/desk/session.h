/* session.h - the cookie, the keeper's word on it, and the token that a changing request has to repeat. */
#ifndef SD_DESK_SESSION_H
#define SD_DESK_SESSION_H

#include "desk/desk.h"

/* What came with the request. Both a cookie and a bearer are two readings of one request. */
enum proof { PROOF_NONE = 0, PROOF_COOKIE, PROOF_BEARER, PROOF_AMBIGUOUS };
enum proof session_proof(const struct http_request *request);
/*
 * Fills x->session from the cookie, or from `Authorization: Bearer sdt_…` (RFC 6750 §2.1). SD_ERR_DENIED: nobody is signed in.
 * When the keeper has replaced the session's token, the response sets the cookie anew.
 */
enum sd_err session_load(struct desk *desk, struct exchange *x) SD_MUST_CHECK;
/* The same for a token that this exchange was given. */
enum sd_err session_take(struct desk *desk, struct exchange *x, struct span token) SD_MUST_CHECK;
/* 201, the session and its cookie. */
enum sd_err session_begin(struct desk *desk, struct exchange *x, struct span token) SD_MUST_CHECK;
#define API_TOKEN_PREFIX "sdt_" /* so that scanners for leaked secrets know one */
bool session_csrf_right(const struct exchange *x);
bool session_has_queue(const struct session *session, struct span queue);

/* What SIGN_IN_* of either way of signing in becomes. */
enum sd_err sign_in_respond(struct desk *desk, struct exchange *x, unsigned outcome, struct span token,
                            uint32_t retry_after_s) SD_MUST_CHECK;

/* The cookie's raw token, or an empty span. */
struct span session_cookie(const struct http_request *request, struct arena *arena);
/* Set-Cookie that gives the token, or (empty token) takes it away. */
struct span session_set_cookie(const struct desk *desk, struct span token, struct arena *arena);

/* {csrf,user{…},expires_at,factor,limited,rights,alarms} */
void session_respond(struct exchange *x, unsigned status);

#endif
