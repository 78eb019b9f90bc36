/* gesture.c - gestures that were verified and wait for their act: one buys one act on one object, in its session, within two
 * minutes. */
#include "core/ipc/keeper.h"
#include "keeper/permit.h"

static void bind_act(struct query *q, const struct who *who, enum verb verb, struct span object) {
    query_blob(q, span_of(who->session, ID_BYTES));
    query_int(q, verb);
    query_blob(q, object);
}

static enum sd_err expire(struct keeper *k) {
    struct query q = db_query(k->db, SQL_GESTURE_EXPIRE);
    query_int(&q, k->spec.now_ms());
    return query_run(&q);
}

enum sd_err gesture_add(struct keeper *k, const struct who *who, enum verb verb, struct span object, bool by_totp) {
    enum sd_err err = who->factor == FACTOR_TOKEN || who->verdict != SESSION_LIVE ? SD_ERR_DENIED : expire(k);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_GESTURE_PUT);
    bind_act(&q, who, verb, object);
    query_int(&q, k->spec.now_ms() + GESTURE_MS);
    query_int(&q, by_totp);
    return query_run(&q);
}

enum sd_err gesture_take(struct keeper *k, const struct who *who, enum verb verb, struct span object,
                         enum gesture_verdict *ret) {
    *ret = GESTURE_NONE;
    if (who->factor == FACTOR_TOKEN)
        return SD_OK;
    struct query q = db_query(k->db, SQL_GESTURE_GET);
    enum gesture_verdict found = GESTURE_NONE;
    bind_act(&q, who, verb, object);
    query_int(&q, k->spec.now_ms());
    if (query_row(&q))
        found = query_get_int(&q, 0) ? GESTURE_TOTP : GESTURE_PASSKEY;
    enum sd_err err = query_end(&q);
    if (err || found == GESTURE_NONE || (found == GESTURE_TOTP && !k->access.totp_step_up))
        return err;
    q = db_query(k->db, SQL_GESTURE_TAKE);
    bind_act(&q, who, verb, object);
    err = query_run(&q);
    if (err == SD_OK)
        *ret = found;
    return err;
}
