#include "keeper/own_factors.h"
#include "keeper/attempts.h"

enum sd_err own_session(struct keeper *k, struct span token, struct span origin, struct who *ret, const char **ret_reason) {
    enum sd_err err = session_check(k, token, origin, ret);
    if (err)
        return err;
    *ret_reason = ret->verdict != SESSION_LIVE ? REASON_NO_SESSION : ret->factor == FACTOR_TOKEN ? REASON_TOKEN : NULL;
    return SD_OK;
}

const char *own_code_reason(enum own_code code) {
    return code == OWN_CODE_THROTTLED ? "throttled" : code == OWN_CODE_GOOD ? NULL : "failed";
}

static enum sd_err keep_good(struct keeper *k, const struct person *person, const struct attempt_count *count) {
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = person_store_step(k, person);
    if (err == SD_OK)
        err = attempt_forgive(k, count);
    return db_end(k->db, err);
}

enum sd_err own_code_check(struct keeper *k, const struct who *who, struct span typed, struct span origin, enum own_code *ret) {
    struct person person SD_CLEANUP(person_free) = {0};
    struct attempt_count count;
    enum totp_verdict verdict = TOTP_REFUSED;
    int64_t wait_ms = 0;
    *ret = OWN_CODE_WRONG;
    enum sd_err err = attempt_by_person(k, span_of(who->person, ID_BYTES), origin, &count);
    if (err == SD_OK)
        err = attempt_charge(k, &count, &wait_ms);
    if (err == SD_OK && wait_ms > 0)
        *ret = OWN_CODE_THROTTLED;
    if (err || wait_ms > 0)
        return err;
    err = person_by_id(k, span_of(who->person, ID_BYTES), &person);
    if (err == SD_OK)
        err = person_check_totp(k, &person, typed, &verdict);
    if (err || verdict != TOTP_GOOD)
        return err;
    err = keep_good(k, &person, &count);
    if (err == SD_OK)
        *ret = OWN_CODE_GOOD;
    return err;
}

enum sd_err own_code_will_do(struct keeper *k, const struct who *who, bool *ret) {
    struct passkey_numbers numbers = {0};
    enum sd_err err = passkey_count(k, span_of(who->person, ID_BYTES), &numbers);
    if (err == SD_OK)
        *ret = (role_needs_passkey(k, who->role) ? numbers.all : numbers.live) == 0;
    return err;
}

enum sd_err own_proof(struct keeper *k, const struct who *who, struct span typed, struct span origin, struct permission *ret) {
    struct demand demand = {.verb = VERB_FACTORS};
    enum own_code code = OWN_CODE_WRONG;
    bool code_will_do = false;
    *ret = (struct permission){.status = SD_ERR_DENIED};
    enum sd_err err = own_code_will_do(k, who, &code_will_do);
    if (err)
        return err;
    if (!code_will_do)
        return permit(k, who, &demand, ret);
    err = own_code_check(k, who, typed, origin, &code);
    ret->status = code == OWN_CODE_GOOD ? SD_OK : code == OWN_CODE_THROTTLED ? SD_ERR_BUSY : SD_ERR_DENIED;
    ret->reason = own_code_reason(code);
    return err;
}
