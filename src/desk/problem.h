/* problem.h - every error of the API, as RFC 9457 problem details: one list, so that code, status and documentation agree. */
#ifndef SD_DESK_PROBLEM_H
#define SD_DESK_PROBLEM_H

#include "desk/http.h"

/* name, code, status, what it says when nothing more is known. */
#define PROBLEM_LIST(X)                                                                                                        \
    X(MALFORMED, "malformed", 400, "The request cannot be read.")                                                              \
    X(KEY_MALFORMED, "idempotency-key-malformed", 400, "An Idempotency-Key has 1 to 255 visible ASCII characters.")            \
    X(SIGN_IN_FAILED, "sign-in-failed", 401, "The address, the password or the code is not right.")                            \
    X(SIGN_IN_PASSKEY, "passkey-required", 401, "Sign in with your passkey.")                                                  \
    X(NOT_SIGNED_IN, "not-signed-in", 401, "Sign in first; the session may have ended.")                                       \
    X(CSRF, "csrf", 403, "The X-CSRF-Token header is missing or is not this session's.")                                       \
    X(ORIGIN, "origin", 403, "The request comes from another site.")                                                           \
    X(LIMITED, "passkey-required", 403, "Add a passkey first: your role needs one.")                                           \
    X(PERSON, "person-required", 403, "An API token cannot do this; it takes a person who is signed in.")                      \
    X(STEP_UP, "step-up-required", 403, "Confirm this with your passkey.")                                                     \
    X(APPROVAL, "approval-required", 403, "A second person has to approve this first.")                                        \
    X(GESTURE, "gesture-refused", 403, "The passkey's answer was not accepted; ask for a new challenge and try again.")        \
    X(ENROLMENT, "enrolment-failed", 403, "The code is not right, or the link was used, is over, or never was.")               \
    X(NOT_FOUND, "not-found", 404, "There is nothing here.")                                                                   \
    X(METHOD, "method-not-allowed", 405, "This address does not take that method.")                                            \
    X(UNSCANNED, "unscanned", 409, "The message has attachments that no scanner has looked at.")                               \
    X(NOT_FIT, "not-fit", 409, "The message is held and cannot be opened.")                                                    \
    X(NOT_CHANGEABLE, "not-changeable", 409, "A ticket in quarantine cannot be changed.")                                      \
    X(NOT_ANSWERABLE, "not-answerable", 409, "This ticket cannot be answered.")                                                \
    X(REFUSED, "refused", 409, "This was refused.")                                                                            \
    X(STALE, "stale", 412, "The ticket was changed meanwhile; read it again.")                                                 \
    X(TOO_LARGE, "too-large", 413, "The request is larger than this address takes.")                                           \
    X(MEDIA_TYPE, "unsupported-media-type", 415, "Send the body as application/json.")                                         \
    X(INVALID, "invalid", 422, "Some fields are not right.")                                                                   \
    X(KEY_REUSED, "idempotency-mismatch", 422, "This Idempotency-Key was used for a different answer.")                        \
    X(PRECONDITION, "precondition-required", 428, "Send If-Match with the revision you read, so that no change is lost.")      \
    X(THROTTLED, "throttled", 429, "Too many failed attempts; wait before the next one.")                                      \
    X(SPENT, "budget-spent", 429, "That is more than may be opened in this time; security was told. Try again later.")         \
    X(INTERNAL, "internal", 500, "Something went wrong here; it has been logged.")                                             \
    X(UNAVAILABLE, "unavailable", 503, "A part of Sealdesk is not available; try again.")                                      \
    X(LOCKED, "locked", 503, "Sealdesk is locked: an administrator has to unlock it before anything can be read.")             \
    X(FULL, "no-space", 503, "There is no space left on this system.")

enum problem {
#define X(name, code, status, detail) PROBLEM_##name,
    PROBLEM_LIST(X)
#undef X
};

/* One wrong field of the request's body, of a 422. */
struct field_error {
    struct span field;
    const char *code;
    const char *detail;
};
#define FIELD_ERRORS_MAX 64
struct field_errors {
    struct field_error items[FIELD_ERRORS_MAX];
    size_t count;
};
void field_wrong(struct field_errors *errors, struct span field, const char *code, const char *detail);

unsigned problem_status(enum problem problem);
const char *problem_code(enum problem problem);

/* Replaces whatever the response was. detail empty: the list's own sentence. */
void respond_problem(struct exchange *x, enum problem problem, struct span detail);
void respond_invalid(struct exchange *x, const struct field_errors *errors);
/* What a handler's error becomes; DENIED and NOTFOUND are the same answer on purpose. GESTURE, APPROVAL and BUDGET name
 * x->intent. */
void respond_error(struct exchange *x, enum sd_err err);

#endif
