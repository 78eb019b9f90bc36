/*
 * permit.h - everything that is asked before something happens, in one place and one order: who, may they, by whom else, with
 * what gesture. (What is fit to be opened is rights.h; what the budget says is budget.h.) A gesture or an approval that was
 * needed is spent by asking.
 *
 *   struct demand demand = {.verb = VERB_KEYS};
 *   err = permit(k, &who, &demand, &permission);
 *   if (err == SD_OK && permission.status) return refuse_permission(k, call, &permission, &leaf);
 */
#ifndef SD_KEEPER_PERMIT_H
#define SD_KEEPER_PERMIT_H

#include "keeper/keeper.h"
#include "keeper/rights.h"

struct demand {
    enum verb verb;
    struct span queue;      /* of verbs with SCOPE_QUEUE */
    enum category category; /* the same */
    struct span object;     /* ID_BYTES, what it is done to; empty: the installation. Gestures and approvals name it */
};

struct permission {
    enum sd_err status;  /* SD_OK: granted. SD_ERR_DENIED, SD_ERR_GESTURE, SD_ERR_APPROVAL */
    const char *reason;  /* why not, or, when granted: what the record should say besides; NULL: nothing */
    bool by_totp;        /* the gesture was a one-time code */
    uint8_t request[16]; /* the approved request that was used up; all zero: none */
};
#define REASON_NO_SESSION "no-session"
#define REASON_LIMITED "passkey-required"
#define REASON_TOKEN "token-scope"
#define REASON_GESTURE "step-up-required"
#define REASON_APPROVAL "approval-required"

/* The zero value is refused. SD_OK, whatever the verdict; an error only when it could not be found out. */
enum sd_err permit(struct keeper *k, const struct who *who, const struct demand *demand, struct permission *ret) SD_MUST_CHECK;
/* The same without spending anything: may this person in principle? For lists and explanations. */
enum sd_err permit_peek(struct keeper *k, const struct who *who, const struct demand *demand, bool *ret_may) SD_MUST_CHECK;

/* The ticket, when this person may do this to it: SD_ERR_DENIED for "not there" and "not yours" alike, SD_ERR_GESTURE,
 * SD_ERR_APPROVAL; *ret_reason says why for the record. */
enum sd_err ticket_for(struct keeper *k, const struct who *who, enum verb verb, struct span id, struct ticket *ret,
                       const char **ret_reason) SD_MUST_CHECK;

/* Is this one of the statuses of a permission that was refused? */
bool is_refusal(enum sd_err status);
/* One record with the permission's reason, and a refusal with its status. */
enum sd_err refuse_permission(struct keeper *k, struct ipc_call *call, const struct permission *permission,
                              struct leaf *leaf) SD_MUST_CHECK;

/* SD_ERR_DENIED, and one record with the leaf's own reason, else "not permitted". */
enum sd_err refuse_denied(struct keeper *k, struct ipc_call *call, struct leaf *leaf) SD_MUST_CHECK;

/* ---- rules of a person, as they are now (rules.c) ---- */

#define RULES_MAX 512 /* of one person: own queues, roles, grants */
struct rules {
    struct rule *rules; /* owned by the keeper's cache: valid until the loop's next message */
    size_t count;
};
enum sd_err rules_of(struct keeper *k, struct span person, struct rules *ret) SD_MUST_CHECK;
/* After any change of people, roles, queues or grants. */
void rules_forget(struct keeper *k);
void rules_free(struct keeper *k);

/* ---- gestures (gesture.c) ---- */

#define GESTURE_MS (2 * 60 * 1000)
/* A verified gesture now waits for its act. */
enum sd_err gesture_add(struct keeper *k, const struct who *who, enum verb verb, struct span object,
                        bool by_totp) SD_MUST_CHECK;
enum gesture_verdict { GESTURE_NONE = 0, GESTURE_TOTP = 1, GESTURE_PASSKEY = 2 };
/* Takes the gesture for this act, if there is one. */
enum sd_err gesture_take(struct keeper *k, const struct who *who, enum verb verb, struct span object,
                         enum gesture_verdict *ret) SD_MUST_CHECK;

/* ---- notes: free text of staff, kept apart from the log so that it can be erased (alarm.c) ---- */

/* Within a transaction; *ret_id goes into the leaf (leaf.note). */
enum sd_err note_add(struct keeper *k, struct span text, uint8_t ret_id[ID_BYTES]) SD_MUST_CHECK;
/* Appends the text; nothing when it was erased. */
enum sd_err note_get(struct keeper *k, struct span id, struct buf *to) SD_MUST_CHECK;

/* ---- alarms (alarm.c) ---- */

struct alarm_new {
    enum alarm_kind kind;
    struct span person; /* whom it is about; may be empty */
    struct span note;   /* id of a note, or empty */
};
/* Within a transaction. Its record is added to `records`; it is told to the log of the process, too. */
enum sd_err alarm_raise(struct keeper *k, const struct alarm_new *alarm, struct records *records) SD_MUST_CHECK;
/* Bits 1 << enum alarm_kind of those this person is told of. */
enum sd_err alarm_kinds(struct keeper *k, const struct who *who, uint32_t *ret) SD_MUST_CHECK;
enum sd_err alarms_unseen(struct keeper *k, const struct who *who, uint32_t *ret) SD_MUST_CHECK;

#endif
