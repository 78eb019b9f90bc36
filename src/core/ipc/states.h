/* states.h - the words that several processes share, one list each: logs, database, API and documentation use the same ones. */
#ifndef SD_CORE_IPC_STATES_H
#define SD_CORE_IPC_STATES_H

#include "core/span.h"

/* An object's state; zero is the one that opens nothing. Unscanned is what is tried again: a scanner was down or late. */
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

/*
 * What was found in an attachment, or in a letter as a whole. X(name, word, state, sentence); the state that it makes. Bits of
 * a mask, 1 << finding, that is stored: only append.
 */
#define FINDING_LIST(X)                                                                                                        \
    X(VIRUS, "virus", MALICIOUS, "A virus scanner knows it.")                                                                  \
    X(EXECUTABLE, "executable", SUSPICIOUS, "It is a program.")                                                                \
    X(SCRIPT, "script", SUSPICIOUS, "It is a script that a double click runs.")                                                \
    X(SHORTCUT, "shortcut", SUSPICIOUS, "It is a shortcut or settings file that runs or fetches something.")                   \
    X(DISK_IMAGE, "disk-image", SUSPICIOUS, "It is a disk image: what is in it loses its mark of coming from outside.")        \
    X(INSTALLER, "installer", SUSPICIOUS, "It installs software.")                                                             \
    X(ONENOTE, "onenote", SUSPICIOUS, "It is a OneNote file, which can hold programs behind pictures.")                        \
    X(HELP_FILE, "help-file", SUSPICIOUS, "It is a help file (CHM), which can run scripts.")                                   \
    X(TYPE_MISMATCH, "type-mismatch", SUSPICIOUS, "It is not what its name or declared type says.")                            \
    X(POLYGLOT, "polyglot", SUSPICIOUS, "It is two kinds of file at once.")                                                    \
    X(DOUBLE_EXTENSION, "double-extension", SUSPICIOUS, "Its name ends like a document and then like a program.")              \
    X(NAME_DECEPTIVE, "deceptive-name", SUSPICIOUS, "Its name has characters that turn or hide parts of it.")                  \
    X(NAME_SEVERAL, "several-names", SUSPICIOUS, "It has more than one name; mail programs differ on which one they use.")     \
    X(MACRO, "macro", SUSPICIOUS, "It holds macros.")                                                                          \
    X(MACRO_AUTORUN, "macro-autorun", SUSPICIOUS, "It holds macros that run when it is opened.")                               \
    X(MACRO_EXCEL4, "macro-excel4", SUSPICIOUS, "It holds Excel 4 macros.")                                                    \
    X(EXTERNAL_TEMPLATE, "external-template", SUSPICIOUS, "It fetches a template or object from elsewhere when opened.")       \
    X(DDE, "dde", SUSPICIOUS, "It holds a DDE link, which can start programs.")                                                \
    X(EMBEDDED_OBJECT, "embedded-object", SUSPICIOUS, "It holds an embedded object (OLE).")                                    \
    X(PDF_SCRIPT, "pdf-script", SUSPICIOUS, "The PDF runs JavaScript.")                                                        \
    X(PDF_ACTION, "pdf-action", SUSPICIOUS, "The PDF starts programs, submits forms, or opens others by itself.")              \
    X(PDF_EMBEDDED, "pdf-embedded", SUSPICIOUS, "The PDF holds other files.")                                                  \
    X(HTML_SMUGGLING, "html-smuggling", SUSPICIOUS, "The page builds a file by script and saves it.")                          \
    X(ACTIVE_PAGE, "active-page", SUSPICIOUS, "The page or picture (HTML, SVG, XML) runs scripts or sends forms.")             \
    X(ARCHIVE_PATH, "archive-path", SUSPICIOUS, "The archive writes outside of its folder.")                                   \
    X(ARCHIVE_SPECIAL, "archive-special", SUSPICIOUS, "The archive holds links or devices.")                                   \
    X(AMBIGUOUS, "ambiguous", SUSPICIOUS, "Mail programs read this message in different ways and may show other attachments.") \
    X(ENCRYPTED_FILE, "encrypted-file", ENCRYPTED, "It is encrypted; nobody but its owner can look into it.")                  \
    X(ENCRYPTED_ENTRY, "encrypted-entry", ENCRYPTED, "It holds something that is encrypted.")                                  \
    X(LIMIT_ENTRIES, "limit-entries", UNSCANNABLE, "It holds more files than are looked into.")                                \
    X(LIMIT_DEPTH, "limit-depth", UNSCANNABLE, "It is nested more deeply than is looked into.")                                \
    X(LIMIT_SIZE, "limit-size", UNSCANNABLE, "It unpacks to more than is looked into.")                                        \
    X(LIMIT_TIME, "limit-time", UNSCANNABLE, "Looking into it took too long.")                                                 \
    X(DAMAGED, "damaged", UNSCANNABLE, "It cannot be read to its end.")                                                        \
    X(CRASHED, "crashed", UNSCANNABLE, "What reads such files broke on it.")                                                   \
    X(SCANNER_LIMIT, "scanner-limit", UNSCANNABLE, "It is larger or deeper than the virus scanner looks into.")                \
    X(SCANNER_DOWN, "scanner-down", UNSCANNED, "The virus scanner did not answer; it is tried again.")                         \
    X(NO_SCANNER, "no-scanner", UNSCANNED, "No virus scanner is configured (scan.clamd).")
