#include "mail/mail.h"

struct ambiguity {
    const char *id;
    const char *sentence;
    bool severe;
};

static const struct ambiguity ambiguities[MAIL_AMBIGUITY_COUNT] = {
#define SEVERE_S true
#define SEVERE_N false
#define X(name, id, severity, sentence) [MAIL_AMBIGUITY_##name] = {id, sentence, SEVERE_##severity},
    MAIL_AMBIGUITY_LIST(X)
#undef X
#undef SEVERE_S
#undef SEVERE_N
};

_Static_assert(MAIL_AMBIGUITY_COUNT <= 64, "a set of them is 64 bits");

const char *mail_ambiguity_id(enum mail_ambiguity a) {
    return (size_t)a < SD_COUNT(ambiguities) ? ambiguities[a].id : "unknown";
}

const char *mail_ambiguity_sentence(enum mail_ambiguity a) {
    return (size_t)a < SD_COUNT(ambiguities) ? ambiguities[a].sentence : "Unknown.";
}

bool mail_ambiguity_severe(mail_ambiguities set) {
    for (size_t i = 0; i < SD_COUNT(ambiguities); i++)
        if (ambiguities[i].severe && (set >> i & 1))
            return true;
    return false;
}
