/*
 * desk.h - the desk process's one shared state, and its routes. Handlers are functions of (desk, exchange): they write the
 * response and return SD_OK, or return an error that becomes a problem (problem.h). Any thread; one exchange, one thread.
 */
#ifndef SD_DESK_DESK_H
#define SD_DESK_DESK_H

#include "auth/policy.h"
#include "desk/http.h"
#include "desk/stores.h"
#include "desk/viewing.h"

#include <pthread.h>
#include <semaphore.h>

#define REPLY_LOCKS 16     /* answers with the same Idempotency-Key wait for each other */
#define CHANGE_LOCKS 16    /* changes of the same ticket wait for each other */
#define SOURCES_AT_ONCE 3  /* a source or file is up to 25 MiB, sealed and plain: this bounds the memory for them */
#define PREVIEWS_AT_ONCE 2 /* the pictures of one attachment are up to 120 MiB, the same */

struct desk {
    struct ipc_client *keeper;
    struct stores *stores;
    const char *hostname;
    uint16_t weights[AUTH_SIGNAL_COUNT]; /* of signals, as the administrator set them */
    uint32_t review_at;                  /* signals of so much hold a message */
    bool tls;
    int outbound_bell, preview_bell; /* -1: none was given */
    pthread_mutex_t reply_locks[REPLY_LOCKS];
    pthread_mutex_t change_locks[CHANGE_LOCKS];
    sem_t sources, previews;
    struct viewings viewings;
};

void desk_init(struct desk *desk);
void desk_end(struct desk *desk); /* wipes what desk_init made room for; its parts are their owners' */

/* ---- the two halves of an exchange ---- */

/*
 * All that can be said before the body has come: route, method, origin, session, CSRF. False: the response is there already,
 * and the body is of no interest. *ret_body_max: what the route takes, bytes.
 */
struct route;
bool desk_gate(struct desk *desk, struct exchange *x, const struct route **ret_route, size_t *ret_body_max);
/* With the whole body in x->request: the handler, and a problem when it fails. */
void desk_handle(struct desk *desk, struct exchange *x, const struct route *route);

/* ---- handlers ---- */
typedef enum sd_err desk_handler(struct desk *desk, struct exchange *x);
desk_handler api_session_create, api_session_get, api_session_delete, api_session_challenge, api_session_passkey;
desk_handler api_enrolment_start, api_enrolment_challenge, api_enrolment_finish;
desk_handler api_passkeys_list, api_passkey_challenge, api_passkey_add, api_passkey_remove, api_recovery_codes, api_password;
desk_handler api_step_up_challenge, api_step_up;
desk_handler api_sessions_list, api_sessions_end, api_session_end;
desk_handler api_people_list, api_person_invite, api_person_change, api_person_remove, api_person_invite_again,
    api_person_reset;
desk_handler api_roles_list, api_role_set, api_role_remove, api_grants_list, api_grant_add, api_grant_remove, api_break_glass;
desk_handler api_explain, api_who_can, api_audit;
desk_handler api_tokens_list, api_token_make, api_token_revoke, api_warrants_list, api_warrant_issue, api_warrant_revoke;
desk_handler api_requests_list, api_request_make, api_request_approve, api_request_decline, api_alarms_list, api_alarm_seen;
desk_handler api_tickets_list, api_ticket_get, api_ticket_change, api_message_get, api_source_get, api_reply_create,
    api_timeline_get, api_ticket_destroy, api_message_destroy;
desk_handler api_message_html, api_message_attachments, api_message_release, api_attachment_get, api_attachment_release;
desk_handler api_preview_want, api_preview_state, api_preview_page;
desk_handler api_quarantine_list, api_incidents_list, api_incident_close;
desk_handler api_ready_get, api_health_get, api_openapi_get;
desk_handler page_index, page_script, page_sender_script, page_access_script, page_account_script, page_files_script,
    page_style, page_icon;

#endif