enum finding {
#define X(name, word, state, sentence) FINDING_##name,
    FINDING_LIST(X)
#undef X
        FINDING_COUNT
};
#define FINDING_BIT(name) (UINT64_C(1) << FINDING_##name)
const char *finding_text(unsigned finding);
const char *finding_sentence(unsigned finding);
/* The state that these findings make; clean when there are none. */
enum object_state findings_state(uint64_t findings);
/* The worse of two: clean, suspicious, encrypted, unscannable, unscanned, malicious. */
enum object_state object_state_worse(enum object_state a, enum object_state b);

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

/* What kind of mail a ticket holds. Bits of a mask: 1 << category. */
#define CATEGORY_LIST(X)                                                                                                       \
    X(NORMAL, "normal")                                                                                                        \
    X(CONFIDENTIAL, "confidential")                                                                                            \
    X(SPECIAL, "special") /* GDPR art. 9: health, belief, biometrics … */
enum category {
#define X(name, text) CATEGORY_##name,
    CATEGORY_LIST(X)
#undef X
};
#define CATEGORY_COUNT 3
#define CATEGORIES_ALL 7

/*
 * What people do. One table for rights, step-up, four eyes, the log, API tokens and documentation.
 * X(name, word, scope, step-up, four eyes, what it is)
 *   scope     QUEUE: of a ticket's queue and category; SYSTEM: of the installation
 *   step-up   FREE or GESTURE: needs a fresh gesture with a passkey, which is then spent
 *   four eyes ALONE or TWO: needs the approval of a second person who has the same right
 * Numbers are stored: only append.
 */
#define VERB_LIST(X)                                                                                                           \
    X(NONE, "none", SYSTEM, GESTURE, TWO, "nothing; nobody may")                                                               \
    X(LIST, "list", QUEUE, FREE, ALONE, "see that tickets are there: subject, sender, counts")                                 \
    X(OPEN, "open", QUEUE, FREE, ALONE, "read a message")                                                                      \
    X(DOWNLOAD, "download", QUEUE, FREE, ALONE, "get a message's source or an original attachment")                            \
    X(REPLY, "reply", QUEUE, FREE, ALONE, "answer")                                                                            \
    X(STATE, "change-state", QUEUE, FREE, ALONE, "open, close, or take a ticket out of Review")                                \
    X(ASSIGN, "assign", QUEUE, FREE, ALONE, "give a ticket to somebody")                                                       \
    X(MOVE, "move", QUEUE, FREE, ALONE, "move a ticket to another queue (needs it for both)")                                  \
    X(CLASSIFY, "classify", QUEUE, FREE, ALONE, "say that a ticket is normal, confidential or special")                        \
    X(HISTORY, "history", QUEUE, FREE, ALONE, "see who did what with a ticket")                                                \
    X(SEARCH, "search", QUEUE, FREE, ALONE, "find tickets by sender or words")                                                 \
    X(RELEASE, "release", QUEUE, GESTURE, ALONE, "release from quarantine")                                                    \
    X(EXPORT, "export", QUEUE, GESTURE, ALONE, "get tickets out of the desk as files")                                         \
    X(PURGE, "purge", QUEUE, GESTURE, TWO, "destroy the keys of a ticket or message for good")                                 \
    X(PEOPLE, "people", SYSTEM, GESTURE, ALONE, "add, suspend and remove people, and change what they may")                    \
    X(RESET, "reset-factors", SYSTEM, GESTURE, TWO, "give somebody a new start with their factors")                            \
    X(SESSIONS, "sessions", SYSTEM, FREE, ALONE, "see and end the sessions of others")                                         \
    X(POLICY, "policy", SYSTEM, GESTURE, ALONE, "set how long things are kept, and other policy")                              \
    X(KEYS, "keys", SYSTEM, GESTURE, ALONE, "replace keys")                                                                    \
    X(AUDIT, "audit", SYSTEM, GESTURE, ALONE, "read the log")                                                                  \
    X(ALARMS, "alarms", SYSTEM, FREE, ALONE, "see and end alarms of others")                                                   \
    X(WARRANTS, "warrants", SYSTEM, GESTURE, ALONE, "issue and revoke warrants for work without a person")                     \
    X(TOKENS, "tokens", SYSTEM, GESTURE, ALONE, "make API tokens, of no more than one's own rights")                           \
    X(BREAK_GLASS, "break-glass", SYSTEM, GESTURE, ALONE, "open a queue for oneself in an emergency; everybody is told")       \
    X(EXCEED, "exceed-budget", SYSTEM, GESTURE, ALONE, "open as many again after one's budget is used up")                     \
    X(FACTORS, "own-factors", SYSTEM, GESTURE, ALONE, "change one's own passkeys, codes and password")
