#include "mail/mail.h"

enum kind { KIND_N, KIND_S, KIND_P, KIND_F };

struct ambiguity {
    const char *id;
    const char *sentence;
    enum kind kind;
};

static const struct ambiguity ambiguities[MAIL_AMBIGUITY_COUNT] = {
#define X(name, id, kind, sentence) [MAIL_AMBIGUITY_##name] = {id, sentence, KIND_##kind},
    MAIL_AMBIGUITY_LIST(X)
#undef X
};

_Static_assert(MAIL_AMBIGUITY_COUNT <= 64, "a set of them is 64 bits");

const char *mail_ambiguity_id(enum mail_ambiguity a) {
    return (size_t)a < SD_COUNT(ambiguities) ? ambiguities[a].id : "unknown";
}

const char *mail_ambiguity_sentence(enum mail_ambiguity a) {
    return (size_t)a < SD_COUNT(ambiguities) ? ambiguities[a].sentence : "Unknown.";
}

static bool any_of(mail_ambiguities set, enum kind kind) {
    for (size_t i = 0; i < SD_COUNT(ambiguities); i++)
        if (ambiguities[i].kind == kind && (set >> i & 1))
            return true;
    return false;
}

bool mail_ambiguity_of_parts(mail_ambiguities set) {
    return any_of(set, KIND_P);
}

bool mail_ambiguity_of_names(mail_ambiguities set) {
    return any_of(set, KIND_F);
}

bool mail_ambiguity_severe(mail_ambiguities set) {
    return any_of(set, KIND_S) || any_of(set, KIND_P) || any_of(set, KIND_F);
}
