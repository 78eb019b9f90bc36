/* states.h - the words that several processes share, one list each: logs, database, API and documentation use the same ones. */
#ifndef SD_CORE_IPC_STATES_H
#define SD_CORE_IPC_STATES_H

#include "core/span.h"

/* An object's state; zero is the one that opens nothing. */
#define OBJECT_STATE_LIST(X)                                                                                                   \
    X(UNSCANNED, "unscanned")                                                                                                  \
    X(CLEAN, "clean")                                                                                                          \
    X(SUSPICIOUS, "suspicious")                                                                                                \
    X(MALICIOUS, "malicious")                                                                                                  \
    X(ENCRYPTED, "encrypted")                                                                                                  \
    X(UNSCANNABLE, "unscannable")
enum object_state {
#define X(name, text) OBJECT_##name,
    OBJECT_STATE_LIST(X)
#undef X
};

#define TICKET_STATE_LIST(X)                                                                                                   \
    X(REVIEW, "review")                                                                                                        \
    X(OPEN, "open")                                                                                                            \
    X(PENDING, "pending")                                                                                                      \
    X(CLOSED, "closed")                                                                                                        \
    X(QUARANTINE, "quarantine")                                                                                                \
    X(SPAM, "spam")
enum ticket_state {
#define X(name, text) TICKET_##name,
    TICKET_STATE_LIST(X)
#undef X
};

#define DELIVERY_STATE_LIST(X)                                                                                                 \
    X(HELD, "held")                                                                                                            \
    X(QUEUED, "queued")                                                                                                        \
    X(DEFERRED, "deferred")                                                                                                    \
    X(SENT, "sent")                                                                                                            \
    X(FAILED, "failed")
enum delivery_state {
#define X(name, text) DELIVERY_##name,
    DELIVERY_STATE_LIST(X)
#undef X
};

#define ROLE_LIST(X)                                                                                                           \
    X(NOBODY, "nobody")                                                                                                        \
    X(AGENT, "agent")                                                                                                          \
    X(SUPERVISOR, "supervisor")                                                                                                \
    X(SECURITY, "security")                                                                                                    \
    X(PRIVACY, "privacy")                                                                                                      \
    X(ADMIN, "admin")                                                                                                          \
    X(AUDITOR, "auditor")
enum person_role {
#define X(name, text) ROLE_##name,
    ROLE_LIST(X)
#undef X
};

/* What became of one record offered for adoption. */
#define ADOPT_OUTCOME_LIST(X)                                                                                                  \
    X(REFUSED, "refused") /* it does not authenticate, or its intake key is gone: set aside, reported */                       \
    X(ADOPTED, "adopted")                                                                                                      \
    X(ALREADY, "already") /* seen before: same ticket */
enum adopt_outcome {
#define X(name, text) ADOPT_##name,
    ADOPT_OUTCOME_LIST(X)
#undef X
};

/* What a person does to a ticket besides reading and answering; recorded before it is done. */
#define TICKET_ACTION_LIST(X)                                                                                                  \
    X(NONE, "none")                                                                                                            \
    X(LIST, "list")                                                                                                            \
    X(STATE, "change-state")                                                                                                   \
    X(ASSIGN, "assign")
enum ticket_action {
#define X(name, text) ACTION_##name,
    TICKET_ACTION_LIST(X)
#undef X
};

/* The word, or "unknown"; and back (false when it is none). */
const char *object_state_text(unsigned state);
const char *ticket_state_text(unsigned state);
const char *delivery_state_text(unsigned state);
const char *person_role_text(unsigned role);
const char *ticket_action_text(unsigned action);
bool ticket_state_from(struct span text, enum ticket_state *ret);
bool person_role_from(struct span text, enum person_role *ret);

/* Attachments have ids of their own: the first 16 bytes of SHA-256("sealdesk attachment" || letter's id || u16 index, little
 * endian), so that the inspector's head card needs none. Implemented by crypt/facet.c as attachment_object_id(). */

#endif