enum verb {
#define X(name, word, scope, step_up, eyes, what) VERB_##name,
    VERB_LIST(X)
#undef X
        VERB_COUNT
};
#define VERB_BIT(name) (UINT32_C(1) << VERB_##name)
enum verb_scope { SCOPE_QUEUE, SCOPE_SYSTEM };
enum verb_step_up { STEP_UP_GESTURE = 0, STEP_UP_FREE = 1 };
enum verb_eyes { EYES_TWO = 0, EYES_ALONE = 1 };
struct verb_facts {
    const char *word, *what;
    enum verb_scope scope;
    enum verb_step_up step_up;
    enum verb_eyes eyes;
};
/* NULL when there is no such verb. */
const struct verb_facts *verb_facts(unsigned verb);
const char *verb_text(unsigned verb);
bool verb_from(struct span text, enum verb *ret);
const char *category_text(unsigned category);
bool category_from(struct span text, enum category *ret);

/* How a session came to be; zero is none. */
#define FACTOR_LIST(X)                                                                                                         \
    X(NONE, "none")                                                                                                            \
    X(TOTP, "totp")         /* password and one-time code */                                                                   \
    X(RECOVERY, "recovery") /* password and recovery code */                                                                   \
    X(PASSKEY, "passkey")   /* with user verification: two factors in one */                                                   \
    X(TOKEN, "token")       /* an API token: a machine */
enum factor {
#define X(name, text) FACTOR_##name,
    FACTOR_LIST(X)
#undef X
};
const char *factor_text(unsigned factor);

/* What is told to people at once. X(name, word, who is told, sentence) */
#define ALARM_LIST(X)                                                                                                          \
    X(NONE, "none", NOBODY, "")                                                                                                \
    X(BREAK_GLASS, "break-glass", EVERYBODY, "Somebody used emergency access.")                                                \
    X(ADMIN_MADE, "administrator-made", EVERYBODY, "An administrator was made from the command line.")                         \
    X(FACTORS_RESET, "factors-reset", EVERYBODY, "Somebody's factors were reset from the command line.")                       \
    X(CLONED, "cloned-passkey", SECURITY, "A passkey's counter went backwards: it may have been cloned. It is suspended.")     \
    X(TOKEN_REPLAYED, "session-replayed", SECURITY, "A session's old token was used again: the session was ended.")            \
    X(BUDGET, "budget", SECURITY, "Somebody opened more than their budget allows.")                                            \
    X(RECOVERY_USED, "recovery-used", SECURITY, "Somebody signed in with a recovery code.")                                    \
    X(LOCKED_OUT, "locked-out", SECURITY, "An account is locked after failed sign-ins.")                                       \
    X(LOG_DAMAGED, "log-damaged", SECURITY, "The audit log does not fit its checkpoint.")                                      \
    X(CLOCK, "clock-back", SECURITY, "The clock went back.")                                                                   \
    X(INFECTED, "infected", SECURITY, "Something that had been let in turned out to be malicious. It is closed now.")          \
    X(ROOT_DESTROYED, "root-destroyed", EVERYBODY, "Something in quarantine was destroyed from the command line.")
enum alarm_kind {
#define X(name, text, told, sentence) ALARM_##name,
    ALARM_LIST(X)
#undef X
};
enum alarm_told { TOLD_NOBODY, TOLD_SECURITY, TOLD_EVERYBODY };
const char *alarm_text(unsigned kind);
const char *alarm_sentence(unsigned kind);
enum alarm_told alarm_told(unsigned kind);

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
    X(ASSIGN, "assign")                                                                                                        \
    X(CLASSIFY, "classify")
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
