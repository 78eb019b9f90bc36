#include "keeper/session_open.h"
#include "core/codec.h"

#include <string.h>

void session_opened_free(struct session_opened *opened) {
    explicit_bzero(opened->token, sizeof opened->token);
    buf_free(&opened->person);
    buf_free(&opened->raw);
}

static struct who who_opened(const struct person *person, const struct session_new *session, const uint8_t id[ID_BYTES]) {
    struct who who = {.verdict = SESSION_LIVE, .role = person->role, .factor = session->factor, .limited = session->limited};
    memcpy(who.person, person->id, ID_BYTES);
    memcpy(who.session, id, ID_BYTES);
    return who;
}

enum sd_err session_open(struct keeper *k, const struct person *person, const struct session_new *session,
                         struct session_opened *ret) {
    *ret = (struct session_opened){.person = buf_new(64),
                                   .raw = buf_new(8192),
                                   .factor = session->factor,
                                   .limited = session->limited,
                                   .expires_ms = k->spec.now_ms() + SESSION_IDLE_MS};
    put_hex(&ret->person, span_of(person->id, ID_BYTES));
    enum sd_err err = session_make(k, session, ret->session, ret->token);
    if (err == SD_OK)
        err = session_csrf(k, span_of(ret->session, ID_BYTES), &ret->csrf);
    if (err == SD_OK)
        err = person_signed_in(k, span_of(person->id, ID_BYTES));
    if (err)
        return err;
    struct who who = who_opened(person, session, ret->session);
    err = session_queues(k, &who, &ret->raw, &ret->queues);
    return err ? err : buf_err(&ret->person);
}

struct leaf sign_in_leaf(const struct person *person, struct span origin) {
    struct leaf leaf = {.actor = ACTOR_PERSON, .action = "sign-in", .outcome = OUTCOME_REFUSED, .origin = origin};
    if (person && person->there)
        leaf.actor_id = span_of(person->id, ID_BYTES);
    return leaf;
}

const char *sign_in_word(enum factor factor, bool limited) {
    if (limited)
        return "limited";
    return factor == FACTOR_PASSKEY ? "passkey" : factor == FACTOR_RECOVERY ? "recovery-code" : NULL;
}
