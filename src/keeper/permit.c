#include "keeper/permit.h"
#include "keeper/handlers.h"

#include <string.h>

/* ---- what API tokens are scoped to ---- */

static bool in_blobs(struct span blobs, struct span item) {
    struct reader r = reader_of(blobs);
    while (r.rest.n && r.err == SD_OK)
        if (span_eq(read_blob(&r, QUEUE_NAME_MAX), item) && r.err == SD_OK)
            return true;
    return false;
}

static bool token_covers(const struct who *who, const struct demand *demand) {
    const struct verb_facts *verb = verb_facts(demand->verb);
    if (who->factor != FACTOR_TOKEN)
        return true;
    if (!(who->token_verbs >> demand->verb & 1))
        return false;
    return verb->scope == SCOPE_SYSTEM || who->token_queues.n == 0 || in_blobs(buf_span(&who->token_queues), demand->queue);
}

/* ---- may they ---- */

struct ruling {
    enum right right;
    uint32_t verbs; /* what the person may at all */
    const char *reason;
};

static enum sd_err rule_on(struct keeper *k, const struct who *who, const struct demand *demand, struct ruling *ret) {
    struct rules rules;
    const struct rule *by = NULL;
    struct wanted wanted = {demand->verb, demand->queue, demand->category};
    *ret = (struct ruling){.right = RIGHT_DENIED};
    if (who->verdict != SESSION_LIVE || !verb_facts(demand->verb))
        ret->reason = REASON_NO_SESSION;
    else if (who->limited && demand->verb != VERB_FACTORS)
        ret->reason = REASON_LIMITED;
    else if (!token_covers(who, demand))
        ret->reason = REASON_TOKEN;
    if (ret->reason)
        return SD_OK;
    enum sd_err err = rules_of(k, span_of(who->person, ID_BYTES), &rules);
    if (err)
        return err;
    int64_t now_ms = k->spec.now_ms();
    ret->right = rights_judge(rules.rules, rules.count, &wanted, now_ms, &by);
    ret->verbs = rights_verbs(rules.rules, rules.count, now_ms);
    ret->reason = ret->right == RIGHT_GRANTED ? NULL : REASON_NOT_YOURS;
    return SD_OK;
}

enum sd_err permit_peek(struct keeper *k, const struct who *who, const struct demand *demand, bool *ret_may) {
    struct ruling ruling;
    enum sd_err err = rule_on(k, who, demand, &ruling);
    if (err == SD_OK)
        *ret_may = ruling.right == RIGHT_GRANTED;
    return err;
}

/* ---- by whom else, and with what ---- */

static bool needs_two(const struct keeper *k, const struct demand *demand, uint32_t verbs) {
    const struct verb_facts *verb = verb_facts(demand->verb);
    if (verb->eyes == EYES_TWO || (k->access.four_eyes >> demand->verb & 1))
        return true;
    return rights_conflict(verbs) && (rights_conflicting() >> demand->verb & 1);
}

static enum sd_err find_approved(struct keeper *k, const struct who *who, const struct demand *demand, struct permission *ret) {
    struct query q = db_query(k->db, SQL_APPROVED_GET);
    query_blob(&q, span_of(who->person, ID_BYTES));
    query_int(&q, demand->verb);
    query_blob(&q, demand->object);
    query_int(&q, k->spec.now_ms());
    if (query_row(&q)) {
        query_get_fixed(&q, 0, ret->request, ID_BYTES);
        ret->status = SD_OK;
    } else {
        ret->status = SD_ERR_APPROVAL;
        ret->reason = REASON_APPROVAL;
    }
    return query_end(&q);
}

static enum sd_err use_approved(struct keeper *k, struct permission *permission) {
    struct query q = db_query(k->db, SQL_APPROVED_DONE);
    query_int(&q, k->spec.now_ms());
    query_blob(&q, span_of(permission->request, ID_BYTES));
    return query_run(&q);
}

static enum sd_err take_gesture(struct keeper *k, const struct who *who, const struct demand *demand, struct permission *ret) {
    enum gesture_verdict gesture = GESTURE_NONE;
    enum sd_err err = gesture_take(k, who, demand->verb, demand->object, &gesture);
    if (err)
        return err;
    ret->status = gesture == GESTURE_NONE ? SD_ERR_GESTURE : SD_OK;
    ret->by_totp = gesture == GESTURE_TOTP;
    ret->reason = gesture == GESTURE_NONE ? REASON_GESTURE : ret->by_totp ? "stepped up with a one-time code" : "stepped up";
    return SD_OK;
}

/* The approval is looked for first and used up last: a gesture is not asked for in vain, nor an approval spent for want of one.
 */
static enum sd_err ask_more(struct keeper *k, const struct who *who, const struct demand *demand, uint32_t verbs,
                            struct permission *ret) {
    bool two = needs_two(k, demand, verbs);
    enum sd_err err = two ? find_approved(k, who, demand, ret) : SD_OK;
    if (err || ret->status)
        return err;
    if (verb_facts(demand->verb)->step_up == STEP_UP_GESTURE || two)
        err = take_gesture(k, who, demand, ret);
    return err == SD_OK && ret->status == SD_OK && two ? use_approved(k, ret) : err;
}

enum sd_err permit(struct keeper *k, const struct who *who, const struct demand *demand, struct permission *ret) {
    struct ruling ruling;
    struct permission permission = {.status = SD_ERR_DENIED};
    enum sd_err err = rule_on(k, who, demand, &ruling);
    permission.reason = ruling.reason;
    if (err == SD_OK && ruling.right == RIGHT_GRANTED) {
        permission.status = SD_OK;
        err = ask_more(k, who, demand, ruling.verbs, &permission);
    }
    if (err)
        permission = (struct permission){.status = SD_ERR_DENIED};
    *ret = permission;
    return err;
}

enum sd_err ticket_for(struct keeper *k, const struct who *who, enum verb verb, struct span id, struct ticket *ret,
                       const char **ret_reason) {
    struct permission permission = {.status = SD_ERR_DENIED, .reason = REASON_NOT_YOURS};
    *ret = (struct ticket){0};
    *ret_reason = who->verdict == SESSION_LIVE ? REASON_NOT_YOURS : REASON_NO_SESSION;
    if (who->verdict != SESSION_LIVE)
        return SD_ERR_DENIED;
    enum sd_err err = ticket_find(k, id, ret);
    if (err == SD_OK && ret->there) {
        struct demand demand = {.verb = verb, .queue = ret->queue, .category = ret->category, .object = id};
        err = permit(k, who, &demand, &permission);
    }
    if (err)
        return err;
    *ret_reason = permission.reason;
    return permission.status;
}

bool is_refusal(enum sd_err status) {
    return status == SD_ERR_DENIED || status == SD_ERR_GESTURE || status == SD_ERR_APPROVAL || status == SD_ERR_BUDGET ||
           status == SD_ERR_SPENT;
}

enum sd_err refuse_permission(struct keeper *k, struct ipc_call *call, const struct permission *permission, struct leaf *leaf) {
    leaf->outcome = OUTCOME_REFUSED;
    leaf->reason = permission->reason ? permission->reason : leaf->reason;
    return refuse_recorded(k, call, permission->status ? permission->status : SD_ERR_DENIED, leaf);
}

enum sd_err refuse_denied(struct keeper *k, struct ipc_call *call, struct leaf *leaf) {
    leaf->reason = leaf->reason ? leaf->reason : REASON_NOT_YOURS;
    return refuse_recorded(k, call, SD_ERR_DENIED, leaf);
}
